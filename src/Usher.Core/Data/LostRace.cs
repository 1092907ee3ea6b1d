using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Tells whether a database refused a unit because another was faster: a unique value is taken, a row that is referred
/// to is gone, a row was changed since it was read, or two units waited for each other.
/// </summary>
internal static class LostRace
{
    /// <summary>What the PostgreSQL writer makes of an update or a delete that did not find its row.</summary>
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
        // How EF and Npgsql's strategy hand on what may work another time.
        Microsoft.EntityFrameworkCore.DbUpdateException { InnerException: { } inner } => Is(inner),
        InvalidOperationException { InnerException: { } inner } => Is(inner),
        _ => false,
    };
}
