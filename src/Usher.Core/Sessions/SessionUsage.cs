using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Core.Sessions;

/// <summary>
/// Keeps the last use of sessions in memory until a worker saves it, so that requests do not write it.
/// </summary>
public sealed class SessionUsage
{
    /// <summary>A use is saved only if the saved time is older than this: 5 minutes.</summary>
    public static readonly TimeSpan Precision = TimeSpan.FromMinutes(5);

    private const int Batch = 500;

    private ConcurrentDictionary<string, (byte[] Hash, DateTimeOffset At)> seen = [];

    /// <summary>Records the use of a session.</summary>
    /// <param name="hash">SHA-256 of its secret.</param>
    /// <param name="lastSeen">The saved time of the last use.</param>
    /// <param name="now">The current time.</param>
    public void Seen(byte[] hash, DateTimeOffset lastSeen, DateTimeOffset now)
    {
        if (now - lastSeen >= Precision) seen[Convert.ToHexString(hash)] = (hash, now);
    }

    /// <summary>Saves all uses recorded since the last call.</summary>
    public async Task FlushAsync(Database database, CancellationToken ct)
    {
        var uses = Interlocked.Exchange(ref seen, []);
        foreach (var batch in uses.Values.Chunk(Batch))
        {
            byte[][] hashes = [.. batch.Select(use => use.Hash)];
            await database.RunAsync(async unit =>
            {
                foreach (var session in await unit.Db.Sessions.Where(s => hashes.Contains(s.Hash)).ToListAsync(ct))
                    session.LastSeenAt = uses[Convert.ToHexString(session.Hash)].At;
                return true;
            }, ct);
        }
    }
}
