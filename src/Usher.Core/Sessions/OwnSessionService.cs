using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>What a person does with their own sessions: lists them, ends them, and gives the password again.</summary>
public sealed class OwnSessionService(UsherDb db, PasswordService passwords, TimeProvider clock)
{
    private const int Most = 200;

    /// <summary>The person's live sessions, the last used first; at most 200.</summary>
    public Task<List<Session>> ListAsync(Guid userId, CancellationToken ct)
    {
        var now = clock.Now();
        return db.Sessions.AsNoTracking().Where(s => s.UserId == userId && s.ExpiresAt > now)
            .OrderByDescending(s => s.LastSeenAt).ThenByDescending(s => s.Id).Take(Most).ToListAsync(ct);
    }

    /// <summary>Ends one of the person's sessions, which may be this one.</summary>
    /// <returns>Refused with <c>session_not_found</c>, also for the session of another person.</returns>
    public Task<Result<bool>> EndAsync(SessionUser session, Guid id, CancellationToken ct) =>
        db.RunAsync<Result<bool>>(async () =>
    {
        if (await db.Sessions.SingleOrDefaultAsync(s => s.UserId == session.UserId && s.Id == id, ct) is not { } found)
            return AccountErrors.SessionNotFound;
        SignInEnding.EndSession(db, found, "signed_out", clock.Now());
        await db.SaveChangesAsync(ct);
        return true;
    }, ct);

    /// <summary>Ends all of the person's sessions but this one.</summary>
    /// <returns>How many there were.</returns>
    public Task<int> EndOthersAsync(SessionUser session, CancellationToken ct) => db.RunLockedAsync(async () =>
    {
        await db.LockUserAsync(session.UserId, ct);
        var now = clock.Now();
        var others = await db.Sessions.Where(s => s.UserId == session.UserId && s.Id != session.SessionId)
            .ToListAsync(ct);
        foreach (var other in others) SignInEnding.EndSession(db, other, "signed_out_others", now);
        if (others.Count > 0) await db.SaveChangesAsync(ct);
        return others.Count;
    }, ct);

    /// <summary>
    /// The person gives the password again: for <see cref="Session.StepUp"/> the session may change how the person
    /// signs in.
    /// </summary>
    /// <returns>The session as it is now. Refused with <c>password_wrong</c>, <c>passwords_busy</c> or
    /// <c>session_refused</c>.</returns>
    public async Task<Result<SessionUser>> ConfirmAsync(SessionUser session, string password, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == session.UserId, ct);
        if (!(await passwords.VerifyAsync(user, password, ct)).TryGet(out var isRight, out var busy)) return busy;
        if (!isRight) return await RefuseAsync(session, ct);
        return await db.RunAsync<Result<SessionUser>>(async () =>
        {
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { } own
                    || own.User.SecurityStamp != user!.SecurityStamp)
                return AccountErrors.SessionRefused;
            own.Session.AuthenticatedAt = now;
            Record(EventTypes.UserSessionConfirmed, session, now);
            await db.SaveChangesAsync(ct);
            return session with { AuthenticatedAt = now };
        }, ct);
    }

    private async Task<Error> RefuseAsync(SessionUser session, CancellationToken ct)
    {
        Record(EventTypes.UserSignInFailed, session, clock.Now(), "session_confirmation");
        await db.SaveChangesAsync(ct);
        return AccountErrors.PasswordWrong;
    }

    private void Record(string type, SessionUser session, DateTimeOffset now, string? cause = null) =>
        db.Add(UsherEvent.Record(
        type, Actor.System(Organization.Installation), "user", session.UserId, now,
        new() { ["session"] = session.SessionId.ToString() }, cause));
}
