using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Core.Access;

/// <summary>The kind of one step in an explanation.</summary>
public enum AccessStepKind
{
    /// <summary>The member's own built-in role, by name.</summary>
    BuiltInRole,

    /// <summary>A group that the member was added to.</summary>
    Group,

    /// <summary>The system group of all persons. Membership is implicit.</summary>
    Everyone,

    /// <summary>The system group of all service accounts. Membership is implicit.</summary>
    ServiceAccounts,

    /// <summary>A role of the organization, held by the member or by the group of the previous step.</summary>
    Role,

    /// <summary>A permission of the member, of the group or of the role.</summary>
    Permission,

    /// <summary>The group's members are administrators.</summary>
    Admin,

    /// <summary>Full access to every resource, for the member or for the group's members.</summary>
    AllResources,

    /// <summary>A level on one resource, for the member or for the group's members.</summary>
    Level,
}

/// <summary>The actor that granted something, and the time.</summary>
/// <param name="By">The actor's id; all zeros for the system.</param>
/// <param name="Name">The actor's current name; null for an operator whose API key was deleted.</param>
/// <param name="At">The time of the grant; null if it has been set since creation.</param>
public sealed record Granted(Guid By, string? Name, DateTimeOffset? At);

/// <summary>One step in the chain from a member to what it holds.</summary>
/// <param name="Kind">The kind of step.</param>
/// <param name="SubjectId">The id of the group, role or resource; null for the other kinds.</param>
/// <param name="SubjectName">The name of the group, role, resource, built-in role or permission; null for kinds without
/// a subject.</param>
/// <param name="Granted">The actor and time of the grant; null for implicit steps.</param>
public sealed record AccessStep(AccessStepKind Kind, Guid? SubjectId, string? SubjectName, Granted? Granted)
{
    /// <summary>The access that a level grants; null for the other kinds.</summary>
    public Reach? Reach { get; init; }
}

/// <summary>
/// A chain from a member to something it holds. For example: the member is in a group, the group holds a role, the role
/// has a permission.
/// </summary>
/// <param name="Steps">The steps. The last step grants the access; the steps before it lead there.</param>
/// <param name="Gives">The access that this path grants by itself.</param>
public sealed record AccessPath(IReadOnlyList<AccessStep> Steps, EffectiveAccess Gives)
{
    internal AccessPath Behind(AccessStep step) => this with { Steps = [step, .. Steps] };
}

/// <summary>
/// Lists the grants that give members their access. The access of all paths of a member combined equals
/// <see cref="AccessGraph.Of(Member)"/>.
/// </summary>
/// <param name="graph">The members, with everything that <see cref="AccessGraph"/> reads about them.</param>
/// <param name="granters">The names of granting actors that are not in the graph; see <see cref="Granters"/>.</param>
public sealed class Explanation(AccessGraph graph, IReadOnlyDictionary<Guid, string> granters)
{
    // A group's paths are the same for all its members.
    private readonly Dictionary<Guid, List<AccessPath>> byGroup = [];

    /// <summary>
    /// Every path that grants a part of what is asked. The member's own paths come first, then those of the system
    /// group, then those of the other groups by name.
    /// </summary>
    /// <param name="member">A member of the graph.</param>
    /// <param name="asked">Selects a path by the access it grants by itself.</param>
    public IEnumerable<AccessPath> Of(Member member, Func<EffectiveAccess, bool> asked)
    {
        foreach (var path in Own(member))
            if (asked(path.Gives)) yield return path;
        foreach (var (step, group) in Places(member))
            foreach (var path in Of(group))
                if (asked(path.Gives)) yield return path.Behind(step);
    }

    private IEnumerable<AccessPath> Own(Member member)
    {
        if (member.Role is not BuiltInRole.User)
        {
            var role = SnakeCaseName.Of(member.Role);
            yield return Path(
                new(AccessStepKind.BuiltInRole, null, role, By(member.RoleGrantedBy, member.RoleGrantedAt)),
                gives => gives.Add(member.Role));
        }

        if (member.AllResources) yield return AllResources(member.AllResourcesGrantedBy, member.AllResourcesGrantedAt);
        foreach (var path in Permissions(member.Grants, member.GrantLog).Concat(Levels(member.Levels))
                .Concat(Roles(member.Grants, member.GrantLog)))
            yield return path;
    }

    private IEnumerable<(AccessStep Step, Group Group)> Places(Member member)
    {
        var implied = member.Kind is MemberKind.Person ? AccessStepKind.Everyone : AccessStepKind.ServiceAccounts;
        foreach (var group in graph.Implied(member.Kind))
            yield return (new(implied, group.Id, group.Name, null), group);
        foreach (var group in member.Groups.Select(graph.Group).OfType<Group>().OrderBy(g => g.NameKey, Text.KeyOrder))
            yield return (
                new(AccessStepKind.Group, group.Id, group.Name, By(member.GrantLog[Grant.Group(group.Id)])), group);
    }

    private List<AccessPath> Of(Group group)
    {
        if (byGroup.TryGetValue(group.Id, out var known)) return known;
        List<AccessPath> paths = [];
        if (group.IsAdmin)
            paths.Add(Path(
                new(AccessStepKind.Admin, null, null, By(group.IsAdminGrantedBy, group.IsAdminGrantedAt)),
                gives => gives.AddAdmin(true)));
        if (group.AllResources) paths.Add(AllResources(group.AllResourcesGrantedBy, group.AllResourcesGrantedAt));
        paths.AddRange(
            [
                .. Permissions(group.Grants, group.GrantLog), .. Levels(graph.LevelsOf(group)),
                .. Roles(group.Grants, group.GrantLog),
            ]);
        return byGroup[group.Id] = paths;
    }

    private AccessPath AllResources(Guid by, DateTimeOffset? at) =>
        Path(new(AccessStepKind.AllResources, null, null, By(by, at)), gives => gives.AddEverywhere(AccessLevel.Full));

    private IEnumerable<AccessPath> Permissions(Grants grants, GrantLog log) => grants.Permissions.Select(
        name =>
            Path(
                new(AccessStepKind.Permission, null, name, By(log[Grant.Permission(name)])),
                gives => gives.Add([name])));

    // Rows with the level none are stored, too. They grant nothing.
    private IEnumerable<AccessPath> Levels(IEnumerable<ResourceAccess> rows) =>
        rows.Where(row => !row.Reach.IsNone).OrderBy(row => row.ResourceId).Select(row => Path(
        new(
            AccessStepKind.Level, row.ResourceId, graph.Resource(Reference.To(row.ResourceId))?.Name,
            By(row.GrantedBy, row.GrantedAt)) { Reach = row.Reach.Spelled() },
        gives => gives.Add(row.ResourceId, row.Reach)));

    private IEnumerable<AccessPath> Roles(Grants grants, GrantLog log) =>
        from role in graph.RolesOf(grants.Roles)
        orderby role.Id
        from path in Permissions(role.Grants, role.GrantLog)
        select path.Behind(new(AccessStepKind.Role, role.Id, role.Name, By(log[Grant.Role(role.Id)])));

    private static AccessPath Path(AccessStep step, Func<EffectiveAccess.Builder, EffectiveAccess.Builder> give) =>
        new([step], give(new()).Build());

    private Granted By(GrantedBy entry) => By(entry.By, entry.At);

    private Granted By(Guid by, DateTimeOffset? at) =>
        new(
            by,
            by == Guid.Empty
                ? Actor.System(graph.Organization.Id).Name
                : graph.Member(by)?.DisplayName ?? granters.GetValueOrDefault(by),
            at);
}

/// <summary>Finds the names of the actors that granted what a graph holds.</summary>
public static class Granters
{
    /// <summary>
    /// Reads the names of granting actors that are not in the graph. Members, including removed ones, have their
    /// current name. Operators have the name of their API key. Runs at most one query.
    /// </summary>
    public static async Task<IReadOnlyDictionary<Guid, string>> ReadAsync(
        UsherDb db, AccessGraph graph, CancellationToken ct)
    {
        Guid[] unknown = [.. Of(graph).Where(id => id != Guid.Empty && graph.Member(id) is null).Distinct()];
        if (unknown is []) return new Dictionary<Guid, string>();
        var members = db.Members.Where(m => m.OrganizationId == graph.Organization.Id && unknown.Contains(m.Id))
            .Select(m => new { m.Id, m.FirstName, m.LastName, m.Identifier });
        var operators = db.ApiKeys.Where(k => k.OrganizationId == null && unknown.Contains(k.Id))
            .Select(k => new { k.Id, FirstName = k.Name, LastName = "", Identifier = "" });
        var found = await members.Concat(operators).ToListAsync(ct);
        return found.ToDictionary(
            f => f.Id, f => $"{f.FirstName} {f.LastName}".Trim() is { Length: > 0 } name ? name : f.Identifier);
    }

    private static IEnumerable<Guid> Of(AccessGraph graph) =>
    [
        .. graph.Members.SelectMany(m => m.GrantLog.Granters.Append(m.RoleGrantedBy).Append(m.AllResourcesGrantedBy)),
        .. graph.Groups.SelectMany(g => g.GrantLog.Granters.Append(g.IsAdminGrantedBy).Append(g.AllResourcesGrantedBy)),
        .. graph.Roles.SelectMany(r => r.GrantLog.Granters),
        .. graph.Members.SelectMany(m => m.Levels).Concat(graph.Groups.SelectMany(graph.LevelsOf))
            .Select(l => l.GrantedBy),
    ];
}
