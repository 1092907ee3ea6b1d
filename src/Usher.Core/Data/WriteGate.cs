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
    private readonly ConcurrentQueue<Unit> waiting = new();
    private int led;
    private SqliteWriter? writer;

    public async Task<IDisposable> EnterAsync(CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        return new Turn(turn);
    }

    /// <summary>Writes rows, all or none, in a commit that others may share.</summary>
    /// <param name="connectionString">Of the one database there is.</param>
    /// <param name="rows">In an order that can be written.</param>
    /// <param name="ct">Cancels while they wait, not any more when their turn has come.</param>
    /// <exception cref="SqliteException">They were refused, or the commit failed: none is stored.</exception>
    /// <exception cref="Microsoft.EntityFrameworkCore.DbUpdateConcurrencyException">One to be changed is gone or was
    /// changed meanwhile: none is stored.</exception>
    internal Task WriteAsync(string connectionString, IReadOnlyList<RowWrite> rows, CancellationToken ct)
    {
        var unit = new Unit(rows, ct);
        waiting.Enqueue(unit);
        if (Interlocked.Exchange(ref led, 1) is 0) _ = LeadAsync(connectionString);
        return unit.Task;
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
        List<Unit> group = [];
        while (group.Count < GroupSize && waiting.TryDequeue(out var unit))
        {
            if (unit.IsWanted) group.Add(unit);
        }

        if (group is []) return;
        try
        {
            writer ??= new(connectionString);
            writer.Begin();
            foreach (var unit in group) unit.Refused = writer.TryWrite(unit.Rows);
            writer.Commit();
            meter.Commit();
        }
        catch (Exception e)
        {
            // Closing a connection takes back what it had begun; the next group opens another.
            writer?.Dispose();
            writer = null;
            foreach (var unit in group) unit.Refused ??= e;
        }

        foreach (var unit in group) unit.Answer();
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }

    // What comes after the answer runs elsewhere: the gate goes on to the next group.
    private sealed class Unit(IReadOnlyList<RowWrite> rows, CancellationToken ct)
        : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public IReadOnlyList<RowWrite> Rows => rows;

        public Exception? Refused { get; set; }

        public bool IsWanted => !ct.IsCancellationRequested || !TrySetCanceled(ct);

        public void Answer()
        {
            if (Refused is null) SetResult();
            else SetException(Refused);
        }
    }
}
