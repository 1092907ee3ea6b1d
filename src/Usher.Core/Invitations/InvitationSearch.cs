using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Core.Invitations;

/// <summary>
/// The SQL conditions and the order of invitation lists. The alias <c>i</c> is the invitation, <c>m</c> its member. An
/// index serves each of them.
/// </summary>
internal static class InvitationSearch
{
    // Ids are ordered by time, but may run ahead of the clock if many are created at once.
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(1);

    /// <summary>Adds the conditions, the order and the limit of a page.</summary>
    public static void AddRun(Sql sql, InvitationPage page)
    {
        var (beyond, direction) = page.Descending ? (Sql.Raw("<"), Sql.Raw(" DESC")) : (Sql.Raw(">"), Sql.Raw(""));
        var column = Sql.Raw(page.Order switch
        {
            InvitationOrder.Created => "i.id",
            InvitationOrder.Expires => "i.expires_at",
            InvitationOrder.Email => "m.identifier",
        });
        if (page.AfterId is { } id)
        {
            if (page.Order is InvitationOrder.Created) sql.Add($" AND i.id {beyond} {id}");
            else if (page.After is DateTimeOffset instant) sql.Add($" AND ({column}, i.id) {beyond} ({instant}, {id})");
            else sql.Add($" AND ({column}, i.id) {beyond} ({(string)page.After!}, {id})");
        }

        AddFilter(sql, page.Filter, page.Now);
        sql.Add($" ORDER BY {column}{direction}");
        if (page.Order is not InvitationOrder.Created) sql.Add($", i.id{direction}");
        sql.Add($" LIMIT {page.Limit}");
    }

    /// <summary>Counts an organization's invitations that match a filter.</summary>
    public static async Task<int> CountAsync(
        UsherDb db, Guid organization, InvitationFilter filter, DateTimeOffset now, CancellationToken ct)
    {
        var sql = new Sql(db.IsSqlite).Add($"""
            SELECT count(*) FROM invitations i JOIN members m ON m.organization_id = {organization}
                AND m.id = i.member_id
            WHERE i.organization_id = {organization}
            """);
        AddFilter(sql, filter, now);
        return (await db.ReadAsync(sql, row => row.Int(0), ct))[0];
    }

    /// <summary>
    /// Returns an upper bound for all texts that start with the prefix: the prefix followed by the highest Unicode code
    /// point.
    /// </summary>
    public static string EndOf(string prefix) => prefix + char.ConvertFromUtf32(0x10FFFF);

    private static void AddFilter(Sql sql, InvitationFilter filter, DateTimeOffset now)
    {
        AddStates(sql, [.. filter.States.Distinct()], now);
        if (filter.SponsorId is { } sponsor) sql.Add($" AND i.sponsor_id = {sponsor}");
        if (filter.CreatedFrom is { } from) sql.Add($" AND i.id >= {Uuid.Floor(from)} AND i.created_at >= {from}");
        if (filter.CreatedTo is { } to) sql.Add($" AND i.id < {Uuid.Floor(to + Ahead)} AND i.created_at < {to}");
        if (filter.Blocked is true) sql.Add($" AND i.blocked_at IS NOT NULL AND i.status = 'pending'");
        if (filter.Blocked is false) sql.Add($" AND i.blocked_at IS NULL");
        if (filter.Before is { } id) sql.Add($" AND i.id < {id}");
        if (filter.ExpiresFrom is { } first) sql.Add($" AND i.expires_at >= {first}");
        if (filter.ExpiresTo is { } last) sql.Add($" AND i.expires_at < {last}");
        if (filter.Role is { } role) sql.Add($" AND m.role = {role}");
        if (filter.GroupId is { } group) MemberSearch.AddHolds(sql, Grant.Group(group));
        if (filter.RoleId is { } held) MemberSearch.AddHolds(sql, Grant.Role(held));
        if (filter.EmailPrefix is { } prefix)
            sql.Add($" AND m.identifier >= {prefix} AND m.identifier < {EndOf(prefix)}");
    }

    private static void AddStates(Sql sql, IReadOnlyList<InvitationStatus> states, DateTimeOffset now)
    {
        if (states is []) return;
        for (var i = 0; i < states.Count; i++)
        {
            sql.Add($"{Sql.Raw(i is 0 ? " AND (" : " OR ")}");
            switch (states[i])
            {
                case InvitationStatus.Pending: sql.Add($"(i.status = 'pending' AND i.expires_at > {now})"); break;
                case InvitationStatus.Expired:
                    sql.Add($"i.status = 'expired' OR (i.status = 'pending' AND i.expires_at <= {now})");
                    break;
                default: sql.Add($"i.status = {states[i]}"); break;
            }
        }

        sql.Add($")");
    }
}
