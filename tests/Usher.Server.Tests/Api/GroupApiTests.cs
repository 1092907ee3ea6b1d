using System.Net;
using Usher.Core.Groups;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Groups by Usher's own API.</summary>
public sealed class GroupApiTests(UsherApp app)
{
    [Fact]
    public async Task A_group_is_made_changed_filled_emptied_and_deleted()
    {
        var org = await app.CreateOrganizationAsync();
        await org.RoleAsync("Reader", "log_management");
        var (ada, bob) = (await org.ActiveAsync(NewEmail("ada")), await org.ActiveAsync(NewEmail("bob")));
        var made = await org.PostAsync("groups", new
        {
            name = " Ops ", description = "Operations", isDefault = true, permissions = new[] { "ingestion" },
            roles = new[] { "reader" }, levels = new[] { new { resource = "production", level = "full" } },
            members = new[] { ada.Member.Identifier },
        });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var group = await made.JsonAsync();
        Assert.Equal(
            "Ops Operations none False False True 1",
            group.Shown("name", "description", "systemKind", "isAdmin", "allResources", "isDefault", "memberCount"));
        Assert.Equal(["ingestion"], group.Texts("permissions"));
        Assert.Equal(["Reader"], group.Named("roles"));
        Assert.Equal("production full", group.GetProperty("levels")[0].Shown("slug", "level"));
        var path = $"groups/{group.GetProperty("id")}";
        Assert.EndsWith("/" + path, made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(group.ToString(), (await (await org.GetAsync(path)).JsonAsync()).ToString());

        // What it gives counts at once, and is gone at once.
        Assert.True(await MayAsync(ada));
        Assert.False(await MayAsync(bob));
        Assert.Equal(
            "Ops team False",
            (
                await (await org.PatchAsync(
                    path,
                    new
                    {
                        name = "Ops team", isDefault = false, roles = Array.Empty<string>(),
                    })).JsonAsync()).Shown("name", "isDefault"));
        var moved = await (await org.PostAsync(
            path + "/members",
            new
            {
                add = new[] { bob.Member.Identifier }, remove = new[] { "mem_" + ShortId.Of(ada.Member.Id) },
            })).JsonAsync();
        Assert.Equal(1, moved.GetProperty("memberCount").GetInt32());
        Assert.Equal(
            [bob.Member.Identifier],
            (await (await org.GetAsync(path + "/members")).JsonAsync()).Named("data", "email"));
        Assert.False(await MayAsync(ada));
        Assert.True(await MayAsync(bob));

        await (await org.DeleteAsync(path)).DoneAsync();
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "group_not_found");
        await (await org.GetAsync(path + "/members")).RefusedAsync(HttpStatusCode.NotFound, "group_not_found");
        Assert.False(await MayAsync(bob));

        async Task<bool> MayAsync(TestCaller caller) =>
            (
                await (await org.PostAsync(
                    "access/check", new { permission = "ingestion", resource = "production", level = "full" },
                    by: caller.Client)).JsonAsync("allowed")).GetBoolean();
    }

    [Fact]
    public async Task A_list_of_levels_replaces_the_one_before()
    {
        var org = await app.CreateOrganizationAsync();
        var path = await org.MakeAsync(
            "groups",
            new
            {
                name = "Ops",
                levels = new[]
                {
                    new { resource = "production", level = "full" }, new { resource = "staging", level = "read_only" },
                },
            });
        var changed = await (await org.PatchAsync(
            path, new { levels = new[] { new { resource = "sandbox", level = "read_only" } } })).JsonAsync();
        Assert.Equal(["sandbox"], changed.Named("levels", "slug"));
        Assert.Equal(
            ["sandbox"],
            (await (await org.PatchAsync(path, new { description = "x" })).JsonAsync()).Named("levels", "slug"));
        Assert.Empty((await (await org.PatchAsync(path, new { levels = Array.Empty<object>() })).JsonAsync()).Named(
            "levels", "slug"));
    }

    [Fact]
    public async Task The_systems_groups_keep_name_and_members_and_can_be_given_something()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"));
        var groups = await (await org.GetAsync("groups")).JsonAsync();
        Assert.Equal(["everyone", "service_accounts"], groups.Named("data", "systemKind"));
        var path = $"groups/grp_{ShortId.Of((await org.SystemGroupAsync(SystemGroup.Everyone)).Id)}";
        await (await org.PatchAsync(path, new { name = "All" }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "system_group");
        await (await org.PostAsync(path + "/members", new { add = new[] { ada.Member.Identifier } }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "system_group");
        Assert.Equal(
            ["ingestion"],
            (await (await org.PatchAsync(path, new { permissions = new[] { "ingestion" } })).JsonAsync())
                .Texts("permissions"));
        Assert.True(
            (
                await (await org.PostAsync("access/check", new { permission = "ingestion" }, by: ada.Client))
                    .JsonAsync("allowed")).GetBoolean());
    }

    [Fact]
    public async Task Of_those_to_be_moved_one_unknown_moves_none()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"));
        var path = await org.MakeAsync("groups", new { name = "Ops" });
        await (await org.PostAsync(
            path + "/members",
            new
            {
                add = new[] { ada.Member.Identifier, "nobody@example.test" },
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "members_unknown");
        Assert.Equal(0, (await (await org.GetAsync(path)).JsonAsync("memberCount")).GetInt32());
        var other = await app.CreateOrganizationAsync();
        await (await org.PostAsync(
            path + "/members",
            new
            {
                add = new[] { "mem_" + ShortId.Of(other.Created.Owner.Id) },
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "members_unknown");
    }

    [Fact]
    public async Task Nobody_gives_by_a_group_what_he_does_not_hold()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = ["user_management"] });
        var path = await org.MakeAsync("groups", new { name = "Ops" }, by: max.Client);
        foreach (var body in new object[]
            {
                new { isAdmin = true }, new { allResources = true }, new { permissions = new[] { "ingestion" } },
            })
            await (await org.PatchAsync(path, body, by: max.Client))
                .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        var admins = await org.MakeAsync("groups", new { name = "Admins", isAdmin = true });
        await (await org.PostAsync(admins + "/members", new { add = new[] { max.Member.Identifier } }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.DeleteAsync(admins, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
    }
}
