using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// A read written by hand and made ready once: what is left for each run is its values and its rows. It runs on the context's connection and in its transaction,
/// seen by the same interceptors and logs as EF's own commands.
/// <para>
/// In its text <c>CROSS JOIN table t ON (…)</c>, or <c>LEFT JOIN</c>, says: for each row of what stands before, the table's rows of which that holds. SQLite, which keeps no statistics,
/// takes it so. PostgreSQL would begin with the side it believes to be smaller, by counts that are out of date while an organization is being filled, and would read all
/// of it; it is given a subquery for each row, which <c>OFFSET 0</c> keeps as one.
/// </para>
/// </summary>
internal sealed partial class Statement
{
    private readonly string text;

    private Statement(string text) => this.text = text;

    /// <param name="db">Any context of the database.</param>
    /// <param name="sql">With {0}, {1}, … for its parameters, and braces doubled.</param>
    /// <param name="count">How many parameters.</param>
    public static Statement Create(UsherDb db, string sql, int count)
    {
        if (!db.IsSqlite) sql = ForEachRow.Replace(sql, join => join.Result($"${{kind}} JOIN LATERAL (SELECT * FROM ${{table}} ${{alias}} WHERE ${{where}} OFFSET 0) ${{alias}}{(join.Groups["kind"].Value is "LEFT" ? " ON true" : "")}"));
        return new(string.Format(CultureInfo.InvariantCulture, sql, [.. Enumerable.Range(1, count).Select(i => "$" + i.ToString(CultureInfo.InvariantCulture))]));
    }

    /// <summary>All rows. One round trip.</summary>
    /// <param name="db">Where.</param>
    /// <param name="values">Of the parameters, as the driver takes them.</param>
    /// <param name="read">Makes something of a row.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<List<T>> ReadAsync<T>(UsherDb db, IReadOnlyList<object> values, Func<ResultRow, T> read, CancellationToken ct)
    {
        var connection = db.GetService<IRelationalConnection>();
        await connection.OpenAsync(ct);
        try
        {
            if (connection.DbConnection is not KeptConnection kept)
            {
                await using var command = new NpgsqlCommand(text, (NpgsqlConnection)connection.DbConnection);
                foreach (var value in values) command.Parameters.Add(new() { Value = value });
                return await RunAsync(db, connection, command, read, ct);
            }

            var prepared = kept.Take(this, text);
            try
            {
                for (var i = 0; i < values.Count; i++)
                {
                    if (i == prepared.Parameters.Count) prepared.Parameters.AddWithValue("$" + (i + 1).ToString(CultureInfo.InvariantCulture), values[i]);
                    else prepared.Parameters[i].Value = values[i];
                }

                return await RunAsync(db, connection, prepared, read, ct);
            }
            finally
            {
                kept.Give(this, prepared);
            }
        }
        finally
        {
            await connection.CloseAsync();
        }
    }

    private static async Task<List<T>> RunAsync<T>(UsherDb db, IRelationalConnection connection, DbCommand command, Func<ResultRow, T> read, CancellationToken ct)
    {
        List<T> rows = [];
        await using var reader = await ExecuteAsync(db, connection, command, ct);
        var row = ResultRow.Of(reader);
        while (await reader.ReadAsync(ct)) rows.Add(read(row));
        return rows;
    }

    // As EF executes: whoever looks on is told before and after, and may do it himself.
    private static async ValueTask<DbDataReader> ExecuteAsync(UsherDb db, IRelationalConnection connection, DbCommand command, CancellationToken ct)
    {
        var logger = db.GetService<IRelationalCommandDiagnosticsLogger>();
        var start = TimeProvider.System.GetUtcNow();
        if (!logger.ShouldLogCommandExecute(start)) return await OpenAsync(command, ct);

        var (id, watch) = (Guid.NewGuid(), Stopwatch.GetTimestamp());
        try
        {
            var own = await logger.CommandReaderExecutingAsync(connection, command, command.CommandText, db, id, connection.ConnectionId, start, CommandSource.FromSqlQuery, ct);
            var reader = own.HasResult ? own.Result : await OpenAsync(command, ct);
            return await logger.CommandReaderExecutedAsync(connection, command, command.CommandText, db, id, connection.ConnectionId, reader, start, Stopwatch.GetElapsedTime(watch), CommandSource.FromSqlQuery, ct);
        }
        catch (Exception e)
        {
            await logger.CommandErrorAsync(connection, command, command.CommandText, db, DbCommandMethod.ExecuteReader, id, connection.ConnectionId, e, start, Stopwatch.GetElapsedTime(watch), CommandSource.FromSqlQuery, ct);
            throw;
        }
    }

    // SQLite's driver has nothing to wait for, and would make two tasks to say so.
    private static ValueTask<DbDataReader> OpenAsync(DbCommand command, CancellationToken ct) =>
        command is SqliteCommand sqlite ? new(sqlite.ExecuteReader()) : new(command.ExecuteReaderAsync(ct));

    // What is in the parentheses may have some of its own, two deep.
    [GeneratedRegex(@"(?<kind>CROSS|LEFT) JOIN (?<table>\w+) (?<alias>\w+)\s+ON \((?<where>([^()]|\(([^()]|\([^()]*\))*\))*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ForEachRow { get; }
}
