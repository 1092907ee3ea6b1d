using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Core.Sessions;

namespace Usher.Core.Users;

/// <summary>One of a person's memberships.</summary>
public sealed record Membership(
    Guid MemberId, Guid OrganizationId, string OrganizationName, string OrganizationSlug, BuiltInRole Role,
    MemberStatus Status, DateTimeOffset JoinedAt);

/// <summary>An account with its memberships.</summary>
public sealed record Me(User User, IReadOnlyList<Membership> Memberships)
{
    /// <summary>The address that waits for confirmation; null if there is none.</summary>
    public string? PendingEmail { get; init; }

    public string DisplayName => User.DisplayName;

    public string? Email => User.Email;

    public bool EmailProved => User.EmailProvedAt is not null;
}

/// <summary>The result of a lookup. A lookup without a match succeeds with null.</summary>
public sealed record FoundUser(Me? User);

/// <summary>A person's change to their own account. Absent values stay unchanged.</summary>
public sealed record UserChange
{
    /// <summary>1 to 120 characters, no control characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>0 to 120 characters, no control characters.</summary>
    public string? LastName { get; init; }

    /// <summary>TZ database name; null removes it.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>BCP 47 language tag; null removes it.</summary>
    public Optional<string> Locale { get; init; }
}

/// <summary>
/// Reads and changes a person's own account. Only the person can change it: organizations and API keys cannot.
/// </summary>
public sealed class UserService(UsherDb db, Database database, PasswordService passwords, TimeProvider clock)
{
    /// <summary>
    /// Reads an account and its memberships, ordered by organization name. Null if there is no such account.
    /// </summary>
    public async Task<Me?> MeAsync(Guid userId, CancellationToken ct)
    {
        var now = clock.Now();
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == userId, ct);
        if (user is null) return null;
        var pending = await db.UserAddressChanges.Where(c =>
            c.UserId == userId && c.Status == AddressChangeStatus.Pending && c.ExpiresAt > now)
            .Select(c => c.NewAddress).SingleOrDefaultAsync(ct);
        return new(user, await MembershipsAsync(userId, ct)) { PendingEmail = pending };
    }

    /// <summary>Finds the account with an address. For operators.</summary>
    /// <returns>Refused with <c>operator_only</c>.</returns>
    public async Task<Result<FoundUser>> FindAsync(Actor actor, string canonical, CancellationToken ct)
    {
        if (actor.Kind is not ActorKind.Operator) return OrganizationErrors.NotAllowed;
        var id = await db.Users.Where(u => u.Email == canonical).Select(u => (Guid?)u.Id)
            .SingleOrDefaultAsync(ct);
        return new FoundUser(id is null ? null : await MeAsync(id.Value, ct));
    }

    /// <summary>Reads one account. For operators.</summary>
    /// <returns>Refused with <c>operator_only</c> or <c>user_not_found</c>.</returns>
    public async Task<Result<Me>> GetAsync(Actor actor, Guid userId, CancellationToken ct)
    {
        if (actor.Kind is not ActorKind.Operator) return OrganizationErrors.NotAllowed;
        return await MeAsync(userId, ct) is { } found ? found : AccountErrors.UserNotFound;
    }

    /// <summary>Lists all faults in a change, with their fields.</summary>
    public static IEnumerable<Error> Faults(UserChange change)
    {
        if (change.FirstName is { } first)
        {
            if (!Text.IsName(first)) yield return InvitationErrors.FirstNameInvalid;
            else if (Text.Name(first).Length is 0) yield return InvitationErrors.FirstNameMissing;
        }

        if (change.LastName is { } last && !Text.IsName(last)) yield return InvitationErrors.LastNameInvalid;
        if (change.TimeZone.Or(null) is { } zone && !Text.IsTimeZone(zone))
            yield return InvitationErrors.TimeZoneUnknown;
        if (change.Locale.Or(null) is { } locale && !Text.IsLocale(locale)) yield return InvitationErrors.LocaleInvalid;
    }

    /// <summary>
    /// Changes names, time zone and language of the person's own account. The person's member records do not change.
    /// </summary>
    /// <returns>Refused with the faults of the change, or with <c>session_refused</c>.</returns>
    public async Task<Result<Me>> UpdateAsync(SessionUser session, UserChange change, CancellationToken ct)
    {
        if (Error.Of(Faults(change)) is { } fault) return fault;
        var refused = await database.RunAsync(async unit =>
        {
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { User: var user })
                return AccountErrors.SessionRefused;
            Dictionary<string, string> details = [];
            user.FirstName = Noted(
                details, "first_name", user.FirstName,
                change.FirstName is null ? user.FirstName : Text.Name(change.FirstName))!;
            user.LastName = Noted(
                details, "last_name", user.LastName,
                change.LastName is null ? user.LastName : Text.Name(change.LastName))!;
            user.TimeZone = Noted(details, "time_zone", user.TimeZone, change.TimeZone.Or(user.TimeZone));
            user.Locale = Noted(details, "locale", user.Locale, change.Locale.Or(user.Locale));
            if (details.Count is 0) return (Error?)null;
            Record(unit, EventTypes.UserUpdated, user.Id, now, details);
            return null;
        }, ct);
        return refused is not null
            ? refused
            : await MeAsync(session.UserId, ct) is { } me
            ? me
            : AccountErrors.SessionRefused;
    }

    /// <summary>
    /// Sets a new password. All other sessions, pending address changes, reset links and device cookies of the account
    /// end; this session continues. The address is notified.
    /// </summary>
    /// <returns>Refused with <c>step_up_needed</c>, <c>session_refused</c>, <c>password_too_short</c>,
    /// <c>password_too_long</c> or <c>password_too_common</c>.</returns>
    public async Task<Result<bool>> ChangePasswordAsync(SessionUser session, string password, CancellationToken ct)
    {
        if (clock.Now() >= session.ConfirmedUntil) return AccountErrors.StepUpNeeded;
        if (PasswordRules.Check(password, session.Email) is { } weak) return weak;
        if (!(await passwords.HashAsync(password, ct)).TryGet(out var hash, out var busy)) return busy;
        return await database.RunLockedAsync<Result<bool>>(async unit =>
        {
            await unit.LockUserAsync(session.UserId, ct);
            var now = clock.Now();
            if (await OwnSession.FindAsync(db, session, now, ct) is not { } own) return AccountErrors.SessionRefused;
            if (own.Refusal(now) is { } refusal) return refusal;
            await SignInEnding.ReplacePasswordAsync(
                unit, own.User, hash, keep: session.SessionId, "password_changed", now, ct);
            AccountMails.TellPasswordChanged(unit, own.User, now);
            Record(unit, EventTypes.UserPasswordChanged, session.UserId, now, []);
            return true;
        }, ct);
    }

    private Task<List<Membership>> MembershipsAsync(Guid userId, CancellationToken ct) => (
        from member in db.Members
        join organization in db.Organizations on member.OrganizationId equals organization.Id
        where member.UserId == userId
            && (member.Status == MemberStatus.Active || member.Status == MemberStatus.Suspended)
        orderby organization.Name, organization.Id
        select new Membership(
            member.Id, organization.Id, organization.Name, organization.Slug, member.Role, member.Status,
            member.CreatedAt)).ToListAsync(ct);

    private static string? Noted(Dictionary<string, string> details, string name, string? before, string? after)
    {
        if (before != after) details[name] = $"{before} → {after}";
        return after;
    }

    private static void Record(
        Unit unit, string type, Guid user, DateTimeOffset now, Dictionary<string, string> details) =>
        unit.Add(UsherEvent.Record(type, Actor.System(Organization.Installation), "user", user, now, details));
}
