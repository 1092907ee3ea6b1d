using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Usher.Core.Data;

/// <summary>
/// A connection that stays open as long as its context lives, and keeps the statements it has run prepared: on SQLite, preparing one costs several times what
/// running it does. Made and used through <see cref="Interceptors"/>; nobody who queries can tell.
/// </summary>
internal sealed class KeptConnection(string connectionString) : SqliteConnection(connectionString)
{
    // More than an installation's clients use day by day; searches with conditions of their own are without number. Each costs some ten KiB.
    private const int Most = 64;

    private readonly Dictionary<string, LinkedListNode<KeptCommand>> free = [];
    private readonly LinkedList<KeptCommand> byUse = []; // the latest used first
    private bool closing;

    /// <summary>Nothing: the framework closes after each use, and opening costs a file's lock, two settings, and all statements that were prepared.</summary>
    public override void Close()
    {
        if (closing) base.Close();
    }

    protected override void Dispose(bool disposing)
    {
        closing = true;
        foreach (var command in byUse) command.End();
        free.Clear();
        byUse.Clear();
        base.Dispose(disposing);
    }

    /// <summary>A command like a fresh one, prepared already if its text has been run before.</summary>
    public SqliteCommand Prepared(SqliteCommand fresh)
    {
        KeptCommand command;
        if (free.Remove(fresh.CommandText, out var node))
        {
            command = node.Value;
            byUse.Remove(node);
        }
        else
        {
            command = new(this) { Connection = this, CommandText = fresh.CommandText };
        }

        command.Transaction = fresh.Transaction;
        command.CommandTimeout = fresh.CommandTimeout;
        foreach (SqliteParameter parameter in fresh.Parameters) command.Parameters.Add(parameter);
        return command;
    }

    // Whether it was taken back to be used again.
    private bool Keep(KeptCommand command)
    {
        if (closing || free.ContainsKey(command.CommandText)) return false;
        command.Parameters.Clear();
        command.Transaction = null;
        free.Add(command.CommandText, byUse.AddFirst(command));
        if (free.Count > Most)
        {
            var last = byUse.Last!;
            byUse.RemoveLast();
            free.Remove(last.Value.CommandText);
            last.Value.End();
        }

        return true;
    }

    /// <summary>Give a context its connection, and its commands.</summary>
    public static IInterceptor[] Interceptors => [new Opening(), new Preparing()];

    private sealed class KeptCommand(KeptConnection owner) : SqliteCommand
    {
        private bool ended;

        public void End()
        {
            ended = true;
            Dispose();
        }

        // The framework disposes of a command after each use; that is when it is free again.
        protected override void Dispose(bool disposing)
        {
            if (disposing && !ended && owner.Keep(this)) return;
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

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => UsherDbOptions.Prepare((SqliteConnection)connection);

        public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            ConnectionOpened(connection, eventData);
            return Task.CompletedTask;
        }
    }

    private sealed class Preparing : DbCommandInterceptor
    {
        public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result)
        {
            if (result.Connection is not KeptConnection connection) return result;
            var command = connection.Prepared((SqliteCommand)result);
            result.Dispose();
            return command;
        }
    }
}
