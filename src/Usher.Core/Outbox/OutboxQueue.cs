using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Users;

namespace Usher.Core.Outbox;

/// <summary>A claimed message that may be sent now.</summary>
/// <param name="Message">The message at the time of the claim.</param>
/// <param name="Secret">The secret of the link in plain text; null for messages without a link.</param>
public sealed record OpenedMessage(OutboxMessage Message, string? Secret)
{
    // The generated ToString would contain the secret.
    public override string ToString() => $"{nameof(OpenedMessage)} {Message.Id}";
}

/// <summary>
/// The outbox for the worker: claim, open, send, record the result. Delivery is at least once: a message whose claim
/// expires without a result can be claimed again by any node.
/// </summary>
public sealed class OutboxQueue(UsherDb db, Database database, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>
    /// How long a claim lasts: 1 minute. If a node dies, its claims expire. A running node does not start to send if
    /// that could take longer than the claim.
    /// </summary>
    public static readonly TimeSpan ClaimLength = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);
    private const int MaxReasonLength = 500;
    private const string Unreadable =
        "The secret of the link cannot be read with this installation's master key. Resend the invitation.";

    /// <summary>Claims up to <paramref name="max"/> due messages, longest due first.</summary>
    /// <returns>The claimed messages. No other worker can claim them before their
    /// <see cref="OutboxMessage.NextAttemptAt"/>.</returns>
    public async Task<IReadOnlyList<OutboxMessage>> ClaimAsync(int max, CancellationToken ct)
    {
        var now = clock.Now();
        var until = now + ClaimLength;

        // If no message is due, this costs one indexed read and no lock.
        if (!await Due(now).AnyAsync(ct)) return [];
        return db.IsSqlite ? await database.RunLockedAsync(TakeAsync, ct) : await TakeSharedAsync();

        async Task<IReadOnlyList<OutboxMessage>> TakeAsync(Unit unit)
        {
            var due = await Due(now).OrderBy(m => m.NextAttemptAt).Take(max).ToListAsync(ct);
            foreach (var message in due) (message.NextAttemptAt, message.Attempts) = (until, message.Attempts + 1);
            return due;
        }

        // One statement, so that concurrent nodes share the messages. MATERIALIZED is needed because the planner may
        // otherwise run the inner query several times and exceed the limit.
        async Task<IReadOnlyList<OutboxMessage>> TakeSharedAsync() => await db.OutboxMessages
            .FromSql(
                $"""
                WITH due AS MATERIALIZED (
                    SELECT organization_id, id FROM outbox_messages
                    WHERE state = 'queued' AND next_attempt_at <= {now}
                    ORDER BY next_attempt_at
                    LIMIT {max}
                    FOR UPDATE SKIP LOCKED)
                UPDATE outbox_messages AS m SET next_attempt_at = {until}, attempts = m.attempts + 1
                FROM due WHERE m.organization_id = due.organization_id AND m.id = due.id
                RETURNING m.*
                """)
            .AsNoTracking()
            .ToListAsync(ct);
    }

    /// <summary>
    /// Makes all queued messages due now. A node that knows it is the only one calls this at startup, because all
    /// claims are its own.
    /// </summary>
    public Task<int> TakeBackAsync(CancellationToken ct)
    {
        var now = clock.Now();
        return database.RunLockedAsync(
            _ => db.OutboxMessages.Where(m => m.State == OutboxState.Queued && m.NextAttemptAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.NextAttemptAt, now), ct), ct);
    }

    /// <summary>Checks that a claimed message is still needed, and decrypts its secret.</summary>
    /// <returns>Null if the message must not be sent; it is abandoned then.</returns>
    public async Task<OpenedMessage?> OpenAsync(OutboxMessage message, CancellationToken ct)
    {
        if (message.Kind is OutboxKind.AddressChange or OutboxKind.UserAddressChange or OutboxKind.PasswordReset)
            return await OpenLinkAsync(message, ct);
        if (message.Kind is OutboxKind.SignInCode) return await OpenSignInCodeAsync(message, ct);
        if (message.Kind is not OutboxKind.Invitation) return new(message, null);

        var invitation = await db.Invitations
            .Where(i => i.OrganizationId == message.OrganizationId && i.Id == message.InvitationId)
            .Select(i => new
            {
                i.Status, i.ExpiresAt, i.Member.Identifier,
                Newest = i.LaterSecrets.Where(s => s.ProvesAddress).OrderByDescending(s => s.Sequence)
                    .Select(s => s.Hash).FirstOrDefault()
                    ?? (i.FirstSecretProvesAddress ? i.FirstSecretHash : null),
            })
            .SingleOrDefaultAsync(ct);
        var readable = TryReveal(message.Secret, out var secret);

        // The link no longer works if a newer mail was sent or the address has changed.
        if (
            invitation is not { Status: InvitationStatus.Pending or InvitationStatus.Expired }
                || invitation.Identifier != message.Recipient
            || (readable && !Secret.Hash(secret!).AsSpan().SequenceEqual(invitation.Newest)))
            await AbandonAsync(message, "no longer wanted", DeliveryState.None, ct);
        else if (invitation.Status is InvitationStatus.Expired || invitation.ExpiresAt <= clock.Now())
            await AbandonAsync(
                message, "The invitation expired before its mail could be sent.", DeliveryState.Failed, ct);
        else if (!readable)
            await AbandonAsync(message, Unreadable, DeliveryState.Failed, ct);
        else
            return new(message, secret);
        return null;
    }

    // If several links were requested, only the mail with the newest link is sent.
    private async Task<OpenedMessage?> OpenLinkAsync(OutboxMessage message, CancellationToken ct)
    {
        var isOpen = await IsOpenAsync(message, ct);
        if (isOpen && TryReveal(message.Secret, out var secret)) return new(message, secret);
        await AbandonAsync(
            message,
            isOpen ? "The secret of the link cannot be read with this installation's master key." : "no longer wanted",
            DeliveryState.None, ct);
        return null;
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
    private async Task<OpenedMessage?> OpenSignInCodeAsync(OutboxMessage message, CancellationToken ct)
    {
        var now = clock.Now();
        var newest = await db.SignInCodes.Where(c => c.Address == message.Recipient && c.ExpiresAt > now)
            .Select(c => c.Hash).SingleOrDefaultAsync(ct);
        if (newest is not null && TryReveal(message.Secret, out var code)
                && Secret.Hash(code.Replace("-", "", StringComparison.Ordinal)).AsSpan().SequenceEqual(newest))
            return new(message, code);
        await AbandonAsync(message, "no longer wanted", DeliveryState.None, ct);
        return null;
    }

    /// <summary>Records that the mail system accepted the message, and erases its secret.</summary>
    public Task SentAsync(OutboxMessage message, CancellationToken ct)
    {
        var now = clock.Now();
        return database.RunLockedAsync(async unit =>
        {
            // Recorded even if another worker holds the claim now, because the mail was sent.
            var marked = await db.OutboxMessages
                .Where(m =>
                    m.OrganizationId == message.OrganizationId && m.Id == message.Id && m.State != OutboxState.Sent)
                .ExecuteUpdateAsync(set => set
                    .SetProperty(m => m.State, OutboxState.Sent)
                    .SetProperty(m => m.SentAt, now)
                    .SetProperty(m => m.Secret, (byte[]?)null)
                    .SetProperty(m => m.LastError, (string?)null), ct);
            if (marked > 0) await MoveDeliveryAsync(message, DeliveryState.Sent, reason: null, ct);
            return marked > 0;
        }, ct);
    }

    /// <summary>
    /// Records that sending failed. The next attempt follows after about 10 seconds; the delay doubles with every
    /// failure, up to 1 hour. After 1 day the message is abandoned.
    /// </summary>
    /// <param name="message">The claimed message. No effect if another worker has claimed it since.</param>
    /// <param name="reason">The mail system's answer, shown with the invitation.</param>
    /// <param name="permanent">Whether another attempt is useless; the message is abandoned at once.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>Whether the message was abandoned.</returns>
    public async Task<bool> FailedAsync(OutboxMessage message, string reason, bool permanent, CancellationToken ct)
    {
        var now = clock.Now();
        reason = OneLine(reason);
        if (permanent || now - message.CreatedAt >= GiveUpAfter)
        {
            await AbandonAsync(message, reason, DeliveryState.Failed, ct);
            return true;
        }

        var next = now + Delay(message.Attempts);
        await database.RunLockedAsync(async unit =>
        {
            var marked = await Claimed(message)
                .ExecuteUpdateAsync(
                    set => set.SetProperty(m => m.NextAttemptAt, next).SetProperty(m => m.LastError, reason), ct);
            if (marked > 0) await MoveDeliveryAsync(message, DeliveryState.Queued, reason, ct);
            return marked > 0;
        }, ct);
        return false;
    }

    private Task<bool> AbandonAsync(OutboxMessage message, string reason, DeliveryState delivery, CancellationToken ct)
    {
        var now = clock.Now();
        return database.RunLockedAsync(async unit =>
        {
            var marked = await Claimed(message).ExecuteUpdateAsync(set => set
                .SetProperty(m => m.State, OutboxState.Abandoned)
                .SetProperty(m => m.Secret, (byte[]?)null)
                .SetProperty(m => m.LastError, reason), ct);
            var undeliverable = delivery is DeliveryState.Failed;
            if (marked is 0 || !await MoveDeliveryAsync(message, delivery, undeliverable ? reason : null, ct)
                    || !undeliverable)
                return false;

            unit.Add(UsherEvent.Record(
                EventTypes.InvitationUndeliverable, Actor.System(message.OrganizationId), "invitation",
                message.InvitationId!.Value, now,
                new() { ["email"] = message.Recipient, ["reason"] = reason }, cause: "outbox"));
            return true;
        }, ct);
    }

    // Only the newest mail determines the invitation's delivery state; ids are in order of creation. The version stays,
    // so that a delivery result does not conflict with an edit.
    private async Task<bool> MoveDeliveryAsync(
        OutboxMessage message, DeliveryState delivery, string? reason, CancellationToken ct) =>
        message.Kind is OutboxKind.Invitation
        && await db.Invitations
            .Where(
                i =>
                    i.OrganizationId == message.OrganizationId && i.Id == message.InvitationId
                        && !db.OutboxMessages.Any(m =>
                m.OrganizationId == i.OrganizationId && m.InvitationId == i.Id && m.Kind == OutboxKind.Invitation
                    && m.Id > message.Id))
            .ExecuteUpdateAsync(
                set => set.SetProperty(i => i.Delivery, delivery).SetProperty(i => i.DeliveryReason, reason), ct) > 0;

    private IQueryable<OutboxMessage> Due(DateTimeOffset now) =>
        db.OutboxMessages.Where(m => m.State == OutboxState.Queued && m.NextAttemptAt <= now);

    // Every claim increments the attempts, so their number identifies the claim.
    private IQueryable<OutboxMessage> Claimed(OutboxMessage message) => db.OutboxMessages
        .Where(m =>
            m.OrganizationId == message.OrganizationId && m.Id == message.Id && m.State == OutboxState.Queued
                && m.Attempts == message.Attempts);

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

    // 25% of jitter spreads the retries of messages that failed together. All times are in whole milliseconds.
    private static TimeSpan Delay(int attempts)
    {
        var doubled = FirstDelay * Math.Pow(2, Math.Clamp(attempts - 1, 0, 20));
        var capped = doubled < LongestDelay ? doubled : LongestDelay;
        return TimeSpan.FromMilliseconds((long)(capped.TotalMilliseconds * (0.75 + (Random.Shared.NextDouble() / 2))));
    }

    private static string OneLine(string reason) =>
        string.Concat(reason.EnumerateRunes().Take(MaxReasonLength).Select(rune =>
            Rune.IsControl(rune) ? " " : rune.ToString())).Trim();
}
