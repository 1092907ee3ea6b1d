using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>Ends everything that was started with the old password when a person's credentials are replaced.</summary>
internal static class SignInEnding
{
    /// <summary>
    /// Sets a new password. Ends the account's sessions, pending address changes, reset links and device cookies. Part
    /// of the caller's save, under the account's lock (<see cref="Unit.LockUserAsync"/>).
    /// </summary>
    /// <param name="unit">The unit, whose context tracks the account.</param>
    /// <param name="user">The account.</param>
    /// <param name="hash">The hash of the new password.</param>
    /// <param name="keep">The id of a session to keep; null for none.</param>
    /// <param name="cause">The cause to record in the events, such as <c>password_reset</c>.</param>
    /// <param name="now">The current time.</param>
    /// <param name="ct">Cancels the reads.</param>
    public static async Task ReplacePasswordAsync(
        Unit unit, User user, string hash, Guid? keep, string cause, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var session in await unit.Db.Sessions.Where(s => s.UserId == user.Id && s.Id != keep).ToListAsync(ct))
            EndSession(unit, session, cause, now);
        foreach (var change in await unit.Db.UserAddressChanges.Where(c =>
                c.UserId == user.Id && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
            change.Supersede(now);
        var resets = unit.Db.PasswordResets.Where(r => r.UserId == user.Id && r.UsedAt == null);
        foreach (var reset in await resets.ToListAsync(ct)) reset.UsedAt = now;
        user.SetPassword(hash);
    }

    /// <summary>Ends one tracked session in the caller's save.</summary>
    public static void EndSession(Unit unit, Session session, string cause, DateTimeOffset now)
    {
        unit.Remove(session);
        var details = new Dictionary<string, string> { ["session"] = session.Id.ToString() };
        if (session.Device is { } device) details["device"] = device;
        unit.Add(UsherEvent.Record(
            EventTypes.UserSessionEnded, Actor.System(Organization.Installation), "user", session.UserId, now, details,
            cause));
    }
}
