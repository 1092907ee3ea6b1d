using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>Lists and ends a person's own sessions, and confirms the password in a session.</summary>
public sealed class OwnSessionService(UsherDb db, Database database, PasswordService passwords, TimeProvider clock)
{
    private const int Most = 200;

    /// <summary>The person's active sessions, at most 200, most recently used first.</summary>
    public Task<List<Session>> ListAsync(Guid userId, CancellationToken ct)
    {
        var now = clock.Now();
        return db.Sessions.AsNoTracking().Where(s => s.UserId == userId && s.ExpiresAt > now)
            .OrderByDescending(s => s.LastSeenAt).ThenByDescending(s => s.Id).Take(Most).ToListAsync(ct);
    }

    /// <summary>Ends one of the person's sessions. The current session is allowed.</summary>
    /// <returns>Refused with <c>session_not_found</c>, also for another person's session.</returns>
    public Task<Result<bool>> EndAsync(SessionUser session, Guid id, CancellationToken ct) =>
        database.RunAsync<Result<bool>>(async unit =>
        {
            if (await db.Sessions.SingleOrDefaultAsync(
                    s => s.UserId == session.UserId && s.Id == id, ct) is not { } found)
                return AccountErrors.SessionNotFound;
            SignInEnding.EndSession(unit, found, "signed_out", clock.Now());
            return true;
        }, ct);

    /// <summary>Ends all of the person's sessions except this one.</summary>
    /// <returns>The number of ended sessions.</returns>
    public Task<int> EndOthersAsync(SessionUser session, CancellationToken ct) => database.RunLockedAsync(async unit =>
    {
        await unit.LockUserAsync(session.UserId, ct);
        var now = clock.Now();
        var others = await db.Sessions.Where(s => s.UserId == session.UserId && s.Id != session.SessionId)
            .ToListAsync(ct);
        foreach (var other in others) SignInEnding.EndSession(unit, other, "signed_out_others", now);
        return others.Count;
    }, ct);

    /// <summary>
    /// Confirms the password in a session. For <see cref="Session.StepUp"/> the session may then change credentials.
    /// </summary>
    /// <returns>The updated session. Refused with <c>password_wrong</c>, <c>passwords_busy</c> or
    /// <c>session_refused</c>.</returns>
    public async Task<Result<SessionUser>> ConfirmAsync(SessionUser session, string password, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == session.UserId, ct);
        if (!(await passwords.VerifyAsync(user, password, ct)).TryGet(out var isRight, out var busy)) return busy;
        if (!isRight) return await RefuseAsync(session, ct);
        return await database.RunAsync<Result<SessionUser>>(async unit =>
        {
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { } own
                    || own.User.SecurityStamp != user!.SecurityStamp)
                return AccountErrors.SessionRefused;
            own.Session.AuthenticatedAt = now;
            Record(unit, EventTypes.UserSessionConfirmed, session, now);
            return session with { AuthenticatedAt = now };
        }, ct);
    }

    private Task<Error> RefuseAsync(SessionUser session, CancellationToken ct) => database.RunAsync(unit =>
    {
        Record(unit, EventTypes.UserSignInFailed, session, clock.Now(), "session_confirmation");
        return Task.FromResult(AccountErrors.PasswordWrong);
    }, ct);

    private static void Record(
        Unit unit, string type, SessionUser session, DateTimeOffset now, string? cause = null) =>
        unit.Add(UsherEvent.Record(
        type, Actor.System(Organization.Installation), "user", session.UserId, now,
        new() { ["session"] = session.SessionId.ToString() }, cause));
}
