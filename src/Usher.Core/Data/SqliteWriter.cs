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
    private readonly Dictionary<InsertTable, SqliteInsert> inserts = [];

    public SqliteWriter(string connectionString)
    {
        connection = new(connectionString);
        connection.Open();
        UsherDbOptions.Prepare(connection);
        (begin, commit) = (Command("BEGIN IMMEDIATE"), Command("COMMIT"));
        (savepoint, release, rollback) = (Command("SAVEPOINT unit"), Command("RELEASE unit"), Command("ROLLBACK TO unit"));
    }

    public void Begin() => begin.ExecuteNonQuery();

    public void Commit() => commit.ExecuteNonQuery();

    /// <summary>Adds rows to the transaction, all or none.</summary>
    /// <returns>Why none was.</returns>
    /// <exception cref="SqliteException">The database has ended the transaction.</exception>
    public Exception? TryInsert(IReadOnlyList<InsertRow> rows)
    {
        savepoint.ExecuteNonQuery();
        try
        {
            foreach (var row in rows) Insert(row);
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

    /// <summary>Adds rows, in an order that can be written, in the transaction of somebody else's connection.</summary>
    /// <exception cref="SqliteException">They were refused; the transaction holds some of them.</exception>
    public static void Insert(SqliteConnection connection, IReadOnlyList<InsertRow> rows)
    {
        foreach (var table in rows.GroupBy(row => row.Table))
        {
            using SqliteInsert insert = new(connection, table.Key);
            foreach (var row in table) insert.Run(row.Entity);
        }
    }

    public void Dispose()
    {
        foreach (var insert in inserts.Values) insert.Dispose();
        connection.Dispose();
    }

    private void Insert(InsertRow row)
    {
        if (!inserts.TryGetValue(row.Table, out var insert)) inserts.Add(row.Table, insert = new(connection, row.Table));
        insert.Run(row.Entity);
    }

    private SqliteCommand Command(string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }
}
