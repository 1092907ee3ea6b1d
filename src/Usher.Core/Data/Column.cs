using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Usher.Core.Data;

/// <summary>A column of a <see cref="Table"/>, and how both databases are given its value.</summary>
/// <param name="name">The column's name.</param>
internal abstract class Column(string name)
{
    /// <summary>The column's name.</summary>
    public string Name => name;

    /// <summary>See <see cref="Table{T}.Apart"/>.</summary>
    public bool IsApart { get; set; }

    /// <summary>The value of a row as SQLite stores it.</summary>
    public abstract object Sqlite(object row);

    /// <summary>The value of a row as a parameter on PostgreSQL.</summary>
    public abstract NpgsqlParameter Postgres(object row);

    /// <summary>The same into a COPY.</summary>
    public abstract Task CopyAsync(NpgsqlBinaryImporter copy, object row, CancellationToken ct);
}

/// <inheritdoc cref="Column"/>
/// <param name="name">The column's name.</param>
/// <param name="type">Its type on PostgreSQL.</param>
/// <param name="isNull">Whether a row has no value there; null where every row has one.</param>
/// <param name="read">The value of a row that has one.</param>
internal sealed class Column<T, TValue>(string name, NpgsqlDbType type, Func<T, bool>? isNull, Func<T, TValue> read)
    : Column(name)
    where T : class
{
    public override object Sqlite(object row) => IsNull(row) ? DBNull.Value : read((T)row) switch
    {
        Guid id => id.ToByteArray(bigEndian: true),
        DateTimeOffset instant => instant.ToUnixTimeMilliseconds(),
        List<string> texts => JsonSerializer.Serialize(texts),
        var value => value!,
    };

    public override NpgsqlParameter Postgres(object row) => IsNull(row)
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = type }
        : new NpgsqlParameter<TValue> { TypedValue = read((T)row), NpgsqlDbType = type };

    public override Task CopyAsync(NpgsqlBinaryImporter copy, object row, CancellationToken ct) =>
        IsNull(row) ? copy.WriteNullAsync(ct) : copy.WriteAsync(read((T)row), type, ct);

    private bool IsNull(object row) => isNull is not null && isNull((T)row);
}
