using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Core.Sessions;

/// <summary>
/// Remembers when sessions were used until a worker writes it down, so that no request writes for it.
/// </summary>
public sealed class SessionUsage
{
    /// <summary>A use is written down when the one written down before is older than this.</summary>
    public static readonly TimeSpan Precision = TimeSpan.FromMinutes(5);

    private const int Batch = 500;

    private ConcurrentDictionary<string, (byte[] Hash, DateTimeOffset At)> seen = [];

    /// <summary>Notes that a session was used.</summary>
    /// <param name="hash">SHA-256 of its secret.</param>
    /// <param name="lastSeen">What is written down so far.</param>
    /// <param name="now">Now.</param>
    public void Seen(byte[] hash, DateTimeOffset lastSeen, DateTimeOffset now)
    {
        if (now - lastSeen >= Precision) seen[Convert.ToHexString(hash)] = (hash, now);
    }

    /// <summary>Writes down what was used since the last time.</summary>
    public async Task FlushAsync(UsherDb db, CancellationToken ct)
    {
        var uses = Interlocked.Exchange(ref seen, []);
        foreach (var batch in uses.Values.Chunk(Batch))
        {
            byte[][] hashes = [.. batch.Select(use => use.Hash)];
            await db.RunAsync(async () =>
            {
                foreach (var session in await db.Sessions.Where(s => hashes.Contains(s.Hash)).ToListAsync(ct))
                    session.LastSeenAt = uses[Convert.ToHexString(session.Hash)].At;
                return await db.SaveChangesAsync(ct);
            }, ct);
            db.Forget();
        }
    }
}
