using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>A session just begun.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Secret">The cookie's value; known here and in the browser only.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record SignedIn(Guid UserId, string Secret, DateTimeOffset ExpiresAt)
{
    /// <summary>
    /// What later exempts this browser from the mailed code; null where there is nothing to remember.
    /// </summary>
    public KnownDevice? Device { get; init; }
}

/// <summary>Why a session is refused.</summary>
public static class SessionErrors
{
    /// <summary>A session was sent that has ended, or that never was.</summary>
    public static readonly Error Ended = new(
        ErrorKind.Unauthenticated, "session_ended", "This session has ended. Sign in again.");
}

/// <summary>A live session, and the person it belongs to.</summary>
public sealed record SessionUser(Guid UserId, string? Email, string DisplayName, DateTimeOffset ExpiresAt)
{
    /// <summary>The session's own id.</summary>
    public required Guid SessionId { get; init; }

    /// <summary>When the password was last given in it.</summary>
    public required DateTimeOffset AuthenticatedAt { get; init; }

    /// <summary>
    /// Until when it may change how the person signs in. After that the password must be given again.
    /// </summary>
    public DateTimeOffset ConfirmedUntil => AuthenticatedAt + Session.StepUp;
}

/// <summary>Signing in and out.</summary>
public sealed class SessionService(
    UsherDb db, PasswordService passwords, SignInGuard guard, SessionUsage usage, TimeProvider clock)
{
    /// <summary>How long a session lasts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(14);

    /// <summary>The one answer to a sign-in that fails, whatever was wrong.</summary>
    public static readonly Error Wrong = new(
        ErrorKind.Unauthenticated, "credentials_wrong", "The e-mail address or the password is wrong.");

    private const int MaxDeviceLength = 200;

    /// <summary>
    /// Signs in by e-mail and password. There is one account for an address, or none; an address without one is
    /// answered like a wrong password, as slowly.
    /// </summary>
    /// <param name="email">As it was typed.</param>
    /// <param name="password">As it was typed.</param>
    /// <param name="device">The browser's own description.</param>
    /// <param name="ct">Cancels the sign-in.</param>
    /// <param name="proof">What the person shows besides; see <see cref="SignInGuard"/>.</param>
    /// <returns> Refused with <c>credentials_wrong</c>, <c>too_many_requests</c>, <c>passwords_busy</c>,
    /// <c>sign_in_code_needed</c> or <c>sign_in_code_wrong</c>. </returns>
    public async Task<Result<SignedIn>> SignInAsync(
        string email, string password, string? device, CancellationToken ct, SignInProof? proof = null)
    {
        EmailAddress.TryCanonical(email, out var canonical);
        if (!guard.Begin(canonical, proof).TryGet(out var attempt, out var refused)) return refused;
        var user = canonical is null
            ? null
            : await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.NormalizedEmail == canonical, ct);
        return (await CheckAsync(attempt, user, password, ct)).TryGet(out var known, out var wrong)
            ? await BeginAsync(known, attempt.Address, password, device, ct) : wrong;
    }

    /// <summary>The same for an account that is known.</summary>
    internal async Task<Result<SignedIn>> SignInAsync(User user, string password, string? device, CancellationToken ct)
    {
        if (!guard.Begin(user.NormalizedEmail, proof: null).TryGet(out var attempt, out var refused)) return refused;
        return (await CheckAsync(attempt, user, password, ct)).TryGet(out var known, out var wrong)
            ? await BeginAsync(known, user.NormalizedEmail, password, device, ct) : wrong;
    }

    /// <summary>
    /// The account, if this is its password. A wrong one is counted, recorded and refused as at a sign-in.
    /// </summary>
    internal async Task<Result<User>> CheckAsync(User? user, string? address, string password, CancellationToken ct)
    {
        if (!guard.Begin(address, proof: null).TryGet(out var attempt, out var refused)) return refused;
        return (await CheckAsync(attempt, user, password, ct)).Match<Result<User>>(known => known.User, error => error);
    }

    /// <param name="User">The account.</param>
    /// <param name="Outdated">Whether its hash is of an older form, and is to be made anew.</param>
    private sealed record Checked(User User, bool Outdated);

    private async Task<Result<Checked>> CheckAsync(
        SignInAttempt attempt, User? user, string password, CancellationToken ct)
    {
        if (await guard.CheckAsync(attempt, user, ct) is { } needed) return needed;
        var matched = await passwords.MatchAsync(user, password, ct);
        if (matched.Error is not null || matched.Value is not PasswordMatch.Wrong) attempt.Succeeded();
        if (!matched.TryGet(out var match, out var busy)) return busy;
        if (match is not PasswordMatch.Wrong) return new Checked(user!, match is PasswordMatch.RightButOutdated);
        attempt.Failed();
        await RecordFailureAsync(attempt.Address, ct);
        return Wrong;
    }

    /// <summary>Whose session it is; null for an ended or unknown one. One read.</summary>
    public async Task<SessionUser?> FindAsync(string secret, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(secret, Secret.SessionPrefix)) return null;
        var (hash, now) = (Secret.Hash(secret), clock.Now());
        var found = await (
            from session in db.Sessions
            join user in db.Users on session.UserId equals user.Id
            where session.Hash == hash && session.ExpiresAt > now
            select new
            {
                session.Id, session.AuthenticatedAt, session.LastSeenAt, session.ExpiresAt,
                UserId = user.Id, user.Email, user.FirstName, user.LastName,
            }).AsNoTracking().SingleOrDefaultAsync(ct);
        if (found is null) return null;
        usage.Seen(hash, found.LastSeenAt, now);
        var name = $"{found.FirstName} {found.LastName}".Trim();
        return new(found.UserId, found.Email, name.Length > 0 ? name : found.Email ?? "", found.ExpiresAt)
        {
            SessionId = found.Id, AuthenticatedAt = found.AuthenticatedAt,
        };
    }

    /// <summary>Ends a session; without effect on one that has ended.</summary>
    public Task EndAsync(string secret, CancellationToken ct) => db.RunAsync(async () =>
    {
        var hash = Secret.Hash(secret);
        if (await db.Sessions.SingleOrDefaultAsync(s => s.Hash == hash, ct) is not { } session) return false;
        db.Remove(session);
        db.Add(UsherEvent.Record(
            EventTypes.UserSignedOut, Actor.System(Organization.Installation), "user", session.UserId, clock.Now()));
        await db.SaveChangesAsync(ct);
        return true;
    }, ct);

    /// <summary>Removes sessions that have run out.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => db.RunAsync(async () =>
    {
        var now = clock.Now();
        var ended = await db.Sessions.Where(s => s.ExpiresAt <= now).OrderBy(s => s.ExpiresAt).Take(500)
            .ToListAsync(ct);
        db.RemoveRange(ended);
        if (ended.Count > 0) await db.SaveChangesAsync(ct);
        return ended.Count;
    }, ct);

    /// <summary>Adds a new session to the caller's save, in a browser that is known from then on.</summary>
    internal SignedIn Add(User user, string? device, DateTimeOffset now) =>
        Add(user.Id, device, now) with { Device = SignInGuard.DeviceOf(user, now) };

    /// <summary>Adds a new session to the caller's save.</summary>
    internal SignedIn Add(Guid userId, string? device, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.SessionPrefix);
        var session = new Session
        {
            Hash = hash, Id = Uuid.Create(now), UserId = userId, CreatedAt = now, AuthenticatedAt = now,
            LastSeenAt = now, ExpiresAt = now + Lifetime,
            Device = device is { Length: > MaxDeviceLength } ? device[..MaxDeviceLength] : device,
        };
        db.Add(session);
        db.Add(UsherEvent.Record(
            EventTypes.UserSignedIn, Actor.System(Organization.Installation), "user", userId, now,
            device is null ? null : new() { ["device"] = session.Device! }));
        return new(userId, secret, session.ExpiresAt);
    }

    private async Task<Result<SignedIn>> BeginAsync(
        Checked known, string? address, string password, string? device, CancellationToken ct)
    {
        // A hash that cannot be made now is made at the next sign-in.
        var hash = known.Outdated ? (await passwords.HashAsync(password, ct)).Match<string?>(h => h, _ => null) : null;
        return await BeginAsync(known.User, hash, address, device, ct);
    }

    private Task<Result<SignedIn>> BeginAsync(
        User known, string? hash, string? address, string? device, CancellationToken ct) =>
        db.RunAsync<Result<SignedIn>>(async () =>
    {
        var now = clock.Now();
        var user = await db.Users.SingleOrDefaultAsync(u => u.Id == known.Id, ct);
        // A takeover, a reset or a change since the password was checked: the old one must not begin a session that
        // outlives it.
        if (user is null || user.SecurityStamp != known.SecurityStamp) return Wrong;
        user.LastSignInAt = now;
        // Written even where it is the same instant: the row's concurrency stamp is what such a change is noticed by.
        db.Entry(user).Property(u => u.LastSignInAt).IsModified = true;
        if (hash is not null) user.PasswordHash = hash;
        var signedIn = Add(user, device, now);
        await guard.ForgetCodeAsync(address, ct);
        await db.SaveChangesAsync(ct);
        return signedIn;
    }, ct);

    private async Task RecordFailureAsync(string? canonical, CancellationToken ct)
    {
        db.Add(UsherEvent.Record(
            EventTypes.UserSignInFailed, Actor.System(Organization.Installation), "user", Guid.Empty, clock.Now(),
            canonical is null
                ? null
                : new() { ["email"] = canonical }));
        await db.SaveChangesAsync(ct);
    }
}
