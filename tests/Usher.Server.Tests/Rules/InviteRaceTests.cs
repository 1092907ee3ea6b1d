using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// One live member per identifier, one pending invitation per member, and nobody who loses a race gets an exception.
/// </summary>
public sealed class InviteRaceTests(UsherApp app)
{
    [Theory]
    [InlineData(OnPending.Refresh)]
    [InlineData(OnPending.Refuse)]
    [InlineData(OnPending.Skip)]
    public async Task Inviting_one_address_thirty_times_at_once_makes_one_member(OnPending onPending)
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var outcomes = await AtOnceAsync(
            30,
            i =>
                org.TryInviteAsync(
                    i % 2 is 0 ? email : email.ToUpperInvariant(), how: RefuseSecond with { OnPending = onPending }));

        Assert.Single(outcomes, o => o.Error is null && o.Value.Outcome is InviteOutcome.Invited);
        var others = outcomes.Where(o => o.Error is not null || o.Value.Outcome is not InviteOutcome.Invited).ToList();
        Assert.Equal(29, others.Count);
        Assert.All(others, o =>
        {
            if (onPending is OnPending.Refuse) Assert.Equal(InvitationErrors.AlreadyInvited, o.Error);
            else
                Assert.Equal(
                    onPending is OnPending.Refresh ? InviteOutcome.Refreshed : InviteOutcome.Skipped, o.Value.Outcome);
        });
        var invited = Assert.Single(await org.MembersAsync(), m => m.Id != org.Created.Owner.Id);
        var invitation = Assert.Single(invited.Invitations);
        Assert.Equal(onPending is OnPending.Refresh ? 30 : 1, invitation.SentCount);
        Assert.Equal(invitation.SentCount, (await org.OutboxAsync()).Count);
        Assert.Equal(invitation.SentCount, (await org.EventsAsync()).Count(e => e.Type is EventTypes.MemberInvited));
    }

    [Fact]
    public async Task Thirty_refreshes_at_once_all_get_through_and_each_leaves_its_grant()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        await org.TryInviteAsync(email);
        var permissions = Usher.Core.Access.Permissions.BuiltIn;
        var outcomes = await AtOnceAsync(
            30,
            i =>
                org.TryInviteAsync(
                    email, row => row with { Permissions = [permissions[i % permissions.Count]] }, by: org.Owner,
                    how: Refresh));

        Assert.All(outcomes, o => Assert.Equal(InviteOutcome.Refreshed, o.Value.Outcome));
        var member = await org.MemberAsync(email);
        Assert.Equal(permissions.Order(StringComparer.Ordinal), member.Permissions.Order(StringComparer.Ordinal));
        Assert.Equal(31, Assert.Single(member.Invitations).SentCount);
    }

    [Fact]
    public async Task Inviting_a_removed_address_thirty_times_at_once_revives_him_once()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var first = (await org.TryInviteAsync(email)).Value.Member;
        Assert.Null((await org.RemoveAsync(org.Owner, first.Id)).Error);

        var outcomes = await AtOnceAsync(30, _ => org.TryInviteAsync(email, by: org.Owner, how: Refresh));
        Assert.Single(outcomes, o => o.Value.Outcome is InviteOutcome.Revived);
        Assert.Equal(29, outcomes.Count(o => o.Value.Outcome is InviteOutcome.Refreshed));
        var member = Assert.Single(await org.MembersAsync(), m => m.Identifier == email);
        Assert.Equal((first.Id, MemberStatus.Invited), (member.Id, member.Status));
        Assert.Single(member.Invitations, i => i.Status is InvitationStatus.Pending);
    }

    [Fact]
    public async Task Inviting_a_removed_address_thirty_times_at_once_makes_one_new_member_where_that_is_the_rule()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var first = (await org.TryInviteAsync(email)).Value.Member;
        await org.RemoveAsync(org.Owner, first.Id);

        var outcomes = await AtOnceAsync(30, _ => org.TryInviteAsync(email, by: org.Owner));
        Assert.Single(outcomes, o => o.Error is null);
        Assert.Equal(29, outcomes.Count(o => o.Error == InvitationErrors.AlreadyInvited));
        var members = (await org.MembersAsync()).FindAll(m => m.Identifier == email);
        Assert.Equal([MemberStatus.Removed, MemberStatus.Invited], members.ConvertAll(m => m.Status));
    }

    [Fact]
    public async Task Resending_thirty_times_at_once_leaves_one_pending_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var member = (await org.TryInviteAsync(
            NewEmail("ada"), how: RefuseSecond with { SendMail = false })).Value.Member;
        Assert.Empty((await org.MemberAsync(member.Identifier)).Invitations);

        var sent = await AtOnceAsync(30, _ => org.ResendAsync(org.Owner, member));
        Assert.All(sent, s => Assert.Null(s.Error));
        var invitation = Assert.Single((await org.MemberAsync(member.Identifier)).Invitations);
        Assert.Equal((InvitationStatus.Pending, 30), (invitation.Status, invitation.SentCount));
        var secrets = (await org.InvitationAsync(new(org.Slug, invitation.Id, ""))).Secrets;
        Assert.Equal(Enumerable.Range(1, 30), secrets.Select(s => s.Sequence).Order());
    }

    // Thirty people's places in one group are thirty matters, not one.
    [Fact]
    public async Task Inviting_thirty_people_at_once_into_one_group_and_one_role_never_fails()
    {
        var org = await app.CreateOrganizationAsync();
        var (group, role) = (
            await org.CreateGroupAsync(new("Readers")), await org.CreateRoleAsync("Reader", "events_management"));
        var usual = await org.CreateGroupAsync(new("Everybody's first") { IsDefault = true });
        var outcomes = await AtOnceAsync(30, i => org.TryInviteAsync(NewEmail("ada"), row => row with
        {
            Groups = i % 2 is 0 ? null : [Reference.To(group.Id)], Roles = [Reference.To(role.Id)],
        }, by: org.Owner));

        Assert.All(outcomes, o => Assert.Null(o.Error));
        var places = await app.QueryAsync(db =>
            db.MemberGrants.Where(g => g.OrganizationId == org.Id && g.Kind == GrantKind.Group).Select(g => g.Target)
                .ToListAsync(Ct));
        Assert.Equal(
            (15, 15),
            (
                places.Count(id => id == Grant.Group(group.Id).Target),
                places.Count(id => id == Grant.Group(usual.Id).Target)));
        Assert.Equal(
            30,
            await app.QueryAsync(db =>
                db.MemberGrants.CountAsync(g => g.OrganizationId == org.Id && g.Kind == GrantKind.Role, Ct)));
    }

    [Fact]
    public async Task Batches_of_the_same_people_in_opposite_order_all_get_through()
    {
        var org = await app.CreateOrganizationAsync();
        NewInvitation[] rows = [
            .. Enumerable.Range(0, 60)
                .Select(i => new NewInvitation(NewEmail($"p{i}")) { Permissions = [], Groups = [] })];
        var outcomes = await AtOnceAsync(
            6,
            i =>
                org.TryInviteAsync(
                    i % 2 is 0 ? rows : [.. rows.Reverse()], how: RefuseSecond with { OnPending = OnPending.Skip }));

        Assert.All(outcomes.SelectMany(o => o), o => Assert.Null(o.Error));
        Assert.Equal(60, outcomes.SelectMany(o => o).Count(o => o.Value.Outcome is InviteOutcome.Invited));
        Assert.Equal(61, (await org.MembersAsync()).Count);
    }

    [Fact]
    public async Task A_storm_of_everything_at_once_on_one_address_breaks_no_rule_and_throws_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var (member, link) = await org.GuestAsync(email, by: org.Owner);
        await AtOnceAsync(60, async i =>
        {
            switch (i % 6)
            {
                case 0: await org.TryInviteAsync(email, by: org.Owner, how: Refresh); break;
                case 1: await org.ResendAsync(org.Owner, member); break;
                case 2: await app.JoinAsync(link); break;
                case 3: await org.RemoveAsync(org.Owner, member.Id); break;
                case 4: await app.DeclineAsync(link); break;
                default:
                    await app.WithAsync<GuestService, bool>(async s =>
                    {
                        await s.SendMyLinkAsync(email, Ct);
                        return true;
                    });
                    break;
            }

            return true;
        });

        var members = (await org.MembersAsync()).FindAll(m => m.Identifier == email);
        Assert.True(members.Count(m => m.IsLive) <= 1);
        Assert.All(
            members,
            m => Assert.True(m.Invitations.Count(i => i.Status is InvitationStatus.Pending) <= (m.IsLive ? 1 : 0)));
        Assert.All(members.Where(m => m.Status is MemberStatus.Active), m => Assert.NotNull(m.UserId));
        Assert.True(await app.QueryAsync(db => db.Users.CountAsync(u => u.Email == email, Ct)) <= 1);
    }
}
