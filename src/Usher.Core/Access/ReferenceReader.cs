using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Roles;

namespace Usher.Core.Access;

/// <summary>
/// Resolves the groups, roles and resources that a caller named. Unknown ones are refused, or skipped and recorded,
/// depending on the surface's <see cref="UnknownReferences"/>.
/// </summary>
internal sealed class ReferenceReader(AccessGraph graph, UnknownReferences unknown)
{
    /// <summary>
    /// Extends a query to read the resources that the levels name. Texts that cannot be a slug match no resource and
    /// are skipped, also because PostgreSQL rejects texts with a zero character.
    /// </summary>
    public static AccessQuery With(AccessQuery query, IEnumerable<NewLevel> levels)
    {
        List<Reference> named = [.. levels.Select(l => l.Resource)];
        if (named is []) return query;
        return query with
        {
            ResourceIds = [.. named.Select(r => r.Id).OfType<Guid>().Distinct()],
            ResourceSlugs = [
                .. named.Where(r => r.Id is null).Select(r => r.Text).Where(OrganizationService.IsSlug).Distinct()],
        };
    }

    /// <summary>Extends a query to read the named groups and roles.</summary>
    public static AccessQuery With(AccessQuery query, IEnumerable<Reference> groups, IEnumerable<Reference> roles)
    {
        List<Reference> namedGroups = [.. groups], namedRoles = [.. roles];
        if (namedGroups is [] && namedRoles is []) return query;
        return query with
        {
            GroupIds = [.. query.GroupIds, .. Ids(namedGroups)], GroupNames = Keys(namedGroups),
            RoleIds = [.. query.RoleIds, .. Ids(namedRoles)], RoleNames = Keys(namedRoles),
        };

        static IEnumerable<Guid> Ids(List<Reference> references) =>
            references.Where(r => !r.ByName).Select(r => r.Id).OfType<Guid>().Distinct();
        static string[] Keys(List<Reference> references) =>
            [
                .. references.Where(r => r.ByName).Select(r => r.Text).Where(t => Text.IsFilledName(t)).Select(Text.Key)
                    .Distinct()];
    }

    private readonly FaultList refused = [];

    public List<IgnoredReference> Ignored { get; } = [];

    /// <summary>The errors found so far; null if there are none.</summary>
    public Error? Refused => Error.Of(refused);

    public IReadOnlyList<Group> Groups(IReadOnlyList<Reference> references) => Find("groups", references, graph.Group);

    public IReadOnlyList<Role> Roles(IReadOnlyList<Reference> references) => Find("roles", references, graph.Role);

    /// <summary>
    /// Resolves levels to one entry per resource. If a resource is named twice, the last entry counts.
    /// </summary>
    public IReadOnlyList<(Guid Resource, Reach Reach)> Levels(IReadOnlyList<NewLevel> levels)
    {
        Dictionary<Guid, Reach> found = [];
        for (var i = 0; i < levels.Count; i++)
        {
            if (levels[i].Capabilities.Except(Capabilities.All).Any())
                refused.Add(AccessErrors.CapabilityUnknown with { Field = $"levels/{i}/capabilities" });
            if (graph.Resource(levels[i].Resource) is { } resource) found[resource.Id] = levels[i].Reach;
            else Miss("levels", i, levels[i].Resource);
        }

        return [.. found.Select(pair => (pair.Key, pair.Value))];
    }

    private List<T> Find<T>(string set, IReadOnlyList<Reference> references, Func<Reference, T?> find)
        where T : class
    {
        List<T> found = [];
        for (var i = 0; i < references.Count; i++)
            if (find(references[i]) is { } one) found.Add(one);
            else Miss(set, i, references[i]);
        return [.. found.Distinct()];
    }

    private void Miss(string set, int index, Reference reference)
    {
        if (unknown is UnknownReferences.Ignore) Ignored.Add(new(set, reference.Text));
        else refused.Add(CommonErrors.ReferenceUnknown($"{set}/{index}", reference.Text));
    }
}
