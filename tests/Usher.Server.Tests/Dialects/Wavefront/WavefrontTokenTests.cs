using System.Text.Json;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class WavefrontTokenTests(UsherApp app)
{
    [Theory]
    [InlineData("", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("{}", "text/plain")]
    public async Task A_new_token_is_the_last_of_the_list_and_only_there_it_is_the_secret(string body, string mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        var kim = await org.ActiveAsync("kim@example.com");
        var before = await kim.Client.AskAsync("/apitoken").OkAsync();
        var made = await kim.Client.SendAsync("/apitoken", body, mediaType).OkAsync();
        Assert.Equal(("OK", "", 200), made.Status());
        Assert.Equal((1, 2), (before.At("response").GetArrayLength(), made.At("response").GetArrayLength()));
        Assert.Equal(before.TextAt("response/0/tokenID"), made.TextAt("response/0/tokenID"));
        var secret = made.TextAt("response/1/tokenID")!;
        Assert.Equal(
            ["tokenID", "tokenName", "account", "accountType", "dateGenerated"], made.At("response/1").Names());
        Assert.Equal(
            ("", "kim@example.com", "USER_ACCOUNT"),
            (
                made.TextAt("response/1/tokenName"), made.TextAt("response/1/account"),
                made.TextAt("response/1/accountType")));

        var client = org.ClientOf(secret);
        var list = await client.AskAsync("/apitoken").OkAsync();
        Assert.DoesNotContain(secret, list.GetRawText(), StringComparison.Ordinal);
        Assert.All(list.Texts("response", "tokenID"), id => Assert.True(Guid.TryParse(id, out _)));
        Assert.Equal(
            "kim@example.com", (await client.AskAsync("/user/kim@example.com").OkAsync()).TextAt("identifier"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_token_is_renamed_and_revoked_by_its_secret_or_its_id(bool bySecret)
    {
        var org = await app.CreateOrganizationAsync();
        var kim = await org.ActiveAsync("kim@example.com");
        var secret = (await kim.Client.SendNothingAsync("/apitoken").OkAsync()).TextAt("response/1/tokenID")!;
        var id = (await kim.Client.AskAsync("/apitoken").OkAsync()).TextAt("response/1/tokenID")!;
        var named = bySecret ? secret : id.ToUpperInvariant();
        var renamed = await kim.Client.WriteAsync(
            "/apitoken/" + named, JsonSerializer.Serialize(new { tokenID = named, tokenName = "Laptop" })).OkAsync();
        Assert.Equal((id, "Laptop"), (renamed.TextAt("response/tokenID"), renamed.TextAt("response/tokenName")));

        var left = await kim.Client.EndAsync("/apitoken/" + named).OkAsync();
        Assert.Equal(["test"], left.Texts("response", "tokenName"));
        await org.ClientOf(secret).AskAsync("/apitoken")
            .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
        await kim.Client.EndAsync("/apitoken/" + named).RefusedAsync(404, "There is no such API token.");
        Assert.DoesNotContain(app.Log, line => line.Contains(secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tokens_of_others_are_not_there_and_a_token_may_revoke_itself()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (kim, foreign) = (await org.ActiveAsync("kim@example.com"), await other.ActiveAsync("kim@example.com"));
        foreach (var theirs in new[] { org.Admin, foreign.Client })
        {
            var id = (await theirs.AskAsync("/apitoken").OkAsync()).TextAt("response/0/tokenID");
            await kim.Client.EndAsync("/apitoken/" + id).RefusedAsync(404, "There is no such API token.");
            await kim.Client.WriteAsync("/apitoken/" + id, """{ "tokenName": "x" }""")
                .RefusedAsync(404, "There is no such API token.");
        }

        var own = (await kim.Client.AskAsync("/apitoken").OkAsync()).TextAt("response/0/tokenID");
        Assert.Equal("[]", (await kim.Client.EndAsync("/apitoken/" + own).OkAsync()).At("response").GetRawText());
        await kim.Client.AskAsync("/apitoken").RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
    }

    [Theory]
    [InlineData("[]", "The body must be a JSON object.")]
    [InlineData("{}", "tokenName is required")]
    [InlineData("""{ "tokenName": 7 }""", "tokenName is required")]
    [InlineData("""{ "tokenName": "a\u0007" }""", "Must be at most 120 characters, without control characters.")]
    public async Task A_name_that_is_none_is_refused(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.AskAsync("/apitoken").OkAsync()).TextAt("response/0/tokenID");
        await org.Admin.WriteAsync("/apitoken/" + id, body).RefusedAsync(400, message);
    }

    [Fact]
    public async Task A_service_accounts_tokens_are_managed_with_token_management()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync("/account/serviceaccount", """{ "identifier": "sa::bot" }""").OkAsync();
        var keeper = await org.ActiveAsync(
            "keeper@example.com", r => r with { Permissions = [Permissions.TokenManagement] });
        Assert.Equal(
            "[]",
            (await keeper.Client.AskAsync("/apitoken/serviceaccount/sa::bot").OkAsync()).At("response").GetRawText());
        var made = await keeper.Client.SendAsync(
            "/apitoken/serviceaccount/sa%3A%3Abot", """{ "tokenID": "", "tokenName": "Build" }""").OkAsync();
        var secret = made.TextAt("response/0/tokenID")!;
        Assert.Equal(
            ("Build", "sa::bot", "SERVICE_ACCOUNT"),
            (
                made.TextAt("response/0/tokenName"), made.TextAt("response/0/account"),
                made.TextAt("response/0/accountType")));
        await org.ClientOf(secret).AskAsync("/user/sa::bot").OkAsync();
        await keeper.Client.SendNothingAsync("/apitoken/serviceaccount/sa::bot").OkAsync();

        var id = (await org.Admin.AskAsync("/account/serviceaccount/sa::bot").OkAsync())
            .TextAt("response/tokens/0/tokenID")!;
        Assert.Equal(
            "Ship",
            (
                await keeper.Client.WriteAsync($"/apitoken/serviceaccount/sa::bot/{id}", """{ "tokenName": "Ship" }""")
                    .OkAsync()).TextAt("response/tokenName"));
        Assert.Single((await keeper.Client.EndAsync($"/apitoken/serviceaccount/sa::bot/{secret}").OkAsync()).Texts(
            "response", "tokenID"));
        await org.ClientOf(secret).AskAsync("/user/sa::bot")
            .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
        await keeper.Client.SendAsync("/apitoken/serviceaccount/sa::bot", """{ "tokenName": 1 }""")
            .RefusedAsync(400, "tokenName must be a string");
    }

    [Fact]
    public async Task Without_it_nobody_learns_which_there_are_and_a_service_account_sees_its_own()
    {
        var org = await app.CreateOrganizationAsync();
        var bot = await org.ServiceAccountAsync("bot");
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        foreach (var id in new[] { "sa::bot", "sa::nobody" })
        {
            await manager.Client.AskAsync("/apitoken/serviceaccount/" + id).RefusedAsync(403, "You may not do this.");
            await manager.Client.SendNothingAsync("/apitoken/serviceaccount/" + id)
                .RefusedAsync(403, "You may not do this.");
            await manager.Client.EndAsync($"/apitoken/serviceaccount/{id}/x").RefusedAsync(403, "You may not do this.");
        }

        Assert.Single((await bot.Client.AskAsync("/apitoken/serviceaccount/sa::bot").OkAsync()).Texts(
            "response", "tokenID"));
        Assert.Equal(
            "SERVICE_ACCOUNT", (await bot.Client.AskAsync("/apitoken").OkAsync()).TextAt("response/0/accountType"));
    }

    [Fact]
    public async Task A_key_is_made_only_for_what_the_caller_covers_and_only_where_it_can_act()
    {
        var org = await app.CreateOrganizationAsync();
        var keeper = await org.ActiveAsync(
            "keeper@example.com", r => r with { Permissions = [Permissions.TokenManagement] });
        await org.Admin.SendAsync("/account/serviceaccount", """{ "identifier": "sa::bot", "groups": ["ingestion"] }""")
            .OkAsync();
        await keeper.Client.SendNothingAsync("/apitoken/serviceaccount/sa::bot")
            .RefusedAsync(403, "This account holds access that you do not hold yourself.");
        await org.Admin.SendNothingAsync("/account/serviceaccount/sa::bot/deactivate").OkAsync();
        await org.Admin.SendNothingAsync("/apitoken/serviceaccount/sa::bot")
            .RefusedAsync(400, "Only an active account can have an API token.");
        var reader = await org.ActiveAsync("reader@example.com", readOnlyKey: true);
        await reader.Client.SendNothingAsync("/apitoken").RefusedAsync(403, "This API key may only read.");
    }
}
