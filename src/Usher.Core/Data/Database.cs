using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Usher.Core.Idempotency;
using Usher.Core.Jobs;
using Usher.Core.Outbox;

namespace Usher.Core.Data;

/// <summary>
/// Runs operations, each in a <see cref="Unit"/> of work that is written once, at the end. Scoped: one for each
/// request.
/// <para>
/// The first attempt reads without locks. When it loses a race (a unique value, a version, a seat, a row that went
/// away), the operation runs again from its reads, alone: holding the write gate on SQLite, locking what it reads on
/// PostgreSQL. A refused operation (a <see cref="Result{T}"/> with an error) writes nothing.
/// </para>
/// </summary>
public sealed class Database(UsherDb db)
{
    // Two attempts under lock that still meet at a row being inserted part at the second. The rest is for storms.
    private const int LockedAttempts = 5;

    /// <summary>
    /// Gets or sets whether everything is done and answered, and then taken back. Set by a surface for a whole request.
    /// The default is false.
    /// </summary>
    public bool IsDryRun { get; set; }

    /// <summary>
    /// Runs an operation under lock to see what it comes to: everything is done, written and taken back.
    /// </summary>
    public async Task<T> RehearseAsync<T>(Func<Unit, Task<T>> operation, CancellationToken ct)
    {
        IsDryRun = true;
        try
        {
            return await RunLockedAsync(operation, ct);
        }
        finally
        {
            IsDryRun = false;
        }
    }

    /// <summary>
    /// Gets or sets what keeps the answer of a request that may be repeated, in the operation's commit.
    /// </summary>
    internal AnswerKeeper? Keeper { get; set; }

    /// <summary>Runs an operation.</summary>
    public async Task<T> RunAsync<T>(Func<Unit, Task<T>> operation, CancellationToken ct)
    {
        if (!IsDryRun)
        {
            var unit = new Unit(db, isLocked: false);
            var result = await AttemptAsync(unit, operation, ct);
            if (await TryCommitAsync(unit, ct)) return result;
        }

        return await RunLockedAsync(operation, ct);
    }

    /// <summary>
    /// Runs an operation that must read under lock from the start. Once is enough, but for what PostgreSQL cannot lock:
    /// a row that another is only just inserting, whose commit the operation then finds.
    /// </summary>
    public async Task<T> RunLockedAsync<T>(Func<Unit, Task<T>> operation, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var turn = db.IsSqlite ? await db.Runtime.Gate.EnterAsync(ct) : null;
            RefuseGoneFile();
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            var unit = new Unit(db, isLocked: true);
            try
            {
                if (Keeper is { } keeper && await keeper.FindAsync(db, ct) is T repeated) return repeated;
                var result = await AttemptAsync(unit, operation, ct);
                var changes = unit.Changes();
                var written = await WriteAsync(transaction, changes, ct);
                if (written && IsDryRun) return result; // the transaction, left open, takes it all back
                if (written)
                {
                    await transaction.CommitAsync(ct);
                    Ring(unit);
                    return result;
                }
            }
            catch (Exception e) when (attempt < LockedAttempts && LostRace.Is(e))
            {
                // The winner has committed: the next attempt sees it.
            }
            finally
            {
                db.ChangeTracker.Clear();
            }

            if (attempt == LockedAttempts) throw new DbUpdateConcurrencyException("The operation lost too many races.");
        }
    }

    private async Task<T> AttemptAsync<T>(Unit unit, Func<Unit, Task<T>> operation, CancellationToken ct)
    {
        try
        {
            var result = await operation(unit);
            if (result is IOutcome { Error: not null } && !unit.KeepsRefusal) unit.Discard();
            if (Keeper is { } keeper) await keeper.KeepAsync(unit, result, ct);
            return result;
        }
        catch
        {
            unit.Discard();
            throw;
        }
    }

    // Without a transaction of its own: on SQLite in a commit that others share, on PostgreSQL in one batch.
    private async Task<bool> TryCommitAsync(Unit unit, CancellationToken ct)
    {
        try
        {
            if (unit.IsLost) return false;
            var changes = unit.Changes();
            if (changes is []) return true;
            RefuseGoneFile();
            db.Runtime.Meter.Batch(changes.Count);
            var written = db.IsSqlite
                ? await db.Runtime.Gate.TryWriteAsync(db.Database.GetConnectionString()!, changes, ct)
                : await TryWriteAsync(changes, ct);
            if (written) Ring(unit);
            return written;
        }
        finally
        {
            db.ChangeTracker.Clear();
        }
    }

    private async Task<bool> TryWriteAsync(IReadOnlyList<Change> changes, CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        try
        {
            var connection = (NpgsqlConnection)db.Database.GetDbConnection();
            var written = await PostgresWriter.TryWriteAsync(connection, inTransaction: false, changes, ct);
            if (written) db.Runtime.Meter.Commit();
            return written;
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    private async Task<bool> WriteAsync(
        IDbContextTransaction transaction, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        if (changes is []) return true;
        db.Runtime.Meter.Batch(changes.Count);
        if (transaction.GetDbTransaction().Connection is NpgsqlConnection postgres)
            return await PostgresWriter.TryWriteAsync(postgres, inTransaction: true, changes, ct);
        using var writer = new SqliteWriter((SqliteConnection)db.Database.GetDbConnection(), owns: false);
        return writer.Write(changes);
    }

    private void Ring(Unit unit)
    {
        if (unit.Adds<OutboxMessage>()) db.Runtime.Doorbell.Ring();
        if (unit.Adds<Job>()) db.Runtime.JobDoorbell.Ring();
    }

    // An open connection goes on writing to a file that was moved or deleted. What it writes there is lost.
    private void RefuseGoneFile()
    {
        if (!db.IsSqlite || db.Database.GetDbConnection().DataSource is not { Length: > 0 } file) return;
        if (!file.StartsWith(':') && !File.Exists(file))
            throw new SqliteException("The file of the database is gone.", SQLitePCL.raw.SQLITE_CANTOPEN);
    }
}
