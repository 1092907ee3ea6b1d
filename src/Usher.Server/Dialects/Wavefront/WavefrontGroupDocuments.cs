using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Roles;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// A group in the answers of the group operations. Source: the vendor's operation pages and clients, read 2026-11-22.
/// </summary>
/// <param name="Users">At most 100 of its members.</param>
/// <param name="UserCount">The number of its members.</param>
internal sealed record UserGroupModel(
    string Id, string Name, string Description, string Customer, long CreatedEpochMillis, IReadOnlyList<string> Users,
    int UserCount, GroupProperties Properties,
    int RoleCount, IReadOnlyList<RoleDto> Roles)
{
    public static UserGroupModel From(Group group, AccessGraph graph, string customer)
    {
        var embedded = UserGroup.From(group, graph, customer);
        return new(
            embedded.Id, group.Name, group.Description, customer, group.CreatedAt.ToUnixTimeMilliseconds(),
            graph.SampleOf(group), embedded.UserCount, embedded.Properties,
            embedded.Roles.Count, embedded.Roles);
    }
}

/// <summary>A group inside a role. It omits users and roles: groups and roles would contain each other.</summary>
internal sealed record LinkedGroup(
    string Id, string Name, string Customer, string Description, int UserCount, GroupProperties Properties)
{
    public static LinkedGroup From(Group group, AccessGraph graph, string customer)
    {
        var editable = group.SystemKind is SystemGroup.None;
        return new(
            group.Id.ToString(), group.Name, customer, group.Description, graph.MembersOf(group),
            new(editable, editable, true));
    }
}

/// <summary>A role in the answers of the role operations.</summary>
/// <param name="SampleLinkedGroups">At most 100 of the groups that hold it.</param>
/// <param name="SampleLinkedAccounts">At most 100 of the accounts that hold it directly.</param>
internal sealed record RoleModel(
    string Id, string Name, string Description, string Customer, IReadOnlyList<string> Permissions,
    IReadOnlyList<string> RestrictedPermissions, RoleProperties Properties,
    IReadOnlyList<LinkedGroup> SampleLinkedGroups, int LinkedGroupsCount, IReadOnlyList<string> SampleLinkedAccounts,
    int LinkedAccountsCount,
    long CreatedEpochMillis, long LastUpdatedMs, string LastUpdatedAccountId)
{
    private const int SampleSize = 100;

    public static RoleModel From(Role role, AccessGraph graph, string customer) => From(
        role, customer,
        [
            .. graph.HoldersOf(role).OrderBy(g => g.NameKey, StringComparer.Ordinal).Take(SampleSize)
                .Select(g => LinkedGroup.From(g, graph, customer))],
        graph.GroupsOf(role), graph.SampleOf(role), graph.MembersOf(role));

    /// <summary>A new role, which has no holders yet.</summary>
    public static RoleModel New(Role role, string customer) => From(role, customer, [], 0, [], 0);

    private static RoleModel From(
        Role role, string customer, IReadOnlyList<LinkedGroup> groups, int groupCount, IReadOnlyList<string> accounts,
        int accountCount) =>
        new(
        role.Id.ToString(), role.Name, role.Description, customer, role.Permissions, [],
        new(true, true, true, true, true),
        groups, groupCount, accounts, accountCount, role.CreatedAt.ToUnixTimeMilliseconds(),
        role.UpdatedAt.ToUnixTimeMilliseconds(), role.UpdatedBy);
}
