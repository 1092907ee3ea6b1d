using System.Net;
using Usher.Core.Access;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>The organization's own roles, and the catalogue, by Usher's own API.</summary>
public sealed class RoleApiTests(UsherApp app)
{
    [Fact]
    public async Task A_role_is_made_handed_out_changed_taken_back_and_deleted()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"));
        var made = await org.PostAsync(
            "roles",
            new
            {
                name = "Reader", description = "Reads", permissions = new[] { "log_management", "embedded_charts" },
            });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var role = await made.JsonAsync();
        Assert.Equal("Reader Reads 0 0", role.Shown("name", "description", "memberCount", "groupCount"));
        Assert.Equal(["embedded_charts", "log_management"], role.Texts("permissions"));
        var path = $"roles/{role.GetProperty("id")}";
        Assert.EndsWith("/" + path, made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(role.ToString(), (await (await org.GetAsync(path)).JsonAsync()).ToString());

        await org.MakeAsync("groups", new { name = "Readers", roles = new[] { "READER" } });
        Assert.Equal(
            "1 1",
            (await (await org.PostAsync(path + "/members", new { add = new[] { ada.Member.Identifier } })).JsonAsync())
                .Shown("memberCount", "groupCount"));
        Assert.True(await MayAsync("log_management"));
        var changed = await (await org.PatchAsync(path, new { name = "Ingester", permissions = new[] { "ingestion" } }))
            .JsonAsync();
        Assert.Equal("Ingester Reads 1 1", changed.Shown("name", "description", "memberCount", "groupCount"));
        Assert.False(await MayAsync("log_management"));
        Assert.True(await MayAsync("ingestion"));

        Assert.Equal(
            0,
            (
                await (await org.PostAsync(
                    path + "/members",
                    new
                    {
                        remove = new[] { "mem_" + ShortId.Of(ada.Member.Id) },
                    })).JsonAsync("memberCount")).GetInt32());
        Assert.False(await MayAsync("ingestion"));
        await (await org.DeleteAsync(path)).DoneAsync();
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "role_not_found");

        async Task<bool> MayAsync(string permission) =>
            (await (await org.PostAsync("access/check", new { permission }, by: ada.Client)).JsonAsync("allowed"))
                .GetBoolean();
    }

    [Fact]
    public async Task Nobody_puts_into_a_role_or_hands_out_what_he_does_not_hold()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = ["user_management"] });
        await (await org.PostAsync("roles", new { name = "A", permissions = new[] { "ingestion" } }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        var path = await org.MakeAsync("roles", new { name = "Ingester", permissions = new[] { "ingestion" } });
        await (await org.PostAsync(path + "/members", new { add = new[] { max.Member.Identifier } }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.PatchAsync(path, new { permissions = Array.Empty<string>() }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.DeleteAsync(path, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.PatchAsync(path, new { name = "Renamed" }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
    }

    [Fact]
    public async Task A_name_is_taken_letter_case_aside()
    {
        var org = await app.CreateOrganizationAsync();
        await org.MakeAsync("roles", new { name = "Reader" });
        var other = await org.MakeAsync("roles", new { name = "Writer" });
        await (await org.PostAsync("roles", new { name = "READER" }))
            .RefusedAsync(HttpStatusCode.Conflict, "name_taken");
        await (await org.PatchAsync(other, new { name = "reader" }))
            .RefusedAsync(HttpStatusCode.Conflict, "name_taken");
        await org.MakeAsync("groups", new { name = "Reader" });
        await (await org.PostAsync("groups", new { name = "reader" }))
            .RefusedAsync(HttpStatusCode.Conflict, "name_taken");
    }

    [Fact]
    public async Task The_catalogue_says_which_permissions_there_are_and_which_Usher_asks_for()
    {
        await using var own = await UsherApp.StartAsync(
            new() { ["Usher:Access:Permissions:0"] = "fly" }, workers: false);
        var org = await own.CreateOrganizationAsync();
        var names = (await (await org.GetAsync("permissions")).JsonAsync("data")).EnumerateArray().ToList();
        Assert.Equal(
            Permissions.BuiltIn.Append("fly").Order(StringComparer.Ordinal),
            names.Select(n => n.GetProperty("name").GetString()));
        Assert.Equal(
            ["fly"],
            names.Where(n => !n.GetProperty("builtIn").GetBoolean()).Select(n => n.GetProperty("name").GetString()));
        Assert.Equal(
            ["directory_read", "resource_creation", "token_management", "user_management"],
            names.Where(n => n.GetProperty("enforced").GetBoolean()).Select(n => n.GetProperty("name").GetString()));
        await org.MakeAsync("roles", new { name = "Pilot", permissions = new[] { "fly" } });
    }
}
