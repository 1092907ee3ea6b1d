using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>Changing and ending memberships.</summary>
public sealed partial class MemberService
{
    /// <summary>
    /// Changes one member, or up to 1,000 in the same way: all that are known, or, when one of them is refused, none.
    /// What is given and what is taken away the actor must hold; the address, the SSO id and the standing of a member,
    /// and whatever a pending one is offered, need him to cover the member.
    /// </summary>
    /// <returns>The members as they are then. Refused with <c>member_not_found</c> when none is known.</returns>
    public Task<Result<MemberSelection>> UpdateAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberChange change, MemberUpdateOptions how, CancellationToken ct)
    {
        if (keys.Count > MaxKeys) return Task.FromResult<Result<MemberSelection>>(MemberErrors.TooMany);
        if (Error.Of(Faults(change)) is { } fault) return Task.FromResult<Result<MemberSelection>>(fault);
        var email = change.Email is not null && EmailAddress.TryCanonical(change.Email, out var canonical)
            ? canonical
            : null;
        return change.MayTakeAdminAway || change.Suspended is not null
            ? database.RunLockedAsync(LockedAsync, ct)
            : RunAsync();

        // A sponsor who loses rights is found only by looking. What becomes of the sponsor's invitations then needs a
        // run under lock.
        async Task<Result<MemberSelection>> RunAsync() =>
            await database.RunAsync(OnceAsync, ct) ?? await database.RunLockedAsync(LockedAsync, ct);

        async Task<Result<MemberSelection>> LockedAsync(Unit unit) => (await OnceAsync(unit))!.Value;

        async Task<Result<MemberSelection>?> OnceAsync(Unit unit)
        {
            var query = Query(actor.OrganizationId, keys, how.Details).With(actor);
            query = ReferenceReader.With(query with
            {
                Identifiers = email is null
                    ? query.Identifiers
                    : [.. query.Identifiers, email], LockOrganization = change.MayTakeAdminAway,
            }, change.Groups?.Named ?? [], change.Roles?.Named ?? []);
            query = ReferenceReader.With(query, change.Levels);
            if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var named = new ReferenceReader(graph, how.UnknownReferences);
            var wanted = new Wanted(
                change, email, change.Groups?.As(named.Groups(change.Groups.Elements)),
                change.Roles?.As(named.Roles(change.Roles.Elements)), named.Levels(change.Levels));
            var selection = Select(graph, keys, named.Ignored);
            if (selection.Members is []) return Nobody(graph, keys);
            if (Precondition.Refuses(how.IfMatch, selection) is { } outdated) return outdated;
            if (named.Refused is { } unknown) return unknown;

            if (how.OnlyInvited && selection.Members.Any(m => m.Status is not MemberStatus.Invited))
                return InvitationErrors.AlreadyJoined;
            var plans = new List<MemberPlan>(selection.Members.Count);
            foreach (var member in selection.Members)
            {
                var planned = MemberPlan.Make(graph, today, member, wanted, how);
                if (!planned.TryGet(out var plan, out var refused)) return refused;
                plans.Add(plan);
            }

            Guid[] demoted = [.. plans.Where(p => p.TakesAdminAway).Select(p => p.Member.Id)];
            if (await LastAdmin.WouldGoAsync(db, actor.OrganizationId, demoted, ct)) return MemberErrors.LastAdmin;
            Member[] sponsors = [.. plans.Where(p => p.TakesAway && graph.MaySponsor(p.Member)).Select(p => p.Member)];
            Member[] restored = [.. plans.Where(p => p.Restores).Select(p => p.Member)];
            if (sponsors.Length > 0 && !unit.IsLocked) return null;

            var now = clock.Now();
            var changes = false;
            foreach (var plan in plans)
            {
                if (plan.Readdresses) await Readdressing.VoidAsync(unit.Db, plan.Member, now, ct);
                if (plan.Apply(graph, actor, now) is not { Count: > 0 } details) continue;
                unit.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", plan.Member.Id, now, details));
                changes = true;
            }

            if (!changes) return selection;
            var invitations = new SponsoredInvitations(unit, graph, today, now);
            if (!(await invitations.SettleAsync(sponsors, how.Sponsored, ct))
                    .TryGet(out var sponsored, out var tooMany))
                return tooMany;
            if (restored.Length > 0) await invitations.UnblockAsync(restored, ct);
            return selection with { Sponsored = sponsored };
        }
    }

    /// <summary>
    /// Ends one membership; see
    /// <see cref="RemoveAsync(Actor, IReadOnlyList{MemberKey}, MemberRemoveOptions, CancellationToken)"/>.
    /// </summary>
    public async Task<Result<Member>> RemoveAsync(Actor actor, Guid memberId, CancellationToken ct) =>
        (await RemoveAsync(actor, [new(Id: memberId)], new(), ct))
            .Match<Result<Member>>(removed => removed.Members[0], error => error);

    /// <summary>
    /// Ends memberships, or the offer of them: permissions, roles, groups and keys go, levels on resources stay for a
    /// re-invite. Acts on the member's very next request. All that are known, at most 1,000, or, when one of them is
    /// refused, none.
    /// </summary>
    /// <returns>Refused with <c>member_not_found</c> when none is known, with <c>last_admin</c> when no active
    /// administrator would be left.</returns>
    public Task<Result<MemberSelection>> RemoveAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberRemoveOptions how, CancellationToken ct) =>
        database.RunLockedAsync<Result<MemberSelection>>(async unit =>
    {
        if (keys.Count > MaxKeys) return MemberErrors.TooMany;
        var graph = await AccessGraph.TrackAsync(
            unit, Query(actor.OrganizationId, keys, how.Details).With(actor) with { LockOrganization = true }, ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
        var selection = Select(graph, keys, []);
        if (selection.Members is []) return Nobody(graph, keys);
        if (Precondition.Refuses(how.IfMatch, selection) is { } outdated) return outdated;
        foreach (var member in selection.Members)
            if (RemovalRefusal(graph, today, member, how) is { } refusal) return refusal;

        return (await RemoveAndSettleAsync(
            unit, graph, today, selection.Members, how.Sponsored, EventTypes.MemberRemoved, ct))
            .Match<Result<MemberSelection>>(sponsored => selection with { Sponsored = sponsored }, error => error);
    }, ct);

    /// <summary>
    /// A person leaves an organization: the membership ends as by a removal, levels on resources stay for a re-invite.
    /// Needs no permission. The invitations the member sponsors wait for an administrator's decision.
    /// </summary>
    /// <param name="userId">The person's account.</param>
    /// <param name="memberId">The membership: active or suspended, and the person's own.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>The member as it is then. Refused with <c>member_not_found</c>, and with <c>last_admin</c> for the last
    /// administrator who can act.</returns>
    public Task<Result<Member>> LeaveAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        database.RunLockedAsync<Result<Member>>(async unit =>
    {
        var organization = await db.Members.Where(m =>
            m.UserId == userId && m.Id == memberId
                && (m.Status == MemberStatus.Active || m.Status == MemberStatus.Suspended))
            .Select(m => (Guid?)m.OrganizationId).SingleOrDefaultAsync(ct);
        if (organization is not { } id) return MemberErrors.NotFound;
        var graph = await AccessGraph.TrackAsync(unit, new(id) { MemberIds = [memberId], LockOrganization = true }, ct);
        if (graph?.Member(memberId) is not { Status: MemberStatus.Active or MemberStatus.Suspended } member
                || member.UserId != userId)
            return MemberErrors.NotFound;
        return (await RemoveAndSettleAsync(
            unit, graph, Actor.Of(member), [member], SponsoredAction.Block, EventTypes.MemberLeft, ct))
            .Match<Result<Member>>(_ => member, error => error);
    }, ct);

    /// <summary>
    /// Ends the offers made to up to 1,000 invited members, each named once. Each is judged alone: a refused one stops
    /// no other.
    /// </summary>
    /// <returns>One outcome per member, in their order: refused with <c>member_not_found</c> where nobody is there any
    /// more, with <c>already_joined</c> where he is in.</returns>
    public Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => RemoveInvitedAsync(unit, actor, memberIds, ct), ct);

    /// <summary>The same in a unit.</summary>
    internal async Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxKeys) return [.. memberIds.Select(_ => (Result<Member>)MemberErrors.TooMany)];
        var graph = await AccessGraph.TrackAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = memberIds }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Member>)MemberErrors.NotAllowed)];
        Result<Member>[] outcomes = [.. memberIds.Select(Judge)];
        List<Member> removed = [.. outcomes.Where(o => o.Error is null).Select(o => o.Value)];
        if (removed is not []) await RemoveAllAsync(unit, graph, actor, removed, EventTypes.MemberRemoved, ct);
        return outcomes;

        Result<Member> Judge(Guid id)
        {
            if (graph.Member(id) is not { IsLive: true } member) return MemberErrors.NotFound;
            return RemovalRefusal(graph, today, member, new(OnlyInvited: true)) is { } refusal ? refusal : member;
        }
    }

    private static Error? RemovalRefusal(AccessGraph graph, Actor actor, Member member, MemberRemoveOptions how)
    {
        if (how.OnlyInvited && member.Status is not MemberStatus.Invited) return InvitationErrors.AlreadyJoined;
        if (how.RefuseAdmins && member.Role is BuiltInRole.Admin) return MemberErrors.IsAdmin;
        if (how.RefuseSelf && actor.IsMember && actor.Id == member.Id) return MemberErrors.IsSelf;
        return graph.Pass(GrantingRule.RemovalCovers, graph.Covers(actor, member)) ? null : MemberErrors.NotCovered;
    }

    /// <summary>
    /// Removes members together with what becomes of the invitations that they are the sponsors of, and saves. Only in
    /// a run under lock.
    /// </summary>
    /// <returns>Refused with <c>last_admin</c> or <c>too_many_invitations</c>, with nothing changed.</returns>
    internal async Task<Result<SponsoredOutcome>> RemoveAndSettleAsync(
        Unit unit, AccessGraph graph, Actor actor, IReadOnlyList<Member> members, SponsoredAction action,
        string eventType,
        CancellationToken ct)
    {
        Guid[] ids = [.. members.Select(m => m.Id)];
        if (members.Any(m => m.IsAdmin) && await LastAdmin.WouldGoAsync(db, graph.Organization.Id, ids, ct))
            return MemberErrors.LastAdmin;
        Member[] sponsors = [.. members.Where(m => m.Status is not MemberStatus.Invited)];
        await RemoveAllAsync(unit, graph, actor, members, eventType, ct);
        if (!(await new SponsoredInvitations(unit, graph, actor, clock.Now()).SettleAsync(sponsors, action, ct))
                .TryGet(out var settled, out var refused))
            return refused;
        return settled;
    }

    private async Task RemoveAllAsync(
        Unit unit, AccessGraph graph, Actor actor, IReadOnlyList<Member> members, string eventType,
        CancellationToken ct)
    {
        var now = clock.Now();
        Guid[] ids = [.. members.Select(m => m.Id)];
        unit.RemoveRange(
            await db.ApiKeys.Where(k => k.OrganizationId == actor.OrganizationId && ids.Contains(k.MemberId!.Value))
                .ToListAsync(ct));
        foreach (var change in await db.AddressChanges.Where(c =>
                c.OrganizationId == actor.OrganizationId && ids.Contains(c.MemberId)
                    && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
            change.Supersede(now);
        foreach (var member in members) Remove(unit, graph.Organization, member, actor, eventType, now);
    }

    /// <summary>Takes back the offer made to an invited member, in the caller's save. The member is tracked.</summary>
    /// <param name="reason">The <see cref="Error.Code"/> of why it is taken back.</param>
    internal static void RemoveInvited(
        Unit unit, Organization organization, Member member, Actor actor, DateTimeOffset now, string reason) =>
        Remove(unit, organization, member, actor, EventTypes.MemberRemoved, now, reason);

    private static void Remove(
        Unit unit, Organization organization, Member member, Actor actor, string eventType, DateTimeOffset now,
        string? reason = null)
    {
        foreach (var invitation in member.Invitations)
        {
            invitation.End(InvitationStatus.Revoked, now, reason);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationRevoked, actor, "invitation", invitation.Id, now,
                new() { ["email"] = member.Identifier }, reason));
        }

        EndMembership(unit, organization, member, actor, eventType, now);
    }

    /// <summary>Ends a membership whose invitations have ended, in the caller's save. The member is tracked.</summary>
    internal static void EndMembership(
        Unit unit, Organization organization, Member member, Actor actor, string eventType, DateTimeOffset now)
    {
        if (member.TakesSeat && organization.SeatLimit is not null) unit.ChangeSeats(organization.Id, -1);
        member.Remove(actor, now);
        unit.Add(UsherEvent.Record(
            eventType, actor, "member", member.Id, now, new() { ["email"] = member.Identifier }));
    }
}
