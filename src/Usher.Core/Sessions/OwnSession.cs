using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>A person's session and account as they are at the moment of a change, tracked.</summary>
internal sealed record OwnSession(Session Session, User User)
{
    /// <summary>
    /// Reads both anew, so that a session which was ended since the request began changes nothing. Under the account's
    /// lock, where one is held, no reset can come between.
    /// </summary>
    /// <returns>Null for a session that has ended.</returns>
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
    /// Why the session may not change how the person signs in; null when the password was given lately.
    /// </summary>
    public Error? Refusal(DateTimeOffset now) =>
        now - Session.AuthenticatedAt < Session.StepUp ? null : AccountErrors.StepUpNeeded;
}
