using System.Threading.Channels;

namespace Usher.Core;

/// <summary>
/// Wakes a worker; says nothing about what there is to do. The worker's table is the queue, so a ring that is lost
/// costs some seconds and no work.
/// </summary>
public abstract class Doorbell
{
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Ring() => bell.Writer.TryWrite(true);

    /// <summary>Returns at a ring, or after the patience has run out.</summary>
    public async Task WaitAsync(TimeSpan patience, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        try
        {
            await bell.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Nobody rang: look anyway.
        }
    }
}
