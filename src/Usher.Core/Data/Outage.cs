using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Tells an outage of the database from a fault of the program. An outage passes; the same request may work later.
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

    // The classes of SQLSTATE: connection, authorization (a changed password), no such database (a restore), resources,
    // system.
    private static readonly string[] ClassesOfPostgres = ["08", "28", "3D", "53", "57P", "58"];

    /// <summary>
    /// The exception that says that the database is away, busy or full, however deep it is wrapped; null when it is
    /// none.
    /// </summary>
    public static Exception? Find(Exception? exception) => exception switch
    {
        null => null,
        PostgresException answer => IsOutage(answer) ? answer : null,
        // without an answer of the server: no connection, a broken one, a timeout
        NpgsqlException or SocketException => exception,
        SqliteException sqlite when OfSqlite.Contains(sqlite.SqliteErrorCode) => sqlite,
        AggregateException many => many.InnerExceptions.Select(Find).FirstOrDefault(found => found is not null),
        _ => Find(exception.InnerException),
    };

    private static bool IsOutage(PostgresException answer) => answer.IsTransient
        || answer.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction // a standby that used to be the primary
        || Array.Exists(ClassesOfPostgres, c => answer.SqlState.StartsWith(c, StringComparison.Ordinal));
}
