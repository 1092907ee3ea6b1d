using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace Usher.Core.Data;

/// <summary>Bound from <c>Usher:Search</c>.</summary>
public sealed class SearchOptions
{
    public const string Section = "Usher:Search";

    /// <summary>
    /// Gets or sets how long the database may work on one search or one page of a list: 10 milliseconds to 1 minute.
    /// The default is 5 seconds.
    /// </summary>
    public TimeSpan TimeLimit { get; set; } = TimeSpan.FromSeconds(5);

    public bool IsValid => TimeLimit >= TimeSpan.FromMilliseconds(10) && TimeLimit <= TimeSpan.FromMinutes(1);
}

/// <summary>Why a search is refused.</summary>
public static class SearchErrors
{
    /// <summary>
    /// It took longer than <see cref="SearchOptions.TimeLimit"/>. The database has stopped working on it.
    /// </summary>
    public static readonly Error TooSlow = new(
        ErrorKind.Invalid, "search_too_slow",
        "The search took too long and was stopped. Use fewer conditions.");
}

public static class SearchTime
{
    extension(UsherDb db)
    {
        /// <summary>
        /// Reads within the time that a search has. When it is over the database is stopped, not only left alone.
        /// </summary>
        /// <returns>Refused with <c>search_too_slow</c>.</returns>
        internal async Task<Result<T>> SearchAsync<T>(
            Func<CancellationToken, Task<Result<T>>> read, CancellationToken ct)
        {
            using var time = new CancellationTokenSource(db.Runtime.SearchTimeLimit);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, ct);
            // SQLite's driver works on this thread and knows no cancelling; PostgreSQL's asks the server to stop.
            await using var interrupt = db.IsSqlite ? either.Token.Register(() => Interrupt(db)) : default;
            try
            {
                return await read(either.Token);
            }
            catch (Exception e) when (!ct.IsCancellationRequested && time.IsCancellationRequested && IsInterrupted(e))
            {
                return SearchErrors.TooSlow;
            }
        }
    }

    private static void Interrupt(UsherDb db)
    {
        if (db.Database.GetDbConnection() is SqliteConnection { Handle: { IsInvalid: false } handle })
            raw.sqlite3_interrupt(handle);
    }

    private static bool IsInterrupted(Exception e) =>
        e is OperationCanceledException or SqliteException { SqliteErrorCode: raw.SQLITE_INTERRUPT }
            || (e.InnerException is { } inner && IsInterrupted(inner));
}
