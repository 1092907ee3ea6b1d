using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.DeployHq;

public sealed class DeployHqInviteTests(UsherApp app)
{
    private const string Taken = """{ "email_address": ["has already been taken"] }""";
    private const string MoreThanHeld =
        """{ "error": "Only account administrators can change permissions", "error_code": "forbidden" }""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_first_name_and_an_address_suffice_and_the_rest_has_its_defaults()
    {
        var org = await app.CreateOrganizationAsync(o => o.TimeZone = "Europe/Berlin");
        var answer = await InviteAsync(
            org.Admin, """{ "first_name": " Noor ", "email_address": " Noor@acme.test " }""");

        var member = await org.MemberAsync("noor@acme.test");
        await answer.AssertAsync(201, $$"""
            { "id": {{member.Number}}, "identifier": "{{member.Id}}", "first_name": "Noor", "last_name": "",
              "email_address": "Noor@acme.test", "time_zone": "Europe/Berlin",
              "account_administrator": false, "activated": false, "can_manage_users": false,
                "can_manage_billing": false, "can_create_projects": false,
              "can_manage_agents": false, "all_projects_allowed": false }
            """);
        Assert.Empty(member.Permissions);
        Assert.Equal("noor@acme.test", Assert.Single(await org.OutboxAsync()).Recipient);
    }

    [Fact]
    public async Task Members_that_are_null_count_as_not_given()
    {
        var org = await app.CreateOrganizationAsync();
        var user = await InviteAsync(org.Admin, """
            { "first_name": "Noor", "last_name": null, "email_address": "noor@acme.test", "time_zone": null }
            """).OkAsync(201);

        Assert.Equal(("", "Etc/UTC"), (user.TextAt("last_name"), user.TextAt("time_zone")));
    }

    [Theory]
    [InlineData("Europe/Berlin")]
    [InlineData("America/Argentina/Buenos_Aires")]
    [InlineData("Etc/UTC")]
    public async Task A_zone_of_the_TZ_database_is_kept(string zone)
    {
        var org = await app.CreateOrganizationAsync();
        var user = await InviteAsync(
            org.Admin,
            $$"""{ "first_name": "Noor", "email_address": "noor@acme.test", "time_zone": "{{zone}}" }""").OkAsync(201);

        Assert.Equal(zone, user.TextAt("time_zone"));
    }

    [Fact]
    public async Task An_administrator_is_shown_with_every_flag()
    {
        var org = await app.CreateOrganizationAsync();
        var user = await InviteAsync(org.Admin, """
            { "first_name": "Noor", "email_address": "noor@acme.test", "account_administrator": true,
              "can_manage_users": false }
            """).OkAsync(201);

        foreach (var flag in Flags) Assert.True(user.At(flag).GetBoolean(), flag);
        Assert.False(user.At("activated").GetBoolean());
        Assert.Equal(BuiltInRole.Admin, (await org.MemberAsync("noor@acme.test")).Role);
    }

    [Theory]
    [InlineData("can_manage_users", Permissions.UserManagement)]
    [InlineData("can_manage_billing", Permissions.BillingManagement)]
    [InlineData("can_create_projects", Permissions.ResourceCreation)]
    [InlineData("can_manage_agents", Permissions.AgentManagement)]
    [InlineData("all_projects_allowed", null)]
    public async Task Each_flag_gives_what_it_says_and_nothing_else(string flag, string? permission)
    {
        var org = await app.CreateOrganizationAsync();
        var user = await InviteAsync(
            org.Admin,
            $$"""{ "first_name": "Noor", "email_address": "noor@acme.test", "{{flag}}": true }""").OkAsync(201);

        foreach (var other in Flags) Assert.Equal(other == flag, user.At(other).GetBoolean());
        var member = await org.MemberAsync("noor@acme.test");
        Assert.Equal(permission is null ? [] : (string[])[permission], member.Permissions);
        Assert.Equal(permission is null, member.AllResources);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    [InlineData("1", true)]
    [InlineData("0", false)]
    [InlineData("\"1\"", true)]
    [InlineData("\"0\"", false)]
    [InlineData("\"true\"", true)]
    [InlineData("\"false\"", false)]
    public async Task Flags_are_taken_as_loosely_as_Rails_takes_them(string written, bool meant)
    {
        var org = await app.CreateOrganizationAsync();
        var user = await InviteAsync(org.Admin, $$"""
            { "first_name": "Noor", "email_address": "noor@acme.test", "can_manage_users": {{written}},
              "all_projects_allowed": {{written}}, "account_administrator": {{written}} }
            """).OkAsync(201);

        foreach (var flag in new[] { "can_manage_users", "all_projects_allowed", "account_administrator" })
            Assert.Equal(meant, user.At(flag).GetBoolean());
    }

    [Theory]
    [InlineData("2")]
    [InlineData("1.0")]
    [InlineData("-1")]
    [InlineData("\"yes\"")]
    [InlineData("\"TRUE\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("[true]")]
    [InlineData("{}")]
    public async Task Any_other_flag_is_refused_at_its_field(string written)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var flag in Flags)
        {
            await InviteAsync(
                org.Admin, $$"""{ "first_name": "Noor", "email_address": "noor@acme.test", "{{flag}}": {{written}} }""")
                .AssertAsync(422, $$"""{ "{{flag}}": ["is not included in the list"] }""");
        }

        Assert.Single(await org.MembersAsync());
    }

    [Fact]
    public async Task What_the_Ruby_client_sends_along_is_ignored()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await org.Admin.PostTextAsync("/users", """
            { "user": { "id": 7, "identifier": "5b0e6a52-0c1f-4d7a-9a3e-7d2f4b8c1e90", "first_name": "Noor",
              "email_address": "noor@acme.test", "activated": true,
                "role": "admin", "project_assignments": [{ "identifier": "x" }] },
              "project_assignments": "nonsense", "commit": null }
            """).OkAsync(201);

        var member = await org.MemberAsync("noor@acme.test");
        Assert.Equal(
            (member.Number, member.Id.ToString(), false),
            (answer.At("id").GetInt64(), answer.TextAt("identifier"), answer.At("activated").GetBoolean()));
        Assert.NotEqual("5b0e6a52-0c1f-4d7a-9a3e-7d2f4b8c1e90", answer.TextAt("identifier"));
    }

    [Fact]
    public async Task All_faults_are_told_at_once_by_field()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(
            org.Admin,
            """{ "first_name": " ", "last_name": 7, "time_zone": [], "can_manage_agents": "perhaps" }""").AssertAsync(
            422, """
            { "first_name": ["can't be blank"], "last_name": ["is invalid"], "email_address": ["can't be blank"],
              "time_zone": ["is invalid"],
              "can_manage_agents": ["is not included in the list"] }
            """);
    }

    [Theory]
    [InlineData(""" "email_address": "noor" """, "email_address", "is invalid")]
    [InlineData(
        """ "email_address": "noor@acme.test", "time_zone": "Mars/Olympus" """, "time_zone",
        "is not included in the list")]
    [InlineData(
        """ "email_address": "noor@acme.test", "time_zone": "W. Europe Standard Time" """, "time_zone",
        "is not included in the list")]
    [InlineData(""" "email_address": "noor@acme.test", "last_name": "a\u0000b" """, "last_name", "is invalid")]
    public async Task A_value_that_cannot_be_accepted_is_told_by_field(string members, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org.Admin, $$"""{ "first_name": "Noor", {{members}} }""")
            .AssertAsync(422, $$"""{ "{{field}}": ["{{text}}"] }""");
        Assert.Single(await org.MembersAsync());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "user": null }""")]
    [InlineData("""{ "user": [] }""")]
    [InlineData("""{ "user": "noor" }""")]
    [InlineData("""{ "first_name": "Noor", "email_address": "noor@acme.test" }""")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task Without_its_wrapper_a_body_is_refused(string body)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/users", body).AssertAsync(400, """
            { "status": 400, "error": "param is missing or the value is empty: user",
              "error_code": "parameter_missing", "hint": "Wrap the members in it." }
            """);
    }

    [Fact]
    public async Task An_address_of_somebody_pending_or_active_is_taken()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("pending@acme.test", sendMail: false);
        await org.ActiveAsync("active@acme.test");

        await InviteAsync(org.Admin, """{ "first_name": "Noor", "email_address": "Pending@Acme.test" }""")
            .AssertAsync(422, Taken);
        await InviteAsync(org.Admin, """
            { "first_name": "Noor", "email_address": "active@acme.test", "account_administrator": true }
            """).AssertAsync(422, Taken);
        Assert.Equal(3, (await org.MembersAsync()).Count);
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task A_removed_person_is_added_again_as_a_fresh_record()
    {
        var org = await app.CreateOrganizationAsync();
        var first = await InviteAsync(org.Admin, """
            { "first_name": "Noor", "email_address": "noor@acme.test", "can_create_projects": true,
              "all_projects_allowed": true }
            """).OkAsync(201);
        await org.RemoveAsync("noor@acme.test");
        var again = await InviteAsync(org.Admin, """{ "first_name": "Noor", "email_address": "noor@acme.test" }""")
            .OkAsync(201);

        Assert.NotEqual(first.At("id").GetInt64(), again.At("id").GetInt64());
        Assert.NotEqual(first.TextAt("identifier"), again.TextAt("identifier"));
        foreach (var flag in Flags) Assert.False(again.At(flag).GetBoolean());
    }

    [Fact]
    public async Task The_organizations_default_permissions_are_not_given_but_its_default_groups_are()
    {
        var org = await app.CreateOrganizationAsync(o => o.DefaultPermissions = [Permissions.ResourceCreation]);
        var newcomers = await org.GroupAsync(new("Newcomers") { IsDefault = true });
        var user = await InviteAsync(org.Admin, """{ "first_name": "Noor", "email_address": "noor@acme.test" }""")
            .OkAsync(201);

        Assert.False(user.At("can_create_projects").GetBoolean());
        var seen = await org.Admin.GetAsync("/api/v2/user/noor@acme.test", Ct).OkAsync();
        Assert.Equal(
            ["Everyone", newcomers.Name], seen.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
    }

    [Fact]
    public async Task A_user_manager_hands_out_what_he_holds_and_no_more()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test",
            r => r with { Permissions = [Permissions.UserManagement, Permissions.ResourceCreation] });
        foreach (var flag in new[]
            {
                "account_administrator", "can_manage_billing", "can_manage_agents", "all_projects_allowed",
            })
        {
            await InviteAsync(manager.Client, $$"""
                { "first_name": "Noor", "email_address": "noor@acme.test", "can_create_projects": true,
                "{{flag}}": true }
                """)
                .AssertAsync(403, MoreThanHeld);
        }

        Assert.Equal(2, (await org.MembersAsync()).Count);
        var user = await InviteAsync(manager.Client, """
            { "first_name": "Noor", "email_address": "noor@acme.test", "can_create_projects": true,
              "can_manage_users": true, "account_administrator": false }
            """).OkAsync(201);
        Assert.Equal(
            (true, true), (user.At("can_create_projects").GetBoolean(), user.At("can_manage_users").GetBoolean()));
    }

    [Fact]
    public async Task A_seat_limit_is_told_at_the_base()
    {
        var org = await app.CreateOrganizationAsync();
        await app.WithAsync<OrganizationService, Core.Result<Organization>>(s =>
            s.SetSeatLimitAsync(org.System, 1, Ct));
        await InviteAsync(org.Admin, """{ "first_name": "Noor", "email_address": "noor@acme.test" }""")
            .AssertAsync(422, """{ "base": ["Your package does not allow additional users"] }""");
    }

    [Fact]
    public async Task A_domain_that_is_not_allowed_is_told_at_the_address()
    {
        var org = await app.CreateOrganizationAsync(o => o.AllowedEmailDomains = ["acme.test"]);
        await InviteAsync(org.Admin, """{ "first_name": "Noor", "email_address": "noor@elsewhere.test" }""")
            .AssertAsync(422, """{ "email_address": ["is not of an allowed domain"] }""");
    }

    private static string[] Flags { get; } =
        [
            "account_administrator", "can_manage_users", "can_manage_billing", "can_create_projects",
            "can_manage_agents", "all_projects_allowed",
        ];

    private static Task<HttpResponseMessage> InviteAsync(HttpClient client, string user) =>
        client.PostTextAsync("/users", $$"""{ "user": {{user}} }""");
}
