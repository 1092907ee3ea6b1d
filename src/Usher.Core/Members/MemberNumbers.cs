using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Data;

namespace Usher.Core.Members;

/// <summary>
/// Assigns member numbers from blocks that this node has reserved. Requests do not wait for a database sequence, and
/// two nodes never assign the same number. Gaps are allowed.
/// </summary>
public sealed class MemberNumbers(IServiceScopeFactory scopes, TimeProvider clock) : IDisposable
{
    private readonly Lock taking = new();
    private readonly SemaphoreSlim reserving = new(1);
    private long next;
    private long end;

    /// <summary>
    /// Takes <paramref name="count"/> consecutive numbers. Reserves a new block in a separate transaction when the
    /// current one is used up.
    /// </summary>
    /// <param name="count">1 to 1,000.</param>
    /// <param name="ct">Cancels the reservation.</param>
    /// <returns>The first of the numbers.</returns>
    public async ValueTask<long> TakeAsync(int count, CancellationToken ct)
    {
        while (true)
        {
            lock (taking)
            {
                if (next + count <= end) return (next += count) - count;
            }

            await FillAsync(count, ct);
        }
    }

    /// <summary>Reserves this node's first block, so that no request has to wait for it.</summary>
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

    // Nodes that reserve blocks at once take turns: on PostgreSQL by the table's lock, on SQLite by the write gate.
    private async Task<long> ReserveAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Database>().RunLockedAsync(async unit =>
        {
            if (!unit.Db.IsSqlite)
                await unit.Db.Database.ExecuteSqlRawAsync("LOCK TABLE number_blocks IN SHARE ROW EXCLUSIVE MODE", ct);
            var last = await unit.Db.NumberBlocks.MaxAsync(b => (long?)b.First, ct);
            var first = last is { } taken ? taken + NumberBlock.Size : 1;
            return unit.Add(new NumberBlock { First = first, ReservedAt = clock.Now() }).First;
        }, ct);
    }
}
