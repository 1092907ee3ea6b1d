using System.Buffers;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace Usher.Core.Data;

/// <summary>
/// A <see cref="RowStatement"/>, prepared. Its values go to SQLite by their place: the driver looks each up by its name
/// and makes three objects for it.
/// </summary>
internal sealed class SqliteRowStatement : IDisposable
{
    private readonly RowColumn[] columns;
    private readonly sqlite3 database;
    private readonly sqlite3_stmt statement;

    public SqliteRowStatement(SqliteConnection connection, RowStatement row)
    {
        (columns, database) = (row.Columns, connection.Handle!);
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(database, row.Sql, out statement), database);
    }

    /// <exception cref="SqliteException">It was refused.</exception>
    /// <exception cref="DbUpdateConcurrencyException">The row to be changed is gone or was changed
    /// meanwhile.</exception>
    public void Run(RowWrite row)
    {
        try
        {
            for (var i = 0; i < columns.Length; i++) columns[i].Bind(this, i + 1, row.Entity);
            for (var i = 0; i < row.Tokens?.Length; i++) Bind(columns.Length + i + 1, row.Tokens[i]);
            SqliteException.ThrowExceptionForRC(raw.sqlite3_step(statement), database);
            if (row.Tokens is not null && raw.sqlite3_changes(database) is 0)
                throw new DbUpdateConcurrencyException("The row was changed meanwhile.");
        }
        finally
        {
            raw.sqlite3_reset(statement); // tells again what went wrong, if anything did
        }
    }

    public void Dispose() => statement.Dispose();

    public void BindNull(int place) =>
        SqliteException.ThrowExceptionForRC(raw.sqlite3_bind_null(statement, place), database);

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
