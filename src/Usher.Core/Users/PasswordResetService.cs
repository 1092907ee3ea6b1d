using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>What has become of a reset link, as its holder sees it.</summary>
public enum PasswordResetState
{
    /// <summary>Sets a new password now.</summary>
    Open,

    /// <summary>There is no such link, or this is not its secret. Nothing else is told.</summary>
    Unknown,

    Expired,

    /// <summary>A newer link was made. Only the newest opens.</summary>
    Replaced,

    /// <summary>It was used, or the password was set in another way since.</summary>
    Used,

    /// <summary>The account has another address since.</summary>
    Void,
}

/// <summary>Where a link points: <c>/reset/{id}#{secret}</c>.</summary>
public sealed record PasswordResetLink(Guid Id, string Secret);

/// <summary>A reset link as its holder may see it.</summary>
public sealed record PasswordResetView(PasswordResetState State)
{
    /// <summary>The address of the account; empty where it has none.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>
    /// Whether the account's address was never proven and this link proves it: the account's memberships are then
    /// suspended until an administrator of each organization restores them.
    /// </summary>
    public bool TakesOver { get; init; }
}

/// <summary>A link that an operator hands over.</summary>
/// <param name="Link">With the secret, which is shown once and never stored.</param>
/// <param name="ExpiresAt">Until when it opens.</param>
public sealed record HandedOverReset(PasswordResetLink Link, DateTimeOffset ExpiresAt);

/// <summary>Sets a new password for a person who cannot sign in. Looking at a link uses nothing up.</summary>
public sealed class PasswordResetService(
    UsherDb db, Database database, AccountMails mails, GuestService guests, PasswordService passwords,
    SessionService sessions,
    AccountTakeover takeover, GuessLimits limits,
    TimeProvider clock)
{
    // A form sent twice arrives twice within this time.
    private static readonly TimeSpan Repetition = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Mails a reset link to an address that has an account; to one that has none and an invitation that waits, the
    /// invitation. Nothing is told to the caller, and each request costs one commit, whatever the address. An address
    /// that was sent enough lately gets nothing.
    /// </summary>
    /// <param name="email">As it was typed.</param>
    /// <param name="returnTo">A path of this site to lead back to afterwards; null for none.</param>
    /// <param name="ct">Cancels.</param>
    public async Task RequestAsync(string email, string? returnTo, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var address)) return;
        bool? may = null; // counted once, however often the operation runs
        var known = await database.RunAsync(async unit =>
        {
            var now = clock.Now();
            var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.NormalizedEmail == address, ct);
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
    /// Makes a link for an operator to hand over. It proves nothing. The person and the administrators of the person's
    /// organizations are told.
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

    /// <summary>What a link shows to its holder. Changes nothing.</summary>
    public async Task<PasswordResetView> LookAsync(PasswordResetLink link, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } found) return new(PasswordResetState.Unknown);
        return new(StateOf(found, clock.Now()))
        {
            Email = found.User.Email ?? "", ExpiresAt = found.Reset.ExpiresAt, TakesOver = TakesOver(found),
        };
    }

    /// <summary>
    /// Sets the new password and signs in. A mailed link proves the account's address; where it was not proven before,
    /// the owner of the address takes the account over (<see cref="AccountTakeover"/>). All sessions, waiting address
    /// changes, other reset links and device cookies of the account end. The address is told.
    /// </summary>
    /// <returns> Refused with <c>password_reset_…</c>, or with <c>password_too_short</c>, <c>…_too_long</c>,
    /// <c>…_too_common</c>. Sending the same form again within a minute signs in again. </returns>
    public async Task<Result<SignedIn>> CompleteAsync(
        PasswordResetLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } before) return AccountErrors.ResetUnknown;
        if (StateOf(before, clock.Now()) is PasswordResetState.Used)
            return await RepeatAsync(link, password, device, ct);
        if (ErrorOf(StateOf(before, clock.Now())) is { } ended) return ended;
        if (PasswordRules.Check(password, before.User.NormalizedEmail) is { } weak) return weak;
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
        return done.Error is { } error && error == AccountErrors.ResetUsed
            ? await RepeatAsync(link, password, device, ct)
            : done;
    }

    /// <summary>Removes links that ended or expired a day ago and more.</summary>
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
            // The takeover removes all links, this one too. Its place is kept for a form that comes twice.
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

    // The form came twice: the second one finds the link used, by the same person. Later, and with any other password,
    // it is just used.
    private async Task<Result<SignedIn>> RepeatAsync(
        PasswordResetLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } found) return AccountErrors.ResetUnknown;
        if (found.Reset.UsedAt is not { } used || clock.Now() - used > Repetition) return AccountErrors.ResetUsed;
        var again = await sessions.SignInAsync(found.User, password, device, ct);
        return again.Error is null or { Kind: ErrorKind.TooMany } ? again : AccountErrors.ResetUsed;
    }

    private sealed record Found(PasswordReset Reset, User User, bool HasNewer);

    // By id, then the secret in fixed time. A wrong one is answered as if there were no such link.
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
        if (reset.Address != user.NormalizedEmail) return PasswordResetState.Void;
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
