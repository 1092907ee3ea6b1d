using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>What has become of a new address, as the holder of its link sees it.</summary>
public enum AddressChangeState
{
    /// <summary>May be confirmed now.</summary>
    Open,

    /// <summary>No such change, or this is not its secret: nothing else is told.</summary>
    Unknown,

    Expired,

    /// <summary>A newer mail was sent; only that one confirms.</summary>
    Replaced,

    /// <summary>The member left, or his address was changed another way.</summary>
    Void,

    /// <summary>Somebody else has the address by now.</summary>
    Taken,

    /// <summary>Confirmed already.</summary>
    Used,
}

/// <summary>Where a link points: <c>/confirm/{organization slug}/{address change id}#{secret}</c>.</summary>
public sealed record AddressChangeLink(string OrganizationSlug, Guid ChangeId, string Secret);

/// <summary>A new address as its link's holder may see it.</summary>
public sealed record NewAddress(AddressChangeState State)
{
    public string OrganizationName { get; init; } = "";

    /// <summary>The address it is about, as typed.</summary>
    public string Email { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>
/// What whoever reads a new address's mail does: looks, and confirms that it is his. Looking never spends anything, and
/// neither signs anybody in.
/// </summary>
public sealed class AddressChangeService(UsherDb db, TimeProvider clock)
{
    /// <summary>What a link shows to whoever holds it. Changes nothing.</summary>
    public async Task<NewAddress> LookAsync(AddressChangeLink link, CancellationToken ct) =>
        await FindAsync(link, track: false, ct) is { } found
            ? Describe(found, clock.Now())
            : new(AddressChangeState.Unknown);

    /// <summary>
    /// The new address counts for the member, in this one organization. The person's account keeps its own address. The
    /// old address is told.
    /// </summary>
    /// <returns> Repeating it gives the same answer. Refused with <c>email_taken</c> when a live member, or another
    /// account by proof, has it meanwhile; else with <c>address_change_…</c>. </returns>
    public Task<Result<NewAddress>> ConfirmAsync(AddressChangeLink link, CancellationToken ct) =>
        db.RunLockedAsync<Result<NewAddress>>(async () =>
    {
        if (await FindAsync(link, track: true, ct) is not { } found) return ProfileErrors.LinkUnknown;
        var now = clock.Now();
        switch (StateOf(found, now))
        {
            case AddressChangeState.Used: return Describe(found, now);
            case AddressChangeState.Taken:
                return found.HasOtherMember ? ProfileErrors.EmailTaken : ProfileErrors.AccountExists;
            case not AddressChangeState.Open and var state: return ProfileErrors.Ended(state);
        }

        var (change, member) = (found.Change, found.Member);

        // A link on its way to the old address would prove the new one to whoever joins by it.
        var (before, name) = (member.ShownAs, member.DisplayName);
        change.Use(member, now);
        await Readdressing.VoidAsync(db, member, now, ct);
        var actor = new Actor(ActorKind.Member, member.Id, name, member.OrganizationId, EffectiveAccess.Nothing);
        db.Add(UsherEvent.Record(
            EventTypes.MemberUpdated, actor, "member", member.Id, now,
            new() { ["email"] = $"{before} → {change.NewEmail}" }, cause: "address_confirmed"));
        Tell(found, now);
        await db.SaveChangesAsync(ct);
        return Describe(found, now);
    }, ct);

    private sealed record Found(
        AddressChange Change, Member Member, string OrganizationName, bool HasNewer, bool HasOtherMember,
        bool HasOtherUser);

    // By slug and id, then the secret in fixed time. A wrong one is answered as if there were no such change.
    private async Task<Found?> FindAsync(AddressChangeLink link, bool track, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.AddressPrefix)) return null;
        await db.LockAddressChangeAsync(link.OrganizationSlug, link.ChangeId, ct);
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
                           u.NormalizedEmail == change.NewIdentifier && u.EmailProvedAt != null
                               && u.Id != member.UserId),
            };
        var row = await (track ? rows : rows.AsNoTracking()).SingleOrDefaultAsync(ct);
        if (row is null || !CryptographicOperations.FixedTimeEquals(row.change.Hash, Secret.Hash(link.Secret)))
            return null;
        return new(row.change, row.member, row.Name, row.HasNewer, row.HasOtherMember, row.HasOtherUser);
    }

    // The state as the holder of this very secret sees it.
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

    private void Tell(Found found, DateTimeOffset now)
    {
        var (change, member) = (found.Change, found.Member);
        db.Add(new OutboxMessage
        {
            OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.AddressChanged,
            Recipient = change.OldIdentifier,
            Language = member.Locale ?? "en",
            NextAttemptAt = now, CreatedAt = now,
            Parameters = new()
            {
                [OutboxParameters.Organization] = found.OrganizationName,
                [OutboxParameters.FirstName] = member.FirstName, [OutboxParameters.Email] = change.NewIdentifier,
            },
        });
    }
}
