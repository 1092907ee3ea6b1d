using System.Net;
using Usher.Core.Access;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Resources, and levels on them, by Usher's own API.</summary>
public sealed class ResourceApiTests(UsherApp app)
{
    [Fact]
    public async Task A_resource_is_made_changed_and_deleted_with_everybodys_level_on_it()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(
            NewEmail("ada"), row => row with { Permissions = [Permissions.ResourceCreation] });
        var made = await org.PostAsync(
            "resources", new { name = "Blue Shop", attributes = new { region = "eu", tier = "1" } }, by: ada.Client);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var shop = await made.JsonAsync();
        Assert.Equal("""Blue Shop blue-shop {"region":"eu","tier":"1"}""", shop.Shown("name", "slug", "attributes"));
        Assert.EndsWith(
            $"/resources/{shop.GetProperty("id")}", made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            shop.ToString(),
            (await (await org.GetAsync("resources/blue-shop", by: ada.Client)).JsonAsync()).ToString());

        // Who made it reaches it, and of the rest nothing.
        Assert.Equal(
            ["blue-shop"], (await (await org.GetAsync("resources", by: ada.Client)).JsonAsync()).Named("data", "slug"));
        await (await org.GetAsync("resources/production", by: ada.Client))
            .RefusedAsync(HttpStatusCode.NotFound, "resource_not_found");
        var changed = await (await org.PatchAsync(
            "resources/blue-shop", """{"name":"Red Shop","attributes":{"tier":null,"team":"a"}}""",
            by: ada.Client)).JsonAsync();
        Assert.Equal("""Red Shop blue-shop {"region":"eu","team":"a"}""", changed.Shown("name", "slug", "attributes"));
        await (await org.PostAsync("resources", new { name = "RED SHOP" }))
            .RefusedAsync(HttpStatusCode.Conflict, "name_taken");

        await (await org.DeleteAsync($"resources/{shop.GetProperty("id")}", by: ada.Client)).DoneAsync();
        await (await org.GetAsync("resources/blue-shop")).RefusedAsync(HttpStatusCode.NotFound, "resource_not_found");
        Assert.Empty(
            (await (await org.GetAsync("members/mem_" + ShortId.Of(ada.Member.Id))).JsonAsync()).Named("levels"));
    }

    [Theory]
    [InlineData("""{"a b":"x"}""")]
    [InlineData("""{"a":"\u0000"}""")]
    [InlineData("many")]
    public async Task What_is_kept_with_a_resource_has_the_same_limits_when_it_is_made_and_when_it_is_changed(
        string attributes)
    {
        var org = await app.CreateOrganizationAsync();
        if (attributes is "many")
            attributes = $"{{{string.Join(',', Enumerable.Range(0, 51).Select(i => $"\"a{i}\":\"x\""))}}}";
        await (await org.PostAsync("resources", $$"""{"name":"A","attributes":{{attributes}}}"""))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "attributes_invalid");
        await (await org.PatchAsync("resources/production", $$"""{"attributes":{{attributes}}}"""))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "attributes_invalid");
    }

    [Fact]
    public async Task Entries_added_one_by_one_have_the_limit_too()
    {
        var org = await app.CreateOrganizationAsync();
        var many = $"{{{string.Join(',', Enumerable.Range(0, 50).Select(i => $"\"a{i}\":\"x\""))}}}";
        await (await org.PatchAsync("resources/production", $$"""{"attributes":{{many}}}""")).JsonAsync();
        await (await org.PatchAsync("resources/production", new { attributes = new { more = "x" } }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "attributes_invalid");
        await (await org.PatchAsync("resources/production", """{"attributes":{"a0":null,"more":"x"}}""")).JsonAsync();
    }

    [Fact]
    public async Task A_level_is_given_to_a_member_or_a_group_replaced_and_taken_away()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, bob) = (await org.ActiveAsync(NewEmail("ada")), await org.ActiveAsync(NewEmail("bob")));
        var group = await org.MakeAsync("groups", new { name = "Ops", members = new[] { bob.Member.Identifier } });
        foreach (var (caller, holder) in new[]
            {
                (ada, "mem_" + ShortId.Of(ada.Member.Id)), (bob, group["groups/".Length..]),
            })
        {
            var path = "resources/production/access/" + holder;
            await (await org.SendAsync(
                HttpMethod.Put, path, new { level = "read_only", capabilities = new[] { "deploy_all" } })).DoneAsync();
            Assert.Equal(
                (true, false, true),
                (
                    await ReachesAsync(caller, "read_only"), await ReachesAsync(caller, "full"),
                    await ReachesAsync(caller, null)));
            await (await org.SendAsync(HttpMethod.Put, path, new { level = "full" })).DoneAsync();
            Assert.True(await ReachesAsync(caller, "full"));
            await (await org.SendAsync(HttpMethod.Put, path, new { level = "read_only" })).DoneAsync();
            Assert.Equal(
                (true, false, false),
                (
                    await ReachesAsync(caller, "read_only"), await ReachesAsync(caller, "full"),
                    await ReachesAsync(caller, null)));
            await (await org.DeleteAsync(path)).DoneAsync();
            await (await org.GetAsync("resources/production", by: caller.Client))
                .RefusedAsync(HttpStatusCode.NotFound, "resource_not_found");
            await (await org.DeleteAsync(path)).DoneAsync();
        }

        // With no level it is asked whether he may deploy.
        async Task<bool> ReachesAsync(TestCaller caller, string? level) => (await (await org.PostAsync(
            "access/check", level is null
                ? new { resource = "production", capability = "deploy_all" }
                : new { resource = "production", level }, by: caller.Client)).JsonAsync("allowed")).GetBoolean();
    }

    [Fact]
    public async Task Levels_have_to_be_of_something_for_somebody_and_held_by_the_giver()
    {
        var org = await app.CreateOrganizationAsync();
        var owner = "mem_" + ShortId.Of(org.Created.Owner.Id);
        var max = await org.ActiveAsync(
            NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement] });
        await (await org.SendAsync(HttpMethod.Put, "resources/nowhere/access/" + owner, new { level = "full" }))
            .RefusedAsync(HttpStatusCode.NotFound, "resource_not_found");
        await (await org.SendAsync(HttpMethod.Put, "resources/production/access/nobody", new { level = "full" }))
            .RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await org.SendAsync(
            HttpMethod.Put, "resources/production/access/grp_AAAAAAAAAAAAAAAAAAAAAA",
            new { level = "full" })).RefusedAsync(HttpStatusCode.NotFound, "group_not_found");
        await (await org.SendAsync(HttpMethod.Put, "resources/production/access/" + owner, new { }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "property_missing");
        await (await org.SendAsync(
            HttpMethod.Put, "resources/production/access/mem_" + ShortId.Of(max.Member.Id), new { level = "full" },
            by: max.Client)).RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
    }
}
