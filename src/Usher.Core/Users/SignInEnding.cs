using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>
/// What ends when the way a person signs in is replaced: nothing that was begun with the old password outlives it.
/// </summary>
internal static class SignInEnding
{
    /// <summary>
    /// Sets another password, and ends the sessions, the address changes that wait for confirmation, the reset links
    /// and the device cookies of an account. In the caller's save, under the account's lock
    /// (<see cref="UsherDb.LockUserAsync"/>).
    /// </summary>
    /// <param name="db">Where the account is tracked.</param>
    /// <param name="user">The account.</param>
    /// <param name="hash">The new password's.</param>
    /// <param name="keep">The session that goes on; null for none.</param>
    /// <param name="cause">Why, for the events: a name such as <c>password_reset</c>.</param>
    /// <param name="now">Now.</param>
    /// <param name="ct">Cancels the reads.</param>
    public static async Task ReplacePasswordAsync(
        UsherDb db, User user, string hash, Guid? keep, string cause, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var session in await db.Sessions.Where(s => s.UserId == user.Id && s.Id != keep).ToListAsync(ct))
            EndSession(db, session, cause, now);
        foreach (var change in await db.UserAddressChanges.Where(c =>
                c.UserId == user.Id && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
            change.Supersede(now);
        var resets = db.PasswordResets.Where(r => r.UserId == user.Id && r.UsedAt == null);
        foreach (var reset in await resets.ToListAsync(ct)) reset.UsedAt = now;
        user.SetPassword(hash);
    }

    /// <summary>Ends one session, tracked, in the caller's save.</summary>
    public static void EndSession(UsherDb db, Session session, string cause, DateTimeOffset now)
    {
        db.Remove(session);
        var details = new Dictionary<string, string> { ["session"] = session.Id.ToString() };
        if (session.Device is { } device) details["device"] = device;
        db.Add(UsherEvent.Record(
            EventTypes.UserSessionEnded, Actor.System(Organization.Installation), "user", session.UserId, now, details,
            cause));
    }
}
