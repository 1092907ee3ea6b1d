using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// A statement whose text is always the same on a database: it is made once, and later only its values are taken.
/// </summary>
internal sealed class SqlText
{
    private string? onSqlite;
    private string? onPostgres;

    /// <summary>The statement with its values.</summary>
    /// <param name="isSqlite">Which database it is for.</param>
    /// <param name="add">Adds all of it.</param>
    public Sql Make(bool isSqlite, Action<Sql> add)
    {
        ref var text = ref isSqlite ? ref onSqlite : ref onPostgres;
        var sql = new Sql(isSqlite, text);
        add(sql);
        text ??= sql.Text;
        return sql;
    }
}

/// <summary>
/// The text of a statement written by hand, with its values. A value in an interpolated text becomes a parameter; text
/// that is to stand as it is comes from <see cref="Raw"/>. Both databases name parameters <c>$1</c>, <c>$2</c>, ….
/// </summary>
/// <param name="isSqlite">Which database it is for.</param>
/// <param name="known">The text, where an earlier statement made the same; only the values are taken then.</param>
internal sealed class Sql(bool isSqlite, string? known = null)
{
    private readonly StringBuilder? text = known is null ? new(1_024) : null;
    private readonly List<object> values = [];

    /// <summary>Which database it is for.</summary>
    public bool IsSqlite => isSqlite;

    /// <summary>The whole text, once it is made.</summary>
    public string Text => known ?? text!.ToString();

    /// <summary>Text that is no value: a constant, a column, a part made by another method.</summary>
    public readonly record struct Part(string Text);

    /// <summary>A list as one parameter, so that the statement stays the same whatever its length.</summary>
    public readonly record struct Many(object Values, string Alias);

    public static Part Raw(string text) => new(text);

    /// <summary>The elements of a list, in FROM: a table with the one column <c>value</c>.</summary>
    public static Many Rows(IEnumerable<Guid> ids, string alias = "l") => new(ids.ToArray(), alias);

    /// <inheritdoc cref="Rows(IEnumerable{Guid}, string)"/>
    public static Many Rows(IEnumerable<string> texts, string alias = "l") => new(texts.ToArray(), alias);

    /// <inheritdoc cref="Rows(IEnumerable{Guid}, string)"/>
    public static Many Rows(IEnumerable<long> numbers, string alias = "l") => new(numbers.ToArray(), alias);

    /// <summary>
    /// Begins a join: for each row of what stands before, the rows of a table of which a condition holds. PostgreSQL is
    /// given a subquery for each row, which <c>OFFSET 0</c> keeps as one; it would begin with the side that it believes
    /// to be smaller, by old counts.
    /// </summary>
    public Part Each(string table, string alias) => text is null ? default : new(
        isSqlite ? $"CROSS JOIN {table} {alias} ON (" : $"CROSS JOIN LATERAL (SELECT * FROM {table} {alias} WHERE ");

    /// <summary>Ends what <see cref="Each"/> began.</summary>
    public Part EndEach(string alias) => text is null ? default : new(isSqlite ? ")" : $" OFFSET 0) {alias}");

    /// <summary>The same, with a row of nothing where the condition holds for none.</summary>
    public Part EachOrNone(string table, string alias) => text is null ? default : new(
        isSqlite ? $"LEFT JOIN {table} {alias} ON (" : $"LEFT JOIN LATERAL (SELECT * FROM {table} {alias} WHERE ");

    /// <summary>Ends what <see cref="EachOrNone"/> began.</summary>
    public Part EndEachOrNone(string alias) =>
        text is null ? default : new(isSqlite ? ")" : $" OFFSET 0) {alias} ON true");

    /// <summary>Adds a piece of the statement.</summary>
    public Sql Add([InterpolatedStringHandlerArgument("")] Handler piece)
    {
        _ = piece;
        return this;
    }

    /// <summary>A command with the text and the values.</summary>
    public DbCommand ToCommand(DbConnection connection)
    {
        var command = connection.CreateCommand();
        command.CommandText = Text;
        for (var i = 0; i < values.Count; i++)
        {
            command.Parameters.Add(isSqlite
                ? new SqliteParameter("$" + (i + 1).ToString(CultureInfo.InvariantCulture), values[i])
                : new NpgsqlParameter { Value = values[i] });
        }

        return command;
    }

    private void AddParameter(object value)
    {
        values.Add(value);
        text?.Append(CultureInfo.InvariantCulture, $"${values.Count}");
    }

    private void AddList(Many list)
    {
        if (isSqlite)
        {
            var (element, json) = list.Values switch
            {
                Guid[] ids =>
                    (
                        "unhex(value) AS value",
                        ids is [] ? "[]" : JsonSerializer.Serialize(ids.Select(id => id.ToString("N")))),
                string[] texts => ("value", texts is [] ? "[]" : JsonSerializer.Serialize(texts)),
                var numbers => ("value", JsonSerializer.Serialize((long[])numbers)),
            };
            text?.Append("(SELECT ").Append(element).Append(" FROM json_each(");
            AddParameter(json);
            text?.Append(")) ").Append(list.Alias);
        }
        else
        {
            text?.Append("unnest(");
            AddParameter(list.Values);
            text?.Append(") ").Append(list.Alias).Append("(value)");
        }
    }

    /// <summary>Makes parameters of the values in an interpolated text.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Handler
    {
        private readonly Sql sql;

        public Handler(int literalLength, int formattedCount, Sql sql)
        {
            _ = (literalLength, formattedCount);
            this.sql = sql;
        }

        public void AppendLiteral(string literal) => sql.text?.Append(literal);

        public void AppendFormatted(Part part) => sql.text?.Append(part.Text);

        public void AppendFormatted(Many list) => sql.AddList(list);

        public void AppendFormatted(string value) => sql.AddParameter(value);

        public void AppendFormatted(int value) => sql.AddParameter(value);

        public void AppendFormatted(long value) => sql.AddParameter(value);

        public void AppendFormatted(bool value) => sql.AddParameter(value);

        public void AppendFormatted(byte[] value) => sql.AddParameter(value);

        public void AppendFormatted(Guid value) =>
            sql.AddParameter(sql.IsSqlite ? value.ToByteArray(bigEndian: true) : value);

        public void AppendFormatted(DateTimeOffset value) =>
            sql.AddParameter(sql.IsSqlite ? value.ToUnixTimeMilliseconds() : value);

        public void AppendFormatted<T>(T value)
            where T : struct, Enum => sql.AddParameter(SnakeCaseName.Of(value));
    }
}
