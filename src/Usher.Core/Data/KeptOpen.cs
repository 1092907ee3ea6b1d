using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Usher.Core.Data;

/// <summary>
/// Keeps the connection of a context open on SQLite: EF closes it after each use, and opening one costs as much as a
/// query. Statements written by hand stay prepared on it, because preparing one costs several times what running it does.
/// </summary>
internal sealed class KeptOpen : DbConnectionInterceptor
{
    // More than the statements whose text is always the same; searches have texts without number.
    private const int MostPrepared = 64;

    private static readonly ConditionalWeakTable<SqliteConnection, Dictionary<string, SqliteCommand>> Kept = [];

    public static KeptOpen Interceptor { get; } = new();

    /// <summary>A command with a text, prepared if the connection has run it before. Its parameters are the last run's.</summary>
    public static SqliteCommand Prepared(SqliteConnection connection, string text)
    {
        var commands = Kept.GetOrCreateValue(connection);
        if (commands.TryGetValue(text, out var command)) return command;
        if (commands.Count == MostPrepared)
        {
            foreach (var other in commands.Values) other.Dispose();
            commands.Clear();
        }

        command = connection.CreateCommand();
        command.CommandText = text;
        return commands[text] = command;
    }

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) =>
        UsherDbOptions.Prepare((SqliteConnection)connection);

    public override Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData);
        return Task.CompletedTask;
    }

    public override InterceptionResult ConnectionClosing(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result) =>
        InterceptionResult.Suppress();

    public override ValueTask<InterceptionResult> ConnectionClosingAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result) =>
        new(InterceptionResult.Suppress());
}
