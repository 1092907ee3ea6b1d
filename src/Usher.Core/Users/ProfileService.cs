using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>What somebody changes about himself. What is absent stays as it is.</summary>
public sealed record ProfileChange
{
    /// <summary>0 to 120 characters, no control characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>0 to 120 characters, no control characters.</summary>
    public string? LastName { get; init; }

    /// <summary>TZ database name, or none.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>As typed; see <see cref="EmailAddress"/>. A new one counts once it is confirmed.</summary>
    public string? Email { get; init; }
}

/// <summary>
/// A member changes their own record in one organization, by an API key. The person's account is not touched: by a key
/// nobody changes a user (<see cref="UserService"/> is for that). How a new address is confirmed is
/// <see cref="AddressChangeService"/>.
/// </summary>
public sealed class ProfileService(UsherDb db, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>
    /// How many new addresses a member may ask for within a day: each is a mail to whatever address he names.
    /// </summary>
    public const int MaxAddressChangesADay = 10;

    /// <summary>
    /// Changes the actor's own names and time zone, at once, and asks by mail whether a new address is his. Needs no
    /// permission. All of it or, refused, nothing.
    /// </summary>
    /// <returns> The member as he is now: with his old address until the new one is confirmed. An address in another
    /// spelling counts at once. Refused with <c>not_a_person</c> for whoever is none, with <c>email_taken</c> for an
    /// address of another live member; that an address has an account elsewhere is not told. </returns>
    public async Task<Result<Member>> UpdateAsync(Actor actor, ProfileChange change, CancellationToken ct)
    {
        if (!actor.IsMember) return ProfileErrors.NotAPerson;
        if (change.FirstName is { } first && !Text.IsName(first)) return InvitationErrors.FirstNameInvalid;
        if (change.LastName is { } last && !Text.IsName(last)) return InvitationErrors.LastNameInvalid;
        if (change.TimeZone.Or(null) is { } zone && !Text.IsTimeZone(zone)) return InvitationErrors.TimeZoneUnknown;
        string? identifier = null;
        if (change.Email is not null && !EmailAddress.TryCanonical(change.Email, out identifier))
            return InvitationErrors.EmailInvalid;

        // Under lock where an address is named: a save that has locked nothing changes the earlier wish before the
        // member, everybody else the member first.
        return await (identifier is null ? db.RunAsync(RunAsync, ct) : db.RunLockedAsync(RunAsync, ct));

        async Task<Result<Member>> RunAsync()
        {
            var now = clock.Now();
            if (await FindAsync(actor, identifier, now, ct) is not { Member.Status: MemberStatus.Active } found)
                return ProfileErrors.NotActive;
            if (found.Member.Kind is not MemberKind.Person) return ProfileErrors.NotAPerson;
            var isNew = identifier is not null && identifier != found.Member.Identifier;
            if (isNew && Refusal(found, identifier!) is { } refusal) return refusal;

            Apply(actor, found, isNew ? change with { Email = null } : change, now);
            if (isNew) Ask(actor, found, identifier!, change.Email!.Trim(), now);
            await db.SaveChangesAsync(ct);
            return found.Member;
        }
    }

    private sealed record Found(
        Member Member, AddressChange? Pending, int AskedToday, bool IsTaken, string OrganizationName,
        string OrganizationSlug, List<string> AllowedEmailDomains);

    private async Task<Found?> FindAsync(Actor actor, string? identifier, DateTimeOffset now, CancellationToken ct)
    {
        await db.LockAsync(actor.OrganizationId, [], [actor.Id], organizationToo: false, ct);
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
        // Where only some domains may be invited, nobody leaves them by himself.
        if (found.AllowedEmailDomains is { Count: > 0 } domains && !domains.Contains(EmailAddress.DomainOf(identifier)))
            return InvitationErrors.DomainNotAllowed;
        if (found.IsTaken) return ProfileErrors.EmailTaken;
        return found.AskedToday >= MaxAddressChangesADay ? ProfileErrors.TooManyChanges : null;
    }

    // What counts at once. The event tells only what differs.
    private void Apply(Actor actor, Found found, ProfileChange change, DateTimeOffset now)
    {
        var (member, details) = (found.Member, new Dictionary<string, string>());
        if (change.FirstName is { } first) Note("first_name", member.FirstName, member.FirstName = Text.Name(first));
        if (change.LastName is { } last) Note("last_name", member.LastName, member.LastName = Text.Name(last));
        if (change.TimeZone.IsGiven) Note("time_zone", member.TimeZone, member.TimeZone = change.TimeZone.Or(null));
        if (change.Email is { } email) Note("email", member.Email, member.Email = email.Trim());
        if (details.Count > 0)
            db.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", member.Id, now, details));

        void Note(string name, string? before, string? after)
        {
            if (before != after) details[name] = $"{before} → {after}";
        }
    }

    // Only the newest mail confirms, and only what it was sent to.
    private void Ask(Actor actor, Found found, string identifier, string email, DateTimeOffset now)
    {
        var member = found.Member;
        found.Pending?.Supersede(now);
        var (secret, hash) = Secret.Create(Secret.AddressPrefix);
        var asked = db.Add(AddressChange.Of(member, identifier, email, hash, now));
        db.Add(new OutboxMessage
        {
            OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.AddressChange,
            Recipient = identifier,
            Language = member.Locale ?? "en",
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
        db.Add(UsherEvent.Record(
            EventTypes.AddressChangeRequested, actor, "member", member.Id, now,
            new() { ["email"] = $"{member.Identifier} → {identifier}" }));
    }
}
