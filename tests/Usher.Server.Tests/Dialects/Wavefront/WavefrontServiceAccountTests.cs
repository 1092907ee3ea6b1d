using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class WavefrontServiceAccountTests(UsherApp app)
{
    [Fact]
    public async Task A_service_account_is_made_with_what_the_request_gives_it_and_nothing_else()
    {
        var org = await app.CreateOrganizationAsync(o => o.DefaultPermissions = ["ingestion"]);
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        var made = (await org.Admin.SendAsync("/account/serviceaccount", $$"""
            { "identifier": "sa::Bot", "active": true, "description": "Builds", "groups": ["log_management"],
              "userGroups": ["{{ops.Id}}"], "roles": ["{{reader.Id}}"], "tokens": [] }
            """).OkAsync()).At("response");

        Assert.Equal(
            [
                "identifier", "active", "description", "groups", "userGroups", "roles", "tokens", "unitedRoles",
                "unitedPermissions",
            ],
            made.Names());
        Assert.Equal(
            ("sa::bot", true, "Builds"),
            (made.TextAt("identifier"), made.At("active").GetBoolean(), made.TextAt("description")));
        Assert.Equal(["log_management"], made.Texts("groups"));
        Assert.Equal(["Service Accounts", "Ops"], made.Texts("userGroups", "name"));
        Assert.Equal(["Reader"], made.Texts("roles", "name"));
        Assert.Equal(["alerts_management", "log_management"], made.Texts("unitedPermissions"));
        Assert.Equal(
            Wire.Compact(made.GetRawText()),
            Wire.Compact(
                (await org.Admin.AskAsync("/account/serviceaccount/sa%3A%3ABOT").OkAsync()).At("response")
                    .GetRawText()));
        Assert.Equal(
            Wire.Compact(made.GetRawText()),
            Wire.Compact(
                (await org.Admin.AskAsync("/account/serviceaccount").OkAsync()).At("response/0").GetRawText()));

        var bare = (await org.Admin.SendAsync("/account/serviceaccount", """
            { "identifier": "plain", "groups": null, "userGroups": null, "active": null }
            """).OkAsync()).At("response");
        Assert.Equal(
            ("sa::plain", true, "[]"),
            (bare.TextAt("identifier"), bare.At("active").GetBoolean(), bare.At("unitedPermissions").GetRawText()));
    }

    [Theory]
    [InlineData("[]", 400, "The body must be a JSON object.")]
    [InlineData("{}", 400, "identifier is required")]
    [InlineData("""{ "identifier": "" }""", 400, "identifier is required")]
    [InlineData("""{ "identifier": 1 }""", 400, "identifier must be a string")]
    [InlineData(
        """{ "identifier": "pat@example.com" }""", 400,
        "Must be sa:: and 1 to 120 characters of a-z, 0-9, '.', '_' and '-'.")]
    [InlineData("""{ "identifier": "sa::x", "active": "yes" }""", 400, "active must be true or false")]
    [InlineData("""{ "identifier": "sa::x", "description": [] }""", 400, "description must be a string")]
    [InlineData("""{ "identifier": "sa::x", "groups": ["nonsense"] }""", 400, "There is no permission nonsense.")]
    [InlineData(
        """{ "identifier": "sa::x", "groups": ["token_management"] }""", 400,
        "A service account cannot hold token_management.")]
    [InlineData("""{ "identifier": "SA::Bot" }""", 409, "User with id SA::Bot is already created in our system.")]
    public async Task A_body_that_is_no_service_account_is_refused_and_none_made(
        string body, int status, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ServiceAccountAsync("bot");
        await org.Admin.SendAsync("/account/serviceaccount", body).RefusedAsync(status, message);
        Assert.Equal(2, (await org.MembersAsync()).Count);
    }

    [Fact]
    public async Task Groups_and_roles_that_are_not_there_are_left_out_and_named()
    {
        var org = await app.CreateOrganizationAsync();
        var made = await org.Admin.SendAsync("/account/serviceaccount", """
            { "identifier": "sa::bot", "userGroups": ["none"], "roles": ["7d0c3a52-0b1e-4f5e-9a3e-5f0d8b0a6c11"] }
            """).OkAsync(202);
        Assert.Equal(
            (
                "OK",
                "Invalid user groups found and ignored [none]; Invalid roles found and ignored "
                    + "[7d0c3a52-0b1e-4f5e-9a3e-5f0d8b0a6c11]",
                202),
            made.Status());
        var changed = await org.Admin.WriteAsync(
            "/account/serviceaccount/sa::bot", """{ "identifier": "sa::bot", "roles": ["none"] }""").OkAsync(202);
        Assert.Equal("Invalid roles found and ignored [none]", changed.Status().Message);
    }

    [Fact]
    public async Task What_is_left_out_of_a_change_stays()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync(
            "/account/serviceaccount",
            """{ "identifier": "sa::bot", "description": "Builds", "groups": ["ingestion"] }""").OkAsync();
        var changed = (
            await org.Admin.WriteAsync(
                "/account/serviceaccount/bot",
                """{ "identifier": "sa::bot", "active": true, "description": "Ships" }""").OkAsync()).At("response");
        Assert.Equal(("Ships", true), (changed.TextAt("description"), changed.At("active").GetBoolean()));
        Assert.Equal(["ingestion"], changed.Texts("groups"));
        var emptied = (
            await org.Admin.WriteAsync("/account/serviceaccount/sa::bot", """{ "groups": null, "description": null }""")
                .OkAsync()).At("response");
        Assert.Equal(("", "[]"), (emptied.TextAt("description"), emptied.At("groups").GetRawText()));
        await org.Admin.WriteAsync("/account/serviceaccount/sa::bot", """{ "identifier": "sa::other" }""")
            .RefusedAsync(400, "identifier cannot be changed");
    }

    [Fact]
    public async Task A_deactivated_ones_tokens_are_refused_until_it_is_activated()
    {
        var org = await app.CreateOrganizationAsync();
        var bot = await org.ServiceAccountAsync("bot");
        foreach (var (body, mediaType) in new[]
            {
                ("", "application/json"), ("{}", "application/json"), ("null", "text/plain"),
            })
        {
            var off = (
                await org.Admin.SendAsync("/account/serviceaccount/sa::bot/deactivate", body, mediaType)
                    .OkAsync()).At("response");
            Assert.Equal(
                (false, "INACTIVE_SERVICE_ACCOUNT"),
                (off.At("active").GetBoolean(), off.TextAt("tokens/0/accountType")));
            await bot.Client.AskAsync("/user/sa::bot")
                .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
            var on = (await org.Admin.SendAsync("/account/serviceaccount/sa::bot/activate", body, mediaType).OkAsync())
                .At("response");
            Assert.Equal((true, "SERVICE_ACCOUNT"), (on.At("active").GetBoolean(), on.TextAt("tokens/0/accountType")));
            await bot.Client.AskAsync("/user/sa::bot").OkAsync();
        }

        Assert.False(
            (await org.Admin.WriteAsync("/account/serviceaccount/sa::bot", """{ "active": false }""").OkAsync())
                .At("response/active").GetBoolean());
        await bot.Client.AskAsync("/user/sa::bot")
            .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
    }

    [Theory]
    [InlineData("sa::nobody")]
    [InlineData("kim@example.com")]
    public async Task What_is_no_service_account_is_not_found(string id)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var message = $"Service account with id {id} does not exist";
        await org.Admin.AskAsync("/account/serviceaccount/" + id).RefusedAsync(404, message);
        await org.Admin.WriteAsync("/account/serviceaccount/" + id, """{ "active": false }""")
            .RefusedAsync(404, message);
        await org.Admin.SendNothingAsync($"/account/serviceaccount/{id}/deactivate").RefusedAsync(404, message);
        await org.Admin.SendNothingAsync($"/account/serviceaccount/{id}/activate").RefusedAsync(404, message);
        await org.Admin.AskAsync("/apitoken/serviceaccount/" + id).RefusedAsync(404, message);
    }

    [Fact]
    public async Task A_manager_makes_and_stops_only_what_he_covers()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        await manager.Client.SendAsync(
            "/account/serviceaccount", """{ "identifier": "sa::bot", "groups": ["ingestion"] }""")
            .RefusedAsync(403, "You cannot grant or take away access that you do not hold yourself.");
        await org.Admin.SendAsync("/account/serviceaccount", """{ "identifier": "sa::bot", "groups": ["ingestion"] }""")
            .OkAsync();
        await manager.Client.SendNothingAsync("/account/serviceaccount/sa::bot/deactivate")
            .RefusedAsync(403, "This account holds access that you do not hold yourself.");
        await manager.Client.SendAsync("/account/serviceaccount", """{ "identifier": "sa::plain" }""").OkAsync();
        await manager.Client.SendNothingAsync("/account/serviceaccount/sa::plain/deactivate").OkAsync();
    }
}
