using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Distinguishes a database outage from a bug. An outage is temporary: the same request may work later.
/// </summary>
public static class Outage
{
    private static readonly HashSet<int> OfSqlite =
    [
        SQLitePCL.raw.SQLITE_PERM, SQLitePCL.raw.SQLITE_BUSY, SQLitePCL.raw.SQLITE_LOCKED, SQLitePCL.raw.SQLITE_NOMEM,
        SQLitePCL.raw.SQLITE_READONLY, SQLitePCL.raw.SQLITE_IOERR, SQLitePCL.raw.SQLITE_CORRUPT,
        SQLitePCL.raw.SQLITE_FULL,
        SQLitePCL.raw.SQLITE_CANTOPEN, SQLitePCL.raw.SQLITE_PROTOCOL, SQLitePCL.raw.SQLITE_NOTADB,
    ];

    // SQLSTATE classes: connection, authorization (a changed password), no such database (a restore), resources,
    // system.
    private static readonly string[] ClassesOfPostgres = ["08", "28", "3D", "53", "57P", "58"];

    /// <summary>
    /// Finds the exception, however deeply wrapped, that reports that the database is unavailable, busy or full. Null
    /// if there is none.
    /// </summary>
    public static Exception? Find(Exception? exception) => exception switch
    {
        null => null,
        PostgresException answer => IsOutage(answer) ? answer : null,
        // No answer from the server: no connection, a broken connection or a timeout.
        NpgsqlException or SocketException => exception,
        SqliteException sqlite when OfSqlite.Contains(sqlite.SqliteErrorCode) => sqlite,
        AggregateException many => many.InnerExceptions.Select(Find).FirstOrDefault(found => found is not null),
        _ => Find(exception.InnerException),
    };

    private static bool IsOutage(PostgresException answer) => answer.IsTransient
        || answer.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction // a standby that used to be the primary
        || Array.Exists(ClassesOfPostgres, c => answer.SqlState.StartsWith(c, StringComparison.Ordinal));
}
