using System.Buffers;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Usher.Core.Data;

/// <summary>The INSERT of one table, prepared. Its values go to SQLite by their place: the driver looks each up by its name and makes three objects for it.</summary>
internal sealed class SqliteInsert : IDisposable
{
    private readonly InsertTable table;
    private readonly sqlite3 database;
    private readonly sqlite3_stmt statement;

    public SqliteInsert(SqliteConnection connection, InsertTable table)
    {
        (this.table, database) = (table, connection.Handle!);
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(database, table.Sql, out statement), database);
    }

    /// <exception cref="SqliteException">It was refused.</exception>
    public void Run(object entity)
    {
        try
        {
            for (var i = 0; i < table.Columns.Length; i++) table.Columns[i].Bind(this, i + 1, entity);
            SqliteException.ThrowExceptionForRC(raw.sqlite3_step(statement), database);
        }
        finally
        {
            raw.sqlite3_reset(statement); // tells again what went wrong, if anything did
        }
    }

    public void Dispose() => statement.Dispose();

    public void BindNull(int place) => SqliteException.ThrowExceptionForRC(raw.sqlite3_bind_null(statement, place), database);

    /// <summary>A value as the model stores it; of a type that is a number or 16 bytes to SQLite, itself.</summary>
    public void Bind<T>(int place, T value) => SqliteException.ThrowExceptionForRC(value switch
    {
        string text => BindText(place, text),
        byte[] { Length: 0 } => raw.sqlite3_bind_zeroblob(statement, place, 0),
        byte[] bytes => raw.sqlite3_bind_blob(statement, place, bytes),
        Guid id => BindId(place, id),
        DateTimeOffset instant => raw.sqlite3_bind_int64(statement, place, instant.ToUnixTimeMilliseconds()),
        long number => raw.sqlite3_bind_int64(statement, place, number),
        int number => raw.sqlite3_bind_int(statement, place, number),
        bool flag => raw.sqlite3_bind_int(statement, place, flag ? 1 : 0),
        _ => throw new NotSupportedException($"A column of {typeof(T)} is not written here."),
    }, database);

    private int BindId(int place, Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return raw.sqlite3_bind_blob(statement, place, bytes);
    }

    private int BindText(int place, string text)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            return raw.sqlite3_bind_text(statement, place, buffer.AsSpan(0, Encoding.UTF8.GetBytes(text, buffer)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
