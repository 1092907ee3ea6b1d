using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Users;

namespace Usher.Core.Guests;

/// <summary>Requests for another invitation mail.</summary>
public sealed partial class GuestService
{
    /// <summary>
    /// Requests a new link. For an expired link, or an open one that was handed over, a mail is sent to the invited
    /// address. The sponsor does not change, and a handed-over link keeps working. If the invitation's sponsor may no
    /// longer invite, the administrators are notified instead.
    /// </summary>
    /// <returns>The current offer, even if no mail was sent because one was sent recently.</returns>
    public Task<Result<Offer>> AskForNewAsync(InvitationLink link, CancellationToken ct)
    {
        bool? may = null; // the limit is counted once, even if the operation is retried
        return database.RunAsync(
            unit => AskOnceAsync(unit, link, address => may ??= limits.MaySendTo(address), ct), ct);
    }

    private async Task<Result<Offer>> AskOnceAsync(
        Unit unit, InvitationLink link, Func<string, bool> maySendTo, CancellationToken ct)
    {
        if (await FindAsync(unit, link, ct) is not { } found) return InvitationErrors.LinkUnknown;
        var now = clock.Now();
        var state = StateOf(found, now);
        if (!CanAskForNew(found, now)) return InvitationErrors.Ended(state);
        var actor = Actor.System(found.Organization.Id);
        if (state is OfferState.Expired or OfferState.Open)
        {
            if (WasMailedLately(found.Invitation, now) || !maySendTo(found.Member.Identifier))
                return await DescribeAsync(found, null, ct);
            // Only after a lost race. The operation is retried.
            if (await TrackAsync(unit, found, ct) is not { } graph) return InvitationErrors.LinkUnknown;
            // An open invitation keeps its expiry: only a member who manages users may extend it.
            DateTimeOffset? expires = state is OfferState.Open ? found.Invitation.ExpiresAt : null;
            found.Sent(mails.Send(unit, graph.Organization, found.Member, now, expires));
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationSent, actor, "invitation", found.Invitation.Id, now, cause: "guest_asked"));
        }
        else
        {
            var invitation = await db.Invitations.SingleAsync(
                i => i.OrganizationId == found.Organization.Id && i.Id == found.Invitation.Id, ct);
            if (invitation.RequestedAt > now - BetweenRequests) return await DescribeAsync(found, null, ct);
            invitation.RequestedAt = now;
            var admins = await db.AdministratorsToTell(found.Organization.Id).Select(m => m.Identifier).ToListAsync(ct);
            InvitationMails.TellAdmins(
                unit, found.Organization, OutboxKind.InvitationRequested, admins, found.Member,
                found.Invitation.SponsorName, now);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationRequested, actor, "member", found.Member.Id, now,
                new() { ["email"] = found.Member.Identifier }));
        }

        return await DescribeAsync(found, null, ct);
    }

    /// <summary>
    /// Mails a new link to a person for each organization (at most 10) in which the address is a live member without a
    /// user account. The result does not reveal whether there is one.
    /// </summary>
    public async Task SendMyLinkAsync(string email, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var canonical)) return;
        var places = await db.Members.AsNoTracking()
            .Where(m =>
                m.Identifier == canonical && m.UserId == null && m.Kind == MemberKind.Person
                    && (m.Status == MemberStatus.Invited || m.Status == MemberStatus.Active))
            .OrderBy(m => m.OrganizationId).Select(m => new { m.OrganizationId, m.Id }).Take(10).ToListAsync(ct);
        if (places is [] || !limits.MaySendTo(canonical)) return;
        foreach (var place in places)
        {
            await database.RunAsync(async unit =>
            {
                var graph = await AccessGraph.TrackAsync(
                    unit, new(place.OrganizationId) { MemberIds = [place.Id] }, ct);
                if (graph?.Member(place.Id) is not { IsLive: true, UserId: null } member
                        || graph.Organization.SuspendedAt is not null)
                    return false;
                var now = clock.Now();
                if (WasMailedLately(member.PendingInvitation, now)) return false;
                var invitation = mails.Send(unit, graph.Organization, member, now);
                unit.Add(UsherEvent.Record(
                    EventTypes.InvitationSent, Actor.System(place.OrganizationId), "invitation", invitation.Id, now,
                    cause: "guest_asked"));
                return true;
            }, ct);
        }
    }

    /// <summary>
    /// Whether a guest may be redirected to a URL after joining. Only origins registered by the organization are
    /// allowed.
    /// </summary>
    public async Task<bool> MayReturnTo(InvitationLink link, string url, CancellationToken ct)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var target) || target.Scheme is not ("https" or "http")
                || target.UserInfo.Length > 0)
            return false;
        var origins = await db.Organizations.AsNoTracking().Where(o => o.Slug == link.OrganizationSlug)
            .Select(o => o.ReturnOrigins).SingleOrDefaultAsync(ct);
        return origins?.Contains(target.GetLeftPart(UriPartial.Authority), StringComparer.OrdinalIgnoreCase) is true;
    }

    // A handed-over link does not count as a mail, and a mail that failed may be sent again.
    private static bool WasMailedLately(Invitation? invitation, DateTimeOffset now) =>
        invitation is { Delivery: DeliveryState.Queued or DeliveryState.Sent, LastSentAt: { } sent }
            && sent > now - BetweenMails && invitation.ExpiresAt > now;
}
