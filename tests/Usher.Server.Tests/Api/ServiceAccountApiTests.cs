using System.Net;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Service accounts by Usher's own API.</summary>
public sealed class ServiceAccountApiTests(UsherApp app)
{
    [Fact]
    public async Task A_service_account_is_made_given_a_key_changed_and_removed()
    {
        var org = await app.CreateOrganizationAsync();
        await org.RoleAsync("Reader", "log_management");
        var made = await org.PostAsync(
            "service-accounts",
            new
            {
                name = "Deploy-Bot", description = "Deploys", permissions = new[] { "user_management" },
                roles = new[] { "Reader" },
            });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var account = await made.JsonAsync();
        Assert.Equal(
            "service active sa::deploy-bot Deploys user",
            account.Shown("kind", "status", "displayName", "description", "role"));
        Assert.Equal(["Reader"], account.Named("roles"));
        var (id, path) = (account.GetProperty("id").GetString()!, $"service-accounts/{account.GetProperty("id")}");
        Assert.EndsWith("/" + path, made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(account.ToString(), (await (await org.GetAsync(path)).JsonAsync()).ToString());
        Assert.Equal(account.ToString(), (await (await org.GetAsync("members/" + id)).JsonAsync()).ToString());

        var key = org.ClientOf(
            await (await org.PostAsync("api-keys", new { member = id, name = "ci" })).TextAsync("secret"));
        Assert.True(
            (
                await (await org.PostAsync("access/check", new { permission = "log_management" }, by: key))
                    .JsonAsync("allowed")).GetBoolean());
        Assert.Equal(
            "Still deploys",
            await (await org.PatchAsync(path, new { description = "Still deploys", roles = Array.Empty<string>() }))
                .TextAsync("description"));
        Assert.False(
            (
                await (await org.PostAsync("access/check", new { permission = "log_management" }, by: key))
                    .JsonAsync("allowed")).GetBoolean());

        Assert.Equal("suspended", await (await org.PatchAsync(path, new { suspended = true })).TextAsync("status"));
        await (await org.GetAsync("", by: key)).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        await (await org.DeleteAsync(path)).JsonAsync("id");
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await org.PostAsync("service-accounts", new { name = "deploy-bot" })).JsonAsync();
    }

    [Fact]
    public async Task A_person_is_no_service_account()
    {
        var org = await app.CreateOrganizationAsync();
        var path = "service-accounts/mem_" + ShortId.Of(org.Created.Owner.Id);
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await org.PatchAsync(path, new { description = "x" }))
            .RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await org.DeleteAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        Assert.Empty((await (await org.GetAsync("service-accounts")).JsonAsync("data")).EnumerateArray());
    }

    [Fact]
    public async Task What_it_is_given_its_maker_holds()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = ["user_management"] });
        await org.GroupAsync(new("Admins") { IsAdmin = true });
        await (await org.PostAsync(
            "service-accounts", new { name = "bot", permissions = new[] { "ingestion" } },
            by: max.Client)).RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.PostAsync(
            "service-accounts", new { name = "bot", groups = new[] { "admins" } },
            by: max.Client)).RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.PostAsync(
            "service-accounts", new { name = "bot", permissions = new[] { "user_management" } },
            by: max.Client)).JsonAsync();
    }
}
