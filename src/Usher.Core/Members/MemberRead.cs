using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Invitations;

namespace Usher.Core.Members;

/// <summary>What one read of members came to.</summary>
/// <param name="Stamp">The organization's <see cref="Organizations.Organization.DefinitionsStamp"/>; null where there
/// is no such organization.</param>
/// <param name="SeatsUsed">The organization's seats in use.</param>
/// <param name="Total">How many members the page's filter lets through, where that was asked for.</param>
/// <param name="Members">The members, each with its levels.</param>
/// <param name="Invitations">The page of invitations where one was asked for, otherwise the members' open
/// invitations.</param>
internal sealed record MemberRows(
    Guid? Stamp, int SeatsUsed, int Total, IReadOnlyList<Member> Members, IReadOnlyList<Invitation> Invitations);

/// <summary>
/// The hot read: an organization's stamp with some of its members, what they hold, their levels and their open
/// invitation, in one statement. What is searched for by key has one constant text; a page's text depends on its
/// filter. Each row is searched for by an index whose columns its conditions name, one by one: statistics decide
/// nothing.
/// </summary>
internal static class MemberRead
{
    // The organization's columns, in front of the member's on every row. Without a member the row has no id of one.
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

    /// <summary>Reads what a query asks for: a page of members or of invitations, or members by their keys.</summary>
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
        // of two at the same time one comes first, on every page
        if (page.Order is MemberOrder.LastSignIn) sql.Add($", m.id{direction}");
        sql.Add($" LIMIT {page.Limit}");
        if (page.Offset > 0) sql.Add($" OFFSET {page.Offset}");
        // PostgreSQL takes a LIMIT that is a parameter for a tenth of all there is; this one tells it how many a page
        // has at most.
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

    // Live members of an organization that a filter lets through.
    private static Sql AddWithin(Sql sql, Guid organization, MemberFilter filter, MemberSearch search)
    {
        sql.Add($"m.organization_id = {organization} AND m.status <> 'removed'");
        // Where any kind will do, it is asked all the same: PostgreSQL would otherwise read the index of status and id
        // for the whole organization, and sort.
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
                // A page of invitations can have several of one member.
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
