using System.Text.Json.Nodes;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Changing and deleting one user.</summary>
public sealed class WavefrontUpdateTests(UsherApp app)
{
    [Fact]
    public async Task What_is_left_out_stays_and_what_is_given_replaces()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, dev, reader) = (
            await org.GroupAsync(new("Ops")), await org.GroupAsync(new("Dev")),
            await org.RoleAsync("Reader", "alerts_management"));
        await org.ActiveAsync(
            "kim@example.com",
            r =>
                r with
                {
                    Permissions = ["ingestion", "log_management"], Groups = [Reference.To(ops.Id)],
                    Roles = [Reference.To(reader.Id)],
                });

        var permissions = await org.Admin.WriteAsync(
            "/user/kim@example.com", """{ "groups": ["log_management", "embedded_charts"] }""").OkAsync();
        Assert.Equal(("OK", "", 200), permissions.Status());
        Assert.Equal(["embedded_charts", "log_management"], permissions.Texts("groups"));
        Assert.Equal((1, 2), (permissions.At("roles").GetArrayLength(), permissions.At("userGroups").GetArrayLength()));

        var groups = await org.Admin.WriteAsync("/user/kim@example.com", $$"""{ "userGroups": ["{{dev.Id}}"] }""")
            .OkAsync();
        Assert.Equal(["Everyone", "Dev"], groups.Texts("response/userGroups", "name"));
        Assert.Equal(["embedded_charts", "log_management"], groups.Texts("groups"));

        var roles = await org.Admin.WriteAsync("/user/kim@example.com", """{ "roles": [] }""").OkAsync();
        Assert.Equal("[]", roles.At("response/roles").GetRawText());
        Assert.Equal(roles.Top(), await org.Admin.UserAsync("kim@example.com"));
    }

    [Fact]
    public async Task Null_is_as_good_as_an_empty_set_and_everyone_stays()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        await org.ActiveAsync(
            "kim@example.com",
            r =>
                r with
                {
                    Permissions = ["ingestion"], Groups = [Reference.To(ops.Id)], Roles = [Reference.To(reader.Id)],
                });
        var kim = await org.Admin.WriteAsync(
            "/user/kim@example.com", """{ "groups": null, "userGroups": null, "roles": null }""").OkAsync();

        Assert.Equal(("[]", "[]"), (kim.At("groups").GetRawText(), kim.At("roles").GetRawText()));
        Assert.Equal(["Everyone"], kim.Texts("userGroups", "name"));
    }

    [Fact]
    public async Task What_was_read_can_be_sent_back_and_changes_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.RoleAsync("Reader", "alerts_management");
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(reader.Id)] });
        await org.ActiveAsync(
            "kim@example.com",
            r =>
                r with
                {
                    Permissions = ["ingestion"], Groups = [Reference.To(ops.Id)], Roles = [Reference.To(reader.Id)],
                });
        var read = await org.Admin.UserAsync("kim@example.com");
        var events = (await org.EventsAsync()).Count;
        var sent = await org.Admin.WriteAsync("/user/kim@example.com", read).OkAsync();
        Assert.Equal(read, sent.Top());
        Assert.Equal(events, (await org.EventsAsync()).Count);

        var more = JsonNode.Parse(read)!;
        more["groups"] = new JsonArray("ingestion", "log_management");
        more["ssoId"] = "kim-7";
        var changed = await org.Admin.WriteAsync("/user/kim@example.com", more.ToJsonString()).OkAsync();
        Assert.Equal(["ingestion", "log_management"], changed.Texts("groups"));
        Assert.Equal(
            ("kim-7", "Everyone", "Ops", "Reader"),
            (
                changed.TextAt("ssoId"), changed.TextAt("userGroups/0/name"), changed.TextAt("userGroups/1/name"),
                changed.TextAt("roles/0/name")));
    }

    [Theory]
    [InlineData("\"kim\"", "kim")]
    [InlineData("null", null)]
    [InlineData("\"\"", null)]
    public async Task An_sso_id_is_set_and_taken_away(string written, string? shown)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.Admin.WriteAsync("/user/kim@example.com", """{ "ssoId": "old" }""").OkAsync();
        var kim = await org.Admin.WriteAsync("/user/kim@example.com", $$"""{ "ssoId": {{written}} }""").OkAsync();

        Assert.Equal(shown, kim.TryGetProperty("ssoId", out var sso) ? sso.GetString() : null);
        Assert.Equal(shown is not null, kim.Names().Contains("ssoId"));
    }

    [Theory]
    [InlineData("[]", "The body must be a JSON object.")]
    [InlineData("", "The body must be a JSON object.")]
    [InlineData("nonsense", "The body is not valid JSON.")]
    [InlineData("""{ "identifier": "other@example.com" }""", "identifier cannot be changed")]
    [InlineData("""{ "identifier": 7 }""", "identifier must be a string")]
    [InlineData("""{ "ssoId": {} }""", "ssoId must be a string")]
    [InlineData("""{ "groups": {} }""", "groups must be an array of permission names")]
    [InlineData("""{ "groups": [null] }""", "groups must be an array of permission names")]
    [InlineData("""{ "groups": ["nonsense"] }""", "There is no permission nonsense.")]
    [InlineData("""{ "userGroups": [{ "name": "Ops" }] }""", "userGroups must be an array of group ids")]
    [InlineData("""{ "roles": [7] }""", "roles must be an array of role ids")]
    public async Task A_body_that_is_no_change_is_refused_and_changes_nothing(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["ingestion"] });
        var before = await org.Admin.UserAsync("kim@example.com");
        await org.Admin.WriteAsync("/user/kim@example.com", body).RefusedAsync(400, message);
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
    }

    [Fact]
    public async Task His_own_identifier_a_customer_and_a_password_are_taken_and_change_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var before = await org.Admin.UserAsync("kim@example.com");
        var answer = await org.Admin.WriteAsync("/user/kim@example.com", """
            { "identifier": "KIM@example.com", "customer": "elsewhere", "credential": "hunter2-hunter2", "unknown": [] }
            """);

        Assert.DoesNotContain("hunter2", await answer.BodyAsync(), StringComparison.Ordinal);
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
        Assert.DoesNotContain(app.Log, line => line.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_manager_changes_what_he_holds_and_nothing_else_by_whatever_way()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var (role, group) = (
            await org.RoleAsync("Watchers", "alerts_management"),
            await org.GroupAsync(new("Ops") { Permissions = ["alerts_management"] }));
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["ingestion"] });
        var before = await org.Admin.UserAsync("kim@example.com");
        Task<HttpResponseMessage>[] tries =
        [
            manager.Client.WriteAsync("/user/kim@example.com", """{ "groups": ["ingestion", "alerts_management"] }"""),
            manager.Client.WriteAsync("/user/kim@example.com", """{ "groups": [] }"""),
            manager.Client.WriteAsync("/user/kim@example.com", $$"""{ "roles": ["{{role.Id}}"] }"""),
            manager.Client.WriteAsync("/user/kim@example.com", $$"""{ "userGroups": ["{{group.Id}}"] }"""),
            manager.Client.SendFormAsync("/user/kim@example.com/grant", "group=alerts_management"),
            manager.Client.SendFormAsync("/user/kim@example.com/revoke", "group=ingestion"),
            manager.Client.NameAsync("/user/grant/alerts_management", "kim@example.com"),
            manager.Client.NameAsync("/user/kim@example.com/addUserGroups", $"{group.Id}"),
            manager.Client.NameAsync("/account/kim@example.com/addRoles", $"{role.Id}"),
            manager.Client.SendNothingAsync("/account/kim@example.com/grant/alerts_management"),
        ];
        foreach (var attempt in tries)
            await attempt.RefusedAsync(403, "You cannot grant or take away access that you do not hold yourself.");
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));

        await manager.Client.EndAsync($"/user/{org.Created.Owner.Email}")
            .RefusedAsync(403, "This account holds access that you do not hold yourself.");
        await manager.Client.NameAsync("/user/deleteUsers", "kim@example.com")
            .RefusedAsync(403, "This account holds access that you do not hold yourself.");
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
        Assert.Equal(
            ["user_management"],
            (await manager.Client.SendFormAsync("/user/kim@example.com/grant", "group=user_management").OkAsync())
                .Texts("groups").Except(["ingestion"]));
    }

    [Fact]
    public async Task A_deleted_user_is_gone_with_his_memberships_and_his_tokens()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await org.GroupAsync(new("Ops"));
        var kim = await org.ActiveAsync("kim@example.com", r => r with { Groups = [Reference.To(ops.Id)] });
        await org.Admin.EndAsync("/user/kim%40example.com")
            .AssertAsync(200, """{ "status": { "result": "OK", "message": "", "code": 200 } }""");

        await kim.Client.AskAsync("/user/kim@example.com")
            .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
        await org.Admin.EndAsync("/user/kim@example.com")
            .RefusedAsync(404, "User with id kim@example.com does not exist");
        await org.ActiveAsync("pat@example.com", r => r with { Groups = [Reference.To(ops.Id)] });
        Assert.Equal(
            1, (await org.Admin.AskAsync("/user/pat@example.com").OkAsync()).At("userGroups/1/userCount").GetInt32());
    }

    [Fact]
    public async Task The_user_operations_take_service_accounts_too()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await org.GroupAsync(new("Ops"));
        await org.ServiceAccountAsync("bot");

        Assert.Equal(
            ["ingestion"],
            (await org.Admin.SendFormAsync("/user/sa%3A%3Abot/grant", "group=ingestion").OkAsync()).Texts("groups"));
        Assert.Equal(
            ["Service Accounts", "Ops"],
            (await org.Admin.NameAsync("/user/sa::bot/addUserGroups", $"{ops.Id}").OkAsync())
                .Texts("userGroups", "name"));
        await org.Admin.SendFormAsync("/user/sa::bot/grant", "group=token_management")
            .RefusedAsync(400, "A service account cannot hold token_management.");
        Assert.Equal(
            ["sa::bot"],
            (await org.Admin.NameAsync("/user/validateUsers", "SA::Bot").OkAsync())
                .Texts("response/validUsers", "identifier"));
        Assert.DoesNotContain(
            "sa::bot",
            (await org.Admin.AskAsync("/user").OkAsync()).EnumerateArray().Select(u => u.TextAt("identifier")));
        await org.Admin.EndAsync("/user/sa::bot").OkAsync();
    }

    [Fact]
    public async Task Groups_come_and_go_and_what_is_there_already_or_not_is_no_change()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, dev) = (await org.GroupAsync(new("Ops")), await org.GroupAsync(new("Dev")));
        await org.ActiveAsync("kim@example.com");
        foreach (var family in new[] { "user", "account" })
        {
            for (var i = 0; i < 2; i++)
                Assert.Equal(
                    ["Dev", "Everyone", "Ops"],
                    (
                        await org.Admin.NameAsync($"/{family}/kim@example.com/addUserGroups", $"{ops.Id}", $"{dev.Id}")
                            .OkAsync())
                        .Texts("userGroups", "name").Order());
            for (var i = 0; i < 2; i++)
                Assert.Equal(
                    ["Everyone"],
                    (
                        await org.Admin.NameAsync(
                            $"/{family}/kim@example.com/removeUserGroups", $"{ops.Id}",
                            $"{dev.Id}").OkAsync()).Texts("userGroups", "name"));
        }
    }

    [Fact]
    public async Task Of_groups_and_roles_the_unknown_are_passed_over_and_none_known_is_not_found()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        var (theirs, role) = (await other.GroupAsync(new("Theirs")), await other.RoleAsync("Theirs", "ingestion"));
        await org.ActiveAsync("kim@example.com");

        var kim = await org.Admin.NameAsync("/user/kim@example.com/addUserGroups", $"{theirs.Id}", $"{ops.Id}", "none")
            .OkAsync();
        Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles"], kim.Names());
        Assert.Equal(["Everyone", "Ops"], kim.Texts("userGroups", "name"));
        await org.Admin.NameAsync("/user/kim@example.com/removeUserGroups", $"{theirs.Id}", "none")
            .RefusedAsync(404, $"User group with id {theirs.Id} does not exist");
        await org.Admin.NameAsync("/user/nobody@example.com/addUserGroups", $"{ops.Id}")
            .RefusedAsync(404, "User with id nobody@example.com does not exist");
        await org.Admin.SendAsync("/user/kim@example.com/addUserGroups", "{}", "application/json")
            .RefusedAsync(400, "The body must be a JSON array of ids.");

        Assert.Equal(
            ["Reader"],
            (await org.Admin.NameAsync("/account/kim@example.com/addRoles", $"{reader.Id}", $"{role.Id}").OkAsync())
                .Texts("roles", "name"));
        await org.Admin.NameAsync("/account/kim@example.com/addRoles", $"{role.Id}")
            .RefusedAsync(404, $"Role with id {role.Id} does not exist");
        Assert.Equal(
            "[]",
            (await org.Admin.NameAsync("/account/kim@example.com/removeRoles", $"{reader.Id}", "none").OkAsync())
                .At("roles").GetRawText());
    }

    [Fact]
    public async Task A_permission_comes_and_goes_by_a_form_and_twice_is_no_change()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        await org.ActiveAsync("kim@example.com", r => r with { Roles = [Reference.To(role.Id)] });
        for (var i = 0; i < 2; i++)
        {
            var kim = await org.Admin.SendFormAsync("/user/kim@example.com/grant", "group=host_tag_management")
                .OkAsync();
            Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles"], kim.Names());
            Assert.Equal(["host_tag_management"], kim.Texts("groups"));
        }

        for (var i = 0; i < 2; i++)
            Assert.Equal(
                "[]",
                (await org.Admin.SendFormAsync("/user/kim@example.com/revoke", "group=host_tag_management").OkAsync())
                    .At("groups").GetRawText());
        var revoked = await org.Admin.SendFormAsync("/user/kim@example.com/revoke", "group=alerts_management")
            .OkAsync();
        Assert.Equal(["Reader"], revoked.Texts("roles", "name"));
        Assert.Equal(
            "[]",
            (await org.Admin.SendFormAsync("/user/kim@example.com/grant", "group=browse").OkAsync()).At("groups")
                .GetRawText());
    }

    [Theory]
    [InlineData("", "application/x-www-form-urlencoded", 400, "group must be one permission name")]
    [InlineData("group=", "application/x-www-form-urlencoded", 400, "group must be one permission name")]
    [InlineData("permission=ingestion", "application/x-www-form-urlencoded", 400, "group must be one permission name")]
    [InlineData(
        "group=ingestion&group=log_management", "application/x-www-form-urlencoded", 400,
        "group must be one permission name")]
    [InlineData("group=nonsense", "application/x-www-form-urlencoded", 400, "There is no permission nonsense.")]
    [InlineData("group=Ingestion", "application/x-www-form-urlencoded", 400, "There is no permission Ingestion.")]
    [InlineData("group=%00", "application/x-www-form-urlencoded", 400, "The request cannot be read.")]
    [InlineData(
        "{ \"group\": \"ingestion\" }", "application/json", 415,
        "The body must be application/x-www-form-urlencoded.")]
    public async Task A_form_without_one_known_permission_is_refused(
        string body, string mediaType, int status, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.Admin.SendAsync("/user/kim@example.com/grant", body, mediaType).RefusedAsync(status, message);
        Assert.Equal("[]", (await org.Admin.AskAsync("/user/kim@example.com").OkAsync()).At("groups").GetRawText());
    }

    [Fact]
    public async Task A_form_with_more_fields_than_one_may_have_is_refused()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.Admin.SendFormAsync(
            "/user/kim@example.com/grant",
            string.Join(
                '&',
                Enumerable.Range(0, 2_000).Select(i => $"x{i}=1"))).RefusedAsync(400, "The request cannot be read.");
        await org.Admin.SendNothingAsync("/user/kim@example.com/grant")
            .RefusedAsync(400, "group must be one permission name");
    }
}
