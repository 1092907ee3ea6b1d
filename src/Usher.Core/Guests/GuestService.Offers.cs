using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Users;

namespace Usher.Core.Guests;

/// <summary>What a link shows to its holder.</summary>
public sealed partial class GuestService
{
    private sealed class Found(
        Organization organization, Invitation invitation, Member member, InvitationSecret used,
        IReadOnlyList<InvitationSecret> secrets)
    {
        public Organization Organization => organization;

        public Invitation Invitation { get; private set; } = invitation;

        public Member Member { get; private set; } = member;

        /// <summary>The secret in the guest's link.</summary>
        public InvitationSecret Used => used;

        /// <summary>
        /// The newest secret of the same kind (mailed or handed over). Only this one opens the invitation.
        /// </summary>
        public InvitationSecret Newest { get; private set; } = secrets.Last(s => s.ProvesAddress == used.ProvesAddress);

        // Switches to the tracked rows, which the rest of the operation changes.
        public void Take(Member tracked, Invitation its) => (Member, Invitation) = (tracked, its);

        // A newly mailed secret replaces the guest's secret only if that one was mailed, too.
        public void Sent(Invitation anew) => Newest = used.ProvesAddress ? anew.Secrets.Last() : Newest;
    }

    // Finds the invitation by slug and id, then compares the secret in fixed time. The answer for a wrong secret is the
    // same as for an unknown invitation.
    private async Task<Found?> FindAsync(Unit unit, InvitationLink link, CancellationToken ct)
    {
        await unit.LockInviteeAsync(link.OrganizationSlug, link.InvitationId, ct);
        return await FindAsync(link, ct);
    }

    private async Task<Found?> FindAsync(InvitationLink link, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.InvitationPrefix)) return null;
        var rows = await (
            from organization in db.Organizations
            join invitation in db.Invitations on organization.Id equals invitation.OrganizationId
            join member in db.Members on new
            {
                invitation.OrganizationId, Id = invitation.MemberId,
            } equals new { member.OrganizationId, member.Id }
            where organization.Slug == link.OrganizationSlug && invitation.Id == link.InvitationId
                && organization.SuspendedAt == null
            select new
            {
                organization, invitation, member, later = invitation.LaterSecrets.ToList(),
            }).AsNoTracking().ToListAsync(ct);
        if (rows is not [var row]) return null;
        List<InvitationSecret> secrets = [.. row.invitation.FirstSecret(), .. row.later.OrderBy(s => s.Sequence)];
        var hash = Secret.Hash(link.Secret);
        InvitationSecret? used = null;
        foreach (var secret in secrets)
            if (CryptographicOperations.FixedTimeEquals(secret.Hash, hash)) used = secret;
        return used is not null ? new(row.organization, row.invitation, row.member, used, secrets) : null;
    }

    // The state as the holder of this secret sees it.
    private static OfferState StateOf(Found found, DateTimeOffset now) => found.Invitation.StatusAt(now) switch
    {
        // A suspended member without a user account has already joined. The link does not lift the suspension.
        InvitationStatus.Pending or InvitationStatus.Expired when found.Member.UserId is not null
            || found.Member.Status is MemberStatus.Suspended =>
            OfferState.Superseded,
        InvitationStatus.Pending or InvitationStatus.Expired when found.Used.Sequence != found.Newest.Sequence =>
            OfferState.Replaced,
        InvitationStatus.Pending when found.Invitation.BlockedAt is not null => OfferState.Blocked,
        InvitationStatus.Pending => OfferState.Open,
        InvitationStatus.Expired => OfferState.Expired,
        InvitationStatus.Accepted => OfferState.Used,
        InvitationStatus.Declined => OfferState.Declined,
        InvitationStatus.Revoked => OfferState.Revoked,
        InvitationStatus.Superseded => OfferState.Superseded,
    };

    private static bool CanAskForNew(Found found, DateTimeOffset now) => StateOf(found, now) switch
    {
        OfferState.Expired => found.Member is { IsLive: true, UserId: null },
        OfferState.Open => !found.Used.ProvesAddress,
        OfferState.Revoked =>
            found.Invitation.EndReason == InvitationErrors.SponsorLostRight.Code && found.Member.UserId is null,
        _ => false,
    };

    private async Task<Offer> DescribeAsync(Found found, Guid? signedInUser, CancellationToken ct)
    {
        var accounts = await AccountsAsync(found, signedInUser, ct);
        var viewerUser = accounts.Find(a => a.User.Id == signedInUser)?.User;
        var now = clock.Now();
        var state = StateOf(found, now);
        if (state is OfferState.Blocked && await StandsAsync(found, ct)) state = OfferState.Open;
        var viewer = ViewerOf(found, viewerUser, accounts.Find(a => HasAddress(found, a.User))?.User, now);
        return new(state, viewer)
        {
            OrganizationName = found.Organization.Name, Email = found.Member.ShownAs,
            FirstName = found.Member.FirstName, LastName = found.Member.LastName,
            SponsorName = found.Invitation.SponsorKind is ActorKind.Member
                ? found.Invitation.SponsorName
                : "", ExpiresAt = found.Invitation.ExpiresAt,
            NewerSentAt = state is OfferState.Replaced
                ? found.Newest.SentAt
                : null, SignedInAs = viewer is Viewer.SomebodyElse
                ? viewerUser!.Email ?? viewerUser.DisplayName
                : null,
            CanAskForNew = CanAskForNew(found, now), HandedOver = !found.Used.ProvesAddress,
        };
    }

    // Only a link that proves the address reveals whether the address has an account.
    private static Viewer ViewerOf(Found found, User? signedIn, User? account, DateTimeOffset now)
    {
        var proves = Proves(found, now);
        if (signedIn is not null && !HasAddress(found, signedIn)) return Viewer.SomebodyElse;
        if (proves && account is { EmailProvedAt: null }) return Viewer.UnprovenAccount;
        if (signedIn is not null) return Viewer.Invitee;
        return !proves ? Viewer.Undisclosed : account is null ? Viewer.NewPerson : Viewer.MustSignIn;
    }

    // Only the newest mailed secret of an open invitation proves the address.
    private static bool Proves(Found found, DateTimeOffset now) =>
        found.Used.ProvesAddress && IsOpen(found, now, out _);

    // A blocked invitation is checked again when it is accepted.
    private static bool IsOpen(Found found, DateTimeOffset now, out OfferState state) =>
        (state = StateOf(found, now)) is OfferState.Open or OfferState.Blocked;

    private static bool HasAddress(Found found, User user) => user.Email == found.Member.Identifier;

    // A handed-over link was submitted for an address that has an account. Each such submission is recorded, and
    // counted across all nodes.
    private Task<Result<Joined>> DiscloseAsync(Found found, CancellationToken ct) =>
        database.RunLockedAsync<Result<Joined>>(async unit =>
        {
            var (organization, now) = (found.Organization.Id, clock.Now());
            await unit.LockAsync(organization, [], [], organizationToo: true, ct);
            if (await DisclosuresAsync(organization, ct) >= MaxDisclosuresADay)
                return InvitationErrors.TooManyDisclosures;
            unit.KeepsRefusal = true;
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationAccountDisclosed, Actor.System(organization), "organization", organization, now,
                new() { ["email"] = found.Member.Identifier, ["invitation"] = found.Invitation.Id.ToString() }));
            return InvitationErrors.MustSignIn;
        }, ct);

    private Task<int> DisclosuresAsync(Guid organization, CancellationToken ct)
    {
        var yesterday = clock.Now().AddDays(-1);
        return db.Events.CountAsync(
            e =>
                e.OrganizationId == organization && e.SubjectId == e.OrganizationId
                    && e.Type == EventTypes.InvitationAccountDisclosed
                && e.OccurredAt > yesterday, ct);
    }
}
