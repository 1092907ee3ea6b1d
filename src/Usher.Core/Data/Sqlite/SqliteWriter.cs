using Microsoft.Data.Sqlite;

namespace Usher.Core.Data.Sqlite;

/// <summary>
/// Writes the rows of units to SQLite on one connection, with a prepared statement for each table and kind of change.
/// Not thread-safe. <see cref="WriteGate"/> has one for writes that share commits. Each unit there is a savepoint in
/// the transaction, so a refused unit rolls back only its own rows. A unit that runs under lock writes on its own
/// connection, in its own transaction.
/// </summary>
internal sealed class SqliteWriter(SqliteConnection connection, bool owns) : IDisposable
{
    private readonly Dictionary<string, SqliteCommand> prepared = [];

    /// <summary>Opens a writer on its own connection.</summary>
    public static SqliteWriter Open(string connectionString)
    {
        SqliteConnection connection = new(connectionString);
        connection.Open();
        UsherDbOptions.Prepare(connection);
        SqliteWriter writer = new(connection, owns: true);
        // Otherwise every savepoint that contains a change creates a temporary file.
        writer.Run("PRAGMA temp_store=MEMORY");
        return writer;
    }

    public void Begin() => Run("BEGIN IMMEDIATE");

    public void Commit() => Run("COMMIT");

    /// <summary>Whether the transaction is still open. Errors such as a full disk end it.</summary>
    public bool InTransaction => SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) is 0;

    /// <summary>Writes the rows of a unit in the current transaction, all or none.</summary>
    /// <returns>Whether the rows were written. False if the unit lost a race.</returns>
    /// <exception cref="SqliteException">The rows were refused for another reason. The transaction may have
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

    /// <summary>Writes rows in a transaction that the caller rolls back if they are refused.</summary>
    /// <returns>Whether all rows were written. False if the unit lost a race.</returns>
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

    /// <summary>Disposes of the statements and, if the writer opened it, of the connection.</summary>
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
