using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Usher.Core.Data.Sqlite;

/// <summary>
/// A pool of read-only connections for hand-written statements. They stay open and keep their statements prepared,
/// because preparing a statement takes several times as long as running it. A request that only runs hand-written reads
/// opens no connection.
/// </summary>
internal sealed class SqliteReaders : IDisposable
{
    // Connections are kept for concurrent reads up to this number. Each has its own page cache.
    private const int MostKept = 32;

    private readonly ConcurrentBag<SqliteReader> free = [];

    /// <summary>Rents a connection for one read. Disposing of it returns it to the pool.</summary>
    public SqliteReader Rent(string connectionString) =>
        free.TryTake(out var reader) ? reader : new(connectionString, this);

    public void Dispose()
    {
        while (free.TryTake(out var reader)) reader.Close();
    }

    internal void Return(SqliteReader reader)
    {
        if (free.Count < MostKept) free.Add(reader);
        else reader.Close();
    }
}

/// <summary>A connection of <see cref="SqliteReaders"/>. For one read at a time.</summary>
internal sealed class SqliteReader : IDisposable
{
    // More than the number of statements with a constant text. The number of search texts is unlimited.
    private const int MostPrepared = 64;

    private readonly SqliteReaders owner;
    private readonly SqliteConnection connection;
    private readonly Dictionary<string, SqliteCommand> prepared = [];

    public SqliteReader(string connectionString, SqliteReaders owner)
    {
        (this.owner, connection) = (owner, new(connectionString));
        connection.Open();
        UsherDbOptions.Prepare(connection);
    }

    /// <summary>
    /// Gets or sets whether a read failed. The connection is then closed instead of returned to the pool.
    /// </summary>
    public bool IsBroken { get; set; }

    /// <summary>Returns a prepared command with a text. It may have been run before with other values.</summary>
    public SqliteCommand Prepared(string text)
    {
        if (prepared.TryGetValue(text, out var command)) return command;
        if (prepared.Count == MostPrepared) Forget();
        command = connection.CreateCommand();
        command.CommandText = text;
        return prepared[text] = command;
    }

    /// <summary>Stops the current read. May be called from any thread.</summary>
    public void Interrupt() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle);

    public void Dispose()
    {
        if (IsBroken) Close();
        else owner.Return(this);
    }

    internal void Close()
    {
        Forget();
        connection.Dispose();
    }

    private void Forget()
    {
        foreach (var command in prepared.Values) command.Dispose();
        prepared.Clear();
    }
}
