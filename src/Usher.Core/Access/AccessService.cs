using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>
/// Answers who may do what, and why. A member asks freely about their own access; about others it needs
/// <c>user_management</c> or <c>directory_read</c>. Changes nothing.
/// </summary>
public sealed class AccessService(UsherDb db, PermissionCatalogue catalogue)
{
    /// <summary>How many checks one call may ask.</summary>
    public const int MaxChecks = 1_000;

    /// <summary>How many members one page may have.</summary>
    public const int MaxLimit = 1_000;

    /// <summary>Checks what members hold now.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="checks">1 to 1,000.</param>
    /// <param name="explain">Whether the answers say which grants give it.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns> One answer per check, in their order. Refused as a whole, everything wrong with any check at once
    /// below <c>checks/{i}</c>: <c>permission_unknown</c>, <c>member_not_found</c>, <c>resource_not_found</c>, … To
    /// somebody who may not know of every resource, one that does not exist is one that he does not reach. </returns>
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
        if (!mayRead && asked.Any(a => a.Member?.Id != actor.Id)) return MemberErrors.NotAllowed;
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
                yield return InvitationErrors.PermissionUnknown(permission) with { Field = "permission" };
            if (check.Resource is null && (check.Level ?? (object?)check.Capability) is not null)
                yield return AccessErrors.ResourceMissing;
            if (check.Resource is not null && one.Resource is null && knowsAll)
                yield return AccessErrors.ResourceNotFound;
            if (check.Level is AccessLevel.None) yield return AccessErrors.LevelInvalid;
            if (check.Capability is { } capability && !Capabilities.All.Contains(capability))
                yield return AccessErrors.CapabilityUnknown;
        }
    }

    /// <summary>What one member can reach; where he is invited or suspended, what he would.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="key">About whom.</param>
    /// <param name="explain">Whether the answer says which grants give it.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Refused with <c>not_allowed</c>, <c>member_not_found</c>.</returns>
    public async Task<Result<MemberAccess>> OfMemberAsync(
        Actor actor, MemberKey key, bool explain, CancellationToken ct)
    {
        var graph = await AccessGraph.ReadAsync(
            db, MemberService.Query(actor.OrganizationId, [key], MemberDetails.Reached), ct);
        var member = graph is null ? null : MemberService.Select(graph, [key], []).Members.SingleOrDefault();
        if (!actor.MayReadDirectory && !(actor.IsMember && member?.Id == actor.Id)) return MemberErrors.NotAllowed;
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
    /// Who can reach a resource: live members, persons and service accounts, whatever their status. Needs
    /// <c>user_management</c>. Memory does not grow with their number.
    /// </summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="resource">By id, else by slug.</param>
    /// <param name="page">Which of them.</param>
    /// <param name="explain">Whether the answer says which grants reach it.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Refused with <c>not_allowed</c>, <c>limit_invalid</c>, <c>resource_not_found</c>.</returns>
    public async Task<Result<ResourceAudience>> OfResourceAsync(
        Actor actor, Reference resource, AccessPage page, bool explain, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        if (page.Limit is < 1 or > MaxLimit) return AccessErrors.LimitInvalid;
        if (await FindAsync(actor, resource, ct) is not { } found) return ResourceErrors.NotFound;

        // One more than asked for says whether there is another page.
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

        // Level and capability may come from two grants, of which neither gives both.
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

    // A check with what it names, where that was found.
    private sealed record Asked(AccessCheck Check, Member? Member, Guid? Resource);
}
