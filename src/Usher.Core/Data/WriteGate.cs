using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Usher.Core.Data;

/// <summary>
/// One writer at a time on SQLite, waiting asynchronously: the driver's own busy handling would block threads. Open on
/// PostgreSQL, which has its own locks.
/// <para>
/// Rows that are added or changed past EF need no turn of their own: whatever waits is written in one transaction, each
/// caller's rows in a savepoint, and committed once. A caller is answered only after that commit. Rows that are refused
/// take back nothing but their own; a commit that fails fails everybody in it.
/// </para>
/// </summary>
public sealed class WriteGate(WriteMeter meter) : IDisposable
{
    // A group ends, so that whoever wants a turn of his own gets one.
    private const int GroupSize = 128;

    private readonly SemaphoreSlim turn = new(1);
    private readonly ConcurrentQueue<Waiting> waiting = new();
    private int led;
    private SqliteWriter? writer;

    public async Task<IDisposable> EnterAsync(CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        return new Turn(turn);
    }

    /// <summary>Writes the rows of a unit, all or none, in a commit that others may share.</summary>
    /// <param name="connectionString">The connection string of the one database there is.</param>
    /// <param name="changes">In an order that can be written.</param>
    /// <param name="ct">Cancels while they wait, and no longer once their turn has come.</param>
    /// <returns>Whether they are stored; they are not where the unit lost a race.</returns>
    /// <exception cref="SqliteException">They were refused for another reason, or the commit failed: none is stored.
    /// </exception>
    internal Task<bool> TryWriteAsync(string connectionString, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        var mine = new Waiting(changes, ct);
        waiting.Enqueue(mine);
        if (Interlocked.Exchange(ref led, 1) is 0) _ = LeadAsync(connectionString);
        return mine.Task;
    }

    public void Dispose()
    {
        writer?.Dispose();
        turn.Dispose();
    }

    // Somebody who waits leads for all who wait.
    private async Task LeadAsync(string connectionString)
    {
        do
        {
            await turn.WaitAsync(CancellationToken.None);
            try
            {
                Commit(connectionString);
            }
            finally
            {
                turn.Release();
            }

            Volatile.Write(ref led, 0);
        }
        while (!waiting.IsEmpty && Interlocked.Exchange(ref led, 1) is 0);
    }

    private void Commit(string connectionString)
    {
        List<Waiting> group = [];
        while (group.Count < GroupSize && waiting.TryDequeue(out var next))
        {
            if (next.IsWanted) group.Add(next);
        }

        if (group is []) return;
        try
        {
            writer ??= SqliteWriter.Open(connectionString);
            writer.Begin();
            foreach (var one in group) Write(one, writer);
            writer.Commit();
            meter.Commit();
        }
        catch (Exception e)
        {
            // Closing a connection takes back what it had begun; the next group opens another.
            writer?.Dispose();
            writer = null;
            foreach (var one in group) one.Fault ??= e;
        }

        foreach (var one in group) one.Answer();
    }

    // What a unit is refused for is its own matter as long as the transaction of all goes on.
    private static void Write(Waiting one, SqliteWriter writer)
    {
        try
        {
            one.Written = writer.TryWrite(one.Changes);
        }
        catch (SqliteException e) when (writer.InTransaction)
        {
            one.Fault = e;
        }
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }

    // What comes after the answer runs elsewhere: the gate goes on to the next group.
    private sealed class Waiting(IReadOnlyList<Change> changes, CancellationToken ct)
        : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public IReadOnlyList<Change> Changes => changes;

        public bool Written { get; set; }

        public Exception? Fault { get; set; }

        public bool IsWanted => !ct.IsCancellationRequested || !TrySetCanceled(ct);

        public void Answer()
        {
            if (Fault is null) SetResult(Written);
            else SetException(Fault);
        }
    }
}
