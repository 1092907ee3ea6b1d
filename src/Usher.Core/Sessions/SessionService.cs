using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>A session just begun.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Secret">The cookie's value; known here and in the browser only.</param>
/// <param name="ExpiresAt">When it ends.</param>
public sealed record SignedIn(Guid UserId, string Secret, DateTimeOffset ExpiresAt);

/// <summary>Who a live session belongs to.</summary>
public sealed record SessionUser(Guid UserId, string? Email, string DisplayName, DateTimeOffset ExpiresAt);

/// <summary>Signing in and out.</summary>
public sealed class SessionService(UsherDb db, PasswordService passwords, TimeProvider clock)
{
    /// <summary>How long a session lasts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(14);

    /// <summary>The one answer to a sign-in that fails, whatever was wrong.</summary>
    public static readonly Error Wrong = new(ErrorKind.Unauthenticated, "credentials_wrong", "E-mail or password is wrong.");

    private const int MaxDeviceLength = 200;

    /// <summary>Signs in by e-mail and password. An address that is nobody's is answered like a wrong password, as slowly.</summary>
    public async Task<Result<SignedIn>> SignInAsync(string email, string password, string? device, CancellationToken ct)
    {
        EmailAddress.TryCanonical(email, out var canonical);
        // Proven addresses are unique; unproven ones reserve nothing, so several people may have joined by copied links to one.
        var candidates = canonical is null ? [] : await db.Users.AsNoTracking().Where(u => u.NormalizedEmail == canonical)
            .OrderByDescending(u => u.EmailProvedAt != null).ThenByDescending(u => u.Id).Take(3).ToListAsync(ct);
        User? user = null;
        foreach (var candidate in candidates.Count > 0 ? candidates : [null!])
        {
            if (!(await passwords.VerifyAsync(candidate, password, ct)).TryGet(out var isHis, out var busy)) return busy;
            if (!isHis) continue;
            user = candidate;
            break;
        }

        return user is null ? await RefuseAsync(canonical, ct) : await BeginAsync(user.Id, device, ct);
    }

    /// <summary>The same for one user, whoever else has his address.</summary>
    internal async Task<Result<SignedIn>> SignInAsync(User user, string password, string? device, CancellationToken ct) =>
        !(await passwords.VerifyAsync(user, password, ct)).TryGet(out var isHis, out var busy) ? busy
        : isHis ? await BeginAsync(user.Id, device, ct) : await RefuseAsync(user.NormalizedEmail, ct);

    /// <summary>Whose session it is; null for an ended or unknown one. One read.</summary>
    public async Task<SessionUser?> FindAsync(string secret, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(secret, Secret.SessionPrefix)) return null;
        var (hash, now) = (Secret.Hash(secret), clock.Now());
        var found = await (
            from session in db.Sessions
            join user in db.Users on session.UserId equals user.Id
            where session.Hash == hash && session.ExpiresAt > now
            select new { session.ExpiresAt, user.Id, user.Email, user.FirstName, user.LastName }).AsNoTracking().SingleOrDefaultAsync(ct);
        if (found is null) return null;
        var name = $"{found.FirstName} {found.LastName}".Trim();
        return new(found.Id, found.Email, name.Length > 0 ? name : found.Email ?? "", found.ExpiresAt);
    }

    /// <summary>Ends a session; without effect on one that has ended.</summary>
    public Task EndAsync(string secret, CancellationToken ct) => db.RunAsync(async () =>
    {
        var hash = Secret.Hash(secret);
        if (await db.Sessions.SingleOrDefaultAsync(s => s.Hash == hash, ct) is not { } session) return false;
        db.Remove(session);
        db.Add(UsherEvent.Record(EventTypes.UserSignedOut, Actor.System(Organization.Installation), "user", session.UserId, clock.Now()));
        await db.SaveChangesAsync(ct);
        return true;
    }, ct);

    /// <summary>Removes sessions that have run out.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => db.RunAsync(async () =>
    {
        var now = clock.Now();
        var ended = await db.Sessions.Where(s => s.ExpiresAt <= now).OrderBy(s => s.ExpiresAt).Take(500).ToListAsync(ct);
        db.RemoveRange(ended);
        if (ended.Count > 0) await db.SaveChangesAsync(ct);
        return ended.Count;
    }, ct);

    /// <summary>Adds a new session to the caller's save.</summary>
    internal SignedIn Add(Guid userId, string? device, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.SessionPrefix);
        var session = new Session
        {
            Hash = hash, Id = Uuid.Create(now), UserId = userId, CreatedAt = now, AuthenticatedAt = now, LastSeenAt = now, ExpiresAt = now + Lifetime,
            Device = device is { Length: > MaxDeviceLength } ? device[..MaxDeviceLength] : device,
        };
        db.Add(session);
        db.Add(UsherEvent.Record(EventTypes.UserSignedIn, Actor.System(Organization.Installation), "user", userId, now, device is null ? null : new() { ["device"] = session.Device! }));
        return new(userId, secret, session.ExpiresAt);
    }

    private Task<Result<SignedIn>> BeginAsync(Guid userId, string? device, CancellationToken ct) => db.RunAsync<Result<SignedIn>>(async () =>
    {
        var now = clock.Now();
        var user = await db.Users.SingleOrDefaultAsync(u => u.Id == userId, ct);
        if (user is null) return Wrong;
        user.LastSignInAt = now;
        if (user is { EmailProvedAt: not null, NormalizedEmail: { } address }) await BindAsync(userId, address, now, ct);
        foreach (var member in await db.Members.Where(m => m.UserId == userId && m.Status == MemberStatus.Active).ToListAsync(ct)) member.LastSignInAt = now;
        var signedIn = Add(userId, device, now);
        await db.SaveChangesAsync(ct);
        return signedIn;
    }, ct);

    // Whoever was added where an identity provider signs people in is active without a user until the first sign-in that proves his address.
    private async Task BindAsync(Guid userId, string address, DateTimeOffset now, CancellationToken ct)
    {
        var unbound = await (
            from member in db.Members
            join organization in db.Organizations on member.OrganizationId equals organization.Id
            where member.Identifier == address && member.UserId == null && member.Kind == MemberKind.Person && member.Status == MemberStatus.Active
                && organization.ExternalIdentityProvider != null && !db.Members.Any(m => m.OrganizationId == member.OrganizationId && m.UserId == userId && m.Status != MemberStatus.Removed)
            orderby member.OrganizationId
            select member).ToListAsync(ct);
        foreach (var member in unbound)
        {
            member.Join(userId, now);
            db.Add(UsherEvent.Record(EventTypes.MemberJoined, new(ActorKind.Member, member.Id, member.DisplayName, member.OrganizationId, EffectiveAccess.Nothing), "member", member.Id, now, new() { ["email"] = member.Identifier }));
        }
    }

    private async Task<Result<SignedIn>> RefuseAsync(string? canonical, CancellationToken ct)
    {
        db.Add(UsherEvent.Record(
            EventTypes.UserSignInFailed, Actor.System(Organization.Installation), "user", Guid.Empty, clock.Now(), canonical is null ? null : new() { ["email"] = canonical }));
        await db.SaveChangesAsync(ct);
        return Wrong;
    }
}
