using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Usher.Core.Data;

/// <summary>
/// Connections that only read, for the statements written by hand. They stay open, and their statements prepared:
/// preparing one costs several times what running it does. A request that reads by hand alone opens no connection.
/// </summary>
internal sealed class SqliteReaders : IDisposable
{
    // As many as read at the same time, within reason: each has a cache of its own.
    private const int MostKept = 32;

    private readonly ConcurrentBag<SqliteReader> free = [];

    /// <summary>A connection for one read. Disposing of it gives it back.</summary>
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

/// <summary>One of <see cref="SqliteReaders"/>. For one read at a time.</summary>
internal sealed class SqliteReader : IDisposable
{
    // More than the statements whose text is always the same. Searches have texts without number.
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

    /// <summary>Set where a read failed: the connection is closed then.</summary>
    public bool IsBroken { get; set; }

    /// <summary>A command with a text, which may have been run before with other values.</summary>
    public SqliteCommand Prepared(string text)
    {
        if (prepared.TryGetValue(text, out var command)) return command;
        if (prepared.Count == MostPrepared) Forget();
        command = connection.CreateCommand();
        command.CommandText = text;
        return prepared[text] = command;
    }

    /// <summary>Stops the read that is going on. From any thread.</summary>
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
