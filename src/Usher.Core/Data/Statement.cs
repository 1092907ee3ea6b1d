using System.Data.Common;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace Usher.Core.Data;

/// <summary>
/// A read written by hand and made ready once: what is left for each run is its values and its rows. It runs as EF's own commands do, on the context's
/// connection and in its transaction, seen by the same interceptors and logs.
/// </summary>
internal sealed class Statement
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
        builder.Append(string.Format(CultureInfo.InvariantCulture, sql, [.. values.Select((_, i) => "@" + Name(i))]));
        for (var i = 0; i < values.Count; i++) builder.AddParameter(Name(i), "@" + Name(i), mappings.GetMappingForValue(values[i]), nullable: false);
        return new(builder.Build());
    }

    /// <summary>All rows. One round trip.</summary>
    public async Task<List<T>> ReadAsync<T>(UsherDb db, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken ct)
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
            while (await data.ReadAsync(ct)) rows.Add(read(data));
        }

        connection.ReturnCommand(command);
        return rows;
    }

    private static string Name(int index) => index < Names.Length ? Names[index] : NameOf(index);

    private static string NameOf(int index) => "p" + index.ToString(CultureInfo.InvariantCulture);
}
