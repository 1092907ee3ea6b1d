using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>The parts of a link of the form <c>/confirm/{id}#{secret}</c>.</summary>
public sealed record UserAddressLink(Guid Id, string Secret);

/// <summary>What the holder of an account's address change link may see.</summary>
public sealed record NewUserAddress(AddressChangeState State)
{
    /// <summary>The new address in canonical form.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether the account already has this address, so that the link only proves it.</summary>
    public bool OnlyProves { get; init; }

    /// <summary>
    /// The key under which wrong passwords are counted: the account's address, or its id if it has none. Do not show
    /// it.
    /// </summary>
    public string GuessSubject { get; init; } = "";
}

/// <summary>
/// Changes, adds or proves the address of a person's own account. A request needs a session with a recent password
/// confirmation. Confirming needs the link mailed to the new address and the account's password. So neither a stolen
/// session nor access to the mailbox is enough alone.
/// </summary>
public sealed class UserAddressService(
    UsherDb db, Database database, AccountMails mails, PasswordService passwords, TimeProvider clock)
{
    /// <summary>
    /// The maximum number of mails a person may request within a day. Each one goes to an address of the person's
    /// choice.
    /// </summary>
    public const int MaxAskedADay = 10;

    /// <summary>
    /// Mails a confirmation link to the new address. Earlier links become void. The account keeps its address until the
    /// change is confirmed.
    /// </summary>
    /// <param name="session">The person's session. It needs a recent password confirmation, unless the address is the
    /// account's own.</param>
    /// <param name="email">The address as it was entered.</param>
    /// <param name="ct">Cancels the request.</param>
    /// <returns>Refused with <c>email_invalid</c>, <c>email_unchanged</c>, <c>step_up_needed</c>,
    /// <c>session_refused</c> or <c>too_many_address_changes</c>. The answer does not reveal whether another account
    /// has the address.</returns>
    public async Task<Result<UserAddressChange>> AskAsync(SessionUser session, string email, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var address)) return InvitationErrors.EmailInvalid;
        return await database.RunLockedAsync<Result<UserAddressChange>>(async unit =>
        {
            await unit.LockUserAsync(session.UserId, ct);
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { } own) return AccountErrors.SessionRefused;
            if (address == own.User.Email && own.User.EmailProvedAt is not null)
                return AccountErrors.EmailUnchanged;
            if (address != own.User.Email && own.Refusal(now) is { } refusal) return refusal;
            var lately = await db.UserAddressChanges.Where(c =>
                c.UserId == session.UserId && c.CreatedAt > now.AddDays(-1)).ToListAsync(ct);
            if (lately.Count >= MaxAskedADay) return AccountErrors.TooManyAddressChanges;

            foreach (var earlier in await db.UserAddressChanges.Where(c =>
                    c.UserId == session.UserId && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
                earlier.Supersede(now);
            var (change, secret) = UserAddressChange.Create(session.UserId, address, now);
            unit.Add(change);
            mails.SendAddressChange(unit, own.User, change, secret, now);
            Record(unit, EventTypes.UserAddressChangeRequested, session.UserId, now, own.User.Email, address);
            return change;
        }, ct);
    }

    /// <summary>Describes a link to its holder. Changes nothing.</summary>
    public async Task<NewUserAddress> LookAsync(UserAddressLink link, CancellationToken ct) =>
        await FindAsync(link, track: false, ct) is { } found
            ? Describe(found, clock.Now())
            : new(AddressChangeState.Unknown);

    /// <summary>
    /// Sets the account's address to the new one and proves it. If another account has the address without proof, that
    /// account loses it and keeps its memberships. The old address is notified. Does not sign in and does not change
    /// the identifiers of the person's members.
    /// </summary>
    /// <param name="link">The link that was mailed to the new address.</param>
    /// <param name="password">The account's password.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>Repeating the call gives the same answer. Refused with <c>password_wrong</c>, <c>address_change_…</c>,
    /// or <c>email_taken</c> when another account has proven the address.</returns>
    public async Task<Result<NewUserAddress>> ConfirmAsync(
        UserAddressLink link, string password, CancellationToken ct)
    {
        if (await FindAsync(link, track: false, ct) is not { } before) return AccountErrors.AddressChangeUnknown;
        if (StateOf(before, clock.Now()) is AddressChangeState.Used) return Describe(before, clock.Now());
        if (ErrorOf(StateOf(before, clock.Now())) is { } ended) return ended;
        if (!(await passwords.VerifyAsync(before.User, password, ct)).TryGet(out var isRight, out var busy))
            return busy;
        if (!isRight) return AccountErrors.PasswordWrong;
        return await database.RunLockedAsync<Result<NewUserAddress>>(async unit =>
        {
            await unit.LockUserAsync(before.User.Id, ct);
            if (await FindAsync(link, track: true, ct) is not { } found) return AccountErrors.AddressChangeUnknown;
            var now = clock.Now();
            if (StateOf(found, now) is AddressChangeState.Used) return Describe(found, now);
            if (ErrorOf(StateOf(found, now)) is { } refusal) return refusal;
            if (found.User.SecurityStamp != before.User.SecurityStamp) return AccountErrors.PasswordWrong;
            Apply(unit, found, now);
            return Describe(found, now);
        }, ct);
    }

    /// <summary>Deletes up to 500 changes that expired at least a day ago.</summary>
    public Task<int> SweepEndedAsync(CancellationToken ct) => database.RunAsync(async unit =>
    {
        var before = clock.Now().AddDays(-1);
        var ended = await db.UserAddressChanges.Where(c => c.ExpiresAt <= before).OrderBy(c => c.ExpiresAt).Take(500)
            .ToListAsync(ct);
        unit.RemoveRange(ended);
        return ended.Count;
    }, ct);

    private static void Apply(Unit unit, Found found, DateTimeOffset now)
    {
        var (change, user, old) = (found.Change, found.User, found.User.Email);
        found.Other?.GiveUpAddress();
        user.Prove(change.NewAddress, now);
        (change.Status, change.EndedAt) = (AddressChangeStatus.Used, now);
        if (old is not null && old != change.NewAddress) AccountMails.TellAddressChanged(unit, user, old, now);
        Record(unit, EventTypes.UserAddressChanged, user.Id, now, old, change.NewAddress);
    }

    private sealed record Found(UserAddressChange Change, User User, User? Other, bool HasNewer);

    // The lookup uses the id; the secret is compared in fixed time. A wrong secret gives the same answer as an unknown
    // change.
    private async Task<Found?> FindAsync(UserAddressLink link, bool track, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.AddressPrefix)) return null;
        var rows =
            from change in db.UserAddressChanges
            join user in db.Users on change.UserId equals user.Id
            from other in db.Users.Where(o => o.Email == change.NewAddress && o.Id != change.UserId)
                .DefaultIfEmpty()
            where change.Id == link.Id
            select new
            {
                change, user, other,
                HasNewer = db.UserAddressChanges.Any(c => c.UserId == change.UserId && c.Id > change.Id),
            };
        var row = await (track ? rows : rows.AsNoTracking()).SingleOrDefaultAsync(ct);
        if (row is null || !CryptographicOperations.FixedTimeEquals(row.change.Hash, Secret.Hash(link.Secret)))
            return null;
        return new(row.change, row.user, row.other, row.HasNewer);
    }

    private static AddressChangeState StateOf(Found found, DateTimeOffset now) => found.Change switch
    {
        { Status: AddressChangeStatus.Used } => AddressChangeState.Used,
        { Status: AddressChangeStatus.Superseded } =>
            found.HasNewer ? AddressChangeState.Replaced : AddressChangeState.Void,
        var change when now >= change.ExpiresAt => AddressChangeState.Expired,
        _ => found.Other?.EmailProvedAt is null ? AddressChangeState.Open : AddressChangeState.Taken,
    };

    private static Error? ErrorOf(AddressChangeState state) => state switch
    {
        AddressChangeState.Open or AddressChangeState.Used => null,
        AddressChangeState.Unknown => AccountErrors.AddressChangeUnknown,
        AddressChangeState.Expired => AccountErrors.AddressChangeExpired,
        AddressChangeState.Replaced => AccountErrors.AddressChangeReplaced,
        AddressChangeState.Void => AccountErrors.AddressChangeVoid,
        AddressChangeState.Taken => AccountErrors.EmailTaken,
    };

    private static NewUserAddress Describe(Found found, DateTimeOffset now) => new(StateOf(found, now))
    {
        Email = found.Change.NewAddress, ExpiresAt = found.Change.ExpiresAt,
        OnlyProves = found.User.Email == found.Change.NewAddress,
        GuessSubject = found.User.Email ?? found.User.Id.ToString(),
    };

    private static void Record(
        Unit unit, string type, Guid user, DateTimeOffset now, string? before, string after) =>
        unit.Add(UsherEvent.Record(
        type, Actor.System(Organization.Installation), "user", user, now,
        new() { ["email"] = before == after ? after : $"{before} → {after}" }));
}
