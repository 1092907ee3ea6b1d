using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Usher.Core.Data.Postgres;
using Usher.Core.Data.Sqlite;
using Usher.Core.Idempotency;
using Usher.Core.Jobs;
using Usher.Core.Outbox;

namespace Usher.Core.Data;

/// <summary>
/// Runs operations. Each attempt has its own <see cref="Unit"/>, which is written once, at the end. Scoped: one
/// instance per request.
/// <para>
/// The first attempt reads without locks. If it loses a race (a unique value, a version, a seat, a deleted row), the
/// operation runs again under lock, from its reads. On SQLite, the retry holds the write gate. On PostgreSQL, it locks
/// the rows that it reads. A refused operation (a <see cref="Result{T}"/> with an error) writes nothing unless
/// <see cref="Unit.KeepsRefusal"/> is set.
/// </para>
/// </summary>
public sealed class Database(UsherDb db)
{
    // A second locked attempt is normally enough. The others cover heavy contention.
    private const int LockedAttempts = 5;

    // The key of the advisory lock on PostgreSQL: "usher" in ASCII.
    private const long Retries = 0x7573686572;

    /// <summary>
    /// Gets or sets whether operations run and answer as usual but are rolled back. A surface sets it for a whole
    /// request. The default is false.
    /// </summary>
    public bool IsDryRun { get; set; }

    /// <summary>
    /// Runs an operation under lock as a dry run: everything is executed and written, then rolled back.
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
    /// Gets or sets the keeper that stores the answer of a repeatable request in the operation's commit.
    /// </summary>
    internal AnswerKeeper? Keeper { get; set; }

    /// <summary>Runs an operation: first without locks, and again under lock if it lost a race.</summary>
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
    /// Runs an operation that must read under lock from the start. One attempt is normally enough. PostgreSQL cannot
    /// lock a row that another transaction is inserting; the operation is then retried and finds that row.
    /// </summary>
    public async Task<T> RunLockedAsync<T>(Func<Unit, Task<T>> operation, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var turn = db.IsSqlite ? await db.Runtime.Gate.EnterAsync(ct) : null;
            RefuseGoneFile();
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            if (attempt > 1 && !db.IsSqlite) await EnterAsync(ct);
            var unit = new Unit(db, isLocked: true);
            try
            {
                if (Keeper is { } keeper && await keeper.FindAsync(db, ct) is T repeated) return repeated;
                var result = await AttemptAsync(unit, operation, ct);
                var changes = unit.Changes();
                var written = await WriteAsync(transaction, changes, ct);
                if (written && IsDryRun) return result; // disposing of the open transaction rolls it back
                if (written)
                {
                    await transaction.CommitAsync(ct);
                    Ring(unit);
                    return result;
                }
            }
            catch (Exception e) when (attempt < LockedAttempts && LostRace.Is(e))
            {
                // The winner has committed, so the next attempt sees its changes.
            }
            finally
            {
                db.ChangeTracker.Clear();
            }

            if (attempt == LockedAttempts) throw new DbUpdateConcurrencyException("Too many concurrent changes.");
        }
    }

    // Not every row that an operation changes is locked when it is read. Attempts that lost a race in spite of their
    // locks take turns until their transactions end, as all attempts under lock do on SQLite. Otherwise, many changes
    // of one row at once could use up their attempts.
    private Task EnterAsync(CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Retries})", ct);

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

    // Writes a unit without its own transaction: on SQLite in a commit shared with other units, on PostgreSQL in one
    // batch.
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

    // An open connection keeps writing to a file that was moved or deleted, and these writes are lost.
    private void RefuseGoneFile()
    {
        if (!db.IsSqlite || db.Database.GetDbConnection().DataSource is not { Length: > 0 } file) return;
        if (!file.StartsWith(':') && !File.Exists(file))
            throw new SqliteException("The database file is missing.", SQLitePCL.raw.SQLITE_CANTOPEN);
    }
}
