using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Determines whether a database refused a unit because of a concurrent change: a unique value is taken, a referenced
/// row no longer exists, a row has changed since it was read, or there was a deadlock.
/// </summary>
internal static class LostRace
{
    /// <summary>The error that the PostgreSQL writer provokes if an update or delete affects no row.</summary>
    public const string NotFound = PostgresErrorCodes.DivisionByZero;

    public static bool Is(Exception exception) => exception switch
    {
        SqliteException { SqliteExtendedErrorCode: 2067 or 1555 or 787 } => true, // unique, primary key, foreign key
        PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation } =>
            true,
        PostgresException
        {
            SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure,
        } =>
            true,
        PostgresException { SqlState: NotFound } => true,
        // EF and Npgsql's retry strategy wrap transient errors in these exceptions.
        Microsoft.EntityFrameworkCore.DbUpdateException { InnerException: { } inner } => Is(inner),
        InvalidOperationException { InnerException: { } inner } => Is(inner),
        _ => false,
    };
}
