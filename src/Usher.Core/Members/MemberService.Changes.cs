using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>Changes and removes members.</summary>
public sealed partial class MemberService
{
    /// <summary>
    /// Applies one change to 1 to 1,000 members. Unknown members are skipped. If one member is refused, none is
    /// changed. The actor must hold everything that the change grants or takes away. A change of address, SSO id or
    /// suspension, or of an invited member's offer, requires that the actor holds everything the member has.
    /// </summary>
    /// <returns>The changed members. Refused with <c>member_not_found</c> when none is known.</returns>
    public Task<Result<MemberSelection>> UpdateAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberChange change, MemberUpdateOptions how, CancellationToken ct)
    {
        if (keys.Count > MaxKeys) return Task.FromResult<Result<MemberSelection>>(CommonErrors.TooManyEntries);
        if (Error.Of(Faults(change)) is { } fault) return Task.FromResult<Result<MemberSelection>>(fault);
        var email = change.Email is not null && EmailAddress.TryCanonical(change.Email, out var canonical)
            ? canonical
            : null;
        return change.MayTakeAdminAway || change.Suspended is not null
            ? database.RunLockedAsync(LockedAsync, ct)
            : RunAsync();

        // Whether a sponsor loses rights is known only after reading. Updating that sponsor's invitations then needs
        // another attempt under lock.
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
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var named = new ReferenceReader(graph, how.UnknownReferences);
            var wanted = new Wanted(
                change, email, change.Groups?.As(named.Groups(change.Groups.Elements)),
                change.Roles?.As(named.Roles(change.Roles.Elements)), named.Levels(change.Levels));
            var selection = Select(graph, keys, named.Ignored);
            if (selection.Members is []) return NoneFound(graph, keys);
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
    /// Removes one member; see
    /// <see cref="RemoveAsync(Actor, IReadOnlyList{MemberKey}, MemberRemoveOptions, CancellationToken)"/>.
    /// </summary>
    public async Task<Result<Member>> RemoveAsync(Actor actor, Guid memberId, CancellationToken ct) =>
        (await RemoveAsync(actor, [new(Id: memberId)], new(), ct))
            .Match<Result<Member>>(removed => removed.Members[0], error => error);

    /// <summary>
    /// Removes 1 to 1,000 members or withdraws their invitations. Permissions, roles, groups and API keys are removed;
    /// levels on resources stay for a later re-invite. The removal applies from the member's next request. Unknown
    /// members are skipped. If one member is refused, none is removed.
    /// </summary>
    /// <returns>Refused with <c>member_not_found</c> when none is known, and with <c>last_admin</c> when no active
    /// administrator would be left.</returns>
    public Task<Result<MemberSelection>> RemoveAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberRemoveOptions how, CancellationToken ct) =>
        database.RunLockedAsync<Result<MemberSelection>>(async unit =>
        {
            if (keys.Count > MaxKeys) return CommonErrors.TooManyEntries;
            var graph = await AccessGraph.TrackAsync(
                unit, Query(actor.OrganizationId, keys, how.Details).With(actor) with { LockOrganization = true }, ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var selection = Select(graph, keys, []);
            if (selection.Members is []) return NoneFound(graph, keys);
            if (Precondition.Refuses(how.IfMatch, selection) is { } outdated) return outdated;
            foreach (var member in selection.Members)
                if (RemovalRefusal(graph, today, member, how) is { } refusal) return refusal;

            return (await RemoveAndSettleAsync(
                unit, graph, today, selection.Members, how.Sponsored, EventTypes.MemberRemoved, ct))
                .Match<Result<MemberSelection>>(sponsored => selection with { Sponsored = sponsored }, error => error);
        }, ct);

    /// <summary>
    /// Lets a person leave an organization. The membership ends as in a removal; levels on resources stay for a later
    /// re-invite. Needs no permission. Invitations that the member sponsors are blocked until an administrator decides
    /// about them.
    /// </summary>
    /// <param name="userId">The person's account.</param>
    /// <param name="memberId">An active or suspended membership of that person.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>The removed member. Refused with <c>member_not_found</c>, and with <c>last_admin</c> for the last
    /// administrator who can act.</returns>
    public Task<Result<Member>> LeaveAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        database.RunLockedAsync<Result<Member>>(async unit =>
        {
            var organization = await db.Members.Where(m =>
                m.UserId == userId && m.Id == memberId
                    && (m.Status == MemberStatus.Active || m.Status == MemberStatus.Suspended))
                .Select(m => (Guid?)m.OrganizationId).SingleOrDefaultAsync(ct);
            if (organization is not { } id) return MemberErrors.NotFound;
            var graph = await AccessGraph.TrackAsync(
                unit, new(id) { MemberIds = [memberId], LockOrganization = true }, ct);
            if (graph?.Member(memberId) is not { Status: MemberStatus.Active or MemberStatus.Suspended } member
                    || member.UserId != userId)
                return MemberErrors.NotFound;
            return (await RemoveAndSettleAsync(
                unit, graph, Actor.Of(member), [member], SponsoredAction.Block, EventTypes.MemberLeft, ct))
                .Match<Result<Member>>(_ => member, error => error);
        }, ct);

    /// <summary>
    /// Withdraws the invitations of up to 1,000 invited members, each listed once. Each is checked separately: a
    /// refused one does not stop the others.
    /// </summary>
    /// <returns>One outcome per member, in order. Refused with <c>member_not_found</c> if the member no longer exists,
    /// and with <c>already_joined</c> if the person has joined.</returns>
    public Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => RemoveInvitedAsync(unit, actor, memberIds, ct), ct);

    /// <summary>The same within an existing unit.</summary>
    internal async Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxKeys) return [.. memberIds.Select(_ => (Result<Member>)CommonErrors.TooManyEntries)];
        var graph = await AccessGraph.TrackAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = memberIds }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Member>)CommonErrors.NotAllowed)];
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

    /// <summary>Removes members, settles the invitations that they sponsor, and saves. Must run under lock.</summary>
    /// <returns>Refused with <c>last_admin</c> or <c>too_many_invitations</c>; nothing is changed then.</returns>
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

    /// <summary>Withdraws an invited member's invitation in the caller's save. The member must be tracked.</summary>
    /// <param name="reason">The <see cref="Error.Code"/> that gives the reason.</param>
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

    /// <summary>
    /// Ends a membership whose invitations have ended, in the caller's save. The member must be tracked.
    /// </summary>
    internal static void EndMembership(
        Unit unit, Organization organization, Member member, Actor actor, string eventType, DateTimeOffset now)
    {
        if (member.TakesSeat && organization.SeatLimit is not null) unit.ChangeSeats(organization.Id, -1);
        member.Remove(actor, now);
        unit.Add(UsherEvent.Record(
            eventType, actor, "member", member.Id, now, new() { ["email"] = member.Identifier }));
    }
}
