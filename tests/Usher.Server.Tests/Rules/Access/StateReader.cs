using System.Collections;
using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Data;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// Reads a <see cref="State"/> straight from the tables, in one command. The only place here that knows their columns.
/// </summary>
internal sealed class StateReader(AsyncServiceScope scope, DbCommand command) : IAsyncDisposable
{
    private static readonly (string Sql, Action<State, Row> Take)[] Tables =
    [
        ("id, number, identifier, kind, status, role, all_resources, sso_id, user_id, "
            + "first_name, last_name, description, time_zone, locale, metadata, grants FROM members",
            (state, row) => state.Members.Add(row.Id(0), Member(row))),
        ("id, name, description, system_kind, is_admin, all_resources, is_default, grants FROM groups",
            (state, row) => state.Groups.Add(row.Id(0), Group(row))),
        ("id, name, description, grants FROM roles", (state, row) => state.Roles.Add(row.Id(0), Role(row))),
        ("id, name, slug, attributes FROM resources",
            (state, row) => state.Resources.Add(row.Id(0), new(row.Id(0), row.Text(1), row.Text(2), row.Text(3)))),
        ("member_id, group_id, resource_id, level, capabilities FROM resource_access", AddLevel),
        ("id, member_id, name, read_only FROM api_keys",
            (state, row) => state.Keys.Add(row.Id(0), new(row.Id(0), row.Id(1), row.Text(2), row.Flag(3)))),
        ("id, member_id, status, sent_count, expires_at, sponsor_id FROM invitations",
            (state, row) => state.Invitations.Add(row.Id(0), Invitation(row))),
    ];

    private const string SettingsSql =
        "SELECT default_permissions, name, time_zone, external_identity_provider, invitation_lifetime_seconds, "
        + "allowed_email_domains, return_origins FROM organizations WHERE id = @organization;";

    private static readonly string Sql = string.Concat(
        Tables.Select(t => $"SELECT {t.Sql} WHERE organization_id = @organization; ")) + SettingsSql;

    /// <summary>A reader with a connection of its own and its command prepared.</summary>
    public static async Task<StateReader> OpenAsync(UsherApp app, Guid organization)
    {
        var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsherDb>();
        await db.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = Sql;
        var id = command.CreateParameter();
        (id.ParameterName, id.Value) = ("organization", db.Raw(organization));
        command.Parameters.Add(id);
        await command.PrepareAsync(TestContext.Current.CancellationToken);
        return new(scope, command);
    }

    public async Task<State> ReadAsync()
    {
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var (state, row) = (new State(), new Row(reader));
        foreach (var (_, take) in Tables)
        {
            while (await reader.ReadAsync(TestContext.Current.CancellationToken)) take(state, row);
            await reader.NextResultAsync(TestContext.Current.CancellationToken);
        }

        // Ids of deleted groups and roles mean nothing.
        foreach (var member in state.Members.Values)
        {
            member.Groups.RemoveWhere(id => !state.Groups.ContainsKey(id));
            member.Roles.RemoveWhere(id => !state.Roles.ContainsKey(id));
        }

        foreach (var group in state.Groups.Values) group.Roles.RemoveWhere(id => !state.Roles.ContainsKey(id));
        await reader.ReadAsync(TestContext.Current.CancellationToken);
        state.DefaultPermissions.UnionWith(row.Texts(0));
        state.Settings = string.Join('|', Enumerable.Range(1, 6).Select(row.Text));
        return state;
    }

    public async ValueTask DisposeAsync()
    {
        await command.DisposeAsync();
        await scope.DisposeAsync();
    }

    private static MemberRow Member(Row row)
    {
        var user = row.IsNull(8) ? (Guid?)null : row.Id(8);
        var other = string.Join('|', Enumerable.Range(8, 7).Select(row.Text));
        var isPerson = row.Text(3) is "person";
        var member = new MemberRow(
            row.Id(0), row.Number(1), row.Text(2), isPerson, row.Text(4), row.Text(5), row.Flag(6), other)
        {
            SsoId = row.Text(7),
            User = user,
        };
        AddGrants(row.Text(15), member.Permissions, member.Groups, member.Roles);
        return member;
    }

    private static GroupRow Group(Row row)
    {
        var group = new GroupRow(
            row.Id(0), row.Text(1), row.Text(2), row.Text(3), row.Flag(4), row.Flag(5), row.Flag(6));
        AddGrants(row.Text(7), group.Permissions, [], group.Roles);
        return group;
    }

    private static RoleRow Role(Row row)
    {
        var role = new RoleRow(row.Id(0), row.Text(1), row.Text(2));
        AddGrants(row.Text(3), role.Permissions, [], []);
        return role;
    }

    // One entry for each grant: p:name, g:id, r:id.
    private static void AddGrants(
        string text, SortedSet<string> permissions, SortedSet<Guid> groups, SortedSet<Guid> roles)
    {
        foreach (var entry in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            _ = entry[0] switch
            {
                'p' => permissions.Add(entry[2..]),
                'g' => groups.Add(Guid.ParseExact(entry[2..], "N")),
                _ => roles.Add(Guid.ParseExact(entry[2..], "N")),
            };
        }
    }

    private static InvitationRow Invitation(Row row) => new(
        row.Id(0), row.Id(1), row.Text(2), string.Join(' ', row.Text(3), row.Text(4), row.Text(5)));

    private static void AddLevel(State state, Row row)
    {
        var levels = row.IsNull(0) ? state.Groups[row.Id(1)].Levels : state.Members[row.Id(0)].Levels;
        var level = new Level(row.Text(3), string.Join(' ', row.Texts(4).Order(StringComparer.Ordinal)));
        if (!level.IsNone) levels.Add(row.Id(2), level);
    }

    /// <summary>
    /// A row as both databases have it: SQLite keeps UUIDs as bytes, flags as numbers and lists as JSON.
    /// </summary>
    private sealed class Row(DbDataReader reader)
    {
        public bool IsNull(int column) => reader.IsDBNull(column);

        public Guid Id(int column) =>
            reader.GetValue(column) is byte[] bytes ? new(bytes, bigEndian: true) : reader.GetGuid(column);

        public bool Flag(int column) => Convert.ToBoolean(reader.GetValue(column), CultureInfo.InvariantCulture);

        public long Number(int column) => reader.GetInt64(column);

        public string Text(int column) => reader.GetValue(column) switch
        {
            DBNull => "",
            byte[] bytes => Convert.ToHexString(bytes),
            string text => text,
            IEnumerable many => string.Join(',', many.Cast<object>()),
            var other => Convert.ToString(other, CultureInfo.InvariantCulture)!,
        };

        public IEnumerable<string> Texts(int column) => reader.GetValue(column) switch
        {
            string json => JsonSerializer.Deserialize<string[]>(json)!,
            var many => (IEnumerable<string>)many,
        };
    }
}
