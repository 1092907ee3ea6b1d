using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>
/// Gives an account with an unproven address to the person who proves the address and sets a new password. The creator
/// of such an account is unknown. Therefore its credentials are deleted and its memberships are suspended until an
/// administrator decides.
/// </summary>
public sealed class AccountTakeover(UsherDb db, TimeProvider clock)
{
    /// <summary>
    /// Proves the address and sets the password. Deletes sessions, second factors, external logins, tokens, pending
    /// address changes and reset links. Suspends the active memberships, deletes their API keys and notifies the
    /// administrators. Pending invitations for the address stay. Everything is part of the caller's commit.
    /// </summary>
    /// <remarks>
    /// Call it inside <see cref="Database.RunLockedAsync"/>, after <see cref="Unit.LockAccountAsync"/> and after the
    /// last check that can refuse, because some statements run immediately. A concurrent sign-in or takeover fails
    /// because the account's stamps change.
    /// </remarks>
    /// <param name="unit">The unit, under lock.</param>
    /// <param name="user">The account, tracked and read under the lock.</param>
    /// <param name="passwordHash">The hash of the new password.</param>
    /// <param name="ct">Cancels the operation.</param>
    public async Task ApplyAsync(Unit unit, User user, string passwordHash, CancellationToken ct)
    {
        var now = clock.Now();
        await EndCredentialsAsync(user.Id, now, ct);
        await SuspendMembershipsAsync(unit, user.Id, now, ct);
        user.TakeOver(passwordHash, now);
        unit.Add(UsherEvent.Record(
            EventTypes.UserTakenOver, Actor.System(Organization.Installation), "user", user.Id, now,
            new() { ["email"] = user.Email! }));
    }

    private async Task EndCredentialsAsync(Guid user, DateTimeOffset now, CancellationToken ct)
    {
        await db.Sessions.Where(s => s.UserId == user).ExecuteDeleteAsync(ct);
        await db.PasswordResets.Where(r => r.UserId == user).ExecuteDeleteAsync(ct);
        await db.UserAddressChanges.Where(c => c.UserId == user && c.Status == AddressChangeStatus.Pending)
            .ExecuteUpdateAsync(
                set => set.SetProperty(c => c.Status, AddressChangeStatus.Superseded).SetProperty(c => c.EndedAt, now),
                ct);
    }

    private async Task SuspendMembershipsAsync(Unit unit, Guid user, DateTimeOffset now, CancellationToken ct)
    {
        var places = await db.Members.AsNoTracking().Where(m => m.UserId == user && m.Status == MemberStatus.Active)
            .OrderBy(m => m.OrganizationId).Select(m => new { m.OrganizationId, m.Id }).ToListAsync(ct);
        foreach (var place in places)
        {
            var query = new AccessQuery(place.OrganizationId) { MemberIds = [place.Id], LockOrganization = true };
            if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) continue;
            if (graph.Member(place.Id) is { Status: MemberStatus.Active } member && member.UserId == user)
                await SuspendAsync(unit, graph, member, now, ct);
        }
    }

    // The last administrator is suspended too, because the membership may have been meant for another person. An
    // operator can restore it.
    private async Task SuspendAsync(
        Unit unit, AccessGraph graph, Member member, DateTimeOffset now, CancellationToken ct)
    {
        var (place, id, actor) = (member.OrganizationId, member.Id, Actor.System(member.OrganizationId));
        var isSponsor = graph.MaySponsor(member);
        member.Status = MemberStatus.Suspended;
        if (isSponsor)
            await new SponsoredInvitations(unit, graph, actor, now).SettleAsync([member], SponsoredAction.Block, ct);
        await db.ApiKeys.Where(k => k.OrganizationId == place && k.MemberId == id).ExecuteDeleteAsync(ct);
        var changes = db.AddressChanges.Where(c =>
            c.OrganizationId == place && c.MemberId == id && c.Status == AddressChangeStatus.Pending);
        foreach (var change in await changes.ToListAsync(ct)) change.Supersede(now);
        var administrators = await db.AdministratorsToTell(place, but: id).Select(m => m.Identifier).ToListAsync(ct);
        InvitationMails.TellAdmins(
            unit, graph.Organization, OutboxKind.AccountTakenOver, administrators, member, sponsor: "", now);
        unit.Add(UsherEvent.Record(
            EventTypes.MemberUpdated, actor, "member", id, now,
            new() { ["email"] = member.Identifier, ["status"] = "active → suspended", ["api_keys"] = "ended" },
            cause: "account_taken_over"));
    }
}
