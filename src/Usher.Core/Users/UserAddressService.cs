using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>Where a link points: <c>/confirm/{id}#{secret}</c>.</summary>
public sealed record UserAddressLink(Guid Id, string Secret);

/// <summary>A new address of an account, as the holder of its link may see it.</summary>
public sealed record NewUserAddress(AddressChangeState State)
{
    /// <summary>The address it is about, canonical.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether the account has this address already and it only gets proven.</summary>
    public bool OnlyProves { get; init; }

    /// <summary>
    /// What wrong passwords for the account are counted under: the address it signs in with, else its id. Not to be
    /// shown.
    /// </summary>
    public string GuessSubject { get; init; } = "";
}

/// <summary>
/// A person changes, adds or proves the address of their own account. Only a session that gave the password lately can
/// ask, and only mail to the new address together with the account's password confirms: neither a stolen session nor a
/// stranger's mailbox is enough.
/// </summary>
public sealed class UserAddressService(
    UsherDb db, Database database, AccountMails mails, PasswordService passwords, TimeProvider clock)
{
    /// <summary>
    /// How many mails a person may ask for within a day: each goes to an address that the person names.
    /// </summary>
    public const int MaxAskedADay = 10;

    /// <summary>
    /// Mails a link to the new address. A link mailed before no longer confirms. The account keeps its address until
    /// then.
    /// </summary>
    /// <param name="session">The person's session. It must have given the password lately, unless the address is the
    /// account's own.</param>
    /// <param name="email">As it was typed.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns> Refused with <c>email_invalid</c>, <c>email_unchanged</c>, <c>step_up_needed</c>,
    /// <c>session_refused</c> or <c>too_many_address_changes</c>. That another account has the address is not told
    /// here. </returns>
    public async Task<Result<UserAddressChange>> AskAsync(SessionUser session, string email, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var address)) return InvitationErrors.EmailInvalid;
        return await database.RunLockedAsync<Result<UserAddressChange>>(async unit =>
        {
            await unit.LockUserAsync(session.UserId, ct);
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { } own) return AccountErrors.SessionRefused;
            if (address == own.User.NormalizedEmail && own.User.EmailProvedAt is not null)
                return AccountErrors.EmailUnchanged;
            if (address != own.User.NormalizedEmail && own.Refusal(now) is { } refusal) return refusal;
            var lately = await db.UserAddressChanges.Where(c =>
                c.UserId == session.UserId && c.CreatedAt > now.AddDays(-1)).ToListAsync(ct);
            if (lately.Count >= MaxAskedADay) return AccountErrors.TooManyAddressChanges;

            foreach (var earlier in await db.UserAddressChanges.Where(c =>
                    c.UserId == session.UserId && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
                earlier.Supersede(now);
            var (change, secret) = UserAddressChange.Create(session.UserId, address, now);
            unit.Add(change);
            mails.SendAddressChange(unit, own.User, change, secret, now);
            Record(unit, EventTypes.UserAddressChangeRequested, session.UserId, now, own.User.NormalizedEmail, address);
            return change;
        }, ct);
    }

    /// <summary>What a link shows to its holder. Changes nothing.</summary>
    public async Task<NewUserAddress> LookAsync(UserAddressLink link, CancellationToken ct) =>
        await FindAsync(link, track: false, ct) is { } found
            ? Describe(found, clock.Now())
            : new(AddressChangeState.Unknown);

    /// <summary>
    /// The new address becomes the account's, proven. An account that never proved it loses it and keeps its
    /// memberships. The old address is told. Nobody is signed in, and the identifiers of the person's members stay.
    /// </summary>
    /// <param name="link">The link that was mailed to the new address.</param>
    /// <param name="password">The account's password.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns> Repeating it gives the same answer. Refused with <c>password_wrong</c>, <c>address_change_…</c>, or
    /// <c>email_taken</c> when another account has proven the address. </returns>
    public async Task<Result<NewUserAddress>> ConfirmAsync(UserAddressLink link, string password, CancellationToken ct)
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

    /// <summary>Removes changes that ended or expired a day ago and more.</summary>
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
        var (change, user, old) = (found.Change, found.User, found.User.NormalizedEmail);
        found.Other?.GiveUpAddress();
        user.Prove(change.NewAddress, now);
        (change.Status, change.EndedAt) = (AddressChangeStatus.Used, now);
        if (old is not null && old != change.NewAddress) AccountMails.TellAddressChanged(unit, user, old, now);
        Record(unit, EventTypes.UserAddressChanged, user.Id, now, old, change.NewAddress);
    }

    private sealed record Found(UserAddressChange Change, User User, User? Other, bool HasNewer);

    // By id, then the secret in fixed time. A wrong one is answered as if there were no such change.
    private async Task<Found?> FindAsync(UserAddressLink link, bool track, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.AddressPrefix)) return null;
        var rows =
            from change in db.UserAddressChanges
            join user in db.Users on change.UserId equals user.Id
            from other in db.Users.Where(o => o.NormalizedEmail == change.NewAddress && o.Id != change.UserId)
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
        OnlyProves = found.User.NormalizedEmail == found.Change.NewAddress,
        GuessSubject = found.User.NormalizedEmail ?? found.User.Id.ToString(),
    };

    private static void Record(
        Unit unit, string type, Guid user, DateTimeOffset now, string? before, string after) =>
        unit.Add(UsherEvent.Record(
        type, Actor.System(Organization.Installation), "user", user, now,
        new() { ["email"] = before == after ? after : $"{before} → {after}" }));
}
