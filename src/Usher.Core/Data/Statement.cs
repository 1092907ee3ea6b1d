using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace Usher.Core.Data;

/// <summary>
/// A read written by hand and made ready once: what is left for each run is its values and its rows. It runs as EF's own commands do, on the context's
/// connection and in its transaction, seen by the same interceptors and logs.
/// <para>
/// In its text <c>CROSS JOIN table t ON (…)</c> says: for each row of what stands before, the table's rows of which that holds. SQLite, which keeps no statistics,
/// takes it so. PostgreSQL would begin with the side it believes to be smaller, by counts that are out of date while an organization is being filled, and would read all
/// of it; it is given a subquery for each row, which <c>OFFSET 0</c> keeps as one.
/// </para>
/// </summary>
internal sealed partial class Statement
{
    private static readonly string[] Names = [.. Enumerable.Range(0, 64).Select(NameOf)];

    private readonly IRelationalCommand template;

    private Statement(IRelationalCommand template) => this.template = template;

    /// <param name="db">Any context of the database.</param>
    /// <param name="sql">With {0}, {1}, … for its parameters, and braces doubled.</param>
    /// <param name="values">Of its first run: later ones are of the same types.</param>
    public static Statement Create(UsherDb db, string sql, IReadOnlyList<object> values)
    {
        var mappings = db.GetService<IRelationalTypeMappingSource>();
        var builder = db.GetService<IRelationalCommandBuilderFactory>().Create();
        if (!db.IsSqlite) sql = ForEachRow.Replace(sql, "CROSS JOIN LATERAL (SELECT * FROM ${table} ${alias} WHERE ${where} OFFSET 0) ${alias}");
        builder.Append(string.Format(CultureInfo.InvariantCulture, sql, [.. values.Select((_, i) => "@" + Name(i))]));
        for (var i = 0; i < values.Count; i++) builder.AddParameter(Name(i), "@" + Name(i), mappings.GetMappingForValue(values[i]), nullable: false);
        return new(builder.Build());
    }

    /// <summary>All rows. One round trip.</summary>
    public async Task<List<T>> ReadAsync<T>(UsherDb db, IReadOnlyList<object> values, Func<ResultRow, T> read, CancellationToken ct)
    {
        Dictionary<string, object?> parameters = new(values.Count);
        for (var i = 0; i < values.Count; i++) parameters.Add(Name(i), values[i]);

        var connection = db.GetService<IRelationalConnection>();
        var command = connection.RentCommand();
        command.PopulateFrom(template);
        List<T> rows = [];
        await using (var reader = await command.ExecuteReaderAsync(
            new(connection, parameters, null, db, db.GetService<IRelationalCommandDiagnosticsLogger>(), CommandSource.FromSqlQuery), ct))
        {
            var data = reader.DbDataReader;
            var row = ResultRow.Of(data);
            while (await data.ReadAsync(ct)) rows.Add(read(row));
        }

        connection.ReturnCommand(command);
        return rows;
    }

    // What is in the parentheses may have some of its own, two deep.
    [GeneratedRegex(@"CROSS JOIN (?<table>\w+) (?<alias>\w+)\s+ON \((?<where>([^()]|\(([^()]|\([^()]*\))*\))*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ForEachRow { get; }

    private static string Name(int index) => index < Names.Length ? Names[index] : NameOf(index);

    private static string NameOf(int index) => "p" + index.ToString(CultureInfo.InvariantCulture);
}
