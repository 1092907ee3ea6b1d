using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;

namespace Usher.Core.Invitations;

/// <summary>
/// What to do with the pending invitations of a sponsor who is removed, suspended or demoted, if the sponsor may no
/// longer make them.
/// </summary>
public enum SponsoredAction
{
    /// <summary>Blocks them until an administrator decides. The default.</summary>
    Block,

    /// <summary>Makes the actor their sponsor if the actor covers the invited member. The others are blocked.</summary>
    Endorse,

    /// <summary>Revokes them if the actor covers the invited member. The others are blocked.</summary>
    Revoke,
}

/// <summary>What happened to the pending invitations.</summary>
/// <param name="Affected">The number of pending invitations that the sponsor may no longer make.</param>
/// <param name="Blocked">The number of them that are blocked.</param>
/// <param name="Endorsed">The number of them that the actor now sponsors.</param>
/// <param name="Revoked">The number of them that were revoked.</param>
public sealed record SponsoredOutcome(int Affected, int Blocked, int Endorsed, int Revoked)
{
    public static readonly SponsoredOutcome None = new(0, 0, 0, 0);
}

/// <summary>
/// Settles the pending invitations of sponsors who lose rights, in the same commit as the change that takes the rights
/// away.
/// </summary>
internal sealed class SponsoredInvitations(Unit unit, AccessGraph graph, Actor actor, DateTimeOffset now)
{
    /// <summary>The maximum number of invitations that can be endorsed or revoked together with the change.</summary>
    public const int MaxDecided = 1_000;

    private readonly UsherDb db = unit.Db;

    /// <summary>
    /// Settles the invitations. Call it only in an attempt under lock, because some rows are written immediately.
    /// </summary>
    /// <param name="sponsors">The sponsors as they are after the change. Removed ones are no longer active.</param>
    /// <param name="action">What to do with the affected invitations.</param>
    /// <returns>The outcome. Errors: <c>too_many_invitations</c> if more than 1,000 invitations are affected and would
    /// have to be endorsed or revoked. The unit's changes are then discarded, including the change that was prepared
    /// before.</returns>
    public async Task<Result<SponsoredOutcome>> SettleAsync(
        IReadOnlyList<Member> sponsors, SponsoredAction action, CancellationToken ct)
    {
        if (sponsors is [] || !await PendingOf(sponsors).AnyAsync(ct)) return SponsoredOutcome.None;
        var standing = sponsors.Where(s => TodayOf(s).May(Permissions.UserManagement)).ToList();
        var gone = sponsors.Except(standing).ToList();
        if (action is SponsoredAction.Block && standing is []) return await BlockAllAsync(gone, ct);

        var outcome = SponsoredOutcome.None;
        // At most MaxDecided ids. They are marked after the last check.
        List<Guid> undecided = [];
        for (Guid? after = null; ;)
        {
            var last = after;
            var chunk = await PendingOf(sponsors).Where(i => last == null || i.Id > last).OrderBy(i => i.Id)
                .Take(MaxDecided)
                .Select(i => new { i.Id, i.MemberId, i.SponsorId }).ToListAsync(ct);
            if (chunk is []) break;
            var query = new AccessQuery(actor.OrganizationId) { MemberIds = [.. chunk.Select(i => i.MemberId)] };
            if (await AccessGraph.ReadAsync(unit, query, ct) is not { } invited) break;
            var sponsorOf = sponsors.ToDictionary(s => s.Id, TodayOf);
            var affected = chunk.Where(i => invited.Member(i.MemberId) is { } member
                && !(
                       sponsorOf[i.SponsorId].May(Permissions.UserManagement)
                           && invited.Covers(sponsorOf[i.SponsorId], member))).ToList();
            if (action is not SponsoredAction.Block && outcome.Affected + affected.Count > MaxDecided)
            {
                unit.Discard();
                return InvitationErrors.TooManySponsored;
            }

            var decided = Decide(invited, [.. affected.Select(i => invited.Member(i.MemberId)!)], action);
            Guid[] waiting = [.. affected.Where(i => !decided.Contains(i.MemberId)).Select(i => i.Id)];
            if (action is SponsoredAction.Block) await MarkAsync(waiting, ct);
            else undecided.AddRange(waiting);
            outcome = new(
                outcome.Affected + affected.Count, outcome.Blocked + waiting.Length,
                outcome.Endorsed + (action is SponsoredAction.Endorse ? decided.Count : 0), outcome.Revoked
                    + (action is SponsoredAction.Revoke ? decided.Count : 0));
            after = chunk[^1].Id;
        }

        if (undecided.Count > 0) await MarkAsync([.. undecided], ct);
        return outcome;
    }

    /// <summary>
    /// Unblocks the invitations of sponsors who may act again. Each invitation is checked again when it is accepted.
    /// </summary>
    public Task UnblockAsync(IReadOnlyList<Member> sponsors, CancellationToken ct) =>
        PendingOf(sponsors).Where(i => i.BlockedAt != null)
        .ExecuteUpdateAsync(
            set =>
                set.SetProperty(i => i.BlockedAt, (DateTimeOffset?)null)
                    .SetProperty(i => i.BlockedToldAt, (DateTimeOffset?)null)
            .SetProperty(i => i.Version, i => i.Version + 1), ct);

    // Endorses or revokes the invitations of members that the actor covers. Changes nothing else.
    private HashSet<Guid> Decide(AccessGraph invited, IReadOnlyList<Member> members, SponsoredAction action)
    {
        if (action is SponsoredAction.Block || !actor.May(Permissions.UserManagement)) return [];
        List<Member> covered = [
            .. members.Where(m => invited.Pass(GrantingRule.EndorseCovers, invited.Covers(actor, m)))];
        db.AttachRange(covered);
        foreach (var member in covered)
        {
            if (action is SponsoredAction.Endorse) Endorsing.Apply(unit, member, actor, now);
            else
                MemberService.RemoveInvited(
                    unit, invited.Organization, member, actor, now, InvitationErrors.SponsorLostRight.Code);
        }

        return [.. covered.Select(m => m.Id)];
    }

    private async Task<Result<SponsoredOutcome>> BlockAllAsync(IReadOnlyList<Member> sponsors, CancellationToken ct)
    {
        var affected = await PendingOf(sponsors).CountAsync(ct);
        await MarkAsync(PendingOf(sponsors), ct);
        return new SponsoredOutcome(affected, affected, 0, 0);
    }

    private Task MarkAsync(Guid[] ids, CancellationToken ct) =>
        MarkAsync(db.Invitations.Where(i => i.OrganizationId == actor.OrganizationId && ids.Contains(i.Id)), ct);

    private Task MarkAsync(IQueryable<Invitation> invitations, CancellationToken ct) =>
        invitations.Where(i => i.BlockedAt == null)
        .ExecuteUpdateAsync(
            set => set.SetProperty(i => i.BlockedAt, now).SetProperty(i => i.Version, i => i.Version + 1), ct);

    private Actor TodayOf(Member sponsor) => graph.Today(Actor.Of(sponsor));

    private IQueryable<Invitation> PendingOf(IReadOnlyList<Member> sponsors)
    {
        Guid[] ids = [.. sponsors.Select(s => s.Id)];
        return db.Invitations.Where(
            i =>
                i.OrganizationId == actor.OrganizationId && i.SponsorKind == ActorKind.Member
                    && ids.Contains(i.SponsorId)
            && i.Status == InvitationStatus.Pending);
    }
}

/// <summary>Makes an actor the sponsor of an invitation, so that the same link works again.</summary>
internal static class Endorsing
{
    /// <summary>The minimum time that an endorsed invitation stays open.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromDays(7);

    /// <summary>
    /// Makes the actor the sponsor, unblocks the invitation and keeps it open for at least seven days.
    /// </summary>
    public static void Apply(Unit unit, Member member, Actor actor, DateTimeOffset now)
    {
        member.SponsoredBy(actor);
        foreach (var invitation in member.Invitations.Where(i => !i.HasEnded))
        {
            if (invitation.StatusAt(now) is InvitationStatus.Expired || invitation.ExpiresAt < now + Shortest)
                invitation.Extend(now + Shortest);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationEndorsed, actor, "invitation", invitation.Id, now,
                new() { ["email"] = member.Identifier }));
        }
    }
}
