using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// A statement with a constant text for each database. The text is built once; later calls only collect the values.
/// </summary>
internal sealed class SqlText
{
    private string? onSqlite;
    private string? onPostgres;

    /// <summary>Creates the statement with its values.</summary>
    /// <param name="isSqlite">Whether it is for SQLite; otherwise for PostgreSQL.</param>
    /// <param name="add">Adds the whole statement.</param>
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
/// A hand-written statement: its text and its values. Values in an interpolated string become parameters. Use
/// <see cref="Raw"/> for literal text. Both databases name parameters <c>$1</c>, <c>$2</c>, ….
/// </summary>
/// <param name="isSqlite">Whether it is for SQLite; otherwise for PostgreSQL.</param>
/// <param name="known">The text, if an earlier statement built the same one. Then only the values are
/// collected.</param>
internal sealed class Sql(bool isSqlite, string? known = null)
{
    private readonly StringBuilder? text = known is null ? new(1_024) : null;
    private readonly List<object> values = [];

    /// <summary>Whether it is for SQLite; otherwise for PostgreSQL.</summary>
    public bool IsSqlite => isSqlite;

    /// <summary>The complete text. Valid after everything was added.</summary>
    public string Text => known ?? text!.ToString();

    /// <summary>The values in the order of the parameters.</summary>
    public IReadOnlyList<object> Values => values;

    /// <summary>Literal text: a constant, a column, or a part built by another method.</summary>
    public readonly record struct Part(string Text);

    /// <summary>A list as one parameter, so that the statement's text does not depend on its length.</summary>
    public readonly record struct Many(object Values, string Alias);

    /// <summary>Rows with several columns as one parameter.</summary>
    public readonly record struct Records(
        IReadOnlyList<object?[]> Values, string Alias, (string Name, string Type)[] Columns);

    public static Part Raw(string text) => new(text);

    /// <summary>The elements of a list for use in FROM: a table with the single column <c>value</c>.</summary>
    public static Many Rows(IEnumerable<Guid> ids, string alias = "l") => new(ids.ToArray(), alias);

    /// <inheritdoc cref="Rows(IEnumerable{Guid}, string)"/>
    public static Many Rows(IEnumerable<string> texts, string alias = "l") => new(texts.ToArray(), alias);

    /// <inheritdoc cref="Rows(IEnumerable{Guid}, string)"/>
    public static Many Rows(IEnumerable<long> numbers, string alias = "l") => new(numbers.ToArray(), alias);

    /// <summary>Rows with several columns, for use in FROM.</summary>
    /// <param name="rows">The values of each row, in the order of the columns.</param>
    /// <param name="alias">The table's name in the statement.</param>
    /// <param name="columns">Each column's name and its type on PostgreSQL: uuid, text, integer or
    /// timestamptz.</param>
    public static Records Rows(
        IEnumerable<object?[]> rows, string alias, params (string Name, string Type)[] columns) =>
        new([.. rows], alias, columns);

    /// <summary>
    /// Starts a join that finds, for each preceding row, the rows of a table that match a condition. On PostgreSQL it
    /// is a lateral subquery, which <c>OFFSET 0</c> keeps the planner from merging. Otherwise the planner would start
    /// with the side that it estimates to be smaller, from outdated statistics.
    /// </summary>
    public Part Each(string table, string alias) => text is null ? default : new(
        isSqlite ? $"CROSS JOIN {table} {alias} ON (" : $"CROSS JOIN LATERAL (SELECT * FROM {table} {alias} WHERE ");

    /// <summary>Ends the join started by <see cref="Each"/>.</summary>
    public Part EndEach(string alias) => text is null ? default : new(isSqlite ? ")" : $" OFFSET 0) {alias}");

    /// <summary>Starts a left join: like <see cref="Each"/>, but with a row of nulls if no row matches.</summary>
    public Part EachOrNone(string table, string alias) => text is null ? default : new(
        isSqlite ? $"LEFT JOIN {table} {alias} ON (" : $"LEFT JOIN LATERAL (SELECT * FROM {table} {alias} WHERE ");

    /// <summary>Ends the join started by <see cref="EachOrNone"/>.</summary>
    public Part EndEachOrNone(string alias) =>
        text is null ? default : new(isSqlite ? ")" : $" OFFSET 0) {alias} ON true");

    /// <summary>Appends to the statement.</summary>
    public Sql Add([InterpolatedStringHandlerArgument("")] Handler piece)
    {
        _ = piece;
        return this;
    }

    /// <summary>Creates a command with the text and the values.</summary>
    public DbCommand ToCommand(DbConnection connection)
    {
        var command = connection.CreateCommand();
        command.CommandText = Text;
        if (command is SqliteCommand sqlite) Bind(sqlite);
        else foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    /// <summary>Sets the values of a command with this text. The command may have been run before.</summary>
    public void Bind(SqliteCommand command)
    {
        for (var i = 0; i < values.Count; i++)
        {
            if (i == command.Parameters.Count)
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
            command.Parameters[i].Value = values[i];
        }
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

    private void AddRecords(Records records)
    {
        var columns = records.Columns.Select((column, i) => isSqlite
            ? $"{(column.Type is "uuid" ? $"unhex(value ->> {i})" : $"value ->> {i}")} AS {column.Name}"
            : $"(value ->> {i})::{column.Type} AS {column.Name}");
        text?.Append("(SELECT ").AppendJoin(", ", columns)
            .Append(isSqlite ? " FROM json_each(" : " FROM json_array_elements(");
        AddParameter(JsonSerializer.Serialize(records.Values.Select(row => row.Select(InJson))));
        text?.Append(isSqlite ? ")) " : "::json)) ").Append(records.Alias);
    }

    private object? InJson(object? value) => value switch
    {
        Guid id => id.ToString("N"),
        DateTimeOffset instant when isSqlite => instant.ToUnixTimeMilliseconds(),
        _ => value,
    };

    /// <summary>Converts the values in an interpolated string to parameters.</summary>
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

        public void AppendFormatted(Records records) => sql.AddRecords(records);

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
