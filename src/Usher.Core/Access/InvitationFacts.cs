using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;

namespace Usher.Core.Access;

/// <summary>The part of <see cref="Facts"/> that finds a run of invitations, and the conditions that lists of members share with it. Each is served by an index.</summary>
internal static class InvitationFacts
{
    // Ids are made in order of time, but may run some way ahead of it where many are made at once.
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(1);

    public static string Page(UsherDb db, InvitationPage page, Func<object, string> parameter)
    {
        var (filter, beyond) = (page.Filter, page.Descending ? "<" : ">");
        var (columns, order) = page.Order switch
        {
            InvitationOrder.Created => ("i.id", "i.id"),
            InvitationOrder.Expires => ("(i.expires_at, i.id)", "i.expires_at, i.id"),
            InvitationOrder.Email => ("(m.identifier, i.id)", "m.identifier, i.id"),
        };
        var sql = "SELECT i.id, i.member_id, i.status FROM invitations i JOIN members m ON m.organization_id = {0} AND m.id = i.member_id WHERE i.organization_id = {0}";
        if (page.AfterId is { } id) sql += page.Order is InvitationOrder.Created ? $" AND i.id {beyond} {parameter(id)}" : $" AND {columns} {beyond} ({parameter(page.After!)}, {parameter(id)})";
        sql += Where(filter, page.Now, parameter);
        return Facts.AtMost(db, $"{sql} ORDER BY {(page.Descending ? order.Replace(",", " DESC,", StringComparison.Ordinal) + " DESC" : order)}", parameter(page.Limit));
    }

    /// <summary>How many of an organization's invitations a filter lets through.</summary>
    public static async Task<int> CountAsync(UsherDb db, Guid organization, InvitationFilter filter, DateTimeOffset now, CancellationToken ct)
    {
        List<object> parameters = [db.Raw(organization)];
        var where = Where(filter, now, value =>
        {
            parameters.Add(db.RawValue(value));
            return $"{{{parameters.Count - 1}}}";
        });
        var sql = $$"""SELECT count(*) AS "Value" FROM invitations i JOIN members m ON m.organization_id = {0} AND m.id = i.member_id WHERE i.organization_id = {0}{{where}}""";
        return (int)await db.Database.SqlQueryRaw<long>(sql, [.. parameters]).SingleAsync(ct);
    }

    /// <summary>What a filter asks of <c>i</c>, an invitation, and <c>m</c>, its member.</summary>
    public static string Where(InvitationFilter filter, DateTimeOffset now, Func<object, string> parameter)
    {
        var sql = "";
        if (filter.States is [_, ..]) sql += $" AND ({string.Join(" OR ", filter.States.Distinct().Select(State))})";
        if (filter.SponsorId is { } sponsor) sql += $" AND i.sponsor_id = {parameter(sponsor)}";
        if (filter.CreatedFrom is { } from) sql += $" AND i.id >= {parameter(Uuid.Floor(from))} AND i.created_at >= {parameter(from)}";
        if (filter.CreatedTo is { } to) sql += $" AND i.id < {parameter(Uuid.Floor(to + Ahead))} AND i.created_at < {parameter(to)}";
        if (filter.Blocked is { } blocked) sql += blocked ? " AND i.blocked_at IS NOT NULL AND i.status = 'pending'" : " AND i.blocked_at IS NULL";
        if (filter.Before is { } id) sql += $" AND i.id < {parameter(id)}";
        if (filter.ExpiresFrom is { } first) sql += $" AND i.expires_at >= {parameter(first)}";
        if (filter.ExpiresTo is { } last) sql += $" AND i.expires_at < {parameter(last)}";
        if (filter.Role is { } role) sql += $" AND m.role = {parameter(SnakeCaseName.Of(role))}";
        if (filter.GroupId is { } group) sql += InGroup("i.member_id", parameter(group));
        if (filter.RoleId is { } held) sql += HoldsRole("i.member_id", parameter(held));
        if (filter.EmailPrefix is { } prefix) sql += StartsWith(parameter(prefix), parameter(EndOf(prefix)));
        return sql;

        string State(InvitationStatus state) => state switch
        {
            InvitationStatus.Pending => $"(i.status = 'pending' AND i.expires_at > {parameter(now)})",
            InvitationStatus.Expired => $"i.status = 'expired' OR (i.status = 'pending' AND i.expires_at <= {parameter(now)})",
            _ => $"i.status = {parameter(SnakeCaseName.Of(state))}",
        };
    }

    public static string InGroup(string member, string group) =>
        $" AND {member} IN (SELECT gm.member_id FROM group_members gm WHERE gm.organization_id = {{0}} AND gm.group_id = {group} AND gm.granted_at IS NOT NULL)";

    public static string HoldsRole(string member, string role) =>
        $" AND {member} IN (SELECT rm.member_id FROM role_members rm WHERE rm.organization_id = {{0}} AND rm.role_id = {role} AND rm.granted_at IS NOT NULL)";

    /// <summary>By a range, which an index serves; see <see cref="EndOf"/>.</summary>
    public static string StartsWith(string prefix, string end) => $" AND m.identifier >= {prefix} AND m.identifier < {end}";

    /// <summary>What comes after every text that begins so: the last of all characters ends it.</summary>
    public static string EndOf(string prefix) => prefix + char.ConvertFromUtf32(0x10FFFF);
}
