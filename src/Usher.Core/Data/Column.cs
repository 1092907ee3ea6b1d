using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Usher.Core.Data;

/// <summary>A column of a <see cref="Table"/> and the conversion of its value for both databases.</summary>
/// <param name="name">The column's name.</param>
internal abstract class Column(string name)
{
    /// <summary>The column's name.</summary>
    public string Name => name;

    /// <summary>See <see cref="Table{T}.Apart"/>.</summary>
    public bool IsApart { get; set; }

    /// <summary>The value of a row in the form that SQLite stores.</summary>
    public abstract object Sqlite(object row);

    /// <summary>The value of a row as a PostgreSQL parameter.</summary>
    public abstract NpgsqlParameter Postgres(object row);

    /// <summary>Writes the value of a row into a PostgreSQL COPY.</summary>
    public abstract Task CopyAsync(NpgsqlBinaryImporter copy, object row, CancellationToken ct);
}

/// <inheritdoc cref="Column"/>
/// <param name="name">The column's name.</param>
/// <param name="type">The column's type on PostgreSQL.</param>
/// <param name="isNull">Whether the value of a row is null. A null delegate means that the column is never
/// null.</param>
/// <param name="read">Gets the value of a row. Called only if it is not null.</param>
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
