using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Nobody gets more than was given: nobody hands out what he does not hold, or lays hands on somebody who holds more.
/// </summary>
public sealed class GrantingTests(UsherApp app)
{
    private const string Mine = "alerts_management";
    private const string NotMine = "dashboard_management";

    /// <summary>
    /// Max may manage users and has: one permission, full on Production, read only on Staging, a group and a role that
    /// give no more than that.
    /// </summary>
    private sealed record World(
        TestOrganization Org, Actor Max, Dictionary<string, Reference> Groups, Dictionary<string, Reference> Roles)
    {
        public Reference Resource(int i) => Reference.To(Org.Created.Resources[i].Id);
    }

    private static readonly Dictionary<string, Func<World, NewInvitation, NewInvitation>> Allowed = new()
    {
        ["nothing"] = (_, row) => row,
        ["a permission he has"] = (_, row) => row with { Permissions = [Mine] },
        ["the permission to manage users"] = (_, row) => row with { Permissions = [Permissions.UserManagement] },
        ["the level he has"] = (w, row) => row with { Levels = [new(w.Resource(0), AccessLevel.Full)] },
        ["a level below his"] = (w, row) =>
            row with { Levels = [new(w.Resource(0), AccessLevel.ReadOnly), new(w.Resource(1), AccessLevel.ReadOnly)] },
        ["no level"] = (w, row) => row with { Levels = [new(w.Resource(2), AccessLevel.None)] },
        ["a group that gives no more than he has"] = (w, row) => row with { Groups = [w.Groups["within"]] },
        ["a role that gives no more than he has"] = (w, row) => row with { Roles = [w.Roles["within"]] },
        ["the defaults, which he has"] = (_, row) => row with { Permissions = null, Groups = null },
    };

    private static readonly Dictionary<string, Func<World, NewInvitation, NewInvitation>> Refused = new()
    {
        ["the role of an administrator"] = (_, row) => row with { Role = BuiltInRole.Admin },
        ["the role of a power user"] = (_, row) => row with { Role = BuiltInRole.PowerUser },
        ["the role of a reader of everything"] = (_, row) => row with { Role = BuiltInRole.ReadOnly },
        ["all resources"] = (_, row) => row with { AllResources = true },
        ["a permission he has not"] = (_, row) => row with { Permissions = [Mine, NotMine] },
        ["a level above his"] = (w, row) => row with { Levels = [new(w.Resource(1), AccessLevel.Full)] },
        ["a level where he has none"] = (w, row) => row with { Levels = [new(w.Resource(2), AccessLevel.ReadOnly)] },
        ["a group with a permission"] = (w, row) => row with { Groups = [w.Groups["permission"]] },
        ["a group of administrators"] = (w, row) => row with { Groups = [w.Groups["within"], w.Groups["admin"]] },
        ["a group with all resources"] = (w, row) => row with { Groups = [w.Groups["all"]] },
        ["a group with a level"] = (w, row) => row with { Groups = [w.Groups["level"]] },
        ["a group with a role with a permission"] = (w, row) => row with { Groups = [w.Groups["role"]] },
        ["a role with a permission"] = (w, row) => row with { Roles = [w.Roles["within"], w.Roles["beyond"]] },
    };

    public static TheoryData<string> AllowedGrants => [.. Allowed.Keys];

    public static TheoryData<string> RefusedGrants => [.. Refused.Keys];

    [Theory]
    [MemberData(nameof(AllowedGrants))]
    public async Task A_user_manager_can_give(string what)
    {
        var world = await CreateAsync();
        var invited = await world.Org.TryInviteAsync(NewEmail("ada"), row => Allowed[what](world, row), by: world.Max);
        Assert.Null(invited.Error);
    }

    [Theory]
    [MemberData(nameof(RefusedGrants))]
    public async Task A_user_manager_cannot_give(string what)
    {
        var world = await CreateAsync();
        var email = NewEmail("ada");
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await world.Org.TryInviteAsync(email, row => Refused[what](world, row), by: world.Max)).Error);
        Assert.DoesNotContain(await world.Org.MembersAsync(), m => m.Identifier == email);
        Assert.DoesNotContain(await world.Org.OutboxAsync(), m => m.Recipient == email);

        // Nor by inviting plainly first, or by bringing somebody back.
        var ada = (await world.Org.TryInviteAsync(email, by: world.Max)).Value.Member;
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await world.Org.TryInviteAsync(
                email, row => Refused[what](world, row), by: world.Max, how: Refresh)).Error);
        Assert.Null((await world.Org.RemoveAsync(world.Max, ada.Id)).Error);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await world.Org.TryInviteAsync(
                email, row => Refused[what](world, row), by: world.Max, how: Refresh)).Error);

        // An administrator can.
        Assert.Null(
            (await world.Org.TryInviteAsync(
                NewEmail("bob"), row => Refused[what](world, row), by: world.Org.Owner)).Error);
    }

    [Theory]
    [MemberData(nameof(AllowedGrants))]
    public async Task A_user_manager_can_give_and_take_by_a_change(string what)
    {
        var world = await CreateAsync();
        var row = Allowed[what](world, new("x@example.test") { Permissions = [], Groups = [] });
        foreach (var ada in new[]
            {
                (await world.Org.TryInviteAsync(NewEmail("ada"))).Value.Member,
                (await world.Org.JoinedAsync(NewEmail("bob"))).Member,
            })
        {
            Assert.Null((await world.Org.UpdateAsync(world.Max, ada.Id, Giving(row))).Error);
            Assert.Null((await world.Org.UpdateAsync(world.Max, ada.Id, Taking(row))).Error);
        }
    }

    [Theory]
    [MemberData(nameof(RefusedGrants))]
    public async Task A_user_manager_cannot_give_or_take_by_a_change(string what)
    {
        var world = await CreateAsync();
        var org = world.Org;
        var row = Refused[what](world, new("x@example.test") { Permissions = [], Groups = [] });
        var (plain, holder) = (
            (await org.JoinedAsync(NewEmail("ada"))).Member,
            (await org.JoinedAsync(NewEmail("bob"), r => Refused[what](world, r))).Member);
        var events = (await org.EventsAsync()).Count;
        foreach (var id in new[] { plain.Id, world.Max.Id })
            Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateAsync(world.Max, id, Giving(row))).Error);
        Assert.Equal(
            CommonErrors.MoreThanYouHold, (await org.UpdateAsync(world.Max, holder.Id, Taking(row))).Error);
        Assert.Equal(events, (await org.EventsAsync()).Count);
        var members = await org.MembersAsync();
        Assert.All(
            new[] { plain, holder },
            before => Assert.Equal(before.Version, members.Single(m => m.Id == before.Id).Version));

        Assert.Null((await org.UpdateAsync(org.Owner, plain.Id, Giving(row))).Error);
        Assert.Null((await org.UpdateAsync(org.Owner, holder.Id, Taking(row))).Error);
    }

    [Theory]
    [MemberData(nameof(RefusedGrants))]
    public async Task A_user_manager_cannot_readdress_suspend_or_change_the_offer_of_somebody_who_has(string what)
    {
        var world = await CreateAsync();
        var org = world.Org;
        var pending = (await org.TryInviteAsync(NewEmail("ada"), row => Refused[what](world, row))).Value.Member;
        var active = (await org.JoinedAsync(NewEmail("bob"), row => Refused[what](world, row))).Member;
        MemberChange[] changes = [
            new() { Email = NewEmail("mine") }, new() { SsoId = "mine" },
            new() { Permissions = SetChange.Add(Permissions.UserManagement) },
        ];
        foreach (var change in changes)
            Assert.Equal(MemberErrors.NotCovered, (await org.UpdateAsync(world.Max, pending.Id, change)).Error);
        foreach (var change in changes[..2])
            Assert.Equal(MemberErrors.NotCovered, (await org.UpdateAsync(world.Max, active.Id, change)).Error);
        Assert.Equal(
            MemberErrors.NotCovered, (await org.UpdateAsync(world.Max, active.Id, new() { Suspended = true })).Error);
        // a name and what is his own to give
        Assert.Null(
            (await org.UpdateAsync(
                world.Max, active.Id, new() { FirstName = "Bobby", Permissions = SetChange.Add(Mine) })).Error);
    }

    [Fact]
    public async Task A_user_manager_gives_and_takes_nothing_beyond_his_own_by_a_group()
    {
        var world = await CreateAsync();
        var (org, max) = (world.Org, world.Max);
        var (within, permission) = (world.Groups["within"].Id!.Value, world.Groups["permission"].Id!.Value);
        var ada = (await org.JoinedAsync(
            NewEmail("ada"), row => row with { Groups = [world.Groups["permission"], world.Groups["within"]] })).Member;
        var self = SetChange.Add(new MemberKey(Id: max.Id));
        (Guid Group, GroupChange Change)[] refused =
        [
            (within, new() { IsAdmin = true }), (within, new() { AllResources = true }),
            (within, new() { Permissions = SetChange.Add(NotMine) }),
            (within, new() { Roles = SetChange.Add(world.Roles["beyond"]) }),
            (within, new() { Levels = [new(world.Resource(1), AccessLevel.Full)] }),
            (permission, new() { Members = self }),
            (permission, new() { Members = SetChange.Remove(new MemberKey(Id: ada.Id)) }),
            (permission, new() { IsDefault = true }),
            (permission, new() { Name = "renamed" }), (permission, new() { Permissions = SetChange.Remove(NotMine) }),
            (world.Groups["admin"].Id!.Value, new() { IsAdmin = false }),
            (world.Groups["level"].Id!.Value, new() { ReplaceLevels = true }),
            (world.Groups["role"].Id!.Value, new() { Roles = SetChange.To<Reference>([]) }),
            (
                (await org.SystemGroupAsync(SystemGroup.Everyone)).Id,
                new() { Roles = SetChange.Add(world.Roles["beyond"]) }),
        ];
        foreach (var (group, change) in refused)
            Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateGroupAsync(max, group, change)).Error);
        foreach (var group in new[] { "permission", "admin", "all", "level", "role" })
            Assert.Equal(
                CommonErrors.MoreThanYouHold,
                (await org.DeleteGroupAsync(max, world.Groups[group].Id!.Value)).Error);
        Assert.False(
            (await org.ActorAsync(await org.MemberAsync(
                (await org.MembersAsync()).Single(m => m.Id == max.Id).Identifier))).May(NotMine));

        Assert.Null(
            (await org.UpdateGroupAsync(
                max, within, new() { Name = "renamed", Members = self, IsDefault = true })).Error);
        Assert.Null(
            (await org.UpdateGroupAsync(
                max, within,
                new()
                {
                    Permissions = SetChange.To<string>([]), Roles = SetChange.To<Reference>([]), ReplaceLevels = true,
                })).Error);
        Assert.Null((await org.DeleteGroupAsync(max, within)).Error);
    }

    [Fact]
    public async Task A_user_manager_gives_and_takes_nothing_beyond_his_own_by_a_role()
    {
        var world = await CreateAsync();
        var (org, max) = (world.Org, world.Max);
        var (within, beyond) = (world.Roles["within"].Id!.Value, world.Roles["beyond"].Id!.Value);
        var ada = (await org.JoinedAsync(NewEmail("ada"), row => row with { Roles = [world.Roles["beyond"]] })).Member;
        (Guid Role, RoleChange Change)[] refused =
        [
            (within, new() { Permissions = SetChange.Add(NotMine) }),
            (beyond, new() { Permissions = SetChange.To<string>([]) }),
            (beyond, new() { Members = SetChange.Add(new MemberKey(Id: max.Id)) }),
            (beyond, new() { Members = SetChange.Remove(new MemberKey(Id: ada.Id)) }),
            (beyond, new() { Groups = SetChange.Add(world.Groups["within"].Id!.Value) }),
            (within, new() { Groups = SetChange.Add(world.Groups["permission"].Id!.Value) }),
        ];
        foreach (var (role, change) in refused)
            Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateRoleAsync(max, role, change)).Error);
        Assert.Equal(CommonErrors.MoreThanYouHold, (await org.DeleteRoleAsync(max, beyond)).Error);
        Assert.Null(
            (await org.UpdateRoleAsync(
                max, within,
                new()
                {
                    Members = SetChange.Add(new MemberKey(Id: ada.Id)),
                    Groups = SetChange.Add(world.Groups["within"].Id!.Value),
                })).Error);
        Assert.Null((await org.DeleteRoleAsync(max, within)).Error);
    }

    [Fact]
    public async Task What_everybody_new_gets_can_be_set_only_by_somebody_who_holds_it()
    {
        var world = await CreateAsync();
        var (org, max) = (world.Org, world.Max);
        OrganizationChange[] refused =
        [
            new() { DefaultPermissions = [Mine, NotMine] }, new() { DefaultGroups = [world.Groups["permission"]] },
            new() { DefaultGroups = [world.Groups["admin"]] },
        ];
        foreach (var change in refused)
            Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateAsync(max, change)).Error);
        Assert.Equal("not_allowed", (await org.UpdateAsync(max, new OrganizationChange { Name = "Mine" })).Error?.Code);
        Assert.Null((await org.UpdateAsync(org.Owner, refused[0])).Error);
        // nor taken away
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.UpdateAsync(max, new OrganizationChange { DefaultPermissions = [Mine] })).Error);
        Assert.Null((await org.UpdateAsync(org.Owner, new OrganizationChange { DefaultPermissions = [] })).Error);
        Assert.Null(
            (await org.UpdateAsync(
                max,
                new OrganizationChange
                {
                    DefaultPermissions = [Mine], DefaultGroups = [world.Groups["within"]],
                })).Error);
    }

    [Fact]
    public async Task A_service_account_can_be_given_what_its_maker_holds_and_never_the_keys_of_others()
    {
        var world = await CreateAsync();
        var org = world.Org;
        NewServiceAccount[] refused = [
            new("a") { Permissions = [NotMine] }, new("a") { Groups = [world.Groups["admin"]] },
            new("a") { Roles = [world.Roles["beyond"]] },
        ];
        foreach (var given in refused)
            Assert.Equal(
                CommonErrors.MoreThanYouHold, (await org.CreateServiceAccountAsync(world.Max, given)).Error);
        Assert.Equal(
            MemberErrors.NotForServiceAccounts,
            (await org.CreateServiceAccountAsync(
                org.Owner, new("a") { Permissions = [Permissions.TokenManagement] })).Error);
        var made = (await org.CreateServiceAccountAsync(
            world.Max, new("a") { Permissions = [Mine], Groups = [world.Groups["within"]] })).Value.Member;
        Assert.Equal(
            MemberErrors.NotForServiceAccounts,
            (await org.UpdateAsync(
                org.Owner, made.Id, new() { Permissions = SetChange.Add(Permissions.TokenManagement) })).Error);
    }

    private static MemberChange Giving(NewInvitation row) => new()
    {
        Role = row.Role is BuiltInRole.User
            ? null
            : row.Role, AllResources = row.AllResources, Permissions = SetChange.Add([.. row.Permissions ?? []]),
        Groups = SetChange.Add([.. row.Groups ?? []]), Roles = SetChange.Add([.. row.Roles]), Levels = row.Levels,
    };

    private static MemberChange Taking(NewInvitation row) => new()
    {
        Role = row.Role is BuiltInRole.User
            ? null
            : BuiltInRole.User, AllResources = row.AllResources is true
            ? false
            : null, Permissions = SetChange.Remove([.. row.Permissions ?? []]),
        Groups = SetChange.Remove([.. row.Groups ?? []]), Roles = SetChange.Remove([.. row.Roles]),
        Levels = [.. row.Levels.Select(l => l with { Level = AccessLevel.None })],
    };

    [Fact]
    public async Task Defaults_beyond_what_he_has_are_nothing_he_can_give_by_leaving_them_unsaid()
    {
        var world = await CreateAsync();
        var org = world.Org;
        await app.ChangeAsync(
            async db => (await db.Organizations.SingleAsync(o => o.Id == org.Id, Ct)).DefaultPermissions = [NotMine]);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.TryInviteAsync(NewEmail("ada"), row => row with { Permissions = null }, by: world.Max)).Error);
        Assert.Null(
            (await org.TryInviteAsync(NewEmail("ada"), row => row with { Permissions = [] }, by: world.Max)).Error);
        Assert.Equal(
            NotMine,
            Assert.Single(
                (await org.TryInviteAsync(
                    NewEmail("ada"), row => row with { Permissions = null }, by: org.Owner)).Value.Member.Permissions));

        await org.CreateGroupAsync(new("Usual") { IsDefault = true, Permissions = [NotMine] });
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.TryInviteAsync(NewEmail("ada"), row => row with { Groups = null }, by: world.Max)).Error);
        Assert.Null((await org.TryInviteAsync(NewEmail("ada"), row => row with { Groups = [] }, by: world.Max)).Error);
    }

    [Fact]
    public async Task What_everyone_has_through_the_system_group_needs_no_holding()
    {
        var world = await CreateAsync();
        var org = world.Org;
        var robot = await org.ActorAsync(await org.ServiceAccountAsync(Permissions.UserManagement));
        Assert.Null((await org.TryInviteAsync(NewEmail("ada"), by: robot)).Error);

        await org.GiveAsync(await org.SystemGroupAsync(SystemGroup.Everyone), NotMine);
        // a person has it too
        Assert.Null(
            (await org.TryInviteAsync(
                NewEmail("ada"), row => row with { Permissions = [NotMine] }, by: world.Max)).Error);
        // a service account is not in that group
        Assert.Null((await org.TryInviteAsync(NewEmail("ada"), by: robot)).Error);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.TryInviteAsync(NewEmail("ada"), row => row with { Permissions = [NotMine] }, by: robot)).Error);
    }

    [Theory]
    [MemberData(nameof(RefusedGrants))]
    public async Task A_user_manager_cannot_touch_somebody_who_has(string what)
    {
        var world = await CreateAsync(Permissions.TokenManagement);
        var org = world.Org;
        var (email, joined) = (NewEmail("ada"), NewEmail("bob"));
        var pending = (await org.TryInviteAsync(email, row => Refused[what](world, row))).Value.Member;
        var active = (await org.JoinedAsync(joined, row => Refused[what](world, row))).Member;
        var before = await org.MemberAsync(email);

        Assert.Equal(MemberErrors.NotCovered, (await org.TryInviteAsync(email, by: world.Max, how: Refresh)).Error);
        Assert.Equal(MemberErrors.NotCovered, (await org.ResendAsync(world.Max, pending)).Error);
        Assert.Equal(MemberErrors.NotCovered, (await org.RemoveAsync(world.Max, pending.Id)).Error);
        Assert.Equal(MemberErrors.NotCovered, (await org.RemoveAsync(world.Max, active.Id)).Error);
        Assert.Equal(MemberErrors.NotCovered, (await org.CreateKeyAsync(world.Max, active.Id)).Error);
        var after = await org.MemberAsync(email);
        Assert.Equal(
            (before.Version, before.Role, before.Invitations[0].SentCount),
            (after.Version, after.Role, after.Invitations[0].SentCount));

        Assert.Null((await org.ResendAsync(org.Owner, pending)).Error);
        Assert.Null((await org.CreateKeyAsync(org.Owner, active.Id)).Error);
        Assert.Null((await org.RemoveAsync(org.Owner, active.Id)).Error);
    }

    [Fact]
    public async Task A_removed_member_comes_back_with_his_levels_only_by_somebody_who_holds_them()
    {
        var world = await CreateAsync();
        var org = world.Org;
        var email = NewEmail("ada");
        var ada = (await org.TryInviteAsync(
            email, row => row with { Levels = [new(world.Resource(2), AccessLevel.Full)] })).Value.Member;
        await org.RemoveAsync(org.Owner, ada.Id);

        Assert.Equal(MemberErrors.NotCovered, (await org.TryInviteAsync(email, by: world.Max, how: Refresh)).Error);
        var back = (await org.TryInviteAsync(email, by: org.Owner, how: Refresh)).Value;
        Assert.Equal((InviteOutcome.Revived, ada.Id), (back.Outcome, back.Member.Id));
        Assert.Equal(AccessLevel.Full, Assert.Single((await org.MemberAsync(email)).Levels).Level);
    }

    [Fact]
    public async Task Without_the_permission_to_manage_users_nothing_at_all_can_be_done()
    {
        var org = await app.CreateOrganizationAsync();
        var plain = await org.JoinedAsync(
            NewEmail("ada"),
            row => row with { Role = BuiltInRole.PowerUser, Permissions = [Mine, Permissions.TokenManagement] });
        var actor = await org.ActorAsync(plain.Member);
        var other = (await org.TryInviteAsync(NewEmail("bob"))).Value.Member;

        Assert.Equal(CommonErrors.NotAllowed, (await org.TryInviteAsync(NewEmail("eve"), by: actor)).Error);
        Assert.Equal(CommonErrors.NotAllowed, (await org.ResendAsync(actor, other)).Error);
        Assert.Equal(CommonErrors.NotAllowed, (await org.RemoveAsync(actor, other.Id)).Error);
        Assert.Equal(CommonErrors.NotAllowed, (await org.RemoveAsync(actor, actor.Id)).Error);
        Assert.Equal(
            CommonErrors.NotAllowed,
            (await app.WithAsync<GroupService, Result<GroupView>>(s =>
                s.CreateAsync(actor, new("G"), new(), Ct))).Error);
        Assert.Equal(
            CommonErrors.NotAllowed,
            (await app.WithAsync<RoleService, Result<Role>>(s => s.CreateAsync(actor, "R", "", [], Ct))).Error);
        Assert.Equal(
            ResourceErrors.NotAllowed,
            (await app.WithAsync<ResourceService, Result<Resource>>(s =>
                s.CreateAsync(actor, "R", new Dictionary<string, string>(), Ct))).Error);
    }

    [Fact]
    public async Task Groups_and_roles_give_no_more_than_their_maker_has()
    {
        var world = await CreateAsync();
        NewGroup[] refused =
        [
            new("G") { IsAdmin = true }, new("G") { AllResources = true }, new("G") { Permissions = [NotMine] },
            new("G") { Roles = [world.Roles["beyond"]] },
            new("G") { Levels = [new(world.Resource(1), AccessLevel.Full)] },
            new("G") { IsDefault = true, Permissions = [NotMine] },
        ];
        foreach (var group in refused)
            Assert.Equal(
                CommonErrors.MoreThanYouHold,
                (await app.WithAsync<GroupService, Result<GroupView>>(s =>
                    s.CreateAsync(world.Max, group, new(), Ct))).Error);
        Assert.Null((await app.WithAsync<GroupService, Result<GroupView>>(s => s.CreateAsync(
            world.Max,
            new("G")
            {
                Permissions = [Mine], Roles = [world.Roles["within"]],
                Levels = [new(world.Resource(0), AccessLevel.Full)],
            },
            new(), Ct))).Error);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await app.WithAsync<RoleService, Result<Role>>(s =>
                s.CreateAsync(world.Max, "R", "", [Mine, NotMine], Ct))).Error);
        Assert.Null(
            (await app.WithAsync<RoleService, Result<Role>>(s => s.CreateAsync(world.Max, "R", "", [Mine], Ct))).Error);
    }

    [Fact]
    public async Task A_key_for_oneself_is_free_and_one_for_another_needs_the_permission_and_covering_him()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var bob = await org.JoinedAsync(
            NewEmail("bob"), row => row with { Permissions = [Permissions.TokenManagement] });
        var (adas, bobs) = (await org.ActorAsync(ada.Member), await org.ActorAsync(bob.Member));
        Assert.Null((await org.CreateKeyAsync(adas, ada.Member.Id)).Error);
        Assert.Equal(ApiKeyErrors.NotAllowed, (await org.CreateKeyAsync(adas, bob.Member.Id)).Error);
        Assert.Null((await org.CreateKeyAsync(bobs, ada.Member.Id)).Error);
        Assert.Equal(MemberErrors.NotCovered, (await org.CreateKeyAsync(bobs, org.Created.Owner.Id)).Error);

        var invited = (await org.TryInviteAsync(NewEmail("eve"))).Value.Member;
        Assert.Equal(ApiKeyErrors.NotActive, (await org.CreateKeyAsync(org.Owner, invited.Id)).Error);
    }

    // Whoever was taken the right away, or the membership, while his request was waiting has it no more.
    [Fact]
    public async Task Who_is_no_longer_active_when_it_comes_to_it_can_do_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync(Permissions.TokenManagement);
        var (email, ada) = (NewEmail("ada"), await org.JoinedAsync(NewEmail("bob")));
        var pending = (await org.TryInviteAsync(email)).Value.Member;
        await org.RemoveAsync(org.Owner, manager.Id);

        Assert.NotNull((await org.TryInviteAsync(NewEmail("eve"), by: manager)).Error);
        Assert.NotNull((await org.TryInviteAsync(email, by: manager, how: Refresh)).Error);
        Assert.NotNull((await org.ResendAsync(manager, pending)).Error);
        Assert.NotNull((await org.RemoveAsync(manager, pending.Id)).Error);
        Assert.NotNull((await org.CreateKeyAsync(manager, ada.Member.Id)).Error);
        Assert.NotNull((await org.CreateKeyAsync(manager, manager.Id)).Error);
        Assert.NotNull(
            (await app.WithAsync<GroupService, Result<GroupView>>(s =>
                s.CreateAsync(manager, new("G"), new(), Ct))).Error);
    }

    [Fact]
    public async Task Nobody_of_another_organization_is_there_to_be_touched()
    {
        var (mine, theirs) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var stranger = (await theirs.TryInviteAsync(NewEmail("ada"))).Value.Member;
        var (group, role) = (await theirs.CreateGroupAsync(new("G")), await theirs.CreateRoleAsync("R"));
        Assert.Equal(MemberErrors.NotFound, (await mine.ResendAsync(mine.Owner, stranger)).Error);
        Assert.Equal(MemberErrors.NotFound, (await mine.RemoveAsync(mine.Owner, stranger.Id)).Error);
        Assert.Equal(MemberErrors.NotFound, (await mine.CreateKeyAsync(mine.Owner, theirs.Created.Owner.Id)).Error);
        Assert.Equal(
            "reference_unknown",
            (await mine.TryInviteAsync(
                NewEmail("b"), row => row with { Groups = [Reference.To(group.Id)] })).Error?.Code);
        Assert.Equal(
            "reference_unknown",
            (await mine.TryInviteAsync(
                NewEmail("b"), row => row with { Roles = [Reference.To(role.Id)] })).Error?.Code);
        var place = Reference.To(theirs.Created.Resources[0].Id);
        Assert.Equal(
            "reference_unknown",
            (await mine.TryInviteAsync(
                NewEmail("b"), row => row with { Levels = [new(place, AccessLevel.ReadOnly)] })).Error?.Code);
        Assert.Equal(HttpStatusCode.NotFound, (await mine.Admin.GetAsync($"/users/{stranger.Id}", Ct)).StatusCode);
    }

    private async Task<World> CreateAsync(params string[] more)
    {
        var org = await app.CreateOrganizationAsync();
        var resources = org.Created.Resources.Select(r => Reference.To(r.Id)).ToArray();
        Dictionary<string, Reference> roles = new()
        {
            ["within"] = Reference.To((await org.CreateRoleAsync("Within", Mine)).Id),
            ["beyond"] = Reference.To((await org.CreateRoleAsync("Beyond", NotMine)).Id),
        };
        Dictionary<string, Reference> groups = [];
        foreach (var (key, group) in new Dictionary<string, NewGroup>
        {
            ["within"] = new("within")
            {
                Permissions = [Mine], Roles = [roles["within"]], Levels = [new(resources[0], AccessLevel.Full)],
            },
            ["permission"] = new("permission") { Permissions = [NotMine] }, ["admin"] = new("admin") { IsAdmin = true },
            ["all"] = new("all") { AllResources = true },
            ["level"] = new("level") { Levels = [new(resources[1], AccessLevel.Full)] },
            ["role"] = new("role") { Roles = [roles["beyond"]] },
        }) groups[key] = Reference.To((await org.CreateGroupAsync(group)).Id);

        var max = await org.JoinedAsync(NewEmail("max"), row => row with
        {
            Permissions = [Permissions.UserManagement, Mine, .. more],
            Levels = [new(resources[0], AccessLevel.Full), new(resources[1], AccessLevel.ReadOnly)],
        });
        return new(org, await org.ActorAsync(max.Member), groups, roles);
    }
}
