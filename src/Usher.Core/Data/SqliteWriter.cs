using Microsoft.Data.Sqlite;

namespace Usher.Core.Data;

/// <summary>
/// Writes the rows of units on SQLite, on one connection, with a prepared statement for each table and kind of change.
/// For one thread at a time. <see cref="WriteGate"/> has one for the writes that share commits: each unit is a
/// savepoint in the transaction, so a unit that is refused takes back its own rows and no others. A unit that runs
/// under lock writes on its own connection, in its own transaction.
/// </summary>
internal sealed class SqliteWriter(SqliteConnection connection, bool owns) : IDisposable
{
    private readonly Dictionary<string, SqliteCommand> prepared = [];

    /// <summary>A writer on a connection of its own.</summary>
    public static SqliteWriter Open(string connectionString)
    {
        SqliteConnection connection = new(connectionString);
        connection.Open();
        UsherDbOptions.Prepare(connection);
        SqliteWriter writer = new(connection, owns: true);
        // Otherwise every savepoint with a change in it makes a temporary file.
        writer.Run("PRAGMA temp_store=MEMORY");
        return writer;
    }

    public void Begin() => Run("BEGIN IMMEDIATE");

    public void Commit() => Run("COMMIT");

    /// <summary>Whether the transaction is still there: a full disk, say, ends it.</summary>
    public bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) is 0;

    /// <summary>Writes the rows of a unit in the transaction that was begun, all or none.</summary>
    /// <returns>Whether they were written; they were not where the unit lost a race.</returns>
    /// <exception cref="SqliteException">They were refused for another reason. The transaction may have
    /// ended.</exception>
    public bool TryWrite(IReadOnlyList<Change> changes)
    {
        Run("SAVEPOINT unit");
        var written = false;
        try
        {
            written = Write(changes);
            return written;
        }
        finally
        {
            if (InTransaction)
            {
                if (!written) Run("ROLLBACK TO unit");
                Run("RELEASE unit");
            }
        }
    }

    /// <summary>Writes rows in a transaction that takes them back where they are refused.</summary>
    /// <returns>Whether all were written.</returns>
    public bool Write(IReadOnlyList<Change> changes)
    {
        try
        {
            foreach (var change in changes)
                if (!Write(change)) return false;
            return true;
        }
        catch (SqliteException e) when (LostRace.Is(e))
        {
            return false;
        }
    }

    /// <summary>Disposes of the statements and, where the writer opened it, of the connection.</summary>
    public void Dispose()
    {
        foreach (var command in prepared.Values) command.Dispose();
        if (owns) connection.Dispose();
    }

    private bool Write(Change change)
    {
        var command = Prepared(change.Text);
        change.Bind(command);
        return command.ExecuteNonQuery() > 0 || !change.MustFind;
    }

    private void Run(string sql) => Prepared(sql).ExecuteNonQuery();

    private SqliteCommand Prepared(string sql)
    {
        if (prepared.TryGetValue(sql, out var command)) return command;
        command = connection.CreateCommand();
        command.CommandText = sql;
        return prepared[sql] = command;
    }
}
