using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>The owner of an address takes over the account that somebody made with it and never proved.</summary>
internal static class AccountTakeover
{
    /// <summary>
    /// Takes the account over, in the caller's save and under the account's lock. The caller sets the new password and ends what was signed in.
    /// </summary>
    public static Task TakeOverAsync(UsherDb db, User user, DateTimeOffset now, CancellationToken ct)
    {
        user.RenewSecurityStamp();
        return Task.CompletedTask;
    }
}
