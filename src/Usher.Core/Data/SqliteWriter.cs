using Microsoft.Data.Sqlite;

namespace Usher.Core.Data;

/// <summary>A connection that only writes, with its statements kept prepared. For one thread at a time.</summary>
internal sealed class SqliteWriter : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly SqliteCommand begin;
    private readonly SqliteCommand commit;
    private readonly SqliteCommand savepoint;
    private readonly SqliteCommand release;
    private readonly SqliteCommand rollback;
    private readonly Dictionary<RowStatement, SqliteRowStatement> statements = [];

    public SqliteWriter(string connectionString)
    {
        connection = new(connectionString);
        connection.Open();
        UsherDbOptions.Prepare(connection);
        (begin, commit) = (Command("BEGIN IMMEDIATE"), Command("COMMIT"));
        (savepoint, release, rollback) =
            (Command("SAVEPOINT unit"), Command("RELEASE unit"), Command("ROLLBACK TO unit"));
    }

    public void Begin() => begin.ExecuteNonQuery();

    public void Commit() => commit.ExecuteNonQuery();

    /// <summary>Writes rows in the transaction, all or none.</summary>
    /// <returns>Why none was.</returns>
    /// <exception cref="SqliteException">The database has ended the transaction.</exception>
    public Exception? TryWrite(IReadOnlyList<RowWrite> rows)
    {
        savepoint.ExecuteNonQuery();
        try
        {
            foreach (var row in rows) Write(row);
            release.ExecuteNonQuery();
            return null;
        }
        catch (Exception e) when (SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) is 0)
        {
            rollback.ExecuteNonQuery();
            release.ExecuteNonQuery();
            return e;
        }
    }

    /// <summary>Writes rows, in an order that can be, in the transaction of somebody else's connection.</summary>
    /// <exception cref="SqliteException">They were refused; the transaction holds some of them.</exception>
    public static void Write(SqliteConnection connection, IReadOnlyList<RowWrite> rows)
    {
        foreach (var same in rows.GroupBy(row => row.Statement))
        {
            using SqliteRowStatement statement = new(connection, same.Key);
            foreach (var row in same) statement.Run(row);
        }
    }

    public void Dispose()
    {
        foreach (var statement in statements.Values) statement.Dispose();
        connection.Dispose();
    }

    private void Write(RowWrite row)
    {
        if (!statements.TryGetValue(row.Statement, out var statement))
            statements.Add(row.Statement, statement = new(connection, row.Statement));
        statement.Run(row);
    }

    private SqliteCommand Command(string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }
}
