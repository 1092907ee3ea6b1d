using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>Gives an account that never proved its address to the person who has proven it and sets a new password.</summary>
public sealed class AccountTakeover(UsherDb db, TimeProvider clock)
{
    /// <summary>
    /// Proves the address, sets the password, and ends sessions, pending changes of address and reset links, in the caller's commit. Part
    /// of it is written at once: call it under the account's lock and after the last refusal.
    /// </summary>
    /// <param name="user">The account, tracked, read under the lock.</param>
    /// <param name="passwordHash">The new password's.</param>
    /// <param name="ct">Cancels.</param>
    public async Task ApplyAsync(User user, string passwordHash, CancellationToken ct)
    {
        var now = clock.Now();
        await db.Sessions.Where(s => s.UserId == user.Id).ExecuteDeleteAsync(ct);
        await db.PasswordResets.Where(r => r.UserId == user.Id).ExecuteDeleteAsync(ct);
        await db.UserAddressChanges.Where(c => c.UserId == user.Id && c.Status == AddressChangeStatus.Pending)
            .ExecuteUpdateAsync(set => set.SetProperty(c => c.Status, AddressChangeStatus.Superseded).SetProperty(c => c.EndedAt, now), ct);
        user.SetPassword(passwordHash);
        user.Prove(user.NormalizedEmail!, now);
    }
}
