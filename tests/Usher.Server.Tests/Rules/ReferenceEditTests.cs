using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Names and addresses are references: others grant by them. Editing what one does not fully hold, the name included,
/// is refused.
/// </summary>
public sealed class ReferenceEditTests(UsherApp app)
{
    private const string Held = "alerts_management";
    private const string NotHeld = "dashboard_management";

    private static readonly Dictionary<string, GroupChange> GroupEdits = new()
    {
        ["the name"] = new() { Name = "Another name" },
        ["the case of the name"] = new() { Name = "ADMINS" },
        ["the description"] = new() { Description = "Another description" },
        ["whether it is a default"] = new() { IsDefault = true },
        ["a permission the actor holds"] = new() { Permissions = SetChange.Add(Held) },
        ["a permission it already lacks"] = new() { Permissions = SetChange.To<string>([]) },
        ["administrators"] = new() { IsAdmin = false },
        ["all resources"] = new() { AllResources = true },
    };

    public static TheoryData<string> Edits => [.. GroupEdits.Keys.Where(k => k is not "a permission it already lacks")];

    [Theory]
    [MemberData(nameof(Edits))]
    public async Task A_group_that_confers_more_than_the_actor_holds_is_not_edited(string what)
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync(Held);
        var group = await org.CreateGroupAsync(new("Admins") { IsAdmin = true });
        Assert.Equal(
            CommonErrors.MoreThanYouHold, (await org.UpdateGroupAsync(manager, group.Id, GroupEdits[what])).Error);
        Assert.Null((await org.UpdateGroupAsync(org.Owner, group.Id, GroupEdits[what])).Error);
    }

    [Theory]
    [InlineData("permission")]
    [InlineData("role")]
    [InlineData("level")]
    [InlineData("all")]
    public async Task A_group_is_renamed_only_by_an_actor_who_holds_all_it_confers(string what)
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync(Held);
        var role = Reference.To((await org.CreateRoleAsync("Beyond", NotHeld)).Id);
        var given = what switch
        {
            "permission" => new NewGroup("Staff") { Permissions = [Held, NotHeld] },
            "role" => new NewGroup("Staff") { Roles = [role] },
            "level" =>
                new NewGroup("Staff")
                {
                    Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.ReadOnly)],
                },
            _ => new NewGroup("Staff") { AllResources = true },
        };
        var group = await org.CreateGroupAsync(given);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.UpdateGroupAsync(manager, group.Id, new() { Name = "Crew" })).Error);
        var within = await org.CreateGroupAsync(new("Within") { Permissions = [Held] });
        Assert.Null((await org.UpdateGroupAsync(manager, within.Id, new() { Name = "Inside" })).Error);
    }

    [Fact]
    public async Task An_edit_that_changes_nothing_is_no_edit()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync();
        var group = await org.CreateGroupAsync(new("Admins") { IsAdmin = true });
        Assert.Null((await org.UpdateGroupAsync(manager, group.Id, new() { Name = "Admins", IsAdmin = true })).Error);
        var role = await org.CreateRoleAsync("Beyond", NotHeld);
        Assert.Null(
            (await org.UpdateRoleAsync(
                manager, role.Id, new() { Name = "Beyond", Permissions = SetChange.To<string>([NotHeld]) })).Error);
    }

    [Fact]
    public async Task A_role_that_confers_more_than_the_actor_holds_is_not_edited()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync(Held);
        var role = await org.CreateRoleAsync("Beyond", NotHeld);
        foreach (var change in new RoleChange[]
            {
                new() { Name = "Crew" }, new() { Description = "d" }, new() { Permissions = SetChange.Add(Held) },
            })
            Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateRoleAsync(manager, role.Id, change)).Error);
        Assert.Null((await org.UpdateRoleAsync(org.Owner, role.Id, new() { Name = "Crew" })).Error);
    }

    [Fact]
    public async Task A_role_the_actor_holds_is_not_put_into_a_group_that_confers_more()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync(Held);
        var (role, group) = (
            await org.CreateRoleAsync("Within", Held), await org.CreateGroupAsync(new("Admins") { IsAdmin = true }));
        var change = new RoleChange { Groups = SetChange.Add(group.Id) };
        Assert.Equal(CommonErrors.MoreThanYouHold, (await org.UpdateRoleAsync(manager, role.Id, change)).Error);
        Assert.Null((await org.UpdateRoleAsync(org.Owner, role.Id, change)).Error);
        Assert.Equal(
            CommonErrors.MoreThanYouHold,
            (await org.UpdateRoleAsync(manager, role.Id, new() { Groups = SetChange.Remove(group.Id) })).Error);
    }

    [Fact]
    public async Task Groups_that_swap_names_lead_no_invitation_astray()
    {
        var org = await app.CreateOrganizationAsync();
        await org.CreateGroupAsync(new("Admins") { IsAdmin = true });
        await org.CreateGroupAsync(new("Staff"));
        var manager = await org.JoinedAsync(
            NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement] });
        var groups = await org.PagesAsync("groups", 50);
        var (admins, staff) = (Id(groups, "Admins"), Id(groups, "Staff"));
        await (await org.PatchAsync("groups/" + staff, new { name = "Staffold" }, manager.Client)).JsonAsync();
        await (await org.PatchAsync("groups/" + admins, new { name = "Staff" }, manager.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        var invited = await org.PostAsync("invitations", new { email = NewEmail("ada"), groups = new[] { "Staff" } });
        await invited.RefusedAsync(HttpStatusCode.UnprocessableEntity, "reference_unknown");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_address_of_a_member_who_joined_is_changed_by_an_administrator_alone(bool suspended)
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync();
        var colleague = (await org.JoinedAsync(NewEmail("col"))).Member;
        if (suspended) Assert.Null((await org.UpdateAsync(org.Owner, colleague.Id, new() { Suspended = true })).Error);
        var change = new MemberChange { Email = NewEmail("moved") };
        Assert.Equal(MemberErrors.AddressOfJoined, (await org.UpdateAsync(manager, colleague.Id, change)).Error);
        Assert.Equal(
            MemberErrors.AddressOfJoined,
            (await org.UpdateAsync(manager, manager.Id, new() { Email = NewEmail("own") })).Error);
        Assert.Null((await org.UpdateAsync(org.Owner, colleague.Id, change)).Error);
    }

    [Fact]
    public async Task The_address_of_an_invited_member_is_changed_by_a_manager_who_covers_the_member()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync();
        var (plain, _) = await org.GuestAsync(NewEmail("ada"));
        var (more, _) = await org.GuestAsync(NewEmail("bob"), row => row with { Permissions = [NotHeld] });
        Assert.Null((await org.UpdateAsync(manager, plain.Id, new() { Email = NewEmail("new") })).Error);
        Assert.Equal(
            MemberErrors.NotCovered,
            (await org.UpdateAsync(manager, more.Id, new() { Email = NewEmail("new") })).Error);
    }

    [Fact]
    public async Task No_surface_lets_a_manager_take_the_address_of_a_colleague()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.JoinedAsync(
            NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement] });
        var colleague = (await org.JoinedAsync(NewEmail("col"))).Member;
        var moved = NewEmail("moved");
        await (await org.PatchAsync($"members/mem_{ShortId.Of(colleague.Id)}", new { email = moved }, manager.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "address_of_joined_member");
        var deployHq = await manager.Client.SendAsync(
            HttpMethod.Put, $"/users/{colleague.Id}", new { user = new { email_address = moved } });
        var wavefront = await manager.Client.SendAsync(
            HttpMethod.Put, $"/api/v2/user/{colleague.Identifier}",
            new { identifier = moved, groups = Array.Empty<string>() });
        Assert.Equal((HttpStatusCode.Forbidden, false), (deployHq.StatusCode, wavefront.IsSuccessStatusCode));
        Assert.Contains(await org.MembersAsync(), m => m.Id == colleague.Id && m.Identifier == colleague.Identifier);
    }

    private static string Id(IEnumerable<JsonElement> groups, string name) =>
        groups.Single(g => g.GetProperty("name").GetString() == name).GetProperty("id").GetString()!;
}
