using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>The result of one read of members.</summary>
/// <param name="Stamp">The organization's <see cref="Organizations.Organization.DefinitionsStamp"/>; null if there is
/// no such organization.</param>
/// <param name="SeatsUsed">The organization's seats in use.</param>
/// <param name="Total">The number of members that match the page's filter, if the query asked for it.</param>
/// <param name="Members">The members, each with its levels.</param>
/// <param name="Invitations">The page of invitations if the query asked for one, otherwise the members' open
/// invitations.</param>
internal sealed record MemberRows(
    Guid? Stamp, int SeatsUsed, int Total, IReadOnlyList<Member> Members, IReadOnlyList<Invitation> Invitations);

/// <summary>
/// The hot read of members. One statement reads the organization's stamp and members with their grants, levels and open
/// invitations. A read by keys uses one constant SQL text; the SQL text of a page depends on its filter. Each condition
/// names the columns of the intended index, so that the query plan does not depend on statistics.
/// </summary>
internal static class MemberRead
{
    // Every row starts with the organization's columns, then the member's. Without a member, the member's id is null.
    private const int First = 3;
    private const int Levels = First + Member.ColumnCount;
    private const int FirstOfInvitation = Levels + 1;

    private static readonly SqlText ByKeys = new();

    private const string LevelsOnSqlite = """
        CASE WHEN m.has_levels THEN (SELECT json_group_array(json_array(lower(hex(a.id)), lower(hex(a.resource_id)),
            a.level,
            json(a.capabilities), lower(hex(a.granted_by)), a.granted_at))
            FROM resource_access a WHERE a.organization_id = m.organization_id AND a.member_id = m.id) END
        """;

    private const string LevelsOnPostgres = """
        CASE WHEN m.has_levels THEN (SELECT json_agg(json_build_array(a.id, a.resource_id, a.level, a.capabilities,
            a.granted_by,
            (extract(epoch FROM a.granted_at) * 1000)::bigint))::text
            FROM resource_access a WHERE a.organization_id = m.organization_id AND a.member_id = m.id) END
        """;

    /// <summary>Reads a page of members, a page of invitations, or members by key, as the query asks.</summary>
    public static Task<MemberRows> ReadAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var sql = query is { Page: null, Invitations: null }
            ? ByKeys.Make(db.IsSqlite, s => AddKeys(s, query))
            : new Sql(db.IsSqlite);
        if (query.Page is { } page) AddPage(sql, query.OrganizationId, page, query.Search!);
        else if (query.Invitations is { } run) AddInvitations(sql, query.OrganizationId, run);
        return ReadAsync(db, sql, query.OrganizationId, ct);
    }

    private static void AddKeys(Sql sql, AccessQuery query)
    {
        var organization = query.OrganizationId;
        Begin(sql).Add($"""
            FROM organizations o LEFT JOIN (
                SELECT value AS id FROM {Sql.Rows(query.MemberIds)}
                UNION SELECT t.id FROM {Sql.Rows(query.Identifiers)}
                    {sql.Each("members", "t")}t.organization_id = {organization}
                        AND t.identifier = l.value{sql.EndEach("t")}
                UNION SELECT t.id FROM {Sql.Rows(query.Numbers)}
                    {sql.Each("members", "t")}t.organization_id = {organization}
                        AND t.number = l.value{sql.EndEach("t")}
                UNION SELECT t.member_id FROM {Sql.Rows(query.InvitationIds)}
                    {sql.Each("invitations", "t")}t.organization_id = {organization}
                        AND t.id = l.value{sql.EndEach("t")}
            ) f ON true
            {sql.EachOrNone("members", "m")}m.organization_id = {organization} AND m.id = f.id{sql.EndEachOrNone("m")}
            """);
        AddOpenInvitation(sql, organization).Add($" WHERE o.id = {organization}");
    }

    private static void AddPage(Sql sql, Guid organization, MemberPage page, MemberSearch search)
    {
        var column = Sql.Raw(page.Order switch
        {
            MemberOrder.Created => "m.id",
            MemberOrder.Identifier => "m.identifier",
            MemberOrder.Number => "m.number",
            MemberOrder.LastSignIn => "coalesce(m.last_sign_in_at, m.created_at)",
        });
        var (beyond, direction) = page.Descending ? (Sql.Raw("<"), Sql.Raw(" DESC")) : (Sql.Raw(">"), Sql.Raw(""));
        if (page.WithTotal)
            Begin(
                sql,
                () =>
                    AddWithin(sql.Add($"(SELECT count(*) FROM members m WHERE "), organization, page.Filter, search)
                        .Add($")"));
        else Begin(sql);
        sql.Add($"FROM organizations o LEFT JOIN (SELECT * FROM (SELECT m.* FROM members m WHERE ");
        AddWithin(sql, organization, page.Filter, search);
        switch (page.After)
        {
            case null: break;
            case Guid id: sql.Add($" AND {column} {beyond} {id}"); break;
            case string identifier: sql.Add($" AND {column} {beyond} {identifier}"); break;
            case long number: sql.Add($" AND {column} {beyond} {number}"); break;
            default: throw new NotSupportedException($"A page cannot begin after a {page.After.GetType().Name}.");
        }

        sql.Add($" ORDER BY {column}{direction}");
        // The id breaks ties, so that all pages use the same order.
        if (page.Order is MemberOrder.LastSignIn) sql.Add($", m.id{direction}");
        sql.Add($" LIMIT {page.Limit}");
        if (page.Offset > 0) sql.Add($" OFFSET {page.Offset}");
        // PostgreSQL estimates that a LIMIT passed as a parameter keeps a tenth of the rows. This constant states the
        // real maximum of a page.
        sql.Add($") page LIMIT {Sql.Raw("1001")}) m ON true ");
        AddOpenInvitation(sql, organization).Add($" WHERE o.id = {organization}");
    }

    private static void AddInvitations(Sql sql, Guid organization, InvitationPage page)
    {
        Begin(sql).Add(
            $"FROM organizations o LEFT JOIN (SELECT * FROM (SELECT i.* FROM invitations i JOIN members m ON "
            + $"m.organization_id = {organization} AND m.id = i.member_id WHERE i.organization_id = {organization}");
        InvitationSearch.AddRun(sql, page);
        sql.Add(
            $") page LIMIT {Sql.Raw("1001")}) i ON true {sql.EachOrNone("members", "m")}m.organization_id = "
            + $"{organization} AND m.id = i.member_id{sql.EndEachOrNone("m")} WHERE o.id = {organization}");
    }

    private static Sql Begin(Sql sql, Action? total = null)
    {
        sql.Add($"SELECT o.definitions_stamp, o.seats_used, ");
        if (total is null) sql.Add($"0");
        else total();
        var levels = sql.IsSqlite ? LevelsOnSqlite : LevelsOnPostgres;
        return sql.Add($", {Sql.Raw(Member.Columns)}, {Sql.Raw(levels)}, {Sql.Raw(Invitation.Columns)} ");
    }

    private static Sql AddOpenInvitation(Sql sql, Guid organization) => sql.Add($"""
         {sql.EachOrNone("invitations", "i")}i.organization_id = {organization} AND i.member_id = m.id
            AND i.status IN ('pending', 'expired'){sql.EndEachOrNone("i")}
        """);

    // The WHERE conditions for members of an organization that match a filter and are not removed.
    private static Sql AddWithin(Sql sql, Guid organization, MemberFilter filter, MemberSearch search)
    {
        sql.Add($"m.organization_id = {organization} AND m.status <> 'removed'");
        // The condition lists both kinds when any kind matches. Without it, PostgreSQL would read the index of status
        // and id for the whole organization and sort the result.
        if (filter.Kind is { } kind) sql.Add($" AND m.kind = {kind}");
        else sql.Add($" AND m.kind IN ('person', 'service')");
        if (filter.Status is { } status) sql.Add($" AND m.status = {status}");
        if (filter.Role is { } role) sql.Add($" AND m.role = {role}");
        if (filter.IdentifierPrefix is { } prefix)
            sql.Add($" AND m.identifier >= {prefix} AND m.identifier < {InvitationSearch.EndOf(prefix)}");
        search.AddTo(sql, organization);
        return sql;
    }

    private static async Task<MemberRows> ReadAsync(UsherDb db, Sql sql, Guid organization, CancellationToken ct)
    {
        (Guid? stamp, int seats, int total) = (null, 0, 0);
        Dictionary<Guid, Member> members = [];
        List<Invitation> invitations = [];
        await db.ReadAsync(
            sql, row =>
            {
                (stamp, seats, total) = (row.Id(0), row.Int(1), row.Int(2));
                if (row.IsNull(First)) return false;
                // A page of invitations can contain several invitations of one member.
                if (members.TryAdd(row.Id(First), null!))
                {
                    var member = members[row.Id(First)] = Member.Read(row, First, organization);
                    member.ReadLevels(row.TextOrNull(Levels));
                }

                if (!row.IsNull(FirstOfInvitation))
                    invitations.Add(Invitation.Read(row, FirstOfInvitation, organization));
                return true;
            }, ct);
        return new(stamp, seats, total, [.. members.Values], invitations);
    }
}
