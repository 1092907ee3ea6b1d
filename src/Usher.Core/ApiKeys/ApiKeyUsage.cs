using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Core.ApiKeys;

/// <summary>Keeps the last use of keys in memory until a worker saves it, so that requests do not write it.</summary>
public sealed class ApiKeyUsage
{
    private ConcurrentDictionary<Guid, DateTimeOffset> used = [];

    public void Used(Guid keyId, DateTimeOffset when) => used[keyId] = when;

    /// <summary>Saves all uses recorded since the last call.</summary>
    public async Task FlushAsync(Database database, CancellationToken ct)
    {
        var batch = Interlocked.Exchange(ref used, []);
        if (batch.IsEmpty) return;
        Guid[] ids = [.. batch.Keys];
        await database.RunAsync(async unit =>
        {
            foreach (var key in await unit.Db.ApiKeys.Where(k => ids.Contains(k.Id)).ToListAsync(ct))
                key.LastUsedAt = batch[key.Id];
            return true;
        }, ct);
    }
}
