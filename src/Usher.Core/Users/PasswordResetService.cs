using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>The state of a reset link, as shown to its holder.</summary>
public enum PasswordResetState
{
    /// <summary>It can set a new password now.</summary>
    Open,

    /// <summary>There is no such link, or the secret is wrong. The two cases are not distinguished.</summary>
    Unknown,

    Expired,

    /// <summary>A newer link was created. Only the newest link works.</summary>
    Replaced,

    /// <summary>The link was used, or the password has been changed another way since.</summary>
    Used,

    /// <summary>The account has another address now.</summary>
    Void,
}

/// <summary>The parts of a link of the form <c>/reset/{id}#{secret}</c>.</summary>
public sealed record PasswordResetLink(Guid Id, string Secret);

/// <summary>What the holder of a reset link may see.</summary>
public sealed record PasswordResetView(PasswordResetState State)
{
    /// <summary>The address of the account; empty if it has none.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>
    /// Whether this link proves an address that was never proven before. The account's memberships are then suspended
    /// until an administrator of each organization restores them.
    /// </summary>
    public bool TakesOver { get; init; }
}

/// <summary>A reset link for an operator to pass on.</summary>
/// <param name="Link">The link with its secret. The secret is returned only here and never stored.</param>
/// <param name="ExpiresAt">When the link expires.</param>
public sealed record HandedOverReset(PasswordResetLink Link, DateTimeOffset ExpiresAt);

/// <summary>Sets a new password for a person who cannot sign in. Viewing a link does not use it up.</summary>
public sealed class PasswordResetService(
    UsherDb db, Database database, AccountMails mails, GuestService guests, PasswordService passwords,
    SessionService sessions,
    AccountTakeover takeover, GuessLimits limits,
    TimeProvider clock)
{
    // The time within which the same form is accepted a second time.
    private static readonly TimeSpan Repetition = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Mails a reset link if the address has an account. Otherwise mails the pending invitation, if there is one. The
    /// caller learns nothing about the address: every request costs one commit. Sends nothing when the address has
    /// reached its mail limit.
    /// </summary>
    /// <param name="email">The address as it was entered.</param>
    /// <param name="returnTo">A path on this site to return to afterwards; null for none.</param>
    /// <param name="ct">Cancels the request.</param>
    public async Task RequestAsync(string email, string? returnTo, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var address)) return;
        bool? may = null; // counted once, even if the operation runs again
        var known = await database.RunAsync(async unit =>
        {
            var now = clock.Now();
            var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Email == address, ct);
            if (user is not null && (may ??= limits.MaySendTo(address)))
            {
                var (reset, secret) = PasswordReset.Create(user, handedOver: false, now);
                unit.Add(reset);
                mails.SendReset(unit, user, reset, secret, returnTo, now);
            }

            Record(
                unit, EventTypes.UserPasswordResetRequested, user?.Id ?? Guid.Empty, now,
                new() { ["email"] = address });
            return user is not null;
        }, ct);
        if (!known) await guests.SendMyLinkAsync(address, ct);
    }

    /// <summary>
    /// Creates a reset link for an operator to pass on. It does not prove the address. The person and the
    /// administrators of the person's organizations are notified.
    /// </summary>
    /// <returns>Refused with <c>operator_only</c> or <c>user_not_found</c>.</returns>
    public Task<Result<HandedOverReset>> HandOverAsync(Actor actor, Guid userId, CancellationToken ct) =>
        database.RunAsync<Result<HandedOverReset>>(async unit =>
        {
            if (actor.Kind is not ActorKind.Operator) return OrganizationErrors.NotAllowed;
            if (await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == userId, ct) is not { } user)
                return AccountErrors.UserNotFound;
            var now = clock.Now();
            var (reset, secret) = PasswordReset.Create(user, handedOver: true, now);
            unit.Add(reset);
            await AccountMails.TellLinkHandedOverAsync(unit, user, now, ct);
            unit.Add(UsherEvent.Record(EventTypes.UserResetLinkHandedOver, actor, "user", user.Id, now));
            return new HandedOverReset(new(reset.Id, secret), reset.ExpiresAt);
        }, ct);

    /// <summary>Describes a link to its holder. Changes nothing.</summary>
    public async Task<PasswordResetView> LookAsync(PasswordResetLink link, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } found) return new(PasswordResetState.Unknown);
        return new(StateOf(found, clock.Now()))
        {
            Email = found.User.Email ?? "", ExpiresAt = found.Reset.ExpiresAt, TakesOver = TakesOver(found),
        };
    }

    /// <summary>
    /// Sets the new password and signs in. A mailed link proves the account's address. If the address was unproven
    /// before, the account is taken over (<see cref="AccountTakeover"/>). All sessions, pending address changes, other
    /// reset links and device cookies of the account end. The address is notified.
    /// </summary>
    /// <returns>Refused with <c>password_reset_…</c>, <c>password_too_short</c>, <c>password_too_long</c> or
    /// <c>password_too_common</c>. Sending the same form again within a minute signs in again.</returns>
    public async Task<Result<SignedIn>> CompleteAsync(
        PasswordResetLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } before) return AccountErrors.ResetUnknown;
        if (StateOf(before, clock.Now()) is PasswordResetState.Used)
            return await RepeatAsync(link, password, device, ct);
        if (ErrorOf(StateOf(before, clock.Now())) is { } ended) return ended;
        if (PasswordRules.Check(password, before.User.Email) is { } weak) return weak;
        if (!(await passwords.HashAsync(password, ct)).TryGet(out var hash, out var busy)) return busy;

        var done = await database.RunLockedAsync<Result<SignedIn>>(async unit =>
        {
            await unit.LockUserAsync(before.User.Id, ct);
            if (await FindAsync(link, track: true, ct) is not { } found) return AccountErrors.ResetUnknown;
            var now = clock.Now();
            return ErrorOf(StateOf(found, now)) is { } refusal
                ? refusal
                : await SetAsync(unit, found, hash, device, now, ct);
        }, ct);
        return done.Error is { } error && error.Is(AccountErrors.ResetUsed)
            ? await RepeatAsync(link, password, device, ct)
            : done;
    }

    /// <summary>Deletes up to 500 links that expired at least a day ago.</summary>
    public Task<int> SweepEndedAsync(CancellationToken ct) => database.RunAsync(async unit =>
    {
        var before = clock.Now().AddDays(-1);
        var ended = await db.PasswordResets.Where(r => r.ExpiresAt <= before).OrderBy(r => r.ExpiresAt).Take(500)
            .ToListAsync(ct);
        unit.RemoveRange(ended);
        return ended.Count;
    }, ct);

    private async Task<Result<SignedIn>> SetAsync(
        Unit unit, Found found, string hash, string? device, DateTimeOffset now, CancellationToken ct)
    {
        var (reset, user) = (found.Reset, found.User);
        if (TakesOver(found))
        {
            // The takeover deletes all reset links. This one is kept, so that the same form can be sent twice.
            db.Entry(reset).State = EntityState.Detached;
            await takeover.ApplyAsync(unit, user, hash, ct);
            unit.Add(reset);
        }
        else
        {
            await SignInEnding.ReplacePasswordAsync(unit, user, hash, keep: null, "password_reset", now, ct);
        }

        reset.UsedAt = now;
        user.LastSignInAt = now;
        AccountMails.TellPasswordChanged(unit, user, now);
        Record(
            unit, EventTypes.UserPasswordReset, user.Id, now, [],
            reset.HandedOver ? "link_handed_over" : "link_mailed");
        var session = SessionService.Add(unit, user, device, now);
        return session;
    }

    // Accepts a form that was sent twice: within a minute and with the same password, the second request signs in.
    // Otherwise the link counts as used.
    private async Task<Result<SignedIn>> RepeatAsync(
        PasswordResetLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } found) return AccountErrors.ResetUnknown;
        if (found.Reset.UsedAt is not { } used || clock.Now() - used > Repetition) return AccountErrors.ResetUsed;
        var again = await sessions.SignInAsync(found.User, password, device, ct);
        return again.Error is null or { Kind: ErrorKind.TooMany } ? again : AccountErrors.ResetUsed;
    }

    private sealed record Found(PasswordReset Reset, User User, bool HasNewer);

    // The lookup uses the id; the secret is compared in fixed time. A wrong secret gives the same answer as an unknown
    // link.
    private async Task<Found?> FindAsync(PasswordResetLink link, bool track, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.ResetPrefix)) return null;
        var rows =
            from reset in db.PasswordResets
            join user in db.Users on reset.UserId equals user.Id
            where reset.Id == link.Id
            select new
            {
                reset, user,
                HasNewer = db.PasswordResets.Any(r =>
                    r.UserId == reset.UserId && r.HandedOver == reset.HandedOver && r.Id > reset.Id),
            };
        var row = await (track ? rows : rows.AsNoTracking()).SingleOrDefaultAsync(ct);
        if (row is null || !CryptographicOperations.FixedTimeEquals(row.reset.Hash, Secret.Hash(link.Secret)))
            return null;
        return new(row.reset, row.user, row.HasNewer);
    }

    private static bool TakesOver(Found found) => !found.Reset.HandedOver && found.User.EmailProvedAt is null;

    private static PasswordResetState StateOf(Found found, DateTimeOffset now)
    {
        var (reset, user) = (found.Reset, found.User);
        if (reset.UsedAt is not null) return PasswordResetState.Used;
        if (found.HasNewer) return PasswordResetState.Replaced;
        if (reset.Address != user.Email) return PasswordResetState.Void;
        return now < reset.ExpiresAt ? PasswordResetState.Open : PasswordResetState.Expired;
    }

    private static Error? ErrorOf(PasswordResetState state) => state switch
    {
        PasswordResetState.Open => null,
        PasswordResetState.Unknown => AccountErrors.ResetUnknown,
        PasswordResetState.Expired => AccountErrors.ResetExpired,
        PasswordResetState.Replaced => AccountErrors.ResetReplaced,
        PasswordResetState.Used => AccountErrors.ResetUsed,
        PasswordResetState.Void => AccountErrors.ResetVoid,
    };

    private static void Record(
        Unit unit, string type, Guid user, DateTimeOffset now, Dictionary<string, string> details,
        string? cause = null) =>
        unit.Add(UsherEvent.Record(type, Actor.System(Organization.Installation), "user", user, now, details, cause));
}
