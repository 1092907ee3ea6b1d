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
/// <param name="Message">As it was claimed.</param>
/// <param name="Secret">The secret of its link, in clear; null for the kinds without one.</param>
public sealed record OpenedMessage(OutboxMessage Message, string? Secret)
{
    // A record would print the secret wherever it is interpolated.
    public override string ToString() => $"{nameof(OpenedMessage)} {Message.Id}";
}

/// <summary>
/// The outbox as the worker sees it: claim, open, send, tell what came of it. At least once: a message whose claim ran
/// out without an outcome is claimed again, by whichever node comes first.
/// </summary>
public sealed class OutboxQueue(UsherDb db, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>
    /// How long a claim lasts. A node that dies with it loses it then; one that lives starts no sending that might
    /// outlast it.
    /// </summary>
    public static readonly TimeSpan ClaimLength = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);
    private const int MaxReasonLength = 500;
    private const string Unreadable =
        "The secret of the link cannot be read with this installation's master key. Resend the invitation.";

    /// <summary>Takes up to <paramref name="max"/> messages that are due, the longest due first.</summary>
    /// <returns>Nobody else gets them before their <see cref="OutboxMessage.NextAttemptAt"/>.</returns>
    public async Task<IReadOnlyList<OutboxMessage>> ClaimAsync(int max, CancellationToken ct)
    {
        var now = clock.Now();
        var until = now + ClaimLength;

        // An idle look is one indexed read and takes no lock.
        if (!await Due(now).AnyAsync(ct)) return [];
        return db.IsSqlite ? await db.RunLockedAsync(TakeAsync, ct) : await TakeSharedAsync();

        async Task<IReadOnlyList<OutboxMessage>> TakeAsync()
        {
            var due = await Due(now).OrderBy(m => m.NextAttemptAt).Take(max).ToListAsync(ct);
            foreach (var message in due) (message.NextAttemptAt, message.Attempts) = (until, message.Attempts + 1);
            await db.SaveChangesAsync(ct);
            return due;
        }

        // One statement, so that nodes that look at the same time share the work. MATERIALIZED, because a planner free
        // to run the inner query more than once may take more than its limit.
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
    /// Makes everything that waits due now. For a node that knows it is the only one, when it starts: what it had
    /// claimed before was its own.
    /// </summary>
    public Task<int> TakeBackAsync(CancellationToken ct)
    {
        var now = clock.Now();
        return db.RunLockedAsync(
            () => db.OutboxMessages.Where(m => m.State == OutboxState.Queued && m.NextAttemptAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.NextAttemptAt, now), ct), ct);
    }

    /// <summary>Looks once more whether a claimed message is still wanted, and reveals its secret.</summary>
    /// <returns>Null when it is not to be sent; it is abandoned then.</returns>
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

        // A newer mail or another address leaves this link dead: it would only confuse its reader.
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

    // Of several links asked for in a row, only the last one's mail is of use.
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

    // One that was used, replaced or is too old helps nobody.
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

    /// <summary>The mail system has it. Its secret is erased.</summary>
    public Task SentAsync(OutboxMessage message, CancellationToken ct)
    {
        var now = clock.Now();
        return db.RunLockedAsync(async () =>
        {
            // Whoever holds the claim by now: it was sent.
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
    /// It could not be sent. Tried again later, about 10 seconds after the first failure and doubling up to an hour;
    /// given up when it is a day old.
    /// </summary>
    /// <param name="message">As it was claimed; without effect when somebody else has claimed it since.</param>
    /// <param name="reason">For the people who look at the invitation: what the mail system said.</param>
    /// <param name="permanent">Whether trying again is useless; then it is given up now.</param>
    /// <param name="ct">Stops it.</param>
    /// <returns>Whether it was given up.</returns>
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
        await db.RunLockedAsync(async () =>
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
        return db.RunLockedAsync(async () =>
        {
            var marked = await Claimed(message).ExecuteUpdateAsync(set => set
                .SetProperty(m => m.State, OutboxState.Abandoned)
                .SetProperty(m => m.Secret, (byte[]?)null)
                .SetProperty(m => m.LastError, reason), ct);
            var undeliverable = delivery is DeliveryState.Failed;
            if (marked is 0 || !await MoveDeliveryAsync(message, delivery, undeliverable ? reason : null, ct)
                    || !undeliverable)
                return false;

            db.Add(UsherEvent.Record(
                EventTypes.InvitationUndeliverable, Actor.System(message.OrganizationId), "invitation",
                message.InvitationId!.Value, now,
                new() { ["email"] = message.Recipient, ["reason"] = reason }, cause: "outbox"));
            await db.SaveChangesAsync(ct);
            return true;
        }, ct);
    }

    // Only the newest mail speaks for the invitation; ids are in the order of their making. The version stays: how a
    // mail fares changes nothing that somebody might be editing.
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

    // Every claim counts an attempt, so the count tells one claim from the next.
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

    // A quarter of jitter either way, so that what failed together does not come back together. Whole milliseconds, as
    // all instants here.
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
