using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>A new session.</summary>
/// <param name="UserId">The id of the signed-in user.</param>
/// <param name="Secret">The cookie's value. It is not stored on the server.</param>
/// <param name="ExpiresAt">When the session expires.</param>
public sealed record SignedIn(Guid UserId, string Secret, DateTimeOffset ExpiresAt)
{
    /// <summary>The known device, which exempts this browser from the mailed code; null if there is none.</summary>
    public KnownDevice? Device { get; init; }
}

/// <summary>Errors of sessions.</summary>
public static class SessionErrors
{
    /// <summary>The session has ended or never existed.</summary>
    public static readonly Error Ended = new(
        ErrorKind.Unauthenticated, "session_ended", "This session has ended. Sign in again.");
}

/// <summary>An active session with its person.</summary>
public sealed record SessionUser(Guid UserId, string? Email, string DisplayName, DateTimeOffset ExpiresAt)
{
    /// <summary>The id of the session.</summary>
    public required Guid SessionId { get; init; }

    /// <summary>When the password was last confirmed in this session.</summary>
    public required DateTimeOffset AuthenticatedAt { get; init; }

    /// <summary>Until when the session may change credentials without another password confirmation.</summary>
    public DateTimeOffset ConfirmedUntil => AuthenticatedAt + Session.StepUp;
}

/// <summary>Signs people in and out.</summary>
public sealed class SessionService(
    UsherDb db, Database database, PasswordService passwords, SignInGuard guard, SessionUsage usage, TimeProvider clock)
{
    /// <summary>How long a session lasts: 14 days.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(14);

    /// <summary>The only answer to a failed sign-in. It does not tell which value was wrong.</summary>
    public static readonly Error Wrong = new(
        ErrorKind.Unauthenticated, "credentials_wrong", "The e-mail address or the password is wrong.");

    private const int MaxDeviceLength = 200;

    /// <summary>
    /// Signs in by e-mail address and password. An address without an account gives the same answer as a wrong password
    /// and takes as long.
    /// </summary>
    /// <param name="email">The address as it was entered.</param>
    /// <param name="password">The password as it was entered.</param>
    /// <param name="device">The description sent by the browser.</param>
    /// <param name="ct">Cancels the sign-in.</param>
    /// <param name="proof">A mailed code or a known device; see <see cref="SignInGuard"/>.</param>
    /// <returns>Refused with <c>credentials_wrong</c>, <c>too_many_requests</c>, <c>passwords_busy</c>,
    /// <c>sign_in_code_needed</c> or <c>sign_in_code_wrong</c>.</returns>
    public async Task<Result<SignedIn>> SignInAsync(
        string email, string password, string? device, CancellationToken ct, SignInProof? proof = null)
    {
        EmailAddress.TryCanonical(email, out var canonical);
        if (!guard.Begin(canonical, proof).TryGet(out var attempt, out var refused)) return refused;
        var user = canonical is null
            ? null
            : await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Email == canonical, ct);
        return (await CheckAsync(attempt, user, password, ct)).TryGet(out var known, out var wrong)
            ? await BeginAsync(known, attempt.Address, password, device, ct) : wrong;
    }

    /// <summary>The same for a known account.</summary>
    internal async Task<Result<SignedIn>> SignInAsync(User user, string password, string? device, CancellationToken ct)
    {
        if (!guard.Begin(user.Email, proof: null).TryGet(out var attempt, out var refused)) return refused;
        return (await CheckAsync(attempt, user, password, ct)).TryGet(out var known, out var wrong)
            ? await BeginAsync(known, user.Email, password, device, ct) : wrong;
    }

    /// <summary>
    /// Checks the password and returns the account. A wrong password is counted, recorded and refused as in a sign-in.
    /// </summary>
    internal async Task<Result<User>> CheckAsync(User? user, string? address, string password, CancellationToken ct)
    {
        if (!guard.Begin(address, proof: null).TryGet(out var attempt, out var refused)) return refused;
        return (await CheckAsync(attempt, user, password, ct)).Match<Result<User>>(known => known.User, error => error);
    }

    /// <param name="User">The account.</param>
    /// <param name="Outdated">Whether the password hash has an outdated format and should be replaced.</param>
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

    /// <summary>Reads the session with a secret in one query. Null if it is unknown or has ended.</summary>
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

    /// <summary>Ends a session. No effect if it has already ended.</summary>
    public Task EndAsync(string secret, CancellationToken ct) => database.RunAsync(async unit =>
    {
        var hash = Secret.Hash(secret);
        if (await db.Sessions.SingleOrDefaultAsync(s => s.Hash == hash, ct) is not { } session) return false;
        unit.Remove(session);
        unit.Add(UsherEvent.Record(
            EventTypes.UserSignedOut, Actor.System(Organization.Installation), "user", session.UserId, clock.Now()));
        return true;
    }, ct);

    /// <summary>Deletes up to 500 expired sessions.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => database.RunAsync(async unit =>
    {
        var now = clock.Now();
        var ended = await db.Sessions.Where(s => s.ExpiresAt <= now).OrderBy(s => s.ExpiresAt).Take(500)
            .ToListAsync(ct);
        unit.RemoveRange(ended);
        return ended.Count;
    }, ct);

    /// <summary>Adds a new session in the caller's save and makes the browser a known device.</summary>
    internal static SignedIn Add(Unit unit, User user, string? device, DateTimeOffset now) =>
        Add(unit, user.Id, device, now) with { Device = SignInGuard.DeviceOf(user, now) };

    /// <summary>Adds a new session in the caller's save.</summary>
    internal static SignedIn Add(Unit unit, Guid userId, string? device, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.SessionPrefix);
        var session = new Session
        {
            Hash = hash, Id = Uuid.Create(now), UserId = userId, CreatedAt = now, AuthenticatedAt = now,
            LastSeenAt = now, ExpiresAt = now + Lifetime,
            Device = device is { Length: > MaxDeviceLength } ? device[..MaxDeviceLength] : device,
        };
        unit.Add(session);
        unit.Add(UsherEvent.Record(
            EventTypes.UserSignedIn, Actor.System(Organization.Installation), "user", userId, now,
            device is null ? null : new() { ["device"] = session.Device! }));
        return new(userId, secret, session.ExpiresAt);
    }

    private async Task<Result<SignedIn>> BeginAsync(
        Checked known, string? address, string password, string? device, CancellationToken ct)
    {
        // If the hash cannot be replaced now, the next sign-in replaces it.
        var hash = known.Outdated ? (await passwords.HashAsync(password, ct)).Match<string?>(h => h, _ => null) : null;
        return await BeginAsync(known.User, hash, address, device, ct);
    }

    private Task<Result<SignedIn>> BeginAsync(
        User known, string? hash, string? address, string? device, CancellationToken ct) =>
        database.RunAsync<Result<SignedIn>>(async unit =>
        {
            var now = clock.Now();
            var user = await db.Users.SingleOrDefaultAsync(u => u.Id == known.Id, ct);
            // The credentials have changed since the password was checked. The old password must not start a new
            // session.
            if (user is null || user.SecurityStamp != known.SecurityStamp) return Wrong;
            user.LastSignInAt = now;
            // Written even if the value is the same: the update checks the concurrency stamp and so detects such a
            // change.
            db.Entry(user).Property(u => u.LastSignInAt).IsModified = true;
            if (hash is not null) user.PasswordHash = hash;
            var signedIn = Add(unit, user, device, now);
            await guard.ForgetCodeAsync(unit, address, ct);
            return signedIn;
        }, ct);

    private Task RecordFailureAsync(string? canonical, CancellationToken ct) => database.RunAsync(unit =>
    {
        unit.Add(UsherEvent.Record(
            EventTypes.UserSignInFailed, Actor.System(Organization.Installation), "user", Guid.Empty, clock.Now(),
            canonical is null ? null : new() { ["email"] = canonical }));
        return Task.FromResult(true);
    }, ct);
}
