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
/// Gives an account that never proved its address to the person who has proven it and sets a new password. Nobody knows
/// who made the account: whatever it was signed in with ends, and its memberships wait for an administrator's decision.
/// </summary>
public sealed class AccountTakeover(UsherDb db, TimeProvider clock)
{
    /// <summary>
    /// Proves the address, sets the password, ends sessions, second factors, external logins, tokens, pending changes
    /// of address and reset links, suspends the active memberships, ends their API keys, and tells the administrators
    /// of each. Invitations that wait for the address stay. One commit: the caller's.
    /// </summary>
    /// <remarks>
    /// Call it inside <see cref="UsherDb.RunLockedAsync"/>, after <see cref="UsherDb.LockAccountAsync"/> and after the
    /// last refusal: part of it is written at once. A sign-in or another takeover at the same time fails by the
    /// account's stamps.
    /// </remarks>
    /// <param name="user">The account, tracked, read under the lock.</param>
    /// <param name="passwordHash">The new password's.</param>
    /// <param name="ct">Stops it.</param>
    public async Task ApplyAsync(User user, string passwordHash, CancellationToken ct)
    {
        var now = clock.Now();
        await EndCredentialsAsync(user.Id, now, ct);
        await SuspendMembershipsAsync(user.Id, now, ct);
        user.TakeOver(passwordHash, now);
        db.Add(UsherEvent.Record(
            EventTypes.UserTakenOver, Actor.System(Organization.Installation), "user", user.Id, now,
            new() { ["email"] = user.NormalizedEmail! }));
    }

    private async Task EndCredentialsAsync(Guid user, DateTimeOffset now, CancellationToken ct)
    {
        await db.Sessions.Where(s => s.UserId == user).ExecuteDeleteAsync(ct);
        await db.UserLogins.Where(l => l.UserId == user).ExecuteDeleteAsync(ct);
        await db.UserTokens.Where(t => t.UserId == user).ExecuteDeleteAsync(ct);
        await db.UserClaims.Where(c => c.UserId == user).ExecuteDeleteAsync(ct);
        await db.PasswordResets.Where(r => r.UserId == user).ExecuteDeleteAsync(ct);
        await db.UserAddressChanges.Where(c => c.UserId == user && c.Status == AddressChangeStatus.Pending)
            .ExecuteUpdateAsync(
                set => set.SetProperty(c => c.Status, AddressChangeStatus.Superseded).SetProperty(c => c.EndedAt, now),
                ct);
    }

    private async Task SuspendMembershipsAsync(Guid user, DateTimeOffset now, CancellationToken ct)
    {
        var places = await db.Members.AsNoTracking().Where(m => m.UserId == user && m.Status == MemberStatus.Active)
            .OrderBy(m => m.OrganizationId).Select(m => new { m.OrganizationId, m.Id }).ToListAsync(ct);
        foreach (var place in places)
        {
            var query = new AccessQuery(place.OrganizationId) { MemberIds = [place.Id], LockOrganization = true };
            if (await AccessGraph.TrackAsync(db, query, ct) is not { } graph) continue;
            if (graph.Member(place.Id) is { Status: MemberStatus.Active } member && member.UserId == user)
                await SuspendAsync(graph, member, now, ct);
        }
    }

    // Not even the last administrator is left out: nobody can tell whether the owner of the address was meant. An
    // operator can restore them.
    private async Task SuspendAsync(AccessGraph graph, Member member, DateTimeOffset now, CancellationToken ct)
    {
        var (place, id, actor) = (member.OrganizationId, member.Id, Actor.System(member.OrganizationId));
        var isSponsor = graph.MaySponsor(member);
        member.Status = MemberStatus.Suspended;
        if (isSponsor)
            await new SponsoredInvitations(db, graph, actor, now).SettleAsync([member], SponsoredAction.Block, ct);
        await db.ApiKeys.Where(k => k.OrganizationId == place && k.MemberId == id).ExecuteDeleteAsync(ct);
        var changes = db.AddressChanges.Where(c =>
            c.OrganizationId == place && c.MemberId == id && c.Status == AddressChangeStatus.Pending);
        foreach (var change in await changes.ToListAsync(ct)) change.Supersede(now);
        var administrators = await db.AdministratorsToTell(place, but: id).Select(m => m.Identifier).ToListAsync(ct);
        InvitationMails.TellAdmins(
            db, graph.Organization, OutboxKind.AccountTakenOver, administrators, member, sponsor: "", now);
        db.Add(UsherEvent.Record(
            EventTypes.MemberUpdated, actor, "member", id, now,
            new() { ["email"] = member.Identifier, ["status"] = "active → suspended", ["api_keys"] = "ended" },
            cause: "account_taken_over"));
    }
}
