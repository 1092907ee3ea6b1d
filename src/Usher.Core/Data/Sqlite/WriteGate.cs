using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Usher.Core.Data.Sqlite;

/// <summary>
/// Allows one writer at a time on SQLite. Callers wait asynchronously; the driver's own busy handling would block
/// threads. Not used on PostgreSQL, which has its own locks.
/// <para>
/// Units outside of a lock share commits: all waiting units are written in one transaction, each in its own savepoint,
/// and committed once. A caller gets its answer only after that commit. A refused unit rolls back only its own rows. If
/// the commit fails, it fails for all units in it.
/// </para>
/// </summary>
public sealed class WriteGate(WriteMeter meter) : IDisposable
{
    // The maximum number of units in a shared commit, so that callers that want the gate exclusively get their turn.
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

    /// <summary>Writes the rows of a unit, all or none, in a commit that may be shared with other units.</summary>
    /// <param name="connectionString">The connection string of the database.</param>
    /// <param name="changes">The changes, in an order that satisfies the constraints.</param>
    /// <param name="ct">Cancels the write while it waits. Has no effect once it has started.</param>
    /// <returns>Whether the rows are stored. False if the unit lost a race.</returns>
    /// <exception cref="SqliteException">The rows were refused for another reason, or the commit failed. None is
    /// stored.</exception>
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

    // The first waiting caller starts this loop, which commits for all waiting callers.
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
            // Closing the connection rolls back its transaction. The next group opens another one.
            writer?.Dispose();
            writer = null;
            foreach (var one in group) one.Fault ??= e;
        }

        foreach (var one in group) one.Answer();
    }

    // An error of one unit does not affect the others while the shared transaction is still open.
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

    // Continuations run on other threads, so that the gate can continue with the next group.
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
