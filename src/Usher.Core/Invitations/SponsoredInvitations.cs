using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;

namespace Usher.Core.Invitations;

/// <summary>
/// What becomes of the pending invitations of a sponsor who is removed, suspended or demoted, as far as the sponsor may
/// no longer make them.
/// </summary>
public enum SponsoredAction
{
    /// <summary>They wait for an administrator's decision. The default.</summary>
    Block,

    /// <summary>The actor becomes their sponsor where the actor covers the invited member; the others wait.</summary>
    Endorse,

    /// <summary>They end where the actor covers the invited member; the others wait.</summary>
    Revoke,
}

/// <summary>What became of them.</summary>
/// <param name="Affected">How many pending invitations the sponsor may no longer make.</param>
/// <param name="Blocked">How many of them wait for a decision.</param>
/// <param name="Endorsed">How many the actor is now the sponsor of.</param>
/// <param name="Revoked">How many ended.</param>
public sealed record SponsoredOutcome(int Affected, int Blocked, int Endorsed, int Revoked)
{
    public static readonly SponsoredOutcome None = new(0, 0, 0, 0);
}

/// <summary>
/// Settles the pending invitations of sponsors who lose rights, in the save of the change that takes the rights away.
/// </summary>
internal sealed class SponsoredInvitations(UsherDb db, AccessGraph graph, Actor actor, DateTimeOffset now)
{
    /// <summary>How many can be endorsed or revoked together with the change.</summary>
    public const int MaxDecided = 1_000;

    /// <summary>Settles them. Only in a run under lock: some rows are written at once.</summary>
    /// <param name="sponsors">As they stand after the change; those removed are no longer active.</param>
    /// <param name="action">What is to become of those affected.</param>
    /// <param name="ct">Cancels the reads.</param>
    /// <returns> Refused with <c>too_many_invitations</c> when more than 1,000 would have to be endorsed or revoked.
    /// The run then has nothing left to save: neither these invitations nor the change that was prepared before.
    /// </returns>
    public async Task<Result<SponsoredOutcome>> SettleAsync(
        IReadOnlyList<Member> sponsors, SponsoredAction action, CancellationToken ct)
    {
        if (sponsors is [] || !await PendingOf(sponsors).AnyAsync(ct)) return SponsoredOutcome.None;
        var standing = sponsors.Where(s => TodayOf(s).May(Permissions.UserManagement)).ToList();
        var gone = sponsors.Except(standing).ToList();
        if (action is SponsoredAction.Block && standing is []) return await BlockAllAsync(gone, ct);

        var outcome = SponsoredOutcome.None;
        // at most as many as can be decided: they are marked when it is certain that nothing is refused
        List<Guid> undecided = [];
        for (Guid? after = null; ;)
        {
            var last = after;
            var chunk = await PendingOf(sponsors).Where(i => last == null || i.Id > last).OrderBy(i => i.Id)
                .Take(MaxDecided)
                .Select(i => new { i.Id, i.MemberId, i.SponsorId }).ToListAsync(ct);
            if (chunk is []) break;
            var query = new AccessQuery(actor.OrganizationId) { MemberIds = [.. chunk.Select(i => i.MemberId)] };
            if (await AccessGraph.ReadAsync(db, query, ct) is not { } invited) break;
            var sponsorOf = sponsors.ToDictionary(s => s.Id, TodayOf);
            var affected = chunk.Where(i => invited.Member(i.MemberId) is { } member
                && !(
                       sponsorOf[i.SponsorId].May(Permissions.UserManagement)
                           && invited.Covers(sponsorOf[i.SponsorId], member))).ToList();
            if (action is not SponsoredAction.Block && outcome.Affected + affected.Count > MaxDecided)
            {
                db.Forget();
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
    /// A sponsor may act again: the marks go, and each invitation is judged anew when it is accepted.
    /// </summary>
    public Task UnblockAsync(IReadOnlyList<Member> sponsors, CancellationToken ct) =>
        PendingOf(sponsors).Where(i => i.BlockedAt != null)
        .ExecuteUpdateAsync(
            set =>
                set.SetProperty(i => i.BlockedAt, (DateTimeOffset?)null)
                    .SetProperty(i => i.BlockedToldAt, (DateTimeOffset?)null)
            .SetProperty(i => i.Version, i => i.Version + 1), ct);

    // Those that the actor covers are decided; nothing else changes here.
    private HashSet<Guid> Decide(AccessGraph invited, IReadOnlyList<Member> members, SponsoredAction action)
    {
        if (action is SponsoredAction.Block || !actor.May(Permissions.UserManagement)) return [];
        List<Member> covered = [
            .. members.Where(m => invited.Pass(GrantingRule.EndorseCovers, invited.Covers(actor, m)))];
        db.AttachRange(covered);
        foreach (var member in covered)
        {
            if (action is SponsoredAction.Endorse) Endorsing.Apply(db, member, actor, now);
            else
                MemberService.RemoveInvited(
                    db, invited.Organization, member, actor, now, InvitationErrors.SponsorLostRight.Code);
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

/// <summary>Making an actor the sponsor of an offer, so that the same link works again.</summary>
internal static class Endorsing
{
    /// <summary>How long an endorsed invitation stays open at least.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromDays(7);

    /// <summary>
    /// The actor is the sponsor from now on; the invitation waits no longer and stays open for at least seven days.
    /// </summary>
    public static void Apply(UsherDb db, Member member, Actor actor, DateTimeOffset now)
    {
        member.SponsoredBy(actor);
        foreach (var invitation in member.Invitations.Where(i => !i.HasEnded))
        {
            if (invitation.StatusAt(now) is InvitationStatus.Expired || invitation.ExpiresAt < now + Shortest)
                invitation.Extend(now + Shortest);
            db.Add(UsherEvent.Record(
                EventTypes.InvitationEndorsed, actor, "invitation", invitation.Id, now,
                new() { ["email"] = member.Identifier }));
        }
    }
}
