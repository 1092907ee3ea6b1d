using System.Threading.Channels;

namespace Usher.Core;

/// <summary>
/// Wakes a worker without telling it what to do. The worker's table is the queue, so a lost signal only delays the work
/// by some seconds.
/// </summary>
public abstract class Doorbell
{
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Ring() => bell.Writer.TryWrite(true);

    /// <summary>Returns after a signal or when the time is over.</summary>
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
            // No signal came; the worker checks its table anyway.
        }
    }
}
