using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Users;

namespace Usher.Core.Outbox;

public sealed partial class OutboxQueue
{
    private const string NoLongerWanted = "no longer wanted";
    private const string Unreadable = "The secret of the link cannot be read with this installation's master key.";

    private static readonly SqlText OffersText = new();

    /// <summary>
    /// Checks that claimed messages are still needed, and decrypts their secrets. All invitations are read in one round
    /// trip.
    /// </summary>
    /// <returns>The messages to send, in the same order. The others must not be sent; they are abandoned.</returns>
    public async Task<IReadOnlyList<OpenedMessage>> OpenAsync(
        IReadOnlyList<OutboxMessage> messages, CancellationToken ct)
    {
        var offers = await OffersAsync(messages, ct);
        List<OpenedMessage> opened = [];
        List<OutboxResult> refused = [];
        foreach (var message in messages)
        {
            var (refusal, secret) = message.Kind switch
            {
                OutboxKind.Invitation => CheckInvitation(message, offers.GetValueOrDefault(message.Id)),
                OutboxKind.AddressChange or OutboxKind.UserAddressChange or OutboxKind.PasswordReset =>
                    await CheckLinkAsync(message, ct),
                OutboxKind.SignInCode => await CheckSignInCodeAsync(message, ct),
                _ => (null, null),
            };
            if (refusal is null) opened.Add(new(message, secret));
            else refused.Add(refusal);
        }

        if (refused is not []) await RecordAsync(refused, ct);
        return opened;
    }

    // The link no longer works if a newer mail was sent or the address has changed.
    private (OutboxResult? Refusal, string? Secret) CheckInvitation(OutboxMessage message, Offer? offer)
    {
        var readable = TryReveal(message.Secret, out var secret);
        if (offer is not { Status: InvitationStatus.Pending or InvitationStatus.Expired }
                || offer.Recipient != message.Recipient
                || (readable && !Secret.Hash(secret!).AsSpan().SequenceEqual(offer.Newest)))
            return (new(message, OutboxOutcome.Unwanted, NoLongerWanted), null);
        if (offer.Status is InvitationStatus.Expired || offer.ExpiresAt <= clock.Now())
            return (
                new(message, OutboxOutcome.Refused, "The invitation expired before its mail could be sent."), null);
        return readable
            ? (null, secret)
            : (new(message, OutboxOutcome.Refused, $"{Unreadable} Resend the invitation."), null);
    }

    // The invitations of the messages, by the messages' ids.
    private async Task<Dictionary<Guid, Offer>> OffersAsync(
        IReadOnlyList<OutboxMessage> messages, CancellationToken ct)
    {
        var invitations = messages.Where(m => m.Kind is OutboxKind.Invitation)
            .Select(m => new object?[] { m.Id, m.OrganizationId, m.InvitationId }).ToList();
        if (invitations.Count is 0) return [];
        var list = Sql.Rows(
            invitations, "r", ("message", "uuid"), ("organization", "uuid"), ("invitation", "uuid"));
        var statement = OffersText.Make(db.IsSqlite, sql => sql.Add(
            $"""
            SELECT r.message, i.status, i.expires_at, m.identifier, COALESCE(
                (SELECT s.hash FROM invitation_secrets s WHERE s.organization_id = i.organization_id
                    AND s.invitation_id = i.id AND s.proves_address ORDER BY s.sequence DESC LIMIT 1),
                CASE WHEN i.first_secret_proves_address THEN i.first_secret_hash END)
            FROM {list}
                {sql.Each("invitations", "i")}i.organization_id = r.organization
                    AND i.id = r.invitation{sql.EndEach("i")}
                {sql.Each("members", "m")}m.organization_id = i.organization_id
                    AND m.id = i.member_id{sql.EndEach("m")}
            """));
        var offers = await db.ReadAsync(
            statement,
            row => (
                Message: row.Id(0),
                Offer: new Offer(
                    row.Enum<InvitationStatus>(1), row.Instant(2), row.Text(3), row.BytesOrNull(4))), ct);
        return offers.ToDictionary(o => o.Message, o => o.Offer);
    }

    // If several links were requested, only the mail with the newest link is sent.
    private async Task<(OutboxResult? Refusal, string? Secret)> CheckLinkAsync(
        OutboxMessage message, CancellationToken ct)
    {
        var isOpen = await IsOpenAsync(message, ct);
        return isOpen && TryReveal(message.Secret, out var secret)
            ? (null, secret)
            : (new(message, OutboxOutcome.Unwanted, isOpen ? Unreadable : NoLongerWanted), null);
    }

    private Task<bool> IsOpenAsync(OutboxMessage message, CancellationToken ct)
    {
        var now = clock.Now();
        var id = Guid.Parse(
            message.Parameters[
                message.Kind is OutboxKind.PasswordReset ? OutboxParameters.Reset : OutboxParameters.AddressChange]);
        return message.Kind switch
        {
            OutboxKind.PasswordReset => db.PasswordResets.AnyAsync(
                r =>
                    r.Id == id && r.UsedAt == null && r.ExpiresAt > now
                        && !db.PasswordResets.Any(n =>
                               n.UserId == r.UserId && n.HandedOver == r.HandedOver && n.Id > r.Id),
                           ct),
            OutboxKind.UserAddressChange =>
                db.UserAddressChanges.AnyAsync(
                    c => c.Id == id && c.Status == AddressChangeStatus.Pending && c.ExpiresAt > now, ct),
            _ =>
                db.AddressChanges.AnyAsync(
                    c =>
                        c.OrganizationId == message.OrganizationId && c.Id == id
                            && c.Status == AddressChangeStatus.Pending && c.ExpiresAt > now,
                    ct),
        };
    }

    // A code that was used, replaced or has expired is not sent.
    private async Task<(OutboxResult? Refusal, string? Secret)> CheckSignInCodeAsync(
        OutboxMessage message, CancellationToken ct)
    {
        var now = clock.Now();
        var newest = await db.SignInCodes.Where(c => c.Address == message.Recipient && c.ExpiresAt > now)
            .Select(c => c.Hash).SingleOrDefaultAsync(ct);
        return newest is not null && TryReveal(message.Secret, out var code)
               && Secret.Hash(code.Replace("-", "", StringComparison.Ordinal)).AsSpan().SequenceEqual(newest)
            ? (null, code)
            : (new(message, OutboxOutcome.Unwanted, NoLongerWanted), null);
    }

    private bool TryReveal(byte[]? hidden, [NotNullWhen(true)] out string? secret)
    {
        try
        {
            secret = hidden is null ? null : secrets.Reveal(hidden);
        }
        catch (CryptographicException)
        {
            secret = null;
        }

        return secret is not null;
    }

    private sealed record Offer(InvitationStatus Status, DateTimeOffset ExpiresAt, string Recipient, byte[]? Newest);
}
