using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;

namespace Usher.Core.Access;

public sealed partial class AccessGraph
{
    /// <summary>
    /// Reads what a query asks for. Members are not tracked. Null when there is no such organization.
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
    /// The same for an operation that changes something: an attempt under lock waits for what it asks about.
    /// </summary>
    public static async Task<AccessGraph?> ReadAsync(Unit unit, AccessQuery query, CancellationToken ct)
    {
        await unit.LockAsync(
            query.OrganizationId, query.Identifiers, query.MemberIds, query.LockOrganization, ct, query.InvitationIds);
        return await ReadAsync(unit.Db, query, ct);
    }

    /// <summary>Reads it and tracks the members, for an operation that will change them.</summary>
    public static async Task<AccessGraph?> TrackAsync(Unit unit, AccessQuery query, CancellationToken ct)
    {
        var graph = await ReadAsync(unit, query, ct);
        if (graph is not null) unit.Db.AttachRange(graph.members.Values);
        return graph;
    }

    /// <summary>
    /// Tracks the members of some identifiers with all they hold, for an operation that will change nothing else.
    /// </summary>
    public void Track(Unit unit, IReadOnlyCollection<string> identifiers)
    {
        HashSet<string> wanted = [.. identifiers];
        unit.Db.AttachRange(members.Values.Where(m => wanted.Contains(m.Identifier)));
    }

    /// <summary>
    /// Reads the next chunk of a list: groups and roles, with their counts and samples, are those of the first.
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

    // As both databases order ids: byte by byte, the first digits first. Guid's own order is that, too.
    private static readonly Comparer<Guid> IdOrder = Comparer<Guid>.Default;

    // A revived member is taken in again.
    private void Take(Member member)
    {
        members[member.Id] = member;
        if (!byIdentifier.TryGetValue(member.Identifier, out var same)) byIdentifier.Add(member.Identifier, same = []);
        if (!same.Contains(member)) same.Add(member);
    }

    // One that has ended is only shown: nothing happens to it any more.
    private void Take(Invitation invitation)
    {
        invitations[invitation.Id] = invitation;
        if (!invitation.HasEnded && members.TryGetValue(invitation.MemberId, out var invited))
            invited.Invitations.Add(invitation);
    }

    private OrganizationDefinitions AsDefinitions() => new(Organization, groups.Values, roles.Values);
}
