using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>A person's membership, by its organization.</summary>
public sealed record OwnMembership(
    Guid MemberId, Guid OrganizationId, string OrganizationName, string OrganizationSlug);

/// <summary>
/// What a signed-in person does about memberships that were made without asking them. No organization hears of the
/// person before they agree.
/// </summary>
public sealed class MembershipService(UsherDb db, MemberService members, TimeProvider clock)
{
    /// <summary>
    /// The memberships that wait for the person to agree: an organization with an identity provider of its own has
    /// added their address as active. None for an account that never proved its address. By the organization's name.
    /// </summary>
    public async Task<IReadOnlyList<OwnMembership>> OffersAsync(Guid userId, CancellationToken ct)
    {
        var offers =
            from unbound in Offered(userId)
            join organization in db.Organizations on unbound.OrganizationId equals organization.Id
            orderby organization.Name, unbound.Id
            select new OwnMembership(unbound.Id, organization.Id, organization.Name, organization.Slug);
        return await offers.AsNoTracking().ToListAsync(ct);
    }

    /// <summary>The person's memberships that are suspended. By the organization's name.</summary>
    public async Task<IReadOnlyList<OwnMembership>> SuspendedAsync(Guid userId, CancellationToken ct)
    {
        var suspended =
            from member in db.Members
            join organization in db.Organizations on member.OrganizationId equals organization.Id
            where member.UserId == userId && member.Status == MemberStatus.Suspended
            orderby organization.Name, member.Id
            select new OwnMembership(member.Id, organization.Id, organization.Name, organization.Slug);
        return await suspended.AsNoTracking().ToListAsync(ct);
    }

    /// <summary>
    /// The person agrees to a membership that was offered: from now on they are the person behind it. Repeating it
    /// gives the same answer.
    /// </summary>
    /// <returns>Refused with <c>member_not_found</c> for whatever was not offered to this account.</returns>
    public Task<Result<Member>> AgreeAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        db.RunAsync<Result<Member>>(async () =>
    {
        var bound = await db.Members.AsNoTracking()
            .SingleOrDefaultAsync(m => m.UserId == userId && m.Id == memberId, ct);
        if (bound is { IsLive: true }) return bound;
        if (await OfferOfAsync(userId, memberId, ct) is not { } place) return MemberErrors.NotFound;
        await db.LockAsync(place, [], [memberId], organizationToo: false, ct);
        if (await Offered(userId).Include(m => m.Invitations)
                .SingleOrDefaultAsync(m => m.Id == memberId, ct) is not { } member)
            return MemberErrors.NotFound;

        var now = clock.Now();
        member.Join(userId, now);
        foreach (var invitation in member.Invitations) invitation.End(InvitationStatus.Superseded, now);
        db.Add(UsherEvent.Record(
            EventTypes.MemberJoined, Actor.Of(member), "member", member.Id, now,
            new() { ["email"] = member.Identifier }, cause: "agreed"));
        await db.SaveChangesAsync(ct);
        return member;
    }, ct);

    /// <summary>The person does not want a membership that was offered: it is removed.</summary>
    /// <returns> Refused with <c>member_not_found</c> for whatever was not offered to this account, with
    /// <c>last_admin</c> when no active administrator would be left. </returns>
    public Task<Result<Member>> DeclineAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        db.RunLockedAsync<Result<Member>>(async () =>
    {
        if (await OfferOfAsync(userId, memberId, ct) is not { } place) return MemberErrors.NotFound;
        var graph = await AccessGraph.TrackAsync(
            db, new AccessQuery(place) { MemberIds = [memberId], LockOrganization = true }, ct);
        // Asked once more, now that the member is locked.
        if (graph?.Member(memberId) is not { } member || await OfferOfAsync(userId, memberId, ct) is null)
            return MemberErrors.NotFound;
        return (await members.RemoveAndSettleAsync(
            graph, Actor.Of(member), [member], SponsoredAction.Block, EventTypes.MemberRemoved, ct))
            .Match<Result<Member>>(_ => member, error => error);
    }, ct);

    // What is proven counts, and nothing else: not who added the member, and not an identity provider's name.
    private IQueryable<Member> Offered(Guid userId) =>
        from user in db.Users
        join member in db.Members on user.NormalizedEmail equals member.Identifier
        join organization in db.Organizations on member.OrganizationId equals organization.Id
        where user.Id == userId && user.EmailProvedAt != null
            && member.UserId == null && member.Kind == MemberKind.Person && member.Status == MemberStatus.Active
            && organization.ExternalIdentityProvider != null && organization.SuspendedAt == null
            && !db.Members.Any(m =>
                   m.OrganizationId == member.OrganizationId && m.UserId == userId && m.Status != MemberStatus.Removed)
        select member;

    private Task<Guid?> OfferOfAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        Offered(userId).Where(m => m.Id == memberId).Select(m => (Guid?)m.OrganizationId).SingleOrDefaultAsync(ct);
}
