using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>A person's session and account, read and tracked at the time of a change.</summary>
internal sealed record OwnSession(Session Session, User User)
{
    /// <summary>
    /// Reads the session and the account again, so that a session that has ended since the request began cannot make
    /// changes. If the caller holds the account's lock, no concurrent reset can intervene.
    /// </summary>
    /// <returns>Null if the session has ended.</returns>
    public static async Task<OwnSession?> FindAsync(
        UsherDb db, SessionUser session, DateTimeOffset now, CancellationToken ct)
    {
        var found = await (
            from row in db.Sessions
            join user in db.Users on row.UserId equals user.Id
            where row.UserId == session.UserId && row.Id == session.SessionId && row.ExpiresAt > now
            select new { row, user }).SingleOrDefaultAsync(ct);
        return found is null ? null : new(found.row, found.user);
    }

    /// <summary>
    /// The error if the session may not change credentials; null if the password was confirmed recently.
    /// </summary>
    public Error? Refusal(DateTimeOffset now) =>
        now - Session.AuthenticatedAt < Session.StepUp ? null : AccountErrors.StepUpNeeded;
}
