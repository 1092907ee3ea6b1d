using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Usher.Core.Data;

/// <summary>
/// A connection that stays open as long as its context lives, and keeps the statements it has run prepared: on SQLite,
/// preparing one costs several times what running it does. Nobody who queries can tell.
/// </summary>
internal sealed class KeptConnection(string connectionString) : SqliteConnection(connectionString)
{
    // More than an installation's clients use day by day; searches with conditions of their own are without number.
    // Each costs some ten KiB.
    private const int Most = 64;

    private readonly Dictionary<object, LinkedListNode<(object Key, SqliteCommand Command)>> free = [];
    private readonly LinkedList<(object Key, SqliteCommand Command)> byUse = []; // the latest used first
    private bool closing;

    /// <summary>Gives a context its connection.</summary>
    public static IInterceptor Interceptor { get; } = new Opening();

    /// <summary>
    /// Nothing: the framework closes after each use, and opening costs a file's lock, two settings, and all statements
    /// that were prepared.
    /// </summary>
    public override void Close()
    {
        if (closing) base.Close();
    }

    /// <summary>A command that is prepared already if its text has been run before.</summary>
    public override SqliteCommand CreateCommand() =>
        new ByText(this) { Connection = this, CommandTimeout = DefaultTimeout, Transaction = Transaction };

    /// <summary>The command kept under a key, or a new one. It is the caller's until he gives it back.</summary>
    /// <param name="key">What its text depends on; the text itself, say.</param>
    /// <param name="text">What it says.</param>
    public SqliteCommand Take(object key, string text)
    {
        SqliteCommand command;
        if (free.Remove(key, out var node))
        {
            command = node.Value.Command;
            byUse.Remove(node);
        }
        else
        {
            command = new() { Connection = this, CommandText = text, CommandTimeout = DefaultTimeout };
        }

        command.Transaction = Transaction;
        return command;
    }

    /// <summary>Keeps a command that was taken, for whoever comes next.</summary>
    public void Give(object key, SqliteCommand command)
    {
        command.Transaction = null;
        LinkedListNode<(object Key, SqliteCommand Command)> node = new((key, command));
        if (closing || !free.TryAdd(key, node))
        {
            command.Dispose();
            return;
        }

        byUse.AddFirst(node);
        if (free.Count <= Most) return;
        var last = byUse.Last!.Value;
        byUse.RemoveLast();
        free.Remove(last.Key);
        last.Command.Dispose();
    }

    protected override void Dispose(bool disposing)
    {
        closing = true;
        foreach (var (_, command) in byUse) command.Dispose();
        free.Clear();
        byUse.Clear();
        base.Dispose(disposing);
    }

    // All that executes a command of this driver comes by its reader.
    private sealed class ByText(KeptConnection owner) : SqliteCommand
    {
        private SqliteCommand? prepared;

        public override SqliteDataReader ExecuteReader(CommandBehavior behavior)
        {
            prepared ??= owner.Take(CommandText, CommandText);
            (prepared.CommandText, prepared.CommandTimeout, prepared.Transaction) =
                (CommandText, CommandTimeout, Transaction);
            prepared.Parameters.Clear();
            foreach (SqliteParameter parameter in Parameters) prepared.Parameters.Add(parameter);
            return prepared.ExecuteReader(behavior);
        }

        // The framework disposes of a command after each use; that is when what was prepared is free again.
        protected override void Dispose(bool disposing)
        {
            if (disposing && prepared is { } used)
            {
                prepared = null;
                used.Parameters.Clear();
                owner.Give(used.CommandText, used);
            }

            base.Dispose(disposing);
        }
    }

    private sealed class Opening : DbConnectionInterceptor
    {
        public override DbConnection ConnectionCreated(ConnectionCreatedEventData eventData, DbConnection result)
        {
            var connection = new KeptConnection(result.ConnectionString);
            result.Dispose();
            return connection;
        }

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) =>
            UsherDbOptions.Prepare((SqliteConnection)connection);

        public override Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            ConnectionOpened(connection, eventData);
            return Task.CompletedTask;
        }
    }
}
