using System.Globalization;
using Microsoft.Extensions.Options;
using Usher.Core.Data;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>
/// Creates and sends invitation links. Every link goes through this class. The hash of a new secret is stored with the
/// invitation, and its encrypted text in the outbox, both in the caller's commit.
/// </summary>
public sealed class InvitationMails(OutboxSecrets secrets, IOptions<InvitationOptions> options)
{
    /// <summary>
    /// Mails a new link for a member's pending or expired invitation, or creates the first invitation.
    /// </summary>
    /// <param name="unit">The unit of the operation.</param>
    /// <param name="organization">The member's organization.</param>
    /// <param name="member">A live member without a user account.</param>
    /// <param name="now">The current time.</param>
    /// <param name="expires">The expiry; null for the default lifetime.</param>
    public Invitation Send(
        Unit unit, Organization organization, Member member, DateTimeOffset now, DateTimeOffset? expires = null)
    {
        var (secret, hash) = Secret.Create(Secret.InvitationPrefix);
        var invitation = Prepare(unit, organization, member, hash, provesAddress: true, now, expires);
        unit.Add(new OutboxMessage
        {
            OrganizationId = organization.Id, Id = Uuid.Create(now), Kind = OutboxKind.Invitation,
            Recipient = member.Identifier,
            Language = OutboxMessage.LanguageOf(member.Locale),
            InvitationId = invitation.Id, Secret = secrets.Protect(secret), NextAttemptAt = now, CreatedAt = now,
            Parameters = new()
            {
                [OutboxParameters.Organization] = organization.Name,
                [OutboxParameters.OrganizationSlug] = organization.Slug,
                [OutboxParameters.Sponsor] = invitation.SponsorKind is ActorKind.Member ? invitation.SponsorName : "",
                [OutboxParameters.FirstName] = member.FirstName,
                [OutboxParameters.Expires] = invitation.ExpiresAt.ToString("O", CultureInfo.InvariantCulture),
            },
        });
        return invitation;
    }

    /// <summary>Creates a link to hand over by other means than mail. It is shown once and never stored.</summary>
    public InvitationLink Mint(
        Unit unit, Organization organization, Member member, bool provesAddress, DateTimeOffset now,
        DateTimeOffset? expires = null)
    {
        var (secret, hash) = Secret.Create(Secret.InvitationPrefix);
        var invitation = Prepare(unit, organization, member, hash, provesAddress, now, expires);
        // This link replaces the mailed link. A handed-over link leaves the mailed link and its delivery state as they
        // are.
        if (provesAddress) invitation.Delivery = DeliveryState.None;
        return new(organization.Slug, invitation.Id, secret);
    }

    private Invitation Prepare(
        Unit unit, Organization organization, Member member, byte[] hash, bool provesAddress, DateTimeOffset now,
        DateTimeOffset? expires)
    {
        var invitation = member.PendingInvitation ?? member.Invitations.Find(i => i.Status is InvitationStatus.Expired)
            ?? unit.Add(Invitation.Of(member, now));
        var lifetime = organization.InvitationLifetimeSeconds is { } seconds
            ? TimeSpan.FromSeconds(seconds)
            : options.Value.Lifetime;
        invitation.Send(hash, provesAddress, now, expires is { } end ? end - now : lifetime);
        return invitation;
    }

    /// <summary>Mails a notification about an invitation to the organization's administrators.</summary>
    public static void TellAdmins(
        Unit unit, Organization organization, OutboxKind kind, IEnumerable<string> recipients, Member person,
        string sponsor, DateTimeOffset now)
    {
        foreach (var recipient in recipients)
        {
            unit.Add(new OutboxMessage
            {
                OrganizationId = organization.Id, Id = Uuid.Create(now), Kind = kind, Recipient = recipient,
                Language = OutboxMessage.DefaultLanguage, NextAttemptAt = now, CreatedAt = now,
                Parameters = new()
                {
                    [OutboxParameters.Organization] = organization.Name,
                    [OutboxParameters.OrganizationSlug] = organization.Slug,
                    [OutboxParameters.Sponsor] = sponsor, [OutboxParameters.Person] = person.DisplayName,
                    [OutboxParameters.Email] = person.Identifier,
                },
            });
        }
    }
}
