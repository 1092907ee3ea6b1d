using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Roles: what they give, who holds them.</summary>
public sealed class WavefrontRoleTests(UsherApp app)
{
    private const string Roles = "/api/v2/role";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_role_is_made_and_answered_whole_with_a_200()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await org.Admin.PostTextAsync(Roles, """
            { "id": "", "name": "Reader", "permissions": ["ingestion", "alerts_management", "browse", "ingestion"],
            "junk": {} }
            """);
        var made = (await Task.FromResult(answer).OkAsync()).At("response");
        await answer.AssertAsync(200, $$"""
            { "status": { "result": "OK", "message": "", "code": 200 }, "response": {
              "id": "{{made.TextAt("id")}}", "name": "Reader", "description": "", "customer": "{{org.Slug}}",
                "permissions": ["alerts_management", "ingestion"], "restrictedPermissions": [],
              "properties": { "nameEditable": true, "usersAddable": true, "usersRemovable": true,
                "permsEditable": true, "deletable": true },
              "sampleLinkedGroups": [], "linkedGroupsCount": 0, "sampleLinkedAccounts": [], "linkedAccountsCount": 0,
              "createdEpochMillis": {{made.At("createdEpochMillis").GetInt64()}},
                "lastUpdatedMs": {{made.At("createdEpochMillis").GetInt64()}},
                "lastUpdatedAccountId": "{{org.Created.Owner.Identifier}}" } }
            """);
        Assert.Equal(
            await answer.BodyAsync(),
            Wire.Compact((await org.Admin.GetAsync($"{Roles}/{made.TextAt("id")}", Ct).OkAsync()).GetRawText()));
    }

    [Theory]
    [InlineData("""{ "permissions": [] }""", "name is required")]
    [InlineData("""{ "name": "X", "permissions": "ingestion" }""", "permissions must be an array of strings")]
    [InlineData("""{ "name": "X", "permissions": ["nonsense"] }""", "There is no permission nonsense.")]
    [InlineData("""{ "name": "X", "permissions": ["Ingestion"] }""", "There is no permission Ingestion.")]
    [InlineData("""["X"]""", "The body must be a JSON object.")]
    public async Task What_cannot_be_made_is_a_400_and_nothing_is_made(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync(Roles, body)
            .AssertAsync(400, $$"""{ "status": { "result": "ERROR", "message": "{{message}}", "code": 400 } }""");
        Assert.Equal(0, (await org.Admin.GetAsync(Roles, Ct).OkAsync()).At("response/totalItems").GetInt32());
    }

    [Fact]
    public async Task A_name_is_unique_and_of_many_renames_to_one_at_once_one_wins()
    {
        var org = await app.CreateOrganizationAsync();
        var ids = new List<Guid>();
        for (var i = 0; i < 8; i++) ids.Add((await org.RoleAsync($"R{i}")).Id);
        Assert.Equal(
            HttpStatusCode.Conflict, (await org.Admin.PostTextAsync(Roles, """{ "name": "r1" }""")).StatusCode);
        var answers = await Steps.AtOnceAsync(8, i => PutAsync(org, ids[i], """{ "name": "One" }"""));

        Assert.Single(answers, a => a.StatusCode is HttpStatusCode.OK);
        Assert.Equal(7, answers.Count(a => a.StatusCode is HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task An_update_changes_what_is_named_and_permissions_that_are_there_replace()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        var renamed = await AnswerAsync(PutAsync(
            org, role.Id, $$"""{ "id": "{{role.Id}}", "name": "Viewer", "description": "Looks" }"""));
        Assert.Equal(
            ("Viewer", "Looks", "alerts_management"),
            (renamed.TextAt("name"), renamed.TextAt("description"), renamed.TextAt("permissions/0")));
        Assert.Equal(org.Created.Owner.Identifier, renamed.TextAt("lastUpdatedAccountId"));

        var replaced = await AnswerAsync(PutAsync(org, role.Id, """
            { "id": "x", "name": "Viewer", "description": "Looks", "customer": "o", "permissions": ["ingestion"],
              "restrictedPermissions": ["ingestion"], "properties": { "nameEditable": false },
              "sampleLinkedGroups": [{}], "linkedGroupsCount": 9, "sampleLinkedAccounts": ["x"],
                "linkedAccountsCount": 9, "createdEpochMillis": 1, "lastUpdatedMs": 1, "lastUpdatedAccountId": "x" }
            """));
        Assert.Equal("""["ingestion"]""", replaced.At("permissions").GetRawText());
        Assert.Equal(
            (0, 0, role.CreatedAt.ToUnixTimeMilliseconds()),
            (
                replaced.At("linkedGroupsCount").GetInt32(), replaced.At("linkedAccountsCount").GetInt32(),
                replaced.At("createdEpochMillis").GetInt64()));
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await PutAsync(org, role.Id, """{ "name": "Other", "permissions": ["nonsense"] }""")).StatusCode);
        Assert.Equal("Viewer", (await org.Admin.GetAsync($"{Roles}/{role.Id}", Ct).OkAsync()).TextAt("response/name"));
    }

    [Fact]
    public async Task Accounts_and_groups_are_assigned_mixed_and_shown_without_nesting()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        await org.InviteAsync("Kim@example.com", sendMail: false);
        await org.ServiceAccountAsync("bot");
        var ops = await org.GroupAsync(new("Ops") { Description = "On call" });
        var answer = await AnswerAsync(org.Admin.PostTextAsync(
            $"{Roles}/{role.Id}/addAssignees",
            $"""["kim@EXAMPLE.com", "{ops.Id}", "sa::bot", "{await org.EveryoneAsync()}", "{ops.Id}"]"""));

        Assert.Equal((2, 2), (answer.At("linkedGroupsCount").GetInt32(), answer.At("linkedAccountsCount").GetInt32()));
        Assert.Equal(
            ["Kim@example.com", "sa::bot"],
            answer.At("sampleLinkedAccounts").EnumerateArray().Select(a => a.GetString()!)
                .Order(StringComparer.Ordinal));
        Assert.Equal(
            ["Everyone", "Ops"], answer.At("sampleLinkedGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(
            Wire.Compact($$"""
                { "id": "{{ops.Id}}", "name": "Ops", "customer": "{{org.Slug}}", "description": "On call",
                "userCount": 0, "properties": { "nameEditable": true, "usersEditable": true, "rolesEditable": true } }
                """),
            Wire.Compact(answer.At("sampleLinkedGroups/1").GetRawText()));
        Assert.Equal(
            Wire.Compact(answer.GetRawText()),
            Wire.Compact((await org.Admin.GetAsync($"{Roles}/{role.Id}", Ct).OkAsync()).At("response").GetRawText()));
        Assert.Equal(
            Wire.Compact(answer.GetRawText()),
            Wire.Compact((await org.Admin.GetAsync(Roles, Ct).OkAsync()).At("response/items/0").GetRawText()));

        var less = await AnswerAsync(org.Admin.PostTextAsync(
            $"{Roles}/{role.Id}/removeAssignees", $"""["kim@example.com", "{ops.Id}"]"""));
        Assert.Equal(
            ("sa::bot", "Everyone"), (less.TextAt("sampleLinkedAccounts/0"), less.TextAt("sampleLinkedGroups/0/name")));
        Assert.Equal((1, 1), (less.At("linkedGroupsCount").GetInt32(), less.At("linkedAccountsCount").GetInt32()));
    }

    [Fact]
    public async Task An_assignee_who_does_not_exist_is_a_404_and_nothing_is_assigned()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader");
        await org.InviteAsync("kim@example.com", sendMail: false);
        foreach (var unknown in new[]
            {
                "nobody@example.com", "nonsense", "sa::nobody", "a\\u0000b", Guid.NewGuid().ToString(),
            })
        {
            foreach (var verb in new[] { "addAssignees", "removeAssignees" })
                Assert.Equal(
                    HttpStatusCode.NotFound,
                    (await org.Admin.PostTextAsync(
                        $"{Roles}/{role.Id}/{verb}", $"""["kim@example.com", "{unknown}"]""")).StatusCode);
        }

        Assert.Equal(
            0,
            (await org.Admin.GetAsync($"{Roles}/{role.Id}", Ct).OkAsync()).At("response/linkedAccountsCount")
                .GetInt32());
        Assert.Equal(
            0,
            (await AnswerAsync(org.Admin.PostTextAsync($"{Roles}/{role.Id}/addAssignees", "[]")))
                .At("linkedAccountsCount").GetInt32());
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await org.Admin.PostTextAsync($"{Roles}/{role.Id}/addAssignees", "{}")).StatusCode);
    }

    [Fact]
    public async Task A_permission_is_granted_to_and_revoked_from_several_roles_and_unknown_roles_are_ignored_with_202()
    {
        var org = await app.CreateOrganizationAsync();
        var (a, b, unknown) = (await org.RoleAsync("A"), await org.RoleAsync("B", "ingestion"), Guid.NewGuid());
        var first = await AnswerAsync(org.Admin.PostTextAsync($"{Roles}/grant/ingestion", $"""["{a.Id}", "{b.Id}"]"""));
        Assert.Equal(("A", "ingestion"), (first.TextAt("name"), first.TextAt("permissions/0")));
        var some = await org.Admin.PostTextAsync(
            $"{Roles}/revoke/ingestion", $"""["{unknown}", "nonsense", "{b.Id}", "{a.Id}"]""").OkAsync(202);
        Assert.Equal(
            ($"Invalid roles found and ignored [{unknown}, nonsense]", "B", 0),
            (
                some.TextAt("status/message"), some.TextAt("response/name"),
                some.At("response/permissions").GetArrayLength()));
        Assert.Equal(
            0, (await org.Admin.GetAsync($"{Roles}/{a.Id}", Ct).OkAsync()).At("response/permissions").GetArrayLength());

        Assert.Equal(
            HttpStatusCode.NotFound,
            (await org.Admin.PostTextAsync($"{Roles}/grant/ingestion", $"""["{unknown}"]""")).StatusCode);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await org.Admin.PostTextAsync($"{Roles}/grant/nonsense", $"""["{a.Id}"]""")).StatusCode);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await org.Admin.PostTextAsync($"{Roles}/grant/ingestion", "[]")).StatusCode);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await org.Admin.PostTextAsync($"{Roles}/grant/ingestion", "{}")).StatusCode);
        Assert.Equal(
            0,
            (await AnswerAsync(org.Admin.PostTextAsync($"{Roles}/grant/browse", $"""["{a.Id}"]"""))).At("permissions")
                .GetArrayLength());
    }

    [Fact]
    public async Task Deleting_a_role_takes_it_from_all_accounts_and_groups_at_once()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Managers", Permissions.UserManagement);
        var direct = await org.ActiveAsync("direct@example.com", r => r with { Roles = [Reference.To(role.Id)] });
        var grouped = await org.ActiveAsync("grouped@example.com");
        var ops = await org.GroupAsync(
            new("Ops") { Roles = [Reference.To(role.Id)], Members = [new(Id: grouped.Member.Id)] });
        foreach (var caller in new[] { direct, grouped }) await caller.Client.GetAsync(Roles, Ct).OkAsync();

        var deleted = await AnswerAsync(org.Admin.DeleteAsync($"{Roles}/{role.Id}", Ct));
        Assert.Equal(
            ("Managers", "user_management", 1, 1),
            (
                deleted.TextAt("name"), deleted.TextAt("permissions/0"), deleted.At("linkedGroupsCount").GetInt32(),
                deleted.At("linkedAccountsCount").GetInt32()));
        foreach (var caller in new[] { direct, grouped })
            Assert.Equal(HttpStatusCode.Forbidden, (await caller.Client.GetAsync(Roles, Ct)).StatusCode);
        Assert.Equal(
            0,
            (await org.Admin.GetAsync($"/api/v2/usergroup/{ops.Id}", Ct).OkAsync()).At("response/roleCount")
                .GetInt32());
        await org.Admin.GetAsync($"{Roles}/{role.Id}", Ct).AssertAsync(404, $$"""
            { "status": { "result": "ERROR", "message": "Role with id {{role.Id}} does not exist", "code": 404 } }
            """);
    }

    [Fact]
    public async Task A_user_manager_gives_by_a_role_no_more_than_he_holds()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "max@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var (more, own) = (
            await org.RoleAsync("More", "ingestion"), await org.RoleAsync("Own", Permissions.UserManagement));
        var refused = """
            { "status": { "result": "ERROR",
            "message": "You cannot grant or take away access that you do not hold yourself.", "code": 403 } }
            """;
        await manager.Client.PostTextAsync($"{Roles}/{more.Id}/addAssignees", """["max@example.com"]""")
            .AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Roles}/grant/ingestion", $"""["{own.Id}"]""").AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Roles}/revoke/ingestion", $"""["{more.Id}"]""").AssertAsync(403, refused);
        await manager.Client.PostTextAsync(Roles, """{ "name": "Mine", "permissions": ["ingestion"] }""")
            .AssertAsync(403, refused);
        await PutAsync(manager.Client, own.Id, """{ "permissions": ["ingestion", "user_management"] }""")
            .AssertAsync(403, refused);
        await manager.Client.DeleteAsync($"{Roles}/{more.Id}", Ct).AssertAsync(403, refused);
        await manager.Client.PostTextAsync($"{Roles}/{own.Id}/addAssignees", $"""["{await org.EveryoneAsync()}"]""")
            .OkAsync();
    }

    [Fact]
    public async Task Roles_take_user_management_and_those_of_others_are_unknown()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var pat = await org.ActiveAsync("pat@example.com");
        var (mine, foreign) = (await org.RoleAsync("Mine"), await other.RoleAsync("Theirs"));
        Assert.Equal(HttpStatusCode.Forbidden, (await pat.Client.GetAsync($"{Roles}/{mine.Id}", Ct)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await pat.Client.PostTextAsync($"{Roles}/{mine.Id}/addAssignees", """["pat@example.com"]""")).StatusCode);
        foreach (var id in new[] { foreign.Id.ToString(), "nonsense" })
        {
            var expected = $$"""
                { "status": { "result": "ERROR", "message": "Role with id {{id}} does not exist", "code": 404 } }
                """;
            await org.Admin.GetAsync($"{Roles}/{id}", Ct).AssertAsync(404, expected);
            await org.Admin.DeleteAsync($"{Roles}/{id}", Ct).AssertAsync(404, expected);
            await org.Admin.PostTextAsync($"{Roles}/{id}/removeAssignees", """["pat@example.com"]""")
                .AssertAsync(404, expected);
            await org.Admin.PostTextAsync($"{Roles}/grant/ingestion", $"""["{id}"]""").AssertAsync(404, expected);
        }

        Assert.Equal(
            HttpStatusCode.NotFound,
            (await org.Admin.PostTextAsync(
                $"{Roles}/{mine.Id}/addAssignees", $"""["{await other.EveryoneAsync()}"]""")).StatusCode);
    }

    [Fact]
    public async Task A_sample_has_a_hundred_accounts_and_the_count_all()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader");
        await org.TryInviteAsync(
            [
                .. Enumerable.Range(0, 150).Select(i =>
                    new NewInvitation($"m{i}@example.com")
                    {
                        Permissions = [], Groups = [], Roles = [Reference.To(role.Id)],
                    })],
            how: Steps.RefuseSecond with { SendMail = false });
        var shown = (await org.Admin.GetAsync($"{Roles}/{role.Id}", Ct).OkAsync()).At("response");
        Assert.Equal(
            (150, 100),
            (shown.At("linkedAccountsCount").GetInt32(), shown.At("sampleLinkedAccounts").GetArrayLength()));
    }

    private static async Task<JsonElement> AnswerAsync(Task<HttpResponseMessage> asked) =>
        (await asked.OkAsync()).At("response");

    private static Task<HttpResponseMessage> PutAsync(TestOrganization org, Guid id, string body) =>
        PutAsync(org.Admin, id, body);

    private static Task<HttpResponseMessage> PutAsync(HttpClient client, Guid id, string body) =>
        client.PutAsync($"{Roles}/{id}", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Ct);
}
