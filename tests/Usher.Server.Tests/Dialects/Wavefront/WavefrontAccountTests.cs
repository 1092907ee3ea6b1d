using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>The newer face: accounts, and users below it.</summary>
public sealed class WavefrontAccountTests(UsherApp app)
{
    [Fact]
    public async Task An_account_names_groups_and_roles_by_id_and_unites_what_comes_of_them()
    {
        var org = await app.CreateOrganizationAsync();
        var (direct, grouped) = (
            await org.RoleAsync("Direct", "log_management"),
            await org.RoleAsync("Grouped", "alerts_management", "ingestion"));
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(grouped.Id)] });
        await org.ActiveAsync(
            "Kim@example.com",
            r =>
                r with
                {
                    Permissions = ["ingestion"], Roles = [Reference.To(direct.Id)], Groups = [Reference.To(ops.Id)],
                });
        await org.Admin.AskAsync("/account/kim@example.com").AssertAsync(200, $$"""
            { "status": { "result": "OK", "message": "", "code": 200 },
              "response": { "identifier": "Kim@example.com", "groups": ["ingestion"],
                "userGroups": ["{{await org.EveryoneAsync()}}", "{{ops.Id}}"], "roles": ["{{direct.Id}}"],
                "unitedRoles": ["{{direct.Id}}", "{{grouped.Id}}"], "unitedPermissions": ["alerts_management",
                  "ingestion", "log_management"] } }
            """);
    }

    [Fact]
    public async Task An_administrators_united_permissions_are_all_there_are()
    {
        var org = await app.CreateOrganizationAsync();
        var owner = await org.Admin.AskAsync($"/account/{org.Created.Owner.Email}").OkAsync();
        Assert.Equal("[]", owner.At("response/groups").GetRawText());
        Assert.Superset(Permissions.Wavefront.ToHashSet(), owner.Texts("response/unitedPermissions").ToHashSet());
    }

    [Fact]
    public async Task Accounts_come_in_pages_persons_and_service_accounts_alike()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "ann", "bob", "cat" }) await org.ActiveAsync(name + "@example.com");
        await org.ServiceAccountAsync("bot");
        var first = await org.Admin.AskAsync("/account?limit=3").OkAsync();
        Assert.Equal(["items", "offset", "limit", "totalItems", "moreItems", "sort"], first.At("response").Names());
        Assert.Equal(
            ["ann@example.com", "bob@example.com", "cat@example.com"], first.Texts("response/items", "identifier"));
        Assert.Equal((0, 3, 5, true), Page(first));
        Assert.Equal(
            """{"ascending":true,"field":"id","default":true}""", Wire.Compact(first.At("response/sort").GetRawText()));

        var second = await org.Admin.AskAsync("/account?offset=3&limit=3").OkAsync();
        Assert.Equal([org.Created.Owner.Email, "sa::bot"], second.Texts("response/items", "identifier"));
        Assert.Equal((3, 3, 5, false), Page(second));
        Assert.Equal((0, 100, 5, false), Page(await org.Admin.AskAsync("/account").OkAsync()));
        Assert.Equal((0, 999, 5, false), Page(await org.Admin.AskAsync("/account?limit=999").OkAsync()));
        var beyond = await org.Admin.AskAsync("/account?offset=2147483647&limit=1000").OkAsync();
        Assert.Equal((2147483647, 1000, 5, false), Page(beyond));
        Assert.Equal("[]", beyond.At("response/items").GetRawText());

        static (int, int, int, bool) Page(System.Text.Json.JsonElement e) =>
            (
                e.At("response/offset").GetInt32(), e.At("response/limit").GetInt32(),
                e.At("response/totalItems").GetInt32(), e.At("response/moreItems").GetBoolean());
    }

    [Theory]
    [InlineData("offset=-1", "offset must be a number of at least 0")]
    [InlineData("offset=x", "offset must be a number of at least 0")]
    [InlineData("offset=2147483648", "offset must be a number of at least 0")]
    [InlineData("limit=0", "limit must be a number of 1 to 1000")]
    [InlineData("limit=1001", "limit must be a number of 1 to 1000")]
    [InlineData("limit=", "limit must be a number of 1 to 1000")]
    public async Task A_page_that_is_none_is_refused(string query, string message) =>
        await (await app.CreateOrganizationAsync()).Admin.AskAsync("/account?" + query).RefusedAsync(400, message);

    [Fact]
    public async Task A_deleted_account_is_answered_as_it_was()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["ingestion"] });
        var before = (await org.Admin.AskAsync("/account/kim@example.com").OkAsync()).GetRawText();
        await org.Admin.EndAsync("/account/kim@example.com").AssertAsync(200, before);
        await org.Admin.EndAsync("/account/kim@example.com")
            .RefusedAsync(404, "User with id kim@example.com does not exist");
        await org.Admin.AskAsync("/account/kim@example.com")
            .RefusedAsync(404, "User with id kim@example.com does not exist");
    }

    [Fact]
    public async Task Users_are_listed_in_an_envelope_and_the_list_has_persons_alone()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.ServiceAccountAsync("bot");
        var list = await org.Admin.AskAsync("/account/user?offset=1&limit=1").OkAsync();
        Assert.Equal(("OK", "", 200), list.Status());
        Assert.Equal(
            Wire.Compact((await org.Admin.AskAsync("/user").OkAsync()).GetRawText()),
            Wire.Compact(list.At("response").GetRawText()));
    }

    [Fact]
    public async Task Those_who_manage_users_by_whatever_way_are_listed_by_identifier()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Managers", Permissions.UserManagement);
        var group = await org.GroupAsync(new("Human resources") { Roles = [Reference.To(role.Id)] });
        await org.ActiveAsync("Direct@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        await org.ActiveAsync("grouped@example.com", r => r with { Groups = [Reference.To(group.Id)] });
        await org.ActiveAsync("held@example.com", r => r with { Roles = [Reference.To(role.Id)] });
        await org.ActiveAsync("none@example.com", r => r with { Permissions = [Permissions.TokenManagement] });
        await org.Admin.AskAsync("/account/user/admin").AssertAsync(200, $$"""
            { "status": { "result": "OK", "message": "", "code": 200 }, "response": ["Direct@example.com",
              "grouped@example.com", "held@example.com", "{{org.Created.Owner.Email}}"] }
            """);
    }

    [Fact]
    public async Task A_user_below_the_account_family_is_looked_at_and_changed_as_above_it()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        Assert.Equal(
            await org.Admin.UserAsync("kim@example.com"),
            Wire.Compact((await org.Admin.AskAsync("/account/user/kim%40example.com").OkAsync()).GetRawText()));
        var changed = await org.Admin.WriteAsync("/account/user/kim@example.com", """{ "groups": ["ingestion"] }""")
            .OkAsync();
        Assert.Equal(["ingestion"], changed.Texts("response/groups"));
        var invited = await org.Admin.SendAsync(
            "/account/user/invite", """[{ "emailAddress": "sam@example.com", "groups": [] }]""").OkAsync();
        Assert.Equal(["sam@example.com"], invited.Texts("response", "identifier"));
        Assert.Single(await org.OutboxAsync());
    }

    [Fact]
    public async Task Fixed_words_come_before_an_id()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.AskAsync("/account/user/admin").OkAsync();
        await org.Admin.AskAsync("/account/user/businessFunctions")
            .RefusedAsync(404, "User with id businessFunctions does not exist");
        await org.Admin.NameAsync("/user/grant/grant", "kim@example.com")
            .RefusedAsync(400, "There is no permission grant.");
        await org.Admin.NameAsync("/account/grant/grant", "kim@example.com")
            .RefusedAsync(400, "There is no permission grant.");
        await org.Admin.EndAsync("/account/serviceaccount")
            .RefusedAsync(404, "User with id serviceaccount does not exist");
        await org.Admin.EndAsync("/user/deleteUsers").RefusedAsync(404, "User with id deleteUsers does not exist");
    }

    [Fact]
    public async Task Anybody_may_look_at_himself_and_the_rest_takes_user_management()
    {
        const string Forbidden = "You may not do this.";
        var org = await app.CreateOrganizationAsync();
        var (kim, bot) = (
            await org.ActiveAsync("kim@example.com", r => r with { Permissions = [Permissions.TokenManagement] }),
            await org.ServiceAccountAsync("bot"));
        foreach (var path in new[]
            {
                "/user/{0}", "/user/{0}/businessFunctions", "/account/{0}", "/account/{0}/businessFunctions",
                "/account/user/{0}",
            })
        {
            await kim.Client.AskAsync(string.Format(null, path, "KIM@example.com")).OkAsync();
            await bot.Client.AskAsync(string.Format(null, path, "sa::bot")).OkAsync();
            foreach (var other in new[] { "sa::bot", "nobody@example.com", org.Created.Owner.Email, "%20" })
                await kim.Client.AskAsync(string.Format(null, path, other)).RefusedAsync(403, Forbidden);
        }

        await bot.Client.AskAsync("/account/serviceaccount/sa::bot").OkAsync();
        await kim.Client.AskAsync("/account/serviceaccount/sa::bot").RefusedAsync(403, Forbidden);
        foreach (var path in new[]
            {
                "/user", "/account", "/account/user", "/account/user/admin", "/account/serviceaccount",
            })
            await kim.Client.AskAsync(path).RefusedAsync(403, Forbidden);
        foreach (var path in new[]
        {
            "/user", "/user/invite", "/user/deleteUsers", "/user/validateUsers", "/user/grant/ingestion",
            "/user/revoke/ingestion", "/user/kim@example.com/grant", "/user/kim@example.com/revoke",
            "/user/kim@example.com/addUserGroups", "/user/kim@example.com/removeUserGroups", "/account/deleteAccounts",
            "/account/validateAccounts", "/account/grant/ingestion",
            "/account/revoke/ingestion", "/account/kim@example.com/grant/ingestion",
            "/account/kim@example.com/revoke/ingestion", "/account/kim@example.com/addUserGroups",
            "/account/kim@example.com/removeUserGroups", "/account/kim@example.com/addRoles",
            "/account/kim@example.com/removeRoles", "/account/user", "/account/user/invite",
            "/account/serviceaccount", "/account/serviceaccount/sa::bot/activate",
            "/account/serviceaccount/sa::bot/deactivate",
        }) await kim.Client.SendAsync(path, "{}", "application/json").RefusedAsync(403, Forbidden);
        foreach (var path in new[]
            {
                "/user/kim@example.com", "/account/user/kim@example.com", "/account/serviceaccount/sa::bot",
            })
            await kim.Client.WriteAsync(path, "{}").RefusedAsync(403, Forbidden);
        foreach (var path in new[] { "/user/kim@example.com", "/account/kim@example.com" })
            await kim.Client.EndAsync(path).RefusedAsync(403, Forbidden);
        await kim.Client.AskAsync("/user/kim@example.com").OkAsync();
    }

    [Fact]
    public async Task The_last_administrator_stays()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.EndAsync($"/user/{org.Created.Owner.Email}")
            .RefusedAsync(400, "The last administrator cannot be deleted or deactivated.");
        await org.Admin.EndAsync($"/account/{org.Created.Owner.Email}")
            .RefusedAsync(400, "The last administrator cannot be deleted or deactivated.");
        await org.ActiveAsync("second@example.com", r => r with { Role = BuiltInRole.Admin });
        await org.Admin.EndAsync($"/user/{org.Created.Owner.Email}").OkAsync();
    }
}
