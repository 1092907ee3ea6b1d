using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>User groups: what they are, who is in them, what they give.</summary>
public sealed class WavefrontGroupTests(UsherApp app)
{
    private const string Groups = "/api/v2/usergroup";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_group_is_made_with_its_roles_and_answered_whole_with_a_200()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        var answer = await org.Admin.PostTextAsync(
            Groups, $$"""{ "name": "Ops", "description": "On call", "roleIDs": ["{{role.Id}}"] }""");
        var made = await AnswerAsync(answer);
        await answer.AssertAsync(200, $$"""
            { "status": { "result": "OK", "message": "", "code": 200 }, "response": {
              "id": "{{made.TextAt("id")}}", "name": "Ops", "description": "On call", "customer": "{{org.Slug}}",
                "createdEpochMillis": {{made.At("createdEpochMillis").GetInt64()}},
              "users": [], "userCount": 0, "properties": { "nameEditable": true, "usersEditable": true,
                "rolesEditable": true }, "roleCount": 1,
              "roles": [{ "id": "{{role.Id}}", "name": "Reader", "description": "", "customer": "{{org.Slug}}",
                "permissions": ["alerts_management"], "restrictedPermissions": [],
                "properties": { "nameEditable": true, "usersAddable": true, "usersRemovable": true,
                  "permsEditable": true, "deletable": true },
                "linkedGroupsCount": 1, "linkedAccountsCount": 0,
                  "createdEpochMillis": {{role.CreatedAt.ToUnixTimeMilliseconds()}},
                "lastUpdatedMs": {{role.UpdatedAt.ToUnixTimeMilliseconds()}},
                  "lastUpdatedAccountId": "{{role.UpdatedBy}}" }] } }
            """);
        Assert.Equal(
            await answer.BodyAsync(),
            Wire.Compact((await org.Admin.GetAsync($"{Groups}/{made.TextAt("id")}", Ct).OkAsync()).GetRawText()));
        Assert.Equal(
            await answer.BodyAsync(),
            Wire.Compact(
                (await org.Admin.GetAsync($"{Groups}/{made.TextAt("id")!.ToUpperInvariant()}", Ct).OkAsync())
                    .GetRawText()));
    }

    [Theory]
    [InlineData("""{}""", "name is required")]
    [InlineData("""{ "name": null }""", "name is required")]
    [InlineData("""{ "name": 7 }""", "name must be a string")]
    [InlineData("""{ "name": "X", "description": [] }""", "description must be a string")]
    [InlineData("""{ "name": "X", "roleIDs": "r" }""", "roleIDs must be an array of strings")]
    [InlineData("""[]""", "The body must be a JSON object.")]
    [InlineData("", "The body must be a JSON object.")]
    [InlineData("""{ "name": " " }""", "Must be 1 to 120 characters, without control characters.")]
    [InlineData("""{ "name": "X", "roleIDs": ["nonsense"] }""", "Not found: nonsense.")]
    [InlineData(
        """{ "name": "X", "roleIDs": ["8b23136b-ecd2-4cb5-8c92-62477dcc4090"] }""",
        "Not found: 8b23136b-ecd2-4cb5-8c92-62477dcc4090.")]
    public async Task What_cannot_be_made_is_a_400_and_nothing_is_made(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync(Groups, body)
            .AssertAsync(400, $$"""{ "status": { "result": "ERROR", "message": "{{message}}", "code": 400 } }""");
        Assert.Equal(2, (await ListAsync(org)).At("totalItems").GetInt32());
    }

    [Fact]
    public async Task A_name_is_unique_without_regard_to_case()
    {
        var org = await app.CreateOrganizationAsync();
        await MakeAsync(org, "Ops");
        var dev = await MakeAsync(org, "Dev");

        Assert.Equal(
            HttpStatusCode.Conflict, (await org.Admin.PostTextAsync(Groups, """{ "name": "oPS" }""")).StatusCode);
        Assert.Equal(
            HttpStatusCode.Conflict, (await org.Admin.PostTextAsync(Groups, """{ "name": "everyone" }""")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await PutAsync(org, dev, """{ "name": "OPS" }""")).StatusCode);
        Assert.Equal("DEV", (await AnswerAsync(await PutAsync(org, dev, """{ "name": "DEV" }"""))).TextAt("name"));
    }

    [Fact]
    public async Task The_list_has_system_groups_first_then_all_by_name_and_is_paged()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "zeta", "Alpha", "beta" }) await MakeAsync(org, name);
        var list = await ListAsync(org);

        Assert.Equal(
            ["Everyone", "Service Accounts", "Alpha", "beta", "zeta"],
            list.At("items").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(["items", "offset", "limit", "totalItems", "moreItems", "sort"], list.Names());
        Assert.Equal(
            (0, 100, 5, false),
            (
                list.At("offset").GetInt32(), list.At("limit").GetInt32(), list.At("totalItems").GetInt32(),
                list.At("moreItems").GetBoolean()));
        var second = await ListAsync(org, "?offset=2&limit=2");
        Assert.Equal(["Alpha", "beta"], second.At("items").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.True(second.At("moreItems").GetBoolean());
        var beyond = await ListAsync(org, "?offset=9&limit=1000");
        Assert.Equal(
            (0, 5, false),
            (
                beyond.At("items").GetArrayLength(), beyond.At("totalItems").GetInt32(),
                beyond.At("moreItems").GetBoolean()));
    }

    [Theory]
    [InlineData("offset=-1", "offset must be a number of at least 0")]
    [InlineData("limit=0", "limit must be a number of 1 to 1000")]
    [InlineData("limit=1001", "limit must be a number of 1 to 1000")]
    [InlineData("limit=many", "limit must be a number of 1 to 1000")]
    [InlineData("offset=9999999999", "offset must be a number of at least 0")]
    public async Task A_page_that_cannot_be_is_a_400(string query, string message)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var list in new[] { Groups, "/api/v2/role" })
            await org.Admin.GetAsync($"{list}?{query}", Ct)
                .AssertAsync(400, $$"""{ "status": { "result": "ERROR", "message": "{{message}}", "code": 400 } }""");
    }

    [Fact]
    public async Task An_update_changes_what_is_named_and_nothing_that_was_only_sent_back()
    {
        var org = await app.CreateOrganizationAsync();
        var (reader, writer) = (await org.RoleAsync("Reader"), await org.RoleAsync("Writer"));
        await org.InviteAsync("pat@example.com", sendMail: false);
        var ops = await MakeAsync(org, "Ops", reader.Id);
        await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", """["pat@example.com"]""").OkAsync();

        var same = await AnswerAsync(await PutAsync(org, ops, $$"""
            { "id": "{{Guid.NewGuid()}}", "description": "New", "users": [], "userCount": 0, "customer": "other",
              "createdEpochMillis": 1, "Roles": [], "roles": [], "roleCount": 0,
              "properties": { "nameEditable": false, "usersEditable": false, "rolesEditable": false } }
            """));
        Assert.Equal(
            ("Ops", "New", 1, 1),
            (
                same.TextAt("name"), same.TextAt("description"), same.At("userCount").GetInt32(),
                same.At("roleCount").GetInt32()));
        Assert.Equal(
            ("Reader", org.Slug, true),
            (same.TextAt("roles/0/name"), same.TextAt("customer"), same.At("properties/nameEditable").GetBoolean()));

        var changed = await AnswerAsync(await PutAsync(
            org, ops, $$"""{ "name": "Operations", "roleIDs": ["{{writer.Id}}"] }"""));
        Assert.Equal(
            ("Operations", "New", "Writer"),
            (changed.TextAt("name"), changed.TextAt("description"), changed.TextAt("roles/0/name")));
        var emptied = await AnswerAsync(await PutAsync(
            org, ops, """{ "roleIDs": null, "description": null, "name": null }"""));
        Assert.Equal(
            ("Operations", "", 0),
            (emptied.TextAt("name"), emptied.TextAt("description"), emptied.At("roles").GetArrayLength()));
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await PutAsync(org, ops, $$"""{ "name": "Lost", "roleIDs": ["{{Guid.NewGuid()}}"] }""")).StatusCode);
        Assert.Equal("Operations", (await org.Admin.GetAsync($"{Groups}/{ops}", Ct).OkAsync()).TextAt("response/name"));
    }

    [Fact]
    public async Task Users_and_service_accounts_come_and_go_and_unknown_ones_are_ignored_with_a_202()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("Pat+x@example.com", sendMail: false);
        await org.InviteAsync("kim@example.com", sendMail: false);
        await org.ServiceAccountAsync("bot");
        var ops = await MakeAsync(org, "Ops");

        var all = await AnswerAsync(await org.Admin.PostTextAsync(
            $"{Groups}/{ops}/addUsers", """["pat+X@example.com", "kim@example.com", "SA::bot", "kim@example.com"]"""));
        Assert.Equal(3, all.At("userCount").GetInt32());
        Assert.Equal(
            ["kim@example.com", "Pat+x@example.com", "sa::bot"],
            Texts(all.At("users")).Order(StringComparer.OrdinalIgnoreCase));
        var some = await org.Admin.PostTextAsync(
            $"{Groups}/{ops}/removeUsers",
            """["kim@example.com", "Nobody@example.com", "nonsense", "a\u0000b"]""").OkAsync(202);
        Assert.Equal(
            "Invalid users found and ignored [Nobody@example.com, nonsense, a\0b]", some.TextAt("status/message"));
        Assert.Equal(
            ("OK", 202, 2),
            (
                some.TextAt("status/result"), some.At("status/code").GetInt32(),
                some.At("response/userCount").GetInt32()));
        await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", """["Nobody@example.com", "nonsense"]""")
            .AssertAsync(404, """
                { "status": { "result": "ERROR", "message": "User with id Nobody@example.com does not exist",
                "code": 404 } }
                """);
        Assert.Equal(
            2,
            (await AnswerAsync(await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", "[]"))).At("userCount")
                .GetInt32());
        Assert.Equal(
            2,
            (await AnswerAsync(await org.Admin.PostTextAsync($"{Groups}/{ops}/removeUsers", """["kim@example.com"]""")))
                .At("userCount").GetInt32());
        foreach (var body in new[] { "{}", "", "null", "[1]", "\"kim@example.com\"" })
            Assert.Equal(
                HttpStatusCode.BadRequest,
                (await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", body)).StatusCode);
    }

    [Fact]
    public async Task Roles_come_and_go_and_an_unknown_one_is_a_400()
    {
        var org = await app.CreateOrganizationAsync();
        var (a, b) = (await org.RoleAsync("A"), await org.RoleAsync("B"));
        var ops = await MakeAsync(org, "Ops");
        Assert.Equal(
            2,
            (await AnswerAsync(await org.Admin.PostTextAsync(
                $"{Groups}/{ops}/addRoles", $"""["{a.Id}", "{b.Id}", "{a.Id}"]""")))
                .At("roleCount").GetInt32());
        var left = await AnswerAsync(await org.Admin.PostTextAsync($"{Groups}/{ops}/removeRoles", $"""["{a.Id}"]"""));
        Assert.Equal(
            (1, "B", 1),
            (
                left.At("roleCount").GetInt32(), left.TextAt("roles/0/name"),
                left.At("roles/0/linkedGroupsCount").GetInt32()));
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await org.Admin.PostTextAsync(
                $"{Groups}/{ops}/addRoles", $"""["{a.Id}", "{Guid.NewGuid()}"]""")).StatusCode);
        Assert.Equal(
            1, (await org.Admin.GetAsync($"{Groups}/{ops}", Ct).OkAsync()).At("response/roleCount").GetInt32());
    }

    [Fact]
    public async Task Deleting_a_group_takes_its_members_out_and_deletes_no_user_and_no_role()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        await org.InviteAsync("pat@example.com", sendMail: false);
        var ops = await MakeAsync(org, "Ops", role.Id);
        await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", """["pat@example.com"]""").OkAsync();
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"{Groups}/{ops}")
        {
            Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json"),
        };

        var deleted = (await org.Admin.SendAsync(request, Ct).OkAsync()).At("response");
        Assert.Equal(
            ("Ops", 1, 1, "Reader"),
            (
                deleted.TextAt("name"), deleted.At("userCount").GetInt32(), deleted.At("roleCount").GetInt32(),
                deleted.TextAt("roles/0/name")));
        Assert.Equal(HttpStatusCode.NotFound, (await org.Admin.GetAsync($"{Groups}/{ops}", Ct)).StatusCode);
        Assert.Equal(
            ["Everyone"],
            (await org.Admin.GetAsync("/api/v2/user/pat@example.com", Ct).OkAsync()).At("userGroups").EnumerateArray()
                .Select(g => g.TextAt("name")!));
        Assert.Equal(
            0,
            (await org.Admin.GetAsync($"/api/v2/role/{role.Id}", Ct).OkAsync()).At("response/linkedGroupsCount")
                .GetInt32());
    }

    [Fact]
    public async Task System_groups_keep_their_name_and_members_and_cannot_be_deleted_but_take_roles()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        await org.ServiceAccountAsync("bot");
        foreach (var group in (await ListAsync(org)).At("items").EnumerateArray())
        {
            var path = $"{Groups}/{group.TextAt("id")}";
            Assert.Equal(
                (false, false, true),
                (
                    group.At("properties/nameEditable").GetBoolean(), group.At("properties/usersEditable").GetBoolean(),
                    group.At("properties/rolesEditable").GetBoolean()));
            Assert.Equal((1, 1), (group.At("userCount").GetInt32(), group.At("users").GetArrayLength()));
            Assert.Equal(
                HttpStatusCode.BadRequest,
                (await PutAsync(org, group.TextAt("id")!, """{ "name": "Mine" }""")).StatusCode);
            Assert.Equal(HttpStatusCode.BadRequest, (await org.Admin.DeleteAsync(path, Ct)).StatusCode);
            foreach (var move in new[] { "addUsers", "removeUsers" })
                foreach (var user in new[] { org.Created.Owner.Identifier, "nobody@example.com" })
                    Assert.Equal(
                        HttpStatusCode.BadRequest,
                        (await org.Admin.PostTextAsync($"{path}/{move}", $"""["{user}"]""")).StatusCode);
            var changed = await AnswerAsync(await PutAsync(
                org, group.TextAt("id")!, $$"""{ "name": "{{group.TextAt("name")}}", "roleIDs": ["{{role.Id}}"] }"""));
            Assert.Equal((group.TextAt("name"), "Reader"), (changed.TextAt("name"), changed.TextAt("roles/0/name")));
            Assert.Equal(
                0,
                (await AnswerAsync(await org.Admin.PostTextAsync($"{path}/removeRoles", $"""["{role.Id}"]""")))
                    .At("roleCount").GetInt32());
        }
    }

    [Fact]
    public async Task Granting_a_permission_to_a_group_was_withdrawn_and_is_a_404()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await MakeAsync(org, "Ops");
        foreach (var verb in new[] { "grant", "revoke" })
        {
            var answer = await org.Admin.PostTextAsync($"{Groups}/{verb}/alerts_management", $"""["{ops}"]""")
                .OkAsync(404);
            Assert.Equal("ERROR", answer.TextAt("status/result"));
            await org.Admin.GetAsync($"{Groups}/{verb}", Ct).AssertAsync(404, $$"""
                { "status": { "result": "ERROR", "message": "User group with id {{verb}} does not exist",
                "code": 404 } }
                """);
        }
    }

    [Fact]
    public async Task An_unknown_group_and_one_of_another_organization_are_the_same_404_on_every_path()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var foreign = await MakeAsync(other, "Theirs");
        foreach (var id in new[] { foreign, Guid.NewGuid().ToString(), "nonsense" })
        {
            var expected = $$"""
                { "status": { "result": "ERROR", "message": "User group with id {{id}} does not exist", "code": 404 } }
                """;
            await org.Admin.GetAsync($"{Groups}/{id}", Ct).AssertAsync(404, expected);
            await PutAsync(org, id, """{ "name": "X" }""").AssertAsync(404, expected);
            await org.Admin.DeleteAsync($"{Groups}/{id}", Ct).AssertAsync(404, expected);
            await org.Admin.PostTextAsync($"{Groups}/{id}/addUsers", $"""["{org.Created.Owner.Identifier}"]""")
                .AssertAsync(404, expected);
            await org.Admin.PostTextAsync($"{Groups}/{id}/removeRoles", "[]").AssertAsync(404, expected);
        }
    }

    [Fact]
    public async Task Groups_take_user_management()
    {
        var org = await app.CreateOrganizationAsync();
        var pat = await org.ActiveAsync("pat@example.com");
        var ops = await MakeAsync(org, "Ops");
        Assert.Equal(HttpStatusCode.Forbidden, (await pat.Client.GetAsync(Groups, Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await pat.Client.GetAsync($"{Groups}/{ops}", Ct)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Forbidden, (await pat.Client.PostTextAsync(Groups, """{ "name": "Mine" }""")).StatusCode);
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await pat.Client.PostTextAsync($"{Groups}/{ops}/addUsers", """["pat@example.com"]""")).StatusCode);
    }

    [Fact]
    public async Task What_a_groups_role_gives_is_there_and_gone_on_the_very_next_request()
    {
        var org = await app.CreateOrganizationAsync();
        var pat = await org.ActiveAsync("pat@example.com");
        var role = await org.RoleAsync("Managers", Permissions.UserManagement);
        var ops = await MakeAsync(org, "Ops", role.Id);
        var steps = new (string Path, string Body, HttpStatusCode Then)[]
        {
            ($"{Groups}/{ops}/addUsers", """["pat@example.com"]""", HttpStatusCode.OK),
            ($"{Groups}/{ops}/removeRoles", $"""["{role.Id}"]""", HttpStatusCode.Forbidden),
            ($"{Groups}/{ops}/addRoles", $"""["{role.Id}"]""", HttpStatusCode.OK),
            ($"{Groups}/{ops}/removeUsers", """["pat@example.com"]""", HttpStatusCode.Forbidden),
            ($"{Groups}/{ops}/addUsers", """["pat@example.com"]""", HttpStatusCode.OK),
            ("/api/v2/role/revoke/user_management", $"""["{role.Id}"]""", HttpStatusCode.Forbidden),
        };
        foreach (var (path, body, then) in steps)
        {
            await org.Admin.PostTextAsync(path, body).OkAsync();
            Assert.Equal(then, (await pat.Client.GetAsync(Groups, Ct)).StatusCode);
        }
    }

    [Fact]
    public async Task A_user_manager_hands_out_by_a_group_no_more_than_he_holds()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "max@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var (more, same) = (
            await org.RoleAsync("More", "ingestion"), await org.RoleAsync("Same", Permissions.UserManagement));
        var ops = await MakeAsync(org, "Ops", more.Id);
        var everyone = (await org.EveryoneAsync()).ToString();
        var refused = """
            { "status": { "result": "ERROR",
            "message": "You cannot grant or take away access that you do not hold yourself.", "code": 403 } }
            """;
        await manager.Client.PostTextAsync($"{Groups}/{ops}/addUsers", """["max@example.com"]""")
            .AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Groups}/{everyone}/addRoles", $"""["{more.Id}"]""")
            .AssertAsync(403, refused);
        await manager.Client.PutAsync(
            $"{Groups}/{everyone}", new StringContent($$"""{ "roleIDs": ["{{more.Id}}"] }"""), Ct)
            .AssertAsync(
                415, """{ "status": { "result": "ERROR", "message": "The body must be JSON.", "code": 415 } }""");
        await PutAsync(manager.Client, everyone, $$"""{ "roleIDs": ["{{more.Id}}"] }""").AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Groups}/{ops}/removeRoles", $"""["{more.Id}"]""")
            .AssertAsync(403, refused);
        await manager.Client.PostTextAsync(Groups, $$"""{ "name": "Mine", "roleIDs": ["{{more.Id}}"] }""")
            .AssertAsync(403, refused);
        await manager.Client.DeleteAsync($"{Groups}/{ops}", Ct).AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Groups}/{everyone}/addRoles", $"""["{same.Id}"]""").OkAsync();
        await manager.Client.PostTextAsync($"{Groups}/{everyone}/removeRoles", $"""["{same.Id}"]""").OkAsync();
    }

    [Fact]
    public async Task Whoever_puts_an_invited_user_into_a_group_must_cover_him_and_stands_for_the_offer_from_then_on()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "max@example.com", r => r with { Permissions = [Permissions.UserManagement, "ingestion"] });
        var (group, role) = (
            await MakeAsync(org, "Ops", (await org.RoleAsync("Ingesters", "ingestion")).Id),
            await org.RoleAsync("Others", "ingestion"));
        await org.InviteAsync("more@example.com", r => r with { Permissions = ["embedded_charts"] });
        await org.InviteAsync("less@example.com");

        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await manager.Client.PostTextAsync($"{Groups}/{group}/addUsers", """["more@example.com"]""")).StatusCode);
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await manager.Client.PostTextAsync(
                $"/api/v2/role/{role.Id}/addAssignees", """["more@example.com"]""")).StatusCode);
        await manager.Client.PostTextAsync($"{Groups}/{group}/addUsers", """["less@example.com"]""").OkAsync();
        Assert.Equal(manager.Member.Id, (await org.MemberAsync("less@example.com")).PendingInvitation!.SponsorId);
        await org.Admin.PostTextAsync($"/api/v2/role/{role.Id}/addAssignees", """["less@example.com"]""").OkAsync();
        Assert.Equal(org.Created.Owner.Id, (await org.MemberAsync("less@example.com")).PendingInvitation!.SponsorId);
    }

    [Fact]
    public async Task A_group_of_2500_shows_a_hundred_users_and_counts_them_all()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await MakeAsync(org, "Ops");
        for (var call = 0; call < 3; call++)
        {
            var rows = Enumerable.Range(call * 1000, call < 2 ? 1000 : 500).Select(i =>
                new NewInvitation($"m{i}@example.com") { Permissions = [], Groups = [Reference.To(Guid.Parse(ops))] });
            await org.TryInviteAsync([.. rows], how: Steps.RefuseSecond with { SendMail = false });
        }

        foreach (var group in new[]
            {
                (await org.Admin.GetAsync($"{Groups}/{ops}", Ct).OkAsync()).At("response"),
                (await ListAsync(org, "?offset=2")).At("items/0"),
            })
            Assert.Equal((2500, 100), (group.At("userCount").GetInt32(), group.At("users").GetArrayLength()));
        Assert.Equal(
            (2501, 100),
            (
                (await ListAsync(org)).At("items/0/userCount").GetInt32(),
                (await ListAsync(org)).At("items/0/users").GetArrayLength()));
        var out1000 = JsonSerializer.Serialize(Enumerable.Range(0, 1000).Select(i => $"m{i}@example.com"));
        Assert.Equal(
            1500,
            (await AnswerAsync(await org.Admin.PostTextAsync($"{Groups}/{ops}/removeUsers", out1000))).At("userCount")
                .GetInt32());
        var tooMany = JsonSerializer.Serialize(Enumerable.Range(0, 1001).Select(i => $"m{i}@example.com"));
        await org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", tooMany).AssertAsync(
            400, """
                { "status": { "result": "ERROR", "message": "At most 1,000 entries are allowed in one request.",
                "code": 400 } }
                """);
        Assert.Equal(
            1500, (await org.Admin.GetAsync($"{Groups}/{ops}", Ct).OkAsync()).At("response/userCount").GetInt32());
    }

    [Fact]
    public async Task A_body_in_chunks_without_a_length_is_read()
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Groups)
        {
            Content = new StringContent("""{ "name": "Ops" }""", System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = true;
        Assert.Equal("Ops", (await org.Admin.SendAsync(request, Ct).OkAsync()).TextAt("response/name"));
    }

    [Fact]
    public async Task Of_many_renames_to_one_name_at_once_one_wins()
    {
        var org = await app.CreateOrganizationAsync();
        var ids = new List<string>();
        for (var i = 0; i < 8; i++) ids.Add(await MakeAsync(org, $"G{i}"));
        var answers = await Steps.AtOnceAsync(8, i => PutAsync(org, ids[i], """{ "name": "One" }"""));

        Assert.Single(answers, a => a.StatusCode is HttpStatusCode.OK);
        Assert.Equal(7, answers.Count(a => a.StatusCode is HttpStatusCode.Conflict));
        Assert.Single((await ListAsync(org)).At("items").EnumerateArray(), g => g.TextAt("name") is "One");
    }

    [Fact]
    public async Task Adding_a_user_while_he_is_removed_leaves_no_trace_of_him_in_the_group()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await MakeAsync(org, "Ops");
        for (var round = 0; round < 5; round++)
        {
            var email = $"gone{round}@example.com";
            await org.InviteAsync(email, sendMail: false);
            var member = await org.MemberAsync(email);
            var adding = Task.Run(() => org.Admin.PostTextAsync($"{Groups}/{ops}/addUsers", $"""["{email}"]"""), Ct);
            var removed = await app.WithAsync<MemberService, Result<Member>>(s =>
                s.RemoveAsync(org.System, member.Id, Ct));
            Assert.Null(removed.Error);
            Assert.Contains((await adding).StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.NotFound });
            Assert.Equal(
                0, (await org.Admin.GetAsync($"{Groups}/{ops}", Ct).OkAsync()).At("response/userCount").GetInt32());
        }
    }

    [Fact]
    public async Task A_look_costs_the_caller_one_read_and_one_for_the_counts()
    {
        await using var own = await UsherApp.StartAsync([], workers: false);
        var org = await own.CreateOrganizationAsync();
        var (ops, role) = (await MakeAsync(org, "Ops"), await org.RoleAsync("Reader"));
        foreach (var path in new[]
            {
                Groups, $"{Groups}/{ops}", "/api/v2/role", $"/api/v2/role/{role.Id}", "/api/v2/customer/preferences",
                "/api/v2/customer/preferences/defaultUserGroups",
            })
            await AssertCostAsync(path, () => org.Admin.GetAsync(path, Ct));
        foreach (var what in new[] { "user", "account", "usergroup", "role" })
            await AssertCostAsync(
                what,
                () =>
                    org.Admin.PostTextAsync(
                        $"/api/v2/search/{what}", """{ "query": [{ "key": "freetext", "value": "o" }] }"""));

        async Task AssertCostAsync(string what, Func<Task<HttpResponseMessage>> call)
        {
            await call().OkAsync(); // groups and roles are read once
            own.Commands.Total.Take();
            await call().OkAsync();
            // Who calls, what is asked for, and, where any are shown, how many members each group and role has.
            Assert.Equal(
                (what, 0, what is "user" or "account" ? 2 : 3),
                (what, own.Commands.Total.Commits, own.Commands.Total.Take().Count));
        }
    }

    private static async Task<string> MakeAsync(TestOrganization org, string name, params Guid[] roles) =>
        (await AnswerAsync(await org.Admin.PostTextAsync(
            Groups, JsonSerializer.Serialize(new { name, roleIDs = roles })))).TextAt("id")!;

    private static async Task<JsonElement> ListAsync(TestOrganization org, string query = "") =>
        (await org.Admin.GetAsync(Groups + query, Ct).OkAsync()).At("response");

    private static Task<HttpResponseMessage> PutAsync(TestOrganization org, string id, string body) =>
        PutAsync(org.Admin, id, body);

    private static Task<HttpResponseMessage> PutAsync(HttpClient client, string id, string body) =>
        client.PutAsync($"{Groups}/{id}", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Ct);

    private static async Task<JsonElement> AnswerAsync(HttpResponseMessage answer) =>
        (await Task.FromResult(answer).OkAsync()).At("response");

    private static IEnumerable<string> Texts(JsonElement array) => array.EnumerateArray().Select(e => e.GetString()!);
}
