using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Outbox;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>Voids pending links and mails when a member's address changes.</summary>
internal static class Readdressing
{
    /// <summary>
    /// Voids the links of the member's open invitations, abandons their queued mails, and supersedes pending address
    /// changes. Part of the caller's save; the member must be tracked.
    /// </summary>
    public static async Task VoidAsync(UsherDb db, Member member, DateTimeOffset now, CancellationToken ct)
    {
        var (organization, id) = (member.OrganizationId, member.Id);
        var open = await db.Invitations.Include(i => i.LaterSecrets)
            .Where(i =>
                i.OrganizationId == organization && i.MemberId == id
                    && (i.Status == InvitationStatus.Pending || i.Status == InvitationStatus.Expired)).ToListAsync(ct);
        foreach (var invitation in open) invitation.VoidLinks();
        Guid?[] ids = [.. open.Select(i => i.Id)];
        foreach (var mail in await db.OutboxMessages.Where(m =>
                m.OrganizationId == organization && ids.Contains(m.InvitationId)
                    && m.State == OutboxState.Queued).ToListAsync(ct))
            (mail.State, mail.Secret) = (OutboxState.Abandoned, null);
        foreach (var change in await db.AddressChanges.Where(c =>
                c.OrganizationId == organization && c.MemberId == id
                    && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
            change.Supersede(now);
    }
}
