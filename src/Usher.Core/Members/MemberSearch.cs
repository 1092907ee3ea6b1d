using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Organizations;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>
/// The conditions of a <see cref="MemberFilter"/> that go beyond the member's own row, prepared for SQL. The groups and
/// roles that match a condition are determined before the search. The SQL then only looks for members that hold one of
/// them.
/// </summary>
internal sealed class MemberSearch
{
    private readonly MemberFilter filter;
    private readonly OrganizationDefinitions? definitions;
    private readonly IReadOnlySet<Guid> groupsReaching;

    private MemberSearch(
        MemberFilter filter, OrganizationDefinitions? definitions, IReadOnlySet<Guid> groupsReaching) =>
        (this.filter, this.definitions, this.groupsReaching) = (filter, definitions, groupsReaching);

    /// <summary>Whether the organization's groups and roles must be read before a search with this filter.</summary>
    public static bool NeedsDefinitions(MemberFilter filter) =>
        filter.Reaches is not null || filter.Conditions.Any(NeedsDefinitions);

    /// <summary>Prepares a search.</summary>
    /// <param name="filter">The filter to prepare.</param>
    /// <param name="definitions">The groups and roles. May be null if <see cref="NeedsDefinitions(MemberFilter)"/>
    /// returns false.</param>
    /// <param name="groupsReaching">The ids of groups with a level on the resource in
    /// <see cref="MemberFilter.Reaches"/>.</param>
    public static MemberSearch Of(
        MemberFilter filter, OrganizationDefinitions? definitions, IEnumerable<Guid> groupsReaching) =>
        new(filter, definitions, groupsReaching.ToHashSet());

    /// <summary>Adds all conditions on <c>m</c>, the alias of the members table.</summary>
    public void AddTo(Sql sql, Guid organization)
    {
        if (filter.GroupId is { } group) AddHolds(sql, Grant.Group(group));
        if (filter.RoleId is { } role) AddHolds(sql, Grant.Role(role));
        if (filter.Reaches is { } resource) AddReaches(sql, organization, resource);
        foreach (var condition in filter.Conditions)
        {
            sql.Add($" AND {Sql.Raw(condition.Negated ? "NOT " : "")}(");
            AddCondition(sql, condition);
            sql.Add($")");
        }
    }

    /// <summary>
    /// Adds the condition that <c>m</c> holds a group or role directly. The grant rows of a deleted group or role may
    /// still exist; they match nothing.
    /// </summary>
    public static void AddHolds(Sql sql, Grant grant)
    {
        var table = Sql.Raw(grant.Kind is GrantKind.Group ? "groups" : "roles");
        sql.Add($"""
             AND m.id IN (SELECT g.member_id FROM member_grants g WHERE g.organization_id = m.organization_id
                AND g.kind = {grant.Kind} AND g.target = {grant.Target})
             AND EXISTS (SELECT 1 FROM {table} d WHERE d.organization_id = m.organization_id AND d.id = {grant.Id})
            """);
    }

    /// <summary>Adds one condition on <c>m</c>, without its negation.</summary>
    public void AddCondition(Sql sql, MemberCondition condition)
    {
        switch (condition.Field)
        {
            case MemberField.Any:
                AddTexts(sql, "m.identifier", condition);
                foreach (var column in new[] { "lower(m.first_name)", "lower(m.last_name)", "lower(m.description)" })
                    AddTexts(sql.Add($" OR "), column, condition);
                break;
            case MemberField.Identifier: AddTexts(sql, "m.identifier", condition); break;
            case MemberField.Description: AddTexts(sql, "lower(m.description)", condition); break;
            case MemberField.SsoId: AddTexts(sql, "lower(coalesce(m.sso_id, ''))", condition); break;
            case MemberField.LastSignIn: AddTexts(sql, Milliseconds(sql, "m.last_sign_in_at"), condition); break;
            case MemberField.Active:
                AddTexts(sql, "CASE m.status WHEN 'active' THEN 'true' ELSE 'false' END", condition);
                break;
            case MemberField.Permission: AddAnyOf(sql, condition.Permissions.Select(Grant.Permission)); break;
            case MemberField.Group:
                AddInGroups(sql, definitions!.Groups.Values.Where(g => Names(condition, g.NameKey, g.Id)));
                break;
            case MemberField.Role: AddAnyOf(sql, RolesNamed(condition).Select(r => Grant.Role(r.Id))); break;
            case MemberField.EffectiveRole:
                var roles = RolesNamed(condition).Select(r => r.Id).ToHashSet();
                AddAnyOf(sql, roles.Select(Grant.Role));
                AddInGroups(sql.Add($" OR "), definitions!.Groups.Values.Where(g => g.Roles.Any(roles.Contains)));
                break;
            case MemberField.EffectivePermission: AddHoldsPermission(sql, condition); break;
            case MemberField.Key: AddKey(sql, condition); break;
            case MemberField.LastUse:
                var used =
                    $"(SELECT {Milliseconds(sql, "max(k.last_used_at)")} FROM api_keys k WHERE k.organization_id = "
                        + $"m.organization_id AND k.member_id = m.id)";
                AddTexts(sql, used, condition);
                break;
        }
    }

    private static bool NeedsDefinitions(MemberCondition condition) =>
        condition.Field is MemberField.Group or MemberField.Role or MemberField.EffectiveRole
            or MemberField.EffectivePermission;

    private IEnumerable<Role> RolesNamed(MemberCondition condition) =>
        definitions!.Roles.Values.Where(r => Names(condition, r.NameKey, r.Id));

    // Groups and roles match by name or by id in its usual text form.
    private static bool Names(MemberCondition condition, string nameKey, Guid id) =>
        condition.Match.Finds(nameKey, condition.Texts) || condition.Match.Finds(id.ToString(), condition.Texts);

    private void AddHoldsPermission(Sql sql, MemberCondition condition)
    {
        var names = condition.Permissions.ToHashSet(StringComparer.Ordinal);
        var roles = definitions!.Roles.Values.Where(r => r.Permissions.Any(names.Contains)).Select(r => r.Id)
            .ToHashSet();
        var groups = definitions.Groups.Values.Where(
            g =>
                (g.IsAdmin && condition.AdminsHoldIt) || g.Permissions.Any(names.Contains)
                    || g.Roles.Any(roles.Contains));
        sql.Add($"{Sql.Raw(condition.AdminsHoldIt ? "m.role = 'admin'" : "1 = 0")} OR ");
        AddAnyOf(sql, [.. names.Select(Grant.Permission), .. roles.Select(Grant.Role)]);
        AddInGroups(sql.Add($" OR "), groups);
    }

    // The SQL equivalent of EffectiveAccess.Reaches. It is evaluated for each member in the order of the page, because
    // no index covers the members of a built-in role.
    private void AddReaches(Sql sql, Guid organization, Guid resource)
    {
        var some = Sql.Raw(sql.IsSqlite ? "json_array_length(a.capabilities) > 0" : "cardinality(a.capabilities) > 0");
        sql.Add($"""
             AND (m.role IN ('admin', 'power_user', 'read_only') OR m.all_resources
                OR EXISTS (SELECT 1 FROM resource_access a WHERE a.organization_id = {organization}
                    AND a.member_id = m.id
                    AND a.resource_id = {resource} AND (a.level <> 'none' OR {some}))
            """);
        AddInGroups(
            sql.Add($" OR "),
            definitions!.Groups.Values.Where(g => g.IsAdmin || g.AllResources || groupsReaching.Contains(g.Id)));
        sql.Add($")");
    }

    // Matches the members of any of the groups, including system groups.
    private static void AddInGroups(Sql sql, IEnumerable<Group> groups)
    {
        Group[] found = [.. groups];
        if (Array.Exists(found, g => g.SystemKind is SystemGroup.Everyone)) sql.Add($"m.kind = 'person' OR ");
        if (Array.Exists(found, g => g.SystemKind is SystemGroup.ServiceAccounts)) sql.Add($"m.kind = 'service' OR ");
        AddAnyOf(sql, found.Where(g => g.SystemKind is SystemGroup.None).Select(g => Grant.Group(g.Id)));
    }

    // Each grant is looked up together with the member: both are part of the table's key.
    private static void AddAnyOf(Sql sql, IEnumerable<Grant> grants)
    {
        var byKind = grants.GroupBy(g => g.Kind).ToList();
        if (byKind is []) sql.Add($"1 = 0");
        for (var i = 0; i < byKind.Count; i++)
        {
            if (i > 0) sql.Add($" OR ");
            sql.Add($"""
                EXISTS (SELECT 1 FROM {Sql.Rows(byKind[i].Select(g => g.Target))}
                    {sql.Each("member_grants", "g")}g.organization_id = m.organization_id AND g.kind = {byKind[i].Key}
                        AND g.target = l.value AND g.member_id = m.id{sql.EndEach("g")})
                """);
        }
    }

    private static void AddKey(Sql sql, MemberCondition condition)
    {
        (int From, int Length)[] parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)];
        var id = sql.IsSqlite
            ? $"lower({string.Join(" || '-' || ", parts.Select(p => $"substr(hex(k.id), {p.From}, {p.Length})"))})"
            : "k.id::text";
        sql.Add(
            $"EXISTS (SELECT 1 FROM api_keys k WHERE k.organization_id = m.organization_id AND k.member_id = m.id "
            + $"AND (");
        AddTexts(sql, "lower(k.name)", condition);
        AddTexts(sql.Add($" OR "), id, condition);
        sql.Add($"))");
    }

    // All texts are passed as one parameter. SQLite cannot parse a chain of conditions of arbitrary length.
    private static void AddTexts(Sql sql, string expression, MemberCondition condition)
    {
        // Stored texts contain no zero character, and PostgreSQL rejects one in a parameter.
        var texts = Sql.Rows(condition.Texts.Where(text => !text.Contains('\0')).Select(text =>
            text.ToLowerInvariant()));
        var column = Sql.Raw(expression);
        var contains = Sql.Raw(sql.IsSqlite ? "instr" : "strpos");
        _ = condition.Match switch
        {
            TextMatch.Exact => sql.Add($"{column} IN (SELECT value FROM {texts})"),
            TextMatch.StartsWith =>
                sql.Add($"EXISTS (SELECT 1 FROM {texts} WHERE substr({column}, 1, length(l.value)) = l.value)"),
            TextMatch.Contains => sql.Add($"EXISTS (SELECT 1 FROM {texts} WHERE {contains}({column}, l.value) > 0)"),
            TextMatch.Path =>
                sql.Add(
                    $"EXISTS (SELECT 1 FROM {texts} WHERE {column} = l.value OR substr({column}, 1, length(l.value) "
                    + $"+ 1) = l.value || '.')"),
        };
    }

    private static string Milliseconds(Sql sql, string instant) => sql.IsSqlite
        ? $"coalesce(CAST({instant} AS TEXT), '')"
        : $"coalesce((extract(epoch FROM {instant}) * 1000)::bigint::text, '')";
}
