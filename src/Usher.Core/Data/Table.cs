using System.Text.Json;
using NpgsqlTypes;

namespace Usher.Core.Data;

/// <summary>
/// The mapping for writing rows of one table. Its columns are declared in <see cref="Tables"/>. A test compares every
/// table with the model.
/// </summary>
/// <param name="name">The table's name.</param>
/// <param name="keys">The number of leading columns that are the key.</param>
internal abstract class Table(string name, int keys)
{
    private HashSet<string>? apart;

    /// <summary>The table's name.</summary>
    public string Name => name;

    /// <summary>The type of its rows.</summary>
    public abstract Type RowType { get; }

    /// <summary>The table's position in <see cref="Tables.All"/>. Tables come after those that they refer to.</summary>
    public int Order { get; set; }

    /// <summary>
    /// The concurrency token column, which shows whether a row was changed since it was read. Null if changes are not
    /// guarded.
    /// </summary>
    public string? Token { get; protected set; }

    /// <summary>All columns, in the order of the parameters of <see cref="InsertText"/>.</summary>
    public abstract IReadOnlyList<Column> Columns { get; }

    /// <summary>Returns the rows of other tables that are added with a new row.</summary>
    public abstract IEnumerable<object> ChildrenOf(object row);

    /// <summary>Whether a column is written separately; see <see cref="Table{T}.Apart"/>.</summary>
    public bool IsApart(string column) =>
        (apart ??= [.. Columns.Where(c => c.IsApart).Select(c => c.Name)]).Contains(column);

    public string InsertText => field ??=
        $"INSERT INTO {name} ({List(Columns, (c, _) => c.Name)}) VALUES ({List(Columns, (_, i) => $"${i + 1}")})";

    /// <summary>The statement that updates all columns except the key and the separately written ones.</summary>
    public string UpdateText => field ??= Update(UpdateColumns, Token);

    /// <summary>The statement that updates the separately written columns.</summary>
    public string TouchText => field ??= Update(TouchColumns, token: null);

    public string DeleteText => field ??= $"DELETE FROM {name} WHERE {Where(1, Token)}";

    /// <summary>The statement that sets one column. Its parameters are the value and the key.</summary>
    public string FreeText(string column) => $"UPDATE {name} SET {column} = $1 WHERE {Where(2, token: null)}";

    /// <summary>The columns that an update writes, followed by the key.</summary>
    public IReadOnlyList<Column> UpdateColumns => field ??= WithKey(c => !c.IsApart);

    /// <summary>The separately written columns, followed by the key.</summary>
    public IReadOnlyList<Column> TouchColumns => field ??= WithKey(c => c.IsApart);

    public IReadOnlyList<Column> KeyColumns => field ??= [.. Columns.Take(keys)];

    private Column[] WithKey(Func<Column, bool> written) =>
        [.. Columns.Skip(keys).Where(written), .. Columns.Take(keys)];

    private string Update(IReadOnlyList<Column> columns, string? token)
    {
        var set = columns.SkipLast(keys).ToArray();
        return $"UPDATE {name} SET {List(set, (c, i) => $"{c.Name} = ${i + 1}")} WHERE {Where(set.Length + 1, token)}";
    }

    private string Where(int first, string? token)
    {
        var key = string.Join(" AND ", Columns.Take(keys).Select((c, i) => $"{c.Name} = ${first + i}"));
        return token is null ? key : $"{key} AND {token} = ${first + keys}";
    }

    private static string List(IEnumerable<Column> columns, Func<Column, int, string> text) =>
        string.Join(", ", columns.Select(text));
}

/// <inheritdoc/>
internal sealed class Table<T>(string name, int keys) : Table(name, keys)
    where T : class
{
    private readonly List<Column> columns = [];
    private readonly List<Func<T, IEnumerable<object>>> children = [];

    public override Type RowType => typeof(T);

    public override IReadOnlyList<Column> Columns => columns;

    public override IEnumerable<object> ChildrenOf(object row) => children.SelectMany(of => of((T)row));

    public Table<T> Id(string column, Func<T, Guid> read) => Add(column, NpgsqlDbType.Uuid, read);

    public Table<T> Id(string column, Func<T, Guid?> read) => AddNullable(column, NpgsqlDbType.Uuid, read);

    public Table<T> Text(string column, Func<T, string?> read) => AddReference(column, NpgsqlDbType.Text, read);

    public Table<T> Int(string column, Func<T, int> read) => Add(column, NpgsqlDbType.Integer, read);

    public Table<T> Int(string column, Func<T, int?> read) => AddNullable(column, NpgsqlDbType.Integer, read);

    public Table<T> Long(string column, Func<T, long> read) => Add(column, NpgsqlDbType.Bigint, read);

    public Table<T> Long(string column, Func<T, long?> read) => AddNullable(column, NpgsqlDbType.Bigint, read);

    public Table<T> Flag(string column, Func<T, bool> read) => Add(column, NpgsqlDbType.Boolean, read);

    public Table<T> Instant(string column, Func<T, DateTimeOffset> read) => Add(column, NpgsqlDbType.TimestampTz, read);

    public Table<T> Instant(string column, Func<T, DateTimeOffset?> read) =>
        AddNullable(column, NpgsqlDbType.TimestampTz, read);

    public Table<T> Bytes(string column, Func<T, byte[]?> read) => AddReference(column, NpgsqlDbType.Bytea, read);

    /// <summary>Adds an enum column, stored as the snake_case name.</summary>
    public Table<T> Enum<TEnum>(string column, Func<T, TEnum> read)
        where TEnum : struct, System.Enum => Text(column, row => SnakeCaseName.Of(read(row)));

    /// <summary>Adds a dictionary column, stored as JSON.</summary>
    public Table<T> Json<TValue>(string column, Func<T, Dictionary<string, TValue>?> read) =>
        Text(
            column,
            row => read(row) is { } value ? JsonSerializer.Serialize(value, JsonSerializerOptions.Default) : null);

    /// <summary>Adds a column with a list of texts: an array on PostgreSQL, JSON on SQLite.</summary>
    public Table<T> Texts(string column, Func<T, List<string>> read) =>
        AddReference(column, NpgsqlDbType.Array | NpgsqlDbType.Text, read);

    /// <summary>Adds the version column of an <see cref="IVersioned"/> as the concurrency token.</summary>
    public Table<T> Version()
    {
        Token = "version";
        return Int(Token, row => ((IVersioned)row).Version);
    }

    /// <summary>Makes the last column the concurrency token.</summary>
    public Table<T> Guards()
    {
        Token = columns[^1].Name;
        return this;
    }

    /// <summary>
    /// Marks the last column as separately written: it is written by the insert and later by its own statement, without
    /// checking the concurrency token.
    /// </summary>
    public Table<T> Apart()
    {
        columns[^1].IsApart = true;
        return this;
    }

    /// <summary>Declares rows of other tables that are added with a new row.</summary>
    public Table<T> With(Func<T, IEnumerable<object>> of)
    {
        children.Add(of);
        return this;
    }

    private Table<T> Add<TValue>(string column, NpgsqlDbType type, Func<T, TValue> read)
        where TValue : struct
    {
        columns.Add(new Column<T, TValue>(column, type, null, read));
        return this;
    }

    private Table<T> AddNullable<TValue>(string column, NpgsqlDbType type, Func<T, TValue?> read)
        where TValue : struct
    {
        columns.Add(new Column<T, TValue>(column, type, row => read(row) is null, row => read(row)!.Value));
        return this;
    }

    private Table<T> AddReference<TValue>(string column, NpgsqlDbType type, Func<T, TValue?> read)
        where TValue : class
    {
        columns.Add(new Column<T, TValue>(column, type, row => read(row) is null, row => read(row)!));
        return this;
    }
}
