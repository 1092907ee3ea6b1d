using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>
/// Answers what members may do, and why. Members may always ask about their own access. Asking about others needs
/// <c>user_management</c> or <c>directory_read</c>. Changes nothing.
/// </summary>
public sealed class AccessService(UsherDb db, PermissionCatalogue catalogue)
{
    /// <summary>The maximum number of checks in one call.</summary>
    public const int MaxChecks = 1_000;

    /// <summary>The maximum number of members on one page.</summary>
    public const int MaxLimit = 1_000;

    /// <summary>Checks the current access of members.</summary>
    /// <param name="checks">1 to 1,000.</param>
    /// <param name="explain">Whether the answers name the grants that give the access.</param>
    /// <returns>One answer per check, in order. If any check is invalid, the whole call is refused. The errors of all
    /// checks are returned below <c>checks/{i}</c>: <c>permission_unknown</c>, <c>member_not_found</c>,
    /// <c>resource_not_found</c>, … A caller who may not see all resources gets "not reached" instead of
    /// <c>resource_not_found</c>.</returns>
    public async Task<Result<IReadOnlyList<AccessAnswer>>> CheckAsync(
        Actor actor, IReadOnlyList<AccessCheck> checks, bool explain, CancellationToken ct)
    {
        if (checks.Count is 0 or > MaxChecks) return AccessErrors.CountInvalid;
        var query = MemberService.Query(
            actor.OrganizationId, [.. checks.Select(Key).OfType<MemberKey>()], MemberDetails.None);
        query = ReferenceReader.With(
            query, checks.Select(c => c.Resource).OfType<Reference>().Select(r => new NewLevel(r, AccessLevel.None)));
        if (await AccessGraph.ReadAsync(db, query, ct) is not { } graph) return MemberErrors.NotFound;

        var live = graph.Members.Where(m => m.IsLive).ToDictionary(m => m.Identifier);
        Asked[] asked = [
            .. checks.Select(c =>
                new Asked(c, Find(Key(c)), c.Resource is { } named ? graph.Resource(named)?.Id : null))];
        var mayRead = actor.MayReadDirectory;
        if (!mayRead && asked.Any(a => a.Member?.Id != actor.Id)) return CommonErrors.NotAllowed;
        var knowsAll = actor.May(Permissions.UserManagement) || actor.Access.Everywhere is not AccessLevel.None;
        if (Error.Of(asked.SelectMany((a, i) => Faults(a).Select(fault => fault.Under($"checks/{i}")))) is { } refused)
            return refused;

        var explanation = explain ? await ExplainAsync(graph, ct) : null;
        var held = asked.Select(a => a.Member!).Distinct().ToDictionary(m => m.Id, graph.Of);
        return asked.Select(a => Answer(a, held[a.Member!.Id], explanation)).ToList();

        MemberKey? Key(AccessCheck check) => check.Member ?? (actor.IsMember ? new MemberKey(Id: actor.Id) : null);

        Member? Find(MemberKey? key) =>
            key?.Id is { } id
                ? graph.Member(id) is { IsLive: true } member
                ? member
                : null
                : live.GetValueOrDefault(key?.Identifier ?? "");

        IEnumerable<Error> Faults(Asked one)
        {
            var check = one.Check;
            if (Key(check) is null) yield return AccessErrors.MemberMissing;
            else if (one.Member is null) yield return AccessErrors.MemberNotFound;
            if (check is { Permission: null, Resource: null, Level: null, Capability: null })
                yield return AccessErrors.NothingAsked;
            if (check.Permission is { } permission && !catalogue.Contains(permission))
                yield return CommonErrors.PermissionUnknown(permission) with { Field = "permission" };
            if (check.Resource is null && (check.Level ?? (object?)check.Capability) is not null)
                yield return AccessErrors.ResourceMissing;
            if (check.Resource is not null && one.Resource is null && knowsAll)
                yield return AccessErrors.ResourceNotFound;
            if (check.Level is AccessLevel.None) yield return AccessErrors.LevelInvalid;
            if (check.Capability is { } capability && !Capabilities.All.Contains(capability))
                yield return AccessErrors.CapabilityUnknown;
        }
    }

    /// <summary>
    /// The access of one member. For an invited or suspended member, the access it would have if active.
    /// </summary>
    /// <param name="key">The member to describe.</param>
    /// <param name="explain">Whether the answer names the grants that give the access.</param>
    /// <returns>The access. Errors: <c>not_allowed</c>, <c>member_not_found</c>.</returns>
    public async Task<Result<MemberAccess>> OfMemberAsync(
        Actor actor, MemberKey key, bool explain, CancellationToken ct)
    {
        var graph = await AccessGraph.ReadAsync(
            db, MemberService.Query(actor.OrganizationId, [key], MemberDetails.Reached), ct);
        var member = graph is null ? null : MemberService.Select(graph, [key], []).Members.SingleOrDefault();
        if (!actor.MayReadDirectory && !(actor.IsMember && member?.Id == actor.Id)) return CommonErrors.NotAllowed;
        if (graph is null || member is null) return MemberErrors.NotFound;

        var access = graph.Of(member);
        List<AccessPath>? paths = explain ? [.. (await ExplainAsync(graph, ct)).Of(member, _ => true)] : null;
        IEnumerable<string> permissions = access.IsAdmin
            ? catalogue.Names
            : access.Permissions.Order(StringComparer.Ordinal);
        var everywhere = Giving(gives => gives.Everywhere is not AccessLevel.None);
        var singly = paths?.Where(p => p.Steps[^1].Kind is AccessStepKind.Level).ToLookup(p => p.Steps[^1].SubjectId);
        var reached = member.Levels.Concat(graph.GroupsOf(member).SelectMany(graph.LevelsOf))
            .Where(l => !l.Reach.IsNone).Select(l => l.ResourceId).ToHashSet();
        var resources = graph.Resources.Where(r => reached.Contains(r.Id));
        return new MemberAccess(
            member, access.IsAdmin, [.. permissions.Select(p => new HeldPermission(p, Giving(gives => gives.Has(p))))],
            access.Everywhere,
            [
                .. resources.Select(r =>
                    new ReachedResource(
                        r, access.ReachOf(r.Id).Spelled(), singly is null ? null : [.. everywhere!, .. singly[r.Id]]))])
        {
            AdminGrants = Giving(gives => gives.IsAdmin), EverywhereGrants = everywhere,
        };

        List<AccessPath>? Giving(Func<EffectiveAccess, bool> asked) => paths?.FindAll(p => asked(p.Gives));
    }

    /// <summary>
    /// Lists the live members that can access a resource: persons and service accounts, in any status. Needs
    /// <c>user_management</c> or <c>directory_read</c>. Memory use does not depend on the number of members.
    /// </summary>
    /// <param name="resource">The resource, by id or slug.</param>
    /// <param name="page">The page to read.</param>
    /// <param name="explain">Whether the answer names the grants that give the access.</param>
    /// <returns>One page of members. Errors: <c>not_allowed</c>, <c>limit_invalid</c>,
    /// <c>resource_not_found</c>.</returns>
    public async Task<Result<ResourceAudience>> OfResourceAsync(
        Actor actor, Reference resource, AccessPage page, bool explain, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        if (page.Limit is < 1 or > MaxLimit) return AccessErrors.LimitInvalid;
        if (await FindAsync(actor, resource, ct) is not { } found) return ResourceErrors.NotFound;

        // One extra member shows whether there is another page.
        var run = new MemberPage(
            MemberOrder.Created, page.After, page.Limit + 1) { Filter = new() { Reaches = found.Id } };
        if (await AccessGraph.ReadAsync(
                db, new(actor.OrganizationId) { Page = run, ResourceIds = [found.Id] }, ct) is not { } graph)
            return ResourceErrors.NotFound;
        var explanation = explain ? await ExplainAsync(graph, ct) : null;
        List<ReachingMember> members = [
            .. graph.Members.OrderBy(m => m.Id).Take(page.Limit).Select(m => new ReachingMember(
            m, graph.Of(m).ReachOf(found.Id).Spelled(), explanation is null
                ? null
                : [.. explanation.Of(m, gives => gives.Reaches(found.Id))]))];
        return new ResourceAudience(
            found, members, graph.Members.Skip(page.Limit).Any() ? members[^1].Member.Id : null);
    }

    private static AccessAnswer Answer(Asked asked, EffectiveAccess access, Explanation? explanation)
    {
        var (check, member) = (asked.Check, asked.Member!);
        var denial = Denial();
        return new(
            member, denial, explanation is null ? null : denial is null ? [.. explanation.Of(member, GivesPart)] : []);

        AccessDenial? Denial()
        {
            if (member.Status is not MemberStatus.Active) return AccessDenial.MemberNotActive;
            if (check.Permission is { } permission && !access.Has(permission)) return AccessDenial.PermissionNotHeld;
            if (check.Resource is null) return null;
            if (asked.Resource is not { } resource || !access.Reaches(resource)) return AccessDenial.ResourceNotReached;
            if (check.Level is { } level && access.LevelOn(resource) < level) return AccessDenial.LevelNotReached;
            return check.Capability is { } capability
                && !access.ReachOf(resource).Contains(new(AccessLevel.None, [capability]))
                ? AccessDenial.CapabilityNotHeld
                : null;
        }

        // The level and the capability may come from two different grants.
        bool GivesPart(EffectiveAccess gives) =>
            (check.Permission is { } permission && gives.Has(permission))
            || (asked.Resource is { } resource && gives.Reaches(resource) && check switch
            {
                { Level: null, Capability: null } => true,
                _ => (check.Level is { } level && gives.LevelOn(resource) >= level)
                    || (
                           check.Capability is { } capability
                               && gives.ReachOf(resource).Contains(new(AccessLevel.None, [capability]))),
            });
    }

    private async Task<Explanation> ExplainAsync(AccessGraph graph, CancellationToken ct) =>
        new(graph, await Granters.ReadAsync(db, graph, ct));

    private Task<ResourceName?> FindAsync(Actor actor, Reference reference, CancellationToken ct)
    {
        if (reference.Id is null && !OrganizationService.IsSlug(reference.Text))
            return Task.FromResult<ResourceName?>(null);
        return db.Resources.Where(r =>
            r.OrganizationId == actor.OrganizationId
                && (reference.Id != null ? r.Id == reference.Id : r.Slug == reference.Text))
            .Select(r => new ResourceName(r.Id, r.Name, r.Slug)).SingleOrDefaultAsync(ct);
    }

    // A check with the member and resource it names. Each is null if it was not found.
    private sealed record Asked(AccessCheck Check, Member? Member, Guid? Resource);
}
