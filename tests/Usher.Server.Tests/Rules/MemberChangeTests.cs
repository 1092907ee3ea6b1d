using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Changing members: what changes, what stays, and what a change does to an offer that is out. Who may give what is in
/// GrantingTests.
/// </summary>
public sealed class MemberChangeTests(UsherApp app)
{
    [Fact]
    public async Task Only_what_is_said_changes_and_the_event_tells_before_and_after()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(new("Ops"));
        var ada = (await org.JoinedAsync(
            NewEmail("ada"), row => row with { Permissions = ["ingestion"], TimeZone = "Europe/Berlin" })).Member;
        var changed = await org.UpdateAsync(org.Owner, ada.Id, new()
        {
            FirstName = " Augusta ", Permissions = SetChange.Add("ingestion", "alerts_management"),
            Groups = SetChange.To([Reference.To(group.Id)]),
            Levels = [
                new(
                    Reference.To(org.Created.Resources[0].Id),
                    AccessLevel.ReadOnly) { Capabilities = [Capabilities.DeployAll] }],
        });

        var member = Assert.Single(changed.Value.Members);
        Assert.Equal(
            ("Augusta", "Lovelace", "Europe/Berlin", BuiltInRole.User),
            (member.FirstName, member.LastName, member.TimeZone, member.Role));
        var stored = await org.MemberAsync(ada.Identifier);
        Assert.Equal((ada.Version + 1, "Augusta"), (stored.Version, stored.FirstName));
        Assert.Equal(["alerts_management", "ingestion"], stored.Permissions.Order());
        Assert.Equal([Capabilities.DeployAll], Assert.Single(stored.Levels).Capabilities);
        var told = (await org.EventsAsync()).Last(e => e.Type == EventTypes.MemberUpdated).Details!;
        Assert.Equal(
            ("Ada → Augusta", "alerts_management", "Ops"),
            (told["first_name"], told["permissions_added"], told["groups_added"]));
        Assert.False(told.ContainsKey("last_name"));
    }

    [Fact]
    public async Task A_change_to_what_is_so_already_leaves_no_trace()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = (await org.JoinedAsync(NewEmail("ada"), row => row with { Permissions = ["ingestion"] })).Member;
        var events = (await org.EventsAsync()).Count;
        var everyone = Reference.To((await org.SystemGroupAsync(SystemGroup.Everyone)).Id);
        Assert.Null((await org.UpdateAsync(org.Owner, ada.Id, new()
        {
            FirstName = ada.FirstName, Email = ada.Identifier, Role = BuiltInRole.User,
            Permissions = SetChange.To(["ingestion", "ingestion"]), Groups = SetChange.Remove(everyone),
            Suspended = false, AllResources = false, TimeZone = ada.TimeZone, SsoId = null,
        })).Error);
        Assert.Equal(
            (ada.Version, events), ((await org.MemberAsync(ada.Identifier)).Version, (await org.EventsAsync()).Count));
    }

    [Fact]
    public async Task A_set_becomes_exactly_what_is_said_but_for_the_system_groups()
    {
        var org = await app.CreateOrganizationAsync();
        var (one, two) = (await org.CreateGroupAsync(new("One")), await org.CreateGroupAsync(new("Two")));
        var role = await org.CreateRoleAsync("Reader", "ingestion");
        var ada = (await org.JoinedAsync(
            NewEmail("ada"),
            row =>
                row with
                {
                    Permissions = ["ingestion"], Groups = [Reference.To(one.Id)], Roles = [Reference.To(role.Id)],
                })).Member;
        var view = (await org.UpdateAsync(org.Owner, ada.Id, new()
        {
            Permissions = SetChange.To(["log_management"]), Groups = SetChange.To([Reference.To(two.Id)]),
            Roles = SetChange.To<Reference>([]),
        })).Value;
        Assert.Equal(["Everyone", "Two"], view.Graph.GroupsOf(view.Members[0]).Select(g => g.Name));
        Assert.Equal("log_management", Assert.Single((await org.MemberAsync(ada.Identifier)).Permissions));
        Assert.Empty(view.Members[0].Roles);

        view = (await org.UpdateAsync(org.Owner, ada.Id, new() { Groups = SetChange.To<Reference>([]) })).Value;
        Assert.Equal(["Everyone"], view.Graph.GroupsOf(view.Members[0]).Select(g => g.Name));
    }

    [Fact]
    public async Task A_new_address_of_a_pending_member_voids_his_link_until_somebody_resends()
    {
        var org = await app.CreateOrganizationAsync();
        var (typo, right) = (NewEmail("adda"), NewEmail("ada"));
        var member = (await org.TryInviteAsync(typo)).Value.Member;
        var old = await app.Mail.LinkToAsync(typo);
        var manager = await org.ManagerAsync();
        Assert.Null((await org.UpdateAsync(manager, member.Id, new() { Email = right.ToUpperInvariant() })).Error);

        var moved = await org.MemberAsync(right);
        Assert.Equal(
            (member.Id, MemberStatus.Invited, right.ToUpperInvariant()), (moved.Id, moved.Status, moved.Email));
        var invitation = Assert.Single(moved.Invitations);
        Assert.Equal(
            (InvitationStatus.Pending, DeliveryState.None, manager.Id),
            (invitation.Status, invitation.Delivery, invitation.SponsorId));
        Assert.Equal(OfferState.Unknown, (await app.LookAsync(old)).State);
        Assert.Equal(InvitationErrors.LinkUnknown, (await app.JoinAsync(old)).Error);

        Assert.Null((await org.ResendAsync(manager, moved)).Error);
        Assert.Null((await app.JoinAsync(await app.Mail.LinkToAsync(right))).Error);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(right)).Status);
    }

    [Fact]
    public async Task A_mail_still_in_the_queue_does_not_leave_for_the_old_address()
    {
        await using var quiet = await UsherApp.StartAsync([], workers: false);
        var org = await quiet.CreateOrganizationAsync();
        var member = (await org.TryInviteAsync(NewEmail("adda"))).Value.Member;
        Assert.Null((await org.UpdateAsync(org.Owner, member.Id, new() { Email = NewEmail("ada") })).Error);
        var mail = Assert.Single(await org.OutboxAsync());
        Assert.Equal((OutboxState.Abandoned, null), (mail.State, mail.Secret));
    }

    [Fact]
    public async Task An_address_of_somebody_else_is_refused_and_another_spelling_of_ones_own_is_kept()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, bob) = (
            (await org.JoinedAsync(NewEmail("ada"))).Member, (await org.TryInviteAsync(NewEmail("bob"))).Value.Member);
        foreach (var taken in new[] { bob.Identifier, bob.Identifier.ToUpperInvariant() })
            Assert.Equal(
                InvitationErrors.AlreadyMember,
                (await org.UpdateAsync(org.Owner, ada.Id, new() { Email = taken })).Error);
        Assert.Equal(
            InvitationErrors.EmailInvalid,
            (await org.UpdateAsync(org.Owner, ada.Id, new() { Email = "a@b, c@d" })).Error);

        await org.RemoveAsync(org.Owner, bob.Id);
        // free since he left
        Assert.Null((await org.UpdateAsync(org.Owner, ada.Id, new() { Email = bob.Identifier })).Error);
        Assert.Null(
            (await org.UpdateAsync(org.Owner, ada.Id, new() { Email = bob.Identifier.ToUpperInvariant() })).Error);
        Assert.Equal(
            (ada.Id, bob.Identifier.ToUpperInvariant()),
            (await org.MembersAsync()).Where(m => m.IsLive && m.Identifier == bob.Identifier)
                .Select(m => (m.Id, m.Email!)).Single());
    }

    [Fact]
    public async Task An_administrator_who_changes_an_address_changes_nobodys_sign_in()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = (await org.JoinedAsync(NewEmail("ada"))).Member;
        var renamed = NewEmail("ada.l");
        Assert.Null(
            (await org.UpdateAsync(org.Owner, ada.Id, new() { Email = renamed, FirstName = "Someone else" })).Error);
        Assert.NotNull((await app.SignInAsync(renamed)).Error);
        Assert.Null((await app.SignInAsync(ada.Identifier)).Error);
        Assert.Equal(
            "Ada",
            await app.QueryAsync(db =>
                db.Users.Where(u => u.Id == ada.UserId).Select(u => u.FirstName).SingleAsync(Ct)));
    }

    [Fact]
    public async Task Of_twenty_members_who_get_one_address_at_once_one_has_it()
    {
        var org = await app.CreateOrganizationAsync();
        var members = (await org.TryInviteAsync(
            [
                .. Enumerable.Range(0, 20)
                    .Select(i => new NewInvitation(NewEmail($"m{i}")) { Permissions = [], Groups = [] })]))
            .Select(r => r.Value.Member).ToArray();
        var wanted = NewEmail("one");
        var results = await AtOnceAsync(20, i => org.UpdateAsync(org.Owner, members[i].Id, new() { Email = wanted }));
        Assert.Single(results, r => r.Error is null);
        Assert.Equal(19, results.Count(r => r.Error == InvitationErrors.AlreadyMember));
        Assert.Single(await org.MembersAsync(), m => m.Identifier == wanted);
    }

    [Fact]
    public async Task Whoever_changes_what_is_offered_stands_for_it_from_then_on()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync("ingestion");
        var (member, link) = await org.GuestAsync(NewEmail("ada"));
        Assert.Null(
            (await org.UpdateAsync(manager, member.Id, new() { Permissions = SetChange.Add("ingestion") })).Error);
        Assert.Null(
            (await org.UpdateAsync(
                org.Owner, manager.Id, new() { Permissions = SetChange.To([Permissions.UserManagement]) })).Error);

        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(member.Identifier)).Status);
    }

    [Fact]
    public async Task A_suspended_member_is_refused_on_the_next_request_and_back_on_the_one_after()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var invited = (await org.TryInviteAsync(NewEmail("bob"))).Value.Member;
        Assert.Equal(HttpStatusCode.OK, (await ada.Client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Null((await org.UpdateAsync(org.Owner, ada.Member.Id, new() { Suspended = true })).Error);
        Assert.Equal(HttpStatusCode.Forbidden, (await ada.Client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Contains(await org.MembersAsync(), m => m.Id == ada.Member.Id && m.Status == MemberStatus.Suspended);
        Assert.Null((await org.UpdateAsync(org.Owner, ada.Member.Id, new() { Suspended = false })).Error);
        Assert.Equal(HttpStatusCode.OK, (await ada.Client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Equal(
            MemberErrors.NotJoined, (await org.UpdateAsync(org.Owner, invited.Id, new() { Suspended = true })).Error);
    }

    [Fact]
    public async Task The_last_administrator_stays_one_whoever_asks_and_two_who_demote_each_other_at_once_leave_one()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var change in new MemberChange[]
            {
                new() { Role = BuiltInRole.User }, new() { Role = BuiltInRole.PowerUser }, new() { Suspended = true },
            })
            foreach (var by in new[] { org.Owner, org.System })
                Assert.Equal(MemberErrors.LastAdmin, (await org.UpdateAsync(by, org.Created.Owner.Id, change)).Error);

        for (var round = 0; round < 5; round++)
        {
            var other = await org.ActorAsync(
                (await org.JoinedAsync(NewEmail("admin"), row => row with { Role = BuiltInRole.Admin })).Member);
            Actor[] admins = [
                .. (await org.MembersAsync()).Where(m => m.IsAdmin && m.Id != other.Id)
                    .Select(m => org.Owner with { Id = m.Id }),
                other,
            ];
            Assert.Equal(2, admins.Length);
            var results = await AtOnceAsync(
                2,
                i =>
                    org.UpdateAsync(
                        admins[i], admins[1 - i].Id,
                        i is 0 ? new() { Role = BuiltInRole.User } : new() { Suspended = true }));
            Assert.Single(results, r => r.Error is null);
            Assert.Single(await org.MembersAsync(), m => m.IsAdmin);
        }
    }

    [Fact]
    public async Task Two_administrators_named_in_one_call_are_not_both_demoted_or_removed()
    {
        var org = await app.CreateOrganizationAsync();
        var other = (await org.JoinedAsync(NewEmail("admin"), row => row with { Role = BuiltInRole.Admin })).Member;
        MemberKey[] both = [new(Id: org.Created.Owner.Id), new(Identifier: other.Identifier)];
        Assert.Equal(
            MemberErrors.LastAdmin, (await org.UpdateAsync(org.Owner, both, new() { Role = BuiltInRole.User })).Error);
        Assert.Equal(
            MemberErrors.LastAdmin,
            (await app.WithAsync<MemberService, Result<MemberSelection>>(s =>
                s.RemoveAsync(org.Owner, both, new(), Ct))).Error);
        Assert.Equal(2, (await org.MembersAsync()).Count(m => m.IsAdmin));
    }

    [Fact]
    public async Task Of_many_named_those_known_are_changed_or_all_are_left_alone()
    {
        var org = await app.CreateOrganizationAsync();
        var (manager, other) = (await org.ManagerAsync("ingestion"), await app.CreateOrganizationAsync());
        var (ada, bob) = (
            (await org.JoinedAsync(NewEmail("ada"))).Member, (await org.TryInviteAsync(NewEmail("bob"))).Value.Member);
        var powerful = (await org.TryInviteAsync(
            NewEmail("eve"), row => row with { Role = BuiltInRole.PowerUser })).Value.Member;
        var change = new MemberChange { Permissions = SetChange.Add("ingestion") };
        MemberKey nobody = new(Identifier: "nobody@example.test"), foreign = new(Id: other.Created.Owner.Id);

        var selection = (await org.UpdateAsync(
            manager, [nobody, new(Number: bob.Number), new(Id: ada.Id), foreign, new(Identifier: ada.Identifier)],
            change)).Value;
        Assert.Equal([bob.Id, ada.Id], selection.Members.Select(m => m.Id));
        Assert.Equal([nobody, foreign], selection.Unknown);
        Assert.Equal(MemberErrors.NotFound, (await org.UpdateAsync(manager, [nobody, foreign], change)).Error);

        var taking = new MemberChange { Permissions = SetChange.Remove("ingestion"), FirstName = "Changed" };
        Assert.Null((await org.UpdateAsync(org.Owner, [new(Id: powerful.Id)], change)).Error);
        Assert.Equal(
            MemberErrors.NotCovered,
            (await org.UpdateAsync(manager, [new(Id: ada.Id), new(Id: powerful.Id)], taking)).Error);
        Assert.Equal("Ada", (await org.MemberAsync(ada.Identifier)).FirstName);
        Assert.Equal(
            CommonErrors.TooManyEntries,
            (await org.UpdateAsync(
                manager, [.. Enumerable.Range(0, 1_001).Select(i => new MemberKey(Number: i))], change)).Error);
    }

    [Fact]
    public async Task Nothing_given_while_somebody_is_being_removed_is_left_behind()
    {
        for (var round = 0; round < 3; round++)
        {
            var org = await app.CreateOrganizationAsync();
            var (group, role) = (await org.CreateGroupAsync(new("G")), await org.CreateRoleAsync("R"));
            var ada = (await org.JoinedAsync(NewEmail("ada"))).Member;
            await AtOnceAsync(16, async i => i switch
            {
                8 => (await org.RemoveAsync(org.Owner, ada.Id)).Error,
                _ when i % 4 is 0 =>
                    (await org.UpdateAsync(
                        org.Owner, ada.Id, new() { Permissions = SetChange.Add(Permissions.Wavefront[i]) })).Error,
                _ when i % 4 is 1 =>
                    (await org.UpdateGroupAsync(
                        org.Owner, group.Id, new() { Members = SetChange.Add(new MemberKey(Id: ada.Id)) })).Error,
                _ when i % 4 is 2 =>
                    (await org.UpdateRoleAsync(
                        org.Owner, role.Id, new() { Members = SetChange.Add(new MemberKey(Id: ada.Id)) })).Error,
                _ => (await org.UpdateAsync(org.Owner, ada.Id, new() { Role = BuiltInRole.Admin })).Error,
            });
            var left = await org.MemberAsync(ada.Identifier);
            Assert.Equal((MemberStatus.Removed, BuiltInRole.User), (left.Status, left.Role));
            Assert.Equal(Grants.None, left.Grants);
            Assert.Equal(0, await app.QueryAsync(db =>
                db.MemberGrants.CountAsync(g => g.OrganizationId == org.Id && g.MemberId == ada.Id, Ct)));
        }
    }

    [Fact]
    public async Task Twenty_permissions_given_at_once_are_all_there()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = (await org.JoinedAsync(NewEmail("ada"))).Member;
        var results = await AtOnceAsync(
            17,
            i => org.UpdateAsync(org.Owner, ada.Id, new() { Permissions = SetChange.Add(Permissions.Wavefront[i]) }));
        Assert.All(results, r => Assert.Null(r.Error));
        Assert.Equal(17, (await org.MemberAsync(ada.Identifier)).Permissions.Count);
    }
}
