using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Core.ApiKeys;

/// <summary>Remembers when keys were used until a worker writes it down, so that no request writes for it.</summary>
public sealed class ApiKeyUsage
{
    private ConcurrentDictionary<Guid, DateTimeOffset> used = [];

    public void Used(Guid keyId, DateTimeOffset when) => used[keyId] = when;

    /// <summary>Writes down what was used since the last time.</summary>
    public async Task FlushAsync(UsherDb db, CancellationToken ct)
    {
        var batch = Interlocked.Exchange(ref used, []);
        if (batch.IsEmpty) return;
        Guid[] ids = [.. batch.Keys];
        await db.RunAsync(async () =>
        {
            foreach (var key in await db.ApiKeys.Where(k => ids.Contains(k.Id)).ToListAsync(ct))
                key.LastUsedAt = batch[key.Id];
            return await db.SaveChangesAsync(ct);
        }, ct);
    }
}
