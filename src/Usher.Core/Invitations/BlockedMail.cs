using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>The daily mail to administrators about invitations that wait for their decision.</summary>
internal static class BlockedMail
{
    /// <summary>The maximum number of invitations that a mail names. The others are only counted.</summary>
    public const int MostNamed = 50;

    public static OutboxMessage To(
        Member admin, Organization organization, IReadOnlyList<Invitation> blocked, int total, DateTimeOffset now) =>
        new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Kind = OutboxKind.InvitationsBlocked,
        Recipient = admin.Identifier,
        Language = OutboxMessage.LanguageOf(admin.Locale),
        NextAttemptAt = now, CreatedAt = now,
        Parameters = new()
        {
            [OutboxParameters.Organization] = organization.Name,
            [OutboxParameters.OrganizationSlug] = organization.Slug,
            [OutboxParameters.FirstName] = admin.FirstName, [OutboxParameters.Count] = $"{total}",
            [OutboxParameters.Lines] = string.Join(
                '\n', blocked.Select(i => $"{i.Member.Identifier}\t{i.SponsorName}")),
        },
    };
}
