using System.Globalization;
using Microsoft.Extensions.Options;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>
/// The one way a link leaves: a new secret, its hash on the invitation, its text encrypted in the outbox, in the
/// caller's save.
/// </summary>
public sealed class InvitationMails(OutboxSecrets secrets, IOptions<InvitationOptions> options)
{
    /// <summary>Sends a member's pending or expired invitation anew, or makes his first.</summary>
    /// <param name="db">The operation's context.</param>
    /// <param name="organization">The member's.</param>
    /// <param name="member">Somebody live without a user.</param>
    /// <param name="now">Now.</param>
    /// <param name="expires">When it is to run out; null: after the usual time.</param>
    public Invitation Send(
        UsherDb db, Organization organization, Member member, DateTimeOffset now, DateTimeOffset? expires = null)
    {
        var (secret, hash) = Secret.Create(Secret.InvitationPrefix);
        var invitation = Prepare(db, organization, member, hash, provesAddress: true, now, expires);
        db.Add(new OutboxMessage
        {
            OrganizationId = organization.Id, Id = Uuid.Create(now), Kind = OutboxKind.Invitation,
            Recipient = member.Identifier,
            Language = member.Locale ?? "en",
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

    /// <summary>A link to hand over by other means than mail: shown once, never stored.</summary>
    public InvitationLink Mint(
        UsherDb db, Organization organization, Member member, bool provesAddress, DateTimeOffset now,
        DateTimeOffset? expires = null)
    {
        var (secret, hash) = Secret.Create(Secret.InvitationPrefix);
        var invitation = Prepare(db, organization, member, hash, provesAddress, now, expires);
        // What was mailed before is void now. A link that is handed over leaves the mailed one open, and its delivery
        // as it is.
        if (provesAddress) invitation.Delivery = DeliveryState.None;
        return new(organization.Slug, invitation.Id, secret);
    }

    private Invitation Prepare(
        UsherDb db, Organization organization, Member member, byte[] hash, bool provesAddress, DateTimeOffset now,
        DateTimeOffset? expires)
    {
        var invitation = member.PendingInvitation ?? member.Invitations.Find(i => i.Status is InvitationStatus.Expired)
            ?? db.Add(Invitation.Of(member, now));
        var lifetime = organization.InvitationLifetimeSeconds is { } seconds
            ? TimeSpan.FromSeconds(seconds)
            : options.Value.Lifetime;
        invitation.Send(hash, provesAddress, now, expires is { } end ? end - now : lifetime);
        return invitation;
    }

    /// <summary>Tells the organization's administrators something about an invitation.</summary>
    public static void TellAdmins(
        UsherDb db, Organization organization, OutboxKind kind, IEnumerable<string> recipients, Member person,
        string sponsor, DateTimeOffset now)
    {
        foreach (var recipient in recipients)
        {
            db.Add(new OutboxMessage
            {
                OrganizationId = organization.Id, Id = Uuid.Create(now), Kind = kind, Recipient = recipient,
                Language = "en", NextAttemptAt = now, CreatedAt = now,
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
