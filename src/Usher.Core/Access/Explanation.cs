using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>What leads one step further from a member to what he holds.</summary>
public enum AccessStepKind
{
    /// <summary>The member's own built-in role, by name.</summary>
    BuiltInRole,

    /// <summary>A group he was put into.</summary>
    Group,

    /// <summary>The system group of all persons: nobody put him there.</summary>
    Everyone,

    /// <summary>The system group of all service accounts.</summary>
    ServiceAccounts,

    /// <summary>A role of the organization's own, held by him or by the group of the step before.</summary>
    Role,

    /// <summary>A permission of his own, of the group or of the role.</summary>
    Permission,

    /// <summary>The group's members are administrators.</summary>
    Admin,

    /// <summary>Full on every resource, for him or for the group's members.</summary>
    AllResources,

    /// <summary>A level on one resource, for him or for the group's members.</summary>
    Level,
}

/// <summary>Who gave something, and when.</summary>
/// <param name="By">The actor's id; all zeros is Usher itself.</param>
/// <param name="Name">What he is called today; null for an operator whose key is gone.</param>
/// <param name="At">Null where it has been so from the beginning.</param>
public sealed record Granted(Guid By, string? Name, DateTimeOffset? At);

/// <summary>One step from a member to what he holds.</summary>
/// <param name="Kind">What sort of step.</param>
/// <param name="SubjectId">The group's, role's or resource's id; null for the other kinds.</param>
/// <param name="SubjectName">The group's, role's, resource's, built-in role's or permission's name; null where the kind
/// says it all.</param>
/// <param name="Granted">Null for what is implied.</param>
public sealed record AccessStep(AccessStepKind Kind, Guid? SubjectId, string? SubjectName, Granted? Granted)
{
    /// <summary>How far a level reaches; null for the other kinds.</summary>
    public Reach? Reach { get; init; }
}

/// <summary>
/// A chain from a member to something he holds by it, such as: he is in a group, the group holds a role, the role has a
/// permission.
/// </summary>
/// <param name="Steps">The last gives; those before lead there.</param>
/// <param name="Gives">What would be left to him if he had nothing else.</param>
public sealed record AccessPath(IReadOnlyList<AccessStep> Steps, EffectiveAccess Gives)
{
    internal AccessPath Behind(AccessStep step) => this with { Steps = [step, .. Steps] };
}

/// <summary>
/// Says by which grants members hold what they hold. Their paths' united gifts are what
/// <see cref="AccessGraph.Of(Member)"/> comes to.
/// </summary>
/// <param name="graph">The members, with all that <see cref="AccessGraph"/> reads of them.</param>
/// <param name="granters">Names of those who gave something and are not in the graph; see
/// <see cref="Granters"/>.</param>
public sealed class Explanation(AccessGraph graph, IReadOnlyDictionary<Guid, string> granters)
{
    // What a group gives is the same for all who are in it.
    private readonly Dictionary<Guid, List<AccessPath>> byGroup = [];

    /// <summary>
    /// Every path that gives something of what is asked: the member's own first, then the system group's, then those of
    /// his groups by name.
    /// </summary>
    /// <param name="member">One of the graph's.</param>
    /// <param name="asked">Whether what a path gives by itself belongs to the question.</param>
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

    // A level of none, which is stored too, gives nothing.
    private IEnumerable<AccessPath> Levels(IEnumerable<ResourceAccess> rows) =>
        rows.Where(row => !row.Reach.IsNone).OrderBy(row => row.ResourceId).Select(row => Path(
        new(
            AccessStepKind.Level, row.ResourceId, graph.Resource(Invitations.Reference.To(row.ResourceId))?.Name,
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

/// <summary>What those are called who gave what a graph holds.</summary>
public static class Granters
{
    /// <summary>
    /// The names of those who are not in the graph themselves: members, removed ones too, by what they are called
    /// today; operators by the name of their key. One read at most.
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
