using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>The state of an address change, as shown to the holder of its link.</summary>
public enum AddressChangeState
{
    /// <summary>It can be confirmed now.</summary>
    Open,

    /// <summary>There is no such change, or the secret is wrong. The two cases are not distinguished.</summary>
    Unknown,

    Expired,

    /// <summary>A newer mail was sent. Only the link in the newest mail works.</summary>
    Replaced,

    /// <summary>The member was removed, or the address was changed another way.</summary>
    Void,

    /// <summary>Another member or account has the address now.</summary>
    Taken,

    /// <summary>It has already been confirmed.</summary>
    Used,
}

/// <summary>The parts of a link of the form <c>/confirm/{organization slug}/{address change id}#{secret}</c>.</summary>
public sealed record AddressChangeLink(string OrganizationSlug, Guid ChangeId, string Secret);

/// <summary>What the holder of an address change link may see.</summary>
public sealed record NewAddress(AddressChangeState State)
{
    public string OrganizationName { get; init; } = "";

    /// <summary>The new address as it was entered.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>
/// Shows and confirms a member's new address by the mailed link. Viewing a link does not use it up. Neither operation
/// signs anyone in.
/// </summary>
public sealed class AddressChangeService(UsherDb db, Database database, TimeProvider clock)
{
    /// <summary>Describes a link to its holder. Changes nothing.</summary>
    public async Task<NewAddress> LookAsync(AddressChangeLink link, CancellationToken ct) =>
        await FindAsync(link, null, ct) is { } found
            ? Describe(found, clock.Now())
            : new(AddressChangeState.Unknown);

    /// <summary>
    /// Changes the member's address in this organization. The person's account keeps its address. The old address is
    /// notified.
    /// </summary>
    /// <returns>Repeating the call gives the same answer. Refused with <c>email_taken</c> when a member that is not
    /// removed has the address, or another account has proven it; otherwise with <c>address_change_…</c>.</returns>
    public Task<Result<NewAddress>> ConfirmAsync(AddressChangeLink link, CancellationToken ct) =>
        database.RunLockedAsync<Result<NewAddress>>(async unit =>
        {
            if (await FindAsync(link, unit, ct) is not { } found) return ProfileErrors.LinkUnknown;
            var now = clock.Now();
            switch (StateOf(found, now))
            {
                case AddressChangeState.Used: return Describe(found, now);
                case AddressChangeState.Taken:
                    return found.HasOtherMember ? ProfileErrors.EmailTaken : ProfileErrors.AccountExists;
                case not AddressChangeState.Open and var state: return ProfileErrors.Ended(state);
            }

            var (change, member) = (found.Change, found.Member);

            // Invitation links sent to the old address must be void. Otherwise joining by one would prove the new
            // address.
            var (before, name) = (member.ShownAs, member.DisplayName);
            change.Use(member, now);
            await Readdressing.VoidAsync(db, member, now, ct);
            var actor = new Actor(ActorKind.Member, member.Id, name, member.OrganizationId, EffectiveAccess.Nothing);
            unit.Add(UsherEvent.Record(
                EventTypes.MemberUpdated, actor, "member", member.Id, now,
                new() { ["email"] = $"{before} → {change.NewEmail}" }, cause: "address_confirmed"));
            Tell(unit, found, now);
            return Describe(found, now);
        }, ct);

    private sealed record Found(
        AddressChange Change, Member Member, string OrganizationName, bool HasNewer, bool HasOtherMember,
        bool HasOtherUser);

    // The lookup uses slug and id; the secret is compared in fixed time. A wrong secret gives the same answer as an
    // unknown change.
    private async Task<Found?> FindAsync(AddressChangeLink link, Unit? unit, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.AddressPrefix)) return null;
        if (unit is not null) await unit.LockAddressChangeAsync(link.OrganizationSlug, link.ChangeId, ct);
        var rows =
            from organization in db.Organizations
            join change in db.AddressChanges on organization.Id equals change.OrganizationId
            join member in db.Members on new
            {
                change.OrganizationId, Id = change.MemberId,
            } equals new { member.OrganizationId, member.Id }
            where organization.Slug == link.OrganizationSlug && change.Id == link.ChangeId
                && organization.SuspendedAt == null
            select new
            {
                change, member, organization.Name,
                HasNewer = db.AddressChanges.Any(c =>
                    c.OrganizationId == change.OrganizationId && c.MemberId == change.MemberId && c.Id > change.Id),
                HasOtherMember = db.Members.Any(m =>
                    m.OrganizationId == change.OrganizationId && m.Identifier == change.NewIdentifier
                        && m.Status != MemberStatus.Removed && m.Id != member.Id),
                HasOtherUser = member.UserId != null
                    && db.Users.Any(u =>
                           u.Email == change.NewIdentifier && u.EmailProvedAt != null
                               && u.Id != member.UserId),
            };
        var row = await (unit is not null ? rows : rows.AsNoTracking()).SingleOrDefaultAsync(ct);
        if (row is null || !CryptographicOperations.FixedTimeEquals(row.change.Hash, Secret.Hash(link.Secret)))
            return null;
        return new(row.change, row.member, row.Name, row.HasNewer, row.HasOtherMember, row.HasOtherUser);
    }

    // The state for the holder of this secret.
    private static AddressChangeState StateOf(Found found, DateTimeOffset now)
    {
        var (change, member) = (found.Change, found.Member);
        if (change.Status is AddressChangeStatus.Used) return AddressChangeState.Used;
        if (!change.IsFor(member)) return AddressChangeState.Void;
        if (change.Status is AddressChangeStatus.Superseded)
            return found.HasNewer ? AddressChangeState.Replaced : AddressChangeState.Void;
        if (!change.IsOpen(member, now)) return AddressChangeState.Expired;
        return found.HasOtherMember || found.HasOtherUser ? AddressChangeState.Taken : AddressChangeState.Open;
    }

    private static NewAddress Describe(Found found, DateTimeOffset now)
    {
        var (state, change) = (StateOf(found, now), found.Change);
        return new(state)
        {
            OrganizationName = found.OrganizationName, Email = change.NewEmail, ExpiresAt = change.ExpiresAt,
        };
    }

    private static void Tell(Unit unit, Found found, DateTimeOffset now)
    {
        var (change, member) = (found.Change, found.Member);
        unit.Add(new OutboxMessage
        {
            OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.AddressChanged,
            Recipient = change.OldIdentifier,
            Language = OutboxMessage.LanguageOf(member.Locale),
            NextAttemptAt = now, CreatedAt = now,
            Parameters = new()
            {
                [OutboxParameters.Organization] = found.OrganizationName,
                [OutboxParameters.FirstName] = member.FirstName, [OutboxParameters.Email] = change.NewIdentifier,
            },
        });
    }
}
