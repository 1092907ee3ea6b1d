using System.Collections;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Json;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// Every row of one organization, whichever tables the model has, and every user and session: to prove that a call
/// changed nothing. For servers on which nothing happens by itself.
/// </summary>
public sealed class OrganizationDigest(UsherApp app, Guid organization)
{
    private HashSet<string> last = [];

    /// <summary>Every UUID in the organization's rows, and how Conformity writes it.</summary>
    public List<string> Ids
    {
        get
        {
            HashSet<Guid> ids = [];
            foreach (var value in last.Where(row => row.StartsWith("own|", StringComparison.Ordinal))
                    .SelectMany(row => row.Split('|')))
                if (Guid.TryParseExact(value, "D", out var id) && id != Guid.Empty) ids.Add(id);
            return [.. ids.Select(id => id.ToString()), .. ids.Select(ShortId.Of)];
        }
    }

    /// <summary>The rows that came or went between the last two times that this was asked. A changed row did both.
    /// </summary>
    public IReadOnlyCollection<string> Difference { get; private set; } = [];

    /// <summary>Whether all is as it was when this was asked last.</summary>
    public async Task<bool> IsUnchangedAsync()
    {
        var rows = await app.QueryAsync(async db =>
        {
            HashSet<string> rows = [];
            await db.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
            await using var command = db.Database.GetDbConnection().CreateCommand();
            var tables = Tables(db);
            command.CommandText = string.Join(' ', tables.Select(t => t.Sql));
            var id = command.CreateParameter();
            (id.ParameterName, id.Value) = ("organization", db.Raw(organization));
            command.Parameters.Add(id);
            await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
            var values = new object[100];
            foreach (var (name, _) in tables)
            {
                while (await reader.ReadAsync(TestContext.Current.CancellationToken))
                    rows.Add($"{name}|{string.Join('|', values.Take(reader.GetValues(values)).Select(Text))}");
                await reader.NextResultAsync(TestContext.Current.CancellationToken);
            }

            return rows;
        });
        Difference = [.. last.Except(rows), .. rows.Except(last)];
        last = rows;
        return Difference.Count is 0;
    }

    // Of the global tables those that no other organization's doings touch.
    private static List<(string Name, string Sql)> Tables(UsherDb db)
    {
        List<(string Name, string Sql)> tables = [];
        foreach (var entity in db.Model.GetEntityTypes()
                .Where(e => e.GetTableName() is not null && !e.IsMappedToJson()))
        {
            var table = entity.GetTableName();
            var key = entity.ClrType == typeof(Organization)
                ? entity.FindProperty(nameof(Organization.Id))
                : entity.FindProperty("OrganizationId");
            // Only ever added to, and by far the most rows: their number says enough.
            var what = entity.ClrType == typeof(UsherEvent) ? "count(*)" : "*";
            if (key is not null)
                tables.Add(
                    ($"own|{table}", $"SELECT {what} FROM {table} WHERE {key.GetColumnName()} = @organization;"));
            else if (entity.ClrType == typeof(User)
                    || entity.ClrType == typeof(Session)) tables.Add((table!, $"SELECT * FROM {table};"));
        }

        return tables;
    }

    private static string Text(object value) => value switch
    {
        byte[] { Length: 16 } id => new Guid(id, bigEndian: true).ToString(), // SQLite's UUIDs
        byte[] bytes => Convert.ToHexString(bytes),
        string text => text,
        IEnumerable many => string.Join(',', many.Cast<object>()),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
