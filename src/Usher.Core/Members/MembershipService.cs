using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>A person's membership with its organization.</summary>
public sealed record OwnMembership(
    Guid MemberId, Guid OrganizationId, string OrganizationName, string OrganizationSlug);

/// <summary>
/// Lets a signed-in person accept or decline memberships that an organization created without an invitation. The
/// organization learns nothing about the account before the person accepts.
/// </summary>
public sealed class MembershipService(UsherDb db, Database database, MemberService members, TimeProvider clock)
{
    /// <summary>
    /// Lists the memberships that wait for the person's consent, ordered by organization name. An organization with an
    /// external identity provider has added the person's address as an active member. Empty for an account with an
    /// unproven address.
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

    /// <summary>Lists the person's suspended memberships, ordered by organization name.</summary>
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
    /// Accepts an offered membership and links it to the person's account. Repeating the call gives the same answer.
    /// </summary>
    /// <returns>Refused with <c>member_not_found</c> for a membership that was not offered to this account.</returns>
    public Task<Result<Member>> AgreeAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        database.RunAsync<Result<Member>>(async unit =>
        {
            var bound = await db.Members.AsNoTracking()
                .SingleOrDefaultAsync(m => m.UserId == userId && m.Id == memberId, ct);
            if (bound is { IsLive: true }) return bound;
            if (await OfferOfAsync(userId, memberId, ct) is not { } place) return MemberErrors.NotFound;
            await unit.LockAsync(place, [], [memberId], organizationToo: false, ct);
            if (await Offered(userId).Include(m => m.Invitations)
                    .SingleOrDefaultAsync(m => m.Id == memberId, ct) is not { } member)
                return MemberErrors.NotFound;

            var now = clock.Now();
            member.Join(userId, now);
            foreach (var invitation in member.Invitations) invitation.End(InvitationStatus.Superseded, now);
            unit.Add(UsherEvent.Record(
                EventTypes.MemberJoined, Actor.Of(member), "member", member.Id, now,
                new() { ["email"] = member.Identifier }, cause: "agreed"));
            return member;
        }, ct);

    /// <summary>Declines an offered membership. The member is removed.</summary>
    /// <returns>Refused with <c>member_not_found</c> for a membership that was not offered to this account, and with
    /// <c>last_admin</c> when no active administrator would be left.</returns>
    public Task<Result<Member>> DeclineAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        database.RunLockedAsync<Result<Member>>(async unit =>
        {
            if (await OfferOfAsync(userId, memberId, ct) is not { } place) return MemberErrors.NotFound;
            var graph = await AccessGraph.TrackAsync(
                unit, new AccessQuery(place) { MemberIds = [memberId], LockOrganization = true }, ct);
            // Checked again because the member is locked now.
            if (graph?.Member(memberId) is not { } member || await OfferOfAsync(userId, memberId, ct) is null)
                return MemberErrors.NotFound;
            return (await members.RemoveAndSettleAsync(
                unit, graph, Actor.Of(member), [member], SponsoredAction.Block, EventTypes.MemberRemoved, ct))
                .Match<Result<Member>>(_ => member, error => error);
        }, ct);

    // Only an address that the account has proven counts. A name from an identity provider does not.
    private IQueryable<Member> Offered(Guid userId) =>
        from user in db.Users
        join member in db.Members on user.Email equals member.Identifier
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
