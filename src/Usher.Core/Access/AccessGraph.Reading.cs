using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;

namespace Usher.Core.Access;

public sealed partial class AccessGraph
{
    /// <summary>
    /// Reads what a query asks for. Members are not tracked. Returns null if the organization does not exist.
    /// </summary>
    public static async Task<AccessGraph?> ReadAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        if (query.Page is { } page && await PrepareAsync(db, query.OrganizationId, page.Filter, ct) is var search)
            query = query with { Search = search };
        var rows = await MemberRead.ReadAsync(db, query, ct);
        if (rows.Stamp is not { } stamp
                || await db.Runtime.Definitions.GetAsync(db, query.OrganizationId, stamp, ct) is not { } definitions)
            return null;

        var graph = new AccessGraph(definitions.Organization.Copy(rows.SeatsUsed), db.Runtime.Rules);
        foreach (var (id, group) in definitions.Groups) graph.groups.Add(id, group);
        foreach (var (id, role) in definitions.Roles) graph.roles.Add(id, role);
        await graph.TakeAsync(db, query, rows, ct);
        return graph;
    }

    /// <summary>
    /// Reads what a query asks for, for an operation that makes changes. An attempt under lock first waits for the
    /// locks on what the query names. Members are not tracked.
    /// </summary>
    public static async Task<AccessGraph?> ReadAsync(Unit unit, AccessQuery query, CancellationToken ct)
    {
        await unit.LockAsync(
            query.OrganizationId, query.Identifiers, query.MemberIds, query.LockOrganization, ct, query.InvitationIds);
        return await ReadAsync(unit.Db, query, ct);
    }

    /// <summary>Reads what a query asks for and tracks the members, for an operation that changes them.</summary>
    public static async Task<AccessGraph?> TrackAsync(Unit unit, AccessQuery query, CancellationToken ct)
    {
        var graph = await ReadAsync(unit, query, ct);
        if (graph is not null) unit.Db.AttachRange(graph.members.Values);
        return graph;
    }

    /// <summary>
    /// Tracks the members with the given identifiers and everything they hold. For an operation that changes no other
    /// members.
    /// </summary>
    public void Track(Unit unit, IReadOnlyCollection<string> identifiers)
    {
        HashSet<string> wanted = [.. identifiers];
        unit.Db.AttachRange(members.Values.Where(m => wanted.Contains(m.Identifier)));
    }

    /// <summary>
    /// Reads the next page of a list. Groups and roles, with their counts and samples, are taken from the first page.
    /// </summary>
    public async Task<AccessGraph> ReadMoreAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var more = new AccessGraph(Organization, rules);
        foreach (var pair in groups) more.groups.Add(pair.Key, pair.Value);
        foreach (var pair in roles) more.roles.Add(pair.Key, pair.Value);
        foreach (var pair in counts) more.counts.Add(pair.Key, pair.Value);
        foreach (var pair in samples) more.samples.Add(pair.Key, pair.Value);
        foreach (var pair in levelsOfGroups) more.levelsOfGroups.Add(pair.Key, pair.Value);
        var search = await PrepareAsync(db, query.OrganizationId, query.Page!.Filter, ct);
        var rows = await MemberRead.ReadAsync(db, query with { Search = search }, ct);
        const MemberDetails once = MemberDetails.Counts | MemberDetails.Samples;
        await more.TakeAsync(db, query with { Details = query.Details & ~once }, rows, ct);
        return more;
    }

    private static async Task<MemberSearch> PrepareAsync(
        UsherDb db, Guid organization, MemberFilter filter, CancellationToken ct)
    {
        if (!MemberSearch.NeedsDefinitions(filter)) return MemberSearch.Of(filter, null, []);
        var stamp = await db.Organizations.Where(o => o.Id == organization).Select(o => (Guid?)o.DefinitionsStamp)
            .SingleOrDefaultAsync(ct);
        var definitions = await db.Runtime.Definitions.GetAsync(db, organization, stamp ?? Guid.Empty, ct);
        if (definitions is null) return MemberSearch.Of(new() { Kind = filter.Kind }, null, []);
        var reaching = filter.Reaches is not { } resource ? [] : await db.ResourceAccess.AsNoTracking()
            .Where(a => a.OrganizationId == organization && a.ResourceId == resource && a.GroupId != null)
                .ToListAsync(ct);
        return MemberSearch.Of(filter, definitions, reaching.Where(a => !a.Reach.IsNone).Select(a => a.GroupId!.Value));
    }

    private async Task TakeAsync(UsherDb db, AccessQuery query, MemberRows rows, CancellationToken ct)
    {
        Total = rows.Total;
        foreach (var member in rows.Members) Take(member);
        foreach (var invitation in rows.Invitations) Take(invitation);
        if (query.Invitations is not null) run.AddRange(rows.Invitations.Select(i => i.Id));
        if (query.GroupRun is { } groupRun) run.AddRange(Run(groups.Keys, groupRun));
        if (query.RoleRun is { } roleRun) run.AddRange(Run(roles.Keys, roleRun));
        await new GraphDetails(db, this, query).ReadAsync(ct);
    }

    private static IEnumerable<Guid> Run(IEnumerable<Guid> ids, DefinitionRun run) =>
        ids.Order(IdOrder).Where(id => run.After is not { } after || IdOrder.Compare(id, after) > 0).Take(run.Limit);

    // Both databases order ids byte by byte, most significant byte first. Guid's default order is the same.
    private static readonly Comparer<Guid> IdOrder = Comparer<Guid>.Default;

    // A restored member is added a second time.
    private void Take(Member member)
    {
        members[member.Id] = member;
        if (!byIdentifier.TryGetValue(member.Identifier, out var same)) byIdentifier.Add(member.Identifier, same = []);
        if (!same.Contains(member)) same.Add(member);
    }

    // An ended invitation no longer changes, so it is not attached to its member.
    private void Take(Invitation invitation)
    {
        invitations[invitation.Id] = invitation;
        if (!invitation.HasEnded && members.TryGetValue(invitation.MemberId, out var invited))
            invited.Invitations.Add(invitation);
    }

    private OrganizationDefinitions AsDefinitions() => new(Organization, groups.Values, roles.Values);
}
