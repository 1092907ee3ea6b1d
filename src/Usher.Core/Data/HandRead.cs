using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Runs hand-written statements on a context's connection and in its transaction. EF's interceptors see them like EF's
/// own commands.
/// </summary>
internal static class HandRead
{
    /// <summary>Reads all rows of a statement, in one round trip.</summary>
    /// <param name="db">The context whose connection is used.</param>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Converts a row.</param>
    public static async Task<List<T>> ReadAsync<T>(this UsherDb db, Sql sql, Func<Row, T> read, CancellationToken ct)
    {
        var connection = db.GetService<IRelationalConnection>();
        if (sql.IsSqlite && connection.CurrentTransaction is null)
            return await ReadPreparedAsync(db, connection, sql, read, ct);
        await connection.OpenAsync(ct);
        try
        {
            await using var command = sql.ToCommand(connection.DbConnection);
            command.Transaction = connection.CurrentTransaction?.GetDbTransaction();
            return await ReadAsync(db, connection, command, sql, read, ct);
        }
        finally
        {
            await connection.CloseAsync();
        }
    }

    // SQLite's driver runs on this thread and does not support cancellation. Another thread interrupts it.
    private static async Task<List<T>> ReadPreparedAsync<T>(
        UsherDb db, IRelationalConnection connection, Sql sql, Func<Row, T> read, CancellationToken ct)
    {
        using var reader = db.Runtime.Readers.Rent(connection.ConnectionString!);
        await using var interrupt = ct.Register(reader.Interrupt);
        reader.IsBroken = true;
        try
        {
            var command = reader.Prepared(sql.Text);
            sql.Bind(command);
            var rows = await ReadAsync(db, connection, command, sql, read, ct);
            reader.IsBroken = false;
            return rows;
        }
        catch (SqliteException e) when (
            e.SqliteErrorCode is SQLitePCL.raw.SQLITE_INTERRUPT && ct.IsCancellationRequested)
        {
            throw new OperationCanceledException("The read was canceled.", e, ct);
        }
    }

    private static async Task<List<T>> ReadAsync<T>(
        UsherDb db, IRelationalConnection connection, DbCommand command, Sql sql, Func<Row, T> read,
        CancellationToken ct)
    {
        List<T> rows = [];
        await using var reader = await ExecuteAsync(db, connection, command, ct);
        var row = new Row(reader, sql.IsSqlite);
        while (await reader.ReadAsync(ct)) rows.Add(read(row));
        return rows;
    }

    private static async ValueTask<DbDataReader> ExecuteAsync(
        UsherDb db, IRelationalConnection connection, DbCommand command, CancellationToken ct)
    {
        var logger = db.GetService<IRelationalCommandDiagnosticsLogger>();
        var start = TimeProvider.System.GetUtcNow();
        if (!logger.ShouldLogCommandExecute(start)) return await OpenAsync(command, ct);

        var (id, watch, text) = (Guid.NewGuid(), Stopwatch.GetTimestamp(), command.CommandText);
        try
        {
            var own = await logger.CommandReaderExecutingAsync(
                connection, command, text, db, id, connection.ConnectionId, start, CommandSource.FromSqlQuery, ct);
            var reader = own.HasResult ? own.Result : await OpenAsync(command, ct);
            return await logger.CommandReaderExecutedAsync(
                connection, command, text, db, id, connection.ConnectionId, reader, start,
                Stopwatch.GetElapsedTime(watch), CommandSource.FromSqlQuery, ct);
        }
        catch (Exception e)
        {
            await logger.CommandErrorAsync(
                connection, command, text, db, DbCommandMethod.ExecuteReader, id, connection.ConnectionId, e, start,
                Stopwatch.GetElapsedTime(watch), CommandSource.FromSqlQuery, ct);
            throw;
        }
    }

    // SQLite's driver is synchronous. Its async methods would only allocate two tasks.
    private static ValueTask<DbDataReader> OpenAsync(DbCommand command, CancellationToken ct) =>
        command is SqliteCommand sqlite ? new(sqlite.ExecuteReader()) : new(command.ExecuteReaderAsync(ct));
}

/// <summary>
/// A row of a hand-written statement. Values are converted as in the model. Column numbers start at 0.
/// </summary>
internal readonly struct Row(DbDataReader reader, bool isSqlite)
{
    public bool IsNull(int column) => reader.IsDBNull(column);

    public string Text(int column) => reader.GetString(column);

    public string? TextOrNull(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public int Int(int column) => (int)reader.GetInt64(column);

    public long Long(int column) => reader.GetInt64(column);

    public bool Flag(int column) => isSqlite ? reader.GetInt64(column) is not 0 : reader.GetBoolean(column);

    public byte[]? BytesOrNull(int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<byte[]>(column);

    public T Enum<T>(int column)
        where T : struct, Enum => SnakeCaseName.Parse<T>(reader.GetString(column));

    public Guid Id(int column) =>
        isSqlite ? new(reader.GetFieldValue<byte[]>(column), bigEndian: true) : reader.GetGuid(column);

    public Guid? IdOrNull(int column) => reader.IsDBNull(column) ? null : Id(column);

    public DateTimeOffset Instant(int column) => isSqlite
        ? DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(column))
        : reader.GetFieldValue<DateTimeOffset>(column);

    public DateTimeOffset? InstantOrNull(int column) => reader.IsDBNull(column) ? null : Instant(column);
}
