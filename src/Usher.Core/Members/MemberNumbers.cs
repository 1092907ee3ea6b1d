using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Data;

namespace Usher.Core.Members;

/// <summary>
/// Hands out members' numbers from blocks this node has reserved: no request waits for a sequence, and two nodes never
/// meet. Gaps are allowed.
/// </summary>
public sealed class MemberNumbers(IServiceScopeFactory scopes, TimeProvider clock) : IDisposable
{
    private readonly Lock taking = new();
    private readonly SemaphoreSlim reserving = new(1);
    private long next;
    private long end;

    /// <summary>
    /// The first of <paramref name="count"/> numbers in a row, 1 to 1,000. Reserves a block, in a transaction of its
    /// own, when this node's is used up.
    /// </summary>
    /// <param name="count">1 to 1,000.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="db">The context of the operation they are for; null outside of any.</param>
    public async ValueTask<long> TakeAsync(int count, CancellationToken ct, UsherDb? db = null)
    {
        while (true)
        {
            lock (taking)
            {
                if (next + count <= end) return (next += count) - count;
            }

            // Another context's write would wait for the one that holds the only turn.
            if (db is { IsAlone: true }) throw new FirstException(outside => FillAsync(count, outside));
            await FillAsync(count, ct);
        }
    }

    /// <summary>Reserves this node's first block, so that no request has to.</summary>
    public async Task PrepareAsync(CancellationToken ct) => await TakeAsync(1, ct);

    private async Task FillAsync(int count, CancellationToken ct)
    {
        await reserving.WaitAsync(ct);
        try
        {
            lock (taking)
            {
                if (next + count <= end) return;
            }

            var first = await ReserveAsync(ct);
            lock (taking) (next, end) = (first, first + NumberBlock.Size);
        }
        finally
        {
            reserving.Release();
        }
    }

    public void Dispose() => reserving.Dispose();

    private async Task<long> ReserveAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsherDb>();
        while (true)
        {
            var last = await db.NumberBlocks.MaxAsync(b => (long?)b.First, ct);
            var block = new NumberBlock
            {
                First = last is { } first ? first + NumberBlock.Size : 1, ReservedAt = clock.Now(),
            };
            try
            {
                db.Add(block);
                await db.SaveChangesAsync(ct);
                return block.First;
            }
            catch (DbUpdateException)
            {
                // Another node took this block at the same moment; the next one is free.
                if (!await db.NumberBlocks.AsNoTracking().AnyAsync(b => b.First == block.First, ct)) throw;
                db.Forget();
            }
        }
    }
}
