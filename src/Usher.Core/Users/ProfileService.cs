using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>A member's change to their own record. Absent values stay unchanged.</summary>
public sealed record ProfileChange
{
    /// <summary>0 to 120 characters, no control characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>0 to 120 characters, no control characters.</summary>
    public string? LastName { get; init; }

    /// <summary>TZ database name; null removes it.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>
    /// The address as it was entered; see <see cref="EmailAddress"/>. A new address applies after it is confirmed.
    /// </summary>
    public string? Email { get; init; }
}

/// <summary>
/// Changes a member's own record in one organization, by API key. The person's account is changed only through
/// <see cref="UserService"/>. <see cref="AddressChangeService"/> confirms new addresses.
/// </summary>
public sealed class ProfileService(UsherDb db, Database database, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>
    /// The maximum number of address changes that a member may request within a day. Each one sends a mail to an
    /// address of the member's choice.
    /// </summary>
    public const int MaxAddressChangesADay = 10;

    /// <summary>
    /// Changes the actor's own names and time zone, and mails a confirmation link to a new address. Needs no
    /// permission. Applies all of the change or nothing.
    /// </summary>
    /// <returns>The changed member. It keeps the old address until the new one is confirmed; another spelling of the
    /// same address applies at once. Refused with <c>not_a_person</c> for other actors, and with <c>email_taken</c> for
    /// an address of another member that is not removed. The answer does not reveal whether another account has the
    /// address.</returns>
    public async Task<Result<Member>> UpdateAsync(Actor actor, ProfileChange change, CancellationToken ct)
    {
        if (!actor.IsMember) return ProfileErrors.NotAPerson;
        if (change.FirstName is { } first && !Text.IsName(first)) return InvitationErrors.FirstNameInvalid;
        if (change.LastName is { } last && !Text.IsName(last)) return InvitationErrors.LastNameInvalid;
        if (change.TimeZone.Or(null) is { } zone && !Text.IsTimeZone(zone)) return InvitationErrors.TimeZoneUnknown;
        string? identifier = null;
        if (change.Email is not null && !EmailAddress.TryCanonical(change.Email, out identifier))
            return InvitationErrors.EmailInvalid;

        // A change of address runs under lock. Without a lock, this save would write the earlier change before the
        // member, while all other operations write the member first.
        return await (identifier is null ? database.RunAsync(RunAsync, ct) : database.RunLockedAsync(RunAsync, ct));

        async Task<Result<Member>> RunAsync(Unit unit)
        {
            var now = clock.Now();
            if (await FindAsync(unit, actor, identifier, now, ct) is not { Member.Status: MemberStatus.Active } found)
                return ProfileErrors.NotActive;
            if (found.Member.Kind is not MemberKind.Person) return ProfileErrors.NotAPerson;
            var isNew = identifier is not null && identifier != found.Member.Identifier;
            if (isNew && Refusal(found, identifier!) is { } refusal) return refusal;

            Apply(unit, actor, found, isNew ? change with { Email = null } : change, now);
            if (isNew) Ask(unit, actor, found, identifier!, change.Email!.Trim(), now);
            return found.Member;
        }
    }

    private sealed record Found(
        Member Member, AddressChange? Pending, int AskedToday, bool IsTaken, string OrganizationName,
        string OrganizationSlug, List<string> AllowedEmailDomains);

    private async Task<Found?> FindAsync(
        Unit unit, Actor actor, string? identifier, DateTimeOffset now, CancellationToken ct)
    {
        await unit.LockAsync(actor.OrganizationId, [], [actor.Id], organizationToo: false, ct);
        var yesterday = now.AddDays(-1);
        var row = await (
            from member in db.Members
            join organization in db.Organizations on member.OrganizationId equals organization.Id
            from pending in db.AddressChanges.Where(c =>
                c.OrganizationId == member.OrganizationId && c.MemberId == member.Id
                    && c.Status == AddressChangeStatus.Pending).DefaultIfEmpty()
            where member.OrganizationId == actor.OrganizationId && member.Id == actor.Id
            select new
            {
                member, pending, organization.Name, organization.Slug, organization.AllowedEmailDomains,
                AskedToday = db.AddressChanges.Count(c =>
                    c.OrganizationId == member.OrganizationId && c.MemberId == member.Id && c.CreatedAt > yesterday),
                IsTaken = db.Members.Any(m =>
                    m.OrganizationId == member.OrganizationId && m.Identifier == identifier
                        && m.Status != MemberStatus.Removed && m.Id != member.Id),
            }).SingleOrDefaultAsync(ct);
        return row is null
            ? null
            : new(row.member, row.pending, row.AskedToday, row.IsTaken, row.Name, row.Slug, row.AllowedEmailDomains);
    }

    private static Error? Refusal(Found found, string identifier)
    {
        // Members may not change to an address outside the allowed domains.
        if (found.AllowedEmailDomains is { Count: > 0 } domains && !domains.Contains(EmailAddress.DomainOf(identifier)))
            return InvitationErrors.DomainNotAllowed;
        if (found.IsTaken) return ProfileErrors.EmailTaken;
        return found.AskedToday >= MaxAddressChangesADay ? ProfileErrors.TooManyChanges : null;
    }

    // Applies everything except a new address. The event contains only the differences.
    private static void Apply(Unit unit, Actor actor, Found found, ProfileChange change, DateTimeOffset now)
    {
        var (member, details) = (found.Member, new Dictionary<string, string>());
        if (change.FirstName is { } first) Note("first_name", member.FirstName, member.FirstName = Text.Name(first));
        if (change.LastName is { } last) Note("last_name", member.LastName, member.LastName = Text.Name(last));
        if (change.TimeZone.IsGiven) Note("time_zone", member.TimeZone, member.TimeZone = change.TimeZone.Or(null));
        if (change.Email is { } email) Note("email", member.Email, member.Email = email.Trim());
        if (details.Count > 0)
            unit.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", member.Id, now, details));

        void Note(string name, string? before, string? after)
        {
            if (before != after) details[name] = $"{before} → {after}";
        }
    }

    // Only the newest mail can confirm a change, and only for the address it was sent to.
    private void Ask(Unit unit, Actor actor, Found found, string identifier, string email, DateTimeOffset now)
    {
        var member = found.Member;
        found.Pending?.Supersede(now);
        var (secret, hash) = Secret.Create(Secret.AddressPrefix);
        var asked = unit.Add(AddressChange.Of(member, identifier, email, hash, now));
        unit.Add(new OutboxMessage
        {
            OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.AddressChange,
            Recipient = identifier,
            Language = OutboxMessage.LanguageOf(member.Locale),
            Secret = secrets.Protect(secret), NextAttemptAt = now, CreatedAt = now,
            Parameters = new()
            {
                [OutboxParameters.Organization] = found.OrganizationName,
                [OutboxParameters.OrganizationSlug] = found.OrganizationSlug,
                [OutboxParameters.AddressChange] = asked.Id.ToString(), [OutboxParameters.FirstName] = member.FirstName,
                [OutboxParameters.Email] = identifier,
                [OutboxParameters.Expires] = asked.ExpiresAt.ToString("O", CultureInfo.InvariantCulture),
            },
        });
        unit.Add(UsherEvent.Record(
            EventTypes.AddressChangeRequested, actor, "member", member.Id, now,
            new() { ["email"] = $"{member.Identifier} → {identifier}" }));
    }
}
