using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class WavefrontInviteTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Several_people_are_answered_with_the_first_on_top_and_all_in_the_response()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, reader) = (
            await org.GroupAsync(new("Ops") { Description = "On call" }),
            await org.RoleAsync("Reader", "alerts_management"));
        var answer = await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "Sam@example.com", "groups": ["events_management", "dashboard_management"],
              "userGroups": ["{{ops.Id}}"], "roles": [] },
             { "emailAddress": "kim@example.com", "groups": [], "userGroups": [], "roles": ["{{reader.Id}}"] }]
            """);

        var everyone = $$"""
            { "id": "{{await org.EveryoneAsync()}}", "name": "Everyone", "customer": "{{org.Slug}}",
              "description": "System group which contains all users", "userCount": 3,
              "properties": { "nameEditable": false, "usersEditable": false, "rolesEditable": true }, "roles": [] }
            """;
        var sam = $$"""
            "identifier": "Sam@example.com", "customer": "{{org.Slug}}", "groups": ["dashboard_management",
              "events_management"],
            "userGroups": [{{everyone}}, { "id": "{{ops.Id}}", "name": "Ops", "customer": "{{org.Slug}}",
              "description": "On call", "userCount": 1,
                "properties": { "nameEditable": true, "usersEditable": true, "rolesEditable": true }, "roles": [] }],
            "roles": []
            """;
        var kim = $$"""
            "identifier": "kim@example.com", "customer": "{{org.Slug}}", "groups": [], "userGroups": [{{everyone}}],
              "roles": [{{Json(org, reader, groups: 0, members: 1)}}]
            """;
        await answer.AssertAsync(200, $$"""
            { {{sam}}, "status": { "result": "OK", "message": "", "code": 200 }, "response": [{ {{sam}} },
            { {{kim}} }] }
            """);
        Assert.Equal(["sam@example.com", "kim@example.com"], (await org.OutboxAsync()).Select(m => m.Recipient));
    }

    [Fact]
    public async Task A_role_inside_a_group_inside_a_user_is_whole_but_without_samples()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.RoleAsync("Reader", "metrics_management", "alerts_management");
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(reader.Id)] });
        var answer = await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "sam@example.com", "groups": [], "userGroups": ["{{ops.Id}}"],
              "roles": ["{{reader.Id}}"] }]
            """).OkAsync();

        var role = Wire.Compact(Json(org, reader, groups: 1, members: 1));
        Assert.Equal($"[{role}]", Wire.Compact(answer.At("roles").GetRawText()));
        Assert.Equal($"[{role}]", Wire.Compact(answer.At("userGroups/1/roles").GetRawText()));
        Assert.Equal(
            ["id", "name", "customer", "description", "userCount", "properties", "roles"],
            answer.At("userGroups/1").Names());
    }

    [Theory]
    [InlineData("")]
    [InlineData(""", "groups": null""")]
    public async Task Without_permissions_named_the_organizations_defaults_are_given(string groups)
    {
        var org = await app.CreateOrganizationAsync(o => o.DefaultPermissions = ["events_management", "ingestion"]);
        var answer = await InviteAsync(
            org.Admin, $$"""[{ "emailAddress": "sam@example.com"{{groups}}, "userGroups": [] }]""").OkAsync();

        Assert.Equal("""["events_management","ingestion"]""", answer.At("groups").GetRawText());
        Assert.Equal(
            ["events_management", "ingestion"], (await org.MemberAsync("sam@example.com")).Permissions.Order());
    }

    [Fact]
    public async Task With_an_empty_list_of_permissions_none_are_given()
    {
        var org = await app.CreateOrganizationAsync(o => o.DefaultPermissions = ["events_management"]);
        var answer = await InviteAsync(org.Admin, """[{ "emailAddress": "sam@example.com", "groups": [] }]""")
            .OkAsync();

        Assert.Equal("[]", answer.At("groups").GetRawText());
    }

    [Theory]
    [InlineData("")]
    [InlineData(""", "userGroups": null""")]
    [InlineData(""", "userGroups": []""")]
    public async Task Without_groups_named_the_default_groups_are_joined(string userGroups)
    {
        var org = await app.CreateOrganizationAsync();
        await org.GroupAsync(new("Newcomers") { IsDefault = true });
        await org.GroupAsync(new("Ops"));
        var answer = await InviteAsync(
            org.Admin,
            $$"""[{ "emailAddress": "sam@example.com", "groups": []{{userGroups}}, "roles": null }]""").OkAsync();

        Assert.Equal(
            ["Everyone", "Newcomers"], answer.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
    }

    [Fact]
    public async Task With_groups_named_exactly_those_are_joined_beside_everyone()
    {
        var org = await app.CreateOrganizationAsync();
        await org.GroupAsync(new("Newcomers") { IsDefault = true });
        var (ops, everyone) = (await org.GroupAsync(new("Ops")), await org.EveryoneAsync());
        var answer = await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "sam@example.com", "userGroups": ["{{ops.Id}}", "{{everyone}}", "{{ops.Id}}"] }]
            """).OkAsync();

        Assert.Equal(["Everyone", "Ops"], answer.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
    }

    [Fact]
    public async Task Browse_is_taken_and_not_kept_and_a_permission_named_twice_is_had_once()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await InviteAsync(org.Admin, """
            [{ "emailAddress": "sam@example.com", "groups": ["browse", "ingestion", "browse", "ingestion"] }]
            """).OkAsync();

        Assert.Equal("""["ingestion"]""", answer.At("groups").GetRawText());
        Assert.Equal("ingestion", Assert.Single((await org.MemberAsync("sam@example.com")).Permissions));
    }

    [Theory]
    [InlineData("no_such_thing", "There is no permission no_such_thing.")]
    [InlineData("Alerts_Management", "There is no permission Alerts_Management.")]
    [InlineData("", "There is no permission .")]
    public async Task An_unknown_permission_refuses_all(string permission, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "sam@example.com", "groups": ["ingestion"] }, { "emailAddress": "kim@example.com",
              "groups": ["ingestion", "{{permission}}"] }]
            """).AssertAsync(400, $$"""{ "status": { "result": "ERROR", "message": "{{message}}", "code": 400 } }""");
        await AssertNobodyCameAsync(org);
    }

    [Theory]
    [InlineData("kim")]
    [InlineData("Kim <kim@example.com>")]
    [InlineData("kim@example.com, lou@example.com")]
    [InlineData("sa::kim")]
    public async Task A_malformed_address_refuses_all(string address)
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org.Admin, $$"""[{ "emailAddress": "sam@example.com" }, { "emailAddress": "{{address}}" }]""")
            .AssertAsync(400, $$"""
                { "status": { "result": "ERROR", "message": "{{address}} is not an e-mail address", "code": 400 } }
                """);
        await AssertNobodyCameAsync(org);
    }

    [Fact]
    public async Task Those_who_are_there_already_are_left_alone_and_named()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("ann@example.com");
        await org.InviteAsync("bob@example.com", sendMail: false);
        var answer = await InviteAsync(org.Admin, """
            [{ "emailAddress": "Ann@example.com", "groups": ["ingestion"] }, { "emailAddress": "sam@example.com" },
              { "emailAddress": "bob@example.com", "groups": ["ingestion"] },
             { "emailAddress": "kim@example.com" }]
            """).OkAsync(202);

        Assert.Equal(
            """
            {"result":"OK","message":"Existing users found and ignored [Ann@example.com, bob@example.com]","code":202}
            """,
            Wire.Compact(answer.At("status").GetRawText()));
        Assert.Equal("sam@example.com", answer.TextAt("identifier"));
        Assert.Equal(
            ["sam@example.com", "kim@example.com"],
            answer.At("response").EnumerateArray().Select(u => u.TextAt("identifier")!));
        Assert.All(await org.MembersAsync(), m => Assert.Empty(m.Permissions));
        Assert.Equal(["sam@example.com", "kim@example.com"], (await org.OutboxAsync()).Select(m => m.Recipient));
    }

    [Fact]
    public async Task When_all_are_there_already_it_is_a_conflict_that_names_the_first()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("ann@example.com");
        await org.InviteAsync("bob@example.com", sendMail: false);
        await InviteAsync(org.Admin, """
            [{ "emailAddress": "Bob@Example.com", "groups": ["ingestion"] }, { "emailAddress": "ann@example.com" }]
            """)
            .AssertAsync(409, """
                { "status": { "result": "ERROR",
                "message": "User with id Bob@Example.com is already created in our system.", "code": 409 } }
                """);
        Assert.All(await org.MembersAsync(), m => Assert.Empty(m.Permissions));
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task Groups_and_roles_that_do_not_exist_are_left_out_and_named()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        var (theirs, foreign) = (
            await other.GroupAsync(new("Theirs")), await other.RoleAsync("Foreign", "alerts_management"));
        await org.InviteAsync("bob@example.com", sendMail: false);
        var answer = await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "bob@example.com", "userGroups": ["left-alone"] },
             { "emailAddress": "sam@example.com", "userGroups": ["{{theirs.Id}}", "{{ops.Id}}", "Ops"],
               "roles": ["{{foreign.Id}}", "{{reader.Id}}"] },
             { "emailAddress": "kim@example.com", "userGroups": ["{{theirs.Id}}"], "roles": [""] }]
            """).OkAsync(202);

        Assert.Equal(
            $"Existing users found and ignored [bob@example.com]; Invalid user groups found and ignored "
                + $"[{theirs.Id}, Ops]; Invalid roles found and ignored [{foreign.Id}, ]",
            answer.TextAt("status/message"));
        Assert.Equal(["Everyone", "Ops"], answer.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(["Reader"], answer.At("roles").EnumerateArray().Select(r => r.TextAt("name")!));
        Assert.Equal(["Everyone"], answer.At("response/1/userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
    }

    [Fact]
    public async Task A_name_that_is_very_long_is_repeated_cut()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "sam@example.com", "userGroups": ["{{new string('x', 1024 * 1024)}}"] }]
            """).OkAsync(202);

        Assert.Equal(
            $"Invalid user groups found and ignored [{new string('x', 255)}]", answer.TextAt("status/message"));
    }

    [Fact]
    public async Task An_address_given_twice_in_one_request_is_invited_once()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await InviteAsync(org.Admin, """
            [{ "emailAddress": "Sam@example.com", "groups": ["ingestion"] }, { "emailAddress": "kim@example.com" },
             { "emailAddress": "sam@EXAMPLE.com ", "groups": ["events_management"] }]
            """).OkAsync();

        Assert.Equal(
            ["Sam@example.com", "kim@example.com"],
            answer.At("response").EnumerateArray().Select(u => u.TextAt("identifier")!));
        Assert.Equal("""["ingestion"]""", answer.At("groups").GetRawText());
        Assert.Equal(["sam@example.com", "kim@example.com"], (await org.OutboxAsync()).Select(m => m.Recipient));
    }

    [Fact]
    public async Task What_other_clients_send_along_is_ignored_and_the_body_may_come_in_chunks()
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v2/user/invite");
        request.Headers.TransferEncodingChunked = true;
        request.Content = new StringContent("""
            [{ "emailAddress": "sam@example.com", "identifier": "other@example.com", "customer": "elsewhere",
              "ingestionPolicyId": "x", "ingestionPolicies": [], "Roles": null,
               "lastSuccessfulLogin": 7, "unknown": { "groups": ["user_management"] } }]
            """, Encoding.UTF8, "application/json");
        var answer = await org.Admin.SendAsync(request, Ct).OkAsync();

        Assert.Equal(("sam@example.com", org.Slug), (answer.TextAt("identifier"), answer.TextAt("customer")));
        Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles", "status", "response"], answer.Names());
    }

    [Fact]
    public async Task A_former_member_comes_back_as_somebody_new()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await org.GroupAsync(new("Ops"));
        await InviteAsync(org.Admin, $$"""
            [{ "emailAddress": "sam@example.com", "groups": ["ingestion"], "userGroups": ["{{ops.Id}}"] }]
            """).OkAsync();
        var old = await org.MemberAsync("sam@example.com");
        await org.RemoveAsync("sam@example.com");
        var answer = await InviteAsync(org.Admin, """[{ "emailAddress": "sam@example.com", "groups": [] }]""")
            .OkAsync();

        Assert.Equal("[]", answer.At("groups").GetRawText());
        Assert.Equal(["Everyone"], answer.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(2, answer.At("userGroups/0/userCount").GetInt32());
        Assert.NotEqual(old.Id, (await org.MemberAsync("sam@example.com")).Id);
    }

    [Fact]
    public async Task It_takes_user_management_and_no_less()
    {
        var org = await app.CreateOrganizationAsync();
        var power = await org.ActiveAsync(
            "power@example.com",
            r => r with { Role = BuiltInRole.PowerUser, Permissions = [Permissions.TokenManagement] });
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var role = await org.RoleAsync("Managers", Permissions.UserManagement);
        var group = await org.GroupAsync(new("Human resources") { Roles = [Reference.To(role.Id)] });
        var indirect = await org.ActiveAsync("indirect@example.com", r => r with { Groups = [Reference.To(group.Id)] });

        await InviteAsync(power.Client, """[{ "emailAddress": "sam@example.com" }]""")
            .AssertAsync(
                403, """{ "status": { "result": "ERROR", "message": "You may not do this.", "code": 403 } }""");
        await InviteAsync(manager.Client, """[{ "emailAddress": "sam@example.com" }]""").OkAsync();
        await InviteAsync(indirect.Client, """[{ "emailAddress": "kim@example.com" }]""").OkAsync();
    }

    [Fact]
    public async Task Nobody_hands_out_what_he_does_not_hold_by_permission_role_or_group()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var (role, ops) = (
            await org.RoleAsync("Watchers", "alerts_management"),
            await org.GroupAsync(new("Ops") { Permissions = ["ingestion"] }));
        foreach (var grant in new[]
            {
                """ "groups": ["alerts_management"] """, $$""" "roles": ["{{role.Id}}"] """,
                $$""" "userGroups": ["{{ops.Id}}"] """,
            })
        {
            await InviteAsync(
                manager.Client,
                $$"""[{ "emailAddress": "sam@example.com" }, { "emailAddress": "kim@example.com", {{grant}} }]""")
                .AssertAsync(403, """
                    { "status": { "result": "ERROR",
                    "message": "You cannot grant or take away access that you do not hold yourself.", "code": 403 } }
                    """);
        }

        Assert.Equal(2, (await org.MembersAsync()).Count);
        await InviteAsync(manager.Client, """[{ "emailAddress": "sam@example.com", "groups": ["user_management"] }]""")
            .OkAsync();
    }

    [Fact]
    public async Task A_read_only_key_cannot_invite()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.ActiveAsync(
            "reader@example.com", r => r with { Role = BuiltInRole.Admin }, readOnlyKey: true);

        await InviteAsync(reader.Client, """[{ "emailAddress": "sam@example.com" }]""")
            .AssertAsync(
                403, """{ "status": { "result": "ERROR", "message": "This API key may only read.", "code": 403 } }""");
        await reader.Client.GetAsync("/api/v2/user", Ct).OkAsync();
    }

    [Fact]
    public async Task What_the_organization_does_not_allow_refuses_all()
    {
        var org = await app.CreateOrganizationAsync(o => o.AllowedEmailDomains = ["example.com"]);
        await InviteAsync(
            org.Admin, """[{ "emailAddress": "sam@example.com" }, { "emailAddress": "kim@elsewhere.test" }]""")
            .AssertAsync(400, """
                { "status": { "result": "ERROR", "message": "The organization does not allow addresses of this domain.",
                "code": 400 } }
                """);
        await app.WithAsync<OrganizationService, Core.Result<Organization>>(s =>
            s.SetSeatLimitAsync(org.System, 2, Ct));
        await InviteAsync(
            org.Admin, """[{ "emailAddress": "sam@example.com" }, { "emailAddress": "kim@example.com" }]""")
            .AssertAsync(409, """
                { "status": { "result": "ERROR", "message": "The organization has no free seat.", "code": 409 } }
                """);
        await AssertNobodyCameAsync(org);
    }

    [Fact]
    public async Task More_than_a_thousand_at_once_are_refused()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(
            org.Admin,
            JsonSerializer.Serialize(Enumerable.Range(0, 1001).Select(i =>
                new { emailAddress = $"user{i}@example.com" })))
            .AssertAsync(400, """
                { "status": { "result": "ERROR", "message": "At most 1,000 people can be invited in one call.",
                "code": 400 } }
                """);
        await AssertNobodyCameAsync(org);
    }

    private static Task<HttpResponseMessage> InviteAsync(HttpClient client, string users) =>
        client.PostTextAsync("/api/v2/user/invite", users);

    private static async Task AssertNobodyCameAsync(TestOrganization org)
    {
        Assert.Equal([org.Created.Owner.Id], (await org.MembersAsync()).Select(m => m.Id));
        Assert.Empty(await org.OutboxAsync());
    }

    private static string Json(TestOrganization org, Role role, int groups, int members) => $$"""
        { "id": "{{role.Id}}", "name": "{{role.Name}}", "description": "", "customer": "{{org.Slug}}",
          "permissions": [{{string.Join(", ",
            role.Permissions.Select(p => $"\"{p}\"").Order(StringComparer.Ordinal))}}], "restrictedPermissions": [],
          "properties": { "nameEditable": true, "usersAddable": true, "usersRemovable": true, "permsEditable": true,
            "deletable": true },
          "linkedGroupsCount": {{groups}}, "linkedAccountsCount": {{members}},
          "createdEpochMillis": {{role.CreatedAt.ToUnixTimeMilliseconds()}},
            "lastUpdatedMs": {{role.UpdatedAt.ToUnixTimeMilliseconds()}}, "lastUpdatedAccountId": "Usher" }
        """;
}
