using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Dialects.DeployHq.Answers;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>Changing users and removing them.</summary>
public sealed class DeployHqUpdateTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    public async Task Only_what_is_there_changes(string method)
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync(
            "noor@acme.test",
            r => r with { Permissions = [Permissions.BillingManagement], TimeZone = "Asia/Tokyo", AllResources = true },
            sendMail: false);

        await org.Admin.AskAsync(
            method, $"/users/{noor.Id}",
            """{ "user": { "first_name": " Nora ", "can_create_projects": true } }""").AssertAsync(200, $$"""
            { "id": {{noor.Number}}, "identifier": "{{noor.Id}}", "first_name": "Nora", "last_name": "Lovelace",
              "email_address": "noor@acme.test", "time_zone": "Asia/Tokyo",
              "account_administrator": false, "activated": false, "can_manage_users": false,
                "can_manage_billing": true, "can_create_projects": true,
              "can_manage_agents": false, "all_projects_allowed": true }
            """);
        Assert.Equal(
            (await org.Admin.AskAsync(method, $"/users/{noor.Number}.json", """{ "user": {} }""").OkAsync())
                .GetRawText(),
            (await org.Admin.GetAsync($"/users/{noor.Id}", Ct).OkAsync()).GetRawText());
    }

    [Fact]
    public async Task An_explicit_false_takes_away_and_nothing_else()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync(
            "noor@acme.test",
            r =>
                r with
                {
                    Permissions = [Permissions.UserManagement, Permissions.ResourceCreation, "ingestion"],
                    AllResources = true,
                });
        var user = await org.Admin.PutUserAsync(
            noor.Member.Id,
            """{ "can_manage_users": false, "can_manage_agents": true, "all_projects_allowed": "0" }""").OkAsync();

        Assert.Equal(["can_create_projects", "can_manage_agents"], user.TrueFlags());
        Assert.Equal(
            ["agent_management", "ingestion", "resource_creation"],
            (await org.MemberAsync("noor@acme.test")).Permissions.Order());
        await noor.Client.GetAsync("/users", Ct).AssertAsync(403, Forbidden());
    }

    [Fact]
    public async Task Flags_are_as_loose_as_at_the_invite_and_null_is_none()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        foreach (var (written, meant) in new[]
            {
                ("true", true), ("0", false), ("1", true), ("\"false\"", false), ("\"1\"", true), ("\"0\"", false),
                ("\"true\"", true), ("false", false),
            })
        {
            var user = await org.Admin.PutUserAsync(
                noor.Id, $$"""{ {{string.Join(", ", Flags.Select(f => $"\"{f}\": {written}"))}} }""").OkAsync();
            Assert.Equal(meant ? Flags : [], user.TrueFlags());
        }

        foreach (var flag in Flags)
            foreach (var wrong in new[] { "null", "2", "\"yes\"", "[]", "{}" })
                await org.Admin.PutUserAsync(noor.Id, $$"""{ "{{flag}}": {{wrong}}, "first_name": "Changed" }""")
                    .AssertAsync(422, Fault(flag, "is not included in the list"));
        Assert.Equal("Ada", (await org.MemberAsync("noor@acme.test")).FirstName);
    }

    [Fact]
    public async Task What_the_Ruby_client_echoes_is_ignored()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        var user = await org.Admin.PutUserAsync(noor.Number, """
            { "id": 7, "identifier": "5b0e6a52-0c1f-4d7a-9a3e-7d2f4b8c1e90", "activated": true, "last_name": "Haddad",
              "project_assignments": "nonsense", "commit": null }
            """, """, "junk": [1] """).OkAsync();

        Assert.Equal(
            (noor.Number, noor.Id.ToString(), false, "Haddad"),
            (
                user.At("id").GetInt64(), user.TextAt("identifier"), user.At("activated").GetBoolean(),
                user.TextAt("last_name")));
    }

    [Theory]
    [InlineData(""" "first_name": "" """, "first_name", "can't be blank")]
    [InlineData(""" "first_name": null """, "first_name", "can't be blank")]
    [InlineData(""" "first_name": 7 """, "first_name", "is invalid")]
    [InlineData(""" "last_name": "a\u0000b" """, "last_name", "is invalid")]
    [InlineData(""" "email_address": " " """, "email_address", "can't be blank")]
    [InlineData(""" "email_address": "noor" """, "email_address", "is invalid")]
    [InlineData(""" "email_address": ["a@b.test"] """, "email_address", "is invalid")]
    [InlineData(""" "time_zone": "Mars/Olympus" """, "time_zone", "is not included in the list")]
    [InlineData(""" "time_zone": 1 """, "time_zone", "is invalid")]
    public async Task A_value_that_cannot_be_accepted_is_told_by_field_and_nothing_changes(
        string member, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        await org.Admin.PutUserAsync(noor.Id, $$"""{ "can_manage_agents": true, {{member}} }""")
            .AssertAsync(422, Fault(field, text));

        Assert.Empty((await org.MemberAsync("noor@acme.test")).Permissions);
    }

    [Fact]
    public async Task A_zone_is_null_only_where_it_was_set_so()
    {
        var org = await app.CreateOrganizationAsync(o => o.TimeZone = "Europe/Berlin");
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        Assert.Equal(
            "Europe/Berlin",
            (await org.Admin.PutUserAsync(noor.Id, """{ "last_name": null }""").OkAsync()).TextAt("time_zone"));
        Assert.Null((await org.Admin.PutUserAsync(noor.Id, """{ "time_zone": null }""").OkAsync()).TextAt("time_zone"));
        Assert.Null((await org.Admin.GetAsync("/users", Ct).OkAsync()).TextAt("1/time_zone"));
        Assert.Equal(
            "Asia/Tokyo",
            (await org.Admin.PutUserAsync(noor.Id, """{ "time_zone": "Asia/Tokyo" }""").OkAsync()).TextAt("time_zone"));
    }

    [Fact]
    public async Task The_stored_flags_reappear_when_an_administrator_becomes_something_less()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync(
            "noor@acme.test", r => r with { Permissions = [Permissions.BillingManagement] });
        var admin = await org.Admin.PutUserAsync(noor.Member.Id, """{ "account_administrator": true }""").OkAsync();
        Assert.Equal(Flags, admin.TrueFlags());

        // Sending back what is shown changes nothing.
        Assert.Equal(Flags, (await org.Admin.PutUserAsync(noor.Member.Id, admin.GetRawText()).OkAsync()).TrueFlags());
        Assert.Equal(
            ["can_manage_billing"],
            (await org.Admin.PutUserAsync(noor.Member.Id, """{ "account_administrator": false }""").OkAsync())
                .TrueFlags());
    }

    [Fact]
    public async Task Whoever_is_no_administrator_stays_what_he_is_when_told_so()
    {
        var org = await app.CreateOrganizationAsync();
        var power = await org.InviteAsync(
            "power@acme.test", r => r with { Role = BuiltInRole.PowerUser }, sendMail: false);
        await org.Admin.PutUserAsync(power.Id, """{ "account_administrator": false }""").OkAsync();

        Assert.Equal(BuiltInRole.PowerUser, (await org.MemberAsync("power@acme.test")).Role);
    }

    [Fact]
    public async Task The_last_administrator_stays_one_and_cannot_be_removed()
    {
        const string LastAdmin =
            """{ "error": "Cannot remove the last account administrator", "error_code": "forbidden" }""";
        const string IsAdmin = """{ "error": "Cannot remove the account administrator", "error_code": "forbidden" }""";
        var org = await app.CreateOrganizationAsync();
        var owner = org.Created.Owner.Id;
        // who has not joined does not count
        await org.InviteAsync("pending@acme.test", r => r with { Role = BuiltInRole.Admin }, sendMail: false);
        await org.Admin.PutUserAsync(owner, """{ "account_administrator": false }""").AssertAsync(403, LastAdmin);
        await org.Admin.DeleteAsync($"/users/{owner}", Ct).AssertAsync(403, IsAdmin);

        var second = await org.ActiveAsync("second@acme.test", r => r with { Role = BuiltInRole.Admin });
        await second.Client.DeleteAsync($"/users/{owner}", Ct).AssertAsync(403, IsAdmin); // demote first
        await second.Client.PutUserAsync(owner, """{ "account_administrator": false }""").OkAsync();
        await second.Client.DeleteAsync($"/users/{owner}", Ct).AssertAsync(200, Ok);
        await org.Admin.GetAsync("/users", Ct).AssertAsync(401, """
            { "status": 401, "error": "Unauthorized", "error_code": "unauthorized",
              "hint": "Authenticate with your e-mail address and an API key by HTTP Basic." }
            """);
    }

    [Fact]
    public async Task A_user_manager_edits_names_and_sends_back_flags_but_changes_none()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test",
            r => r with { Permissions = [Permissions.UserManagement, Permissions.ResourceCreation] });
        var noor = await org.InviteAsync(
            "noor@acme.test",
            r =>
                r with
                {
                    Permissions = [Permissions.ResourceCreation],
                    Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.Full)],
                },
            sendMail: false);
        var shown = await manager.Client.GetAsync($"/users/{noor.Id}", Ct).OkAsync();
        await manager.Client.PutUserAsync(noor.Id, shown.GetRawText(), """
            ,"project_assignments": [{ "identifier": "production", "can_deploy_all": 1, "can_update_config": 1,
            "can_manage_config_files": 1 }]
            """).OkAsync();
        await manager.Client.PutUserAsync(noor.Id, """
            { "first_name": "Nora", "can_create_projects": true, "can_manage_users": false,
            "all_projects_allowed": false }
            """).OkAsync();
        // an administrator's flags, too, as they are shown
        foreach (var owner in new[] { $"/users/{org.Created.Owner.Id}" })
            await manager.Client.AskAsync(
                "PATCH", owner,
                $$"""{ "user": {{(await manager.Client.GetAsync(owner, Ct).OkAsync()).GetRawText()}} }""").OkAsync();

        foreach (var change in new[]
            {
                """{ "can_create_projects": false }""", """{ "can_manage_users": true }""",
                """{ "account_administrator": true }""", """{ "all_projects_allowed": true }""",
            })
            await manager.Client.PutUserAsync(noor.Id, change).AssertAsync(403, AdminsOnly);
        await manager.Client.PutUserAsync(manager.Member.Id, """{ "can_create_projects": false }""")
            .AssertAsync(403, AdminsOnly);
        await manager.Client.PutUserAsync(noor.Id, "{}", ""","project_assignments": []""").AssertAsync(403, AdminsOnly);
        var member = await org.MemberAsync("noor@acme.test");
        Assert.Equal(
            ("Nora", 1, AccessLevel.Full),
            (member.FirstName, member.Permissions.Count, Assert.Single(member.Levels).Level));
    }

    [Fact]
    public async Task A_user_manager_neither_readdresses_nor_removes_somebody_who_holds_more_nor_himself()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test", r => r with { Permissions = [Permissions.UserManagement] });
        var more = await org.InviteAsync(
            "more@acme.test", r => r with { Permissions = [Permissions.BillingManagement] }, sendMail: false);
        var less = await org.InviteAsync("less@acme.test", sendMail: false);

        await manager.Client.PutUserAsync(more.Id, """{ "email_address": "mine@acme.test" }""")
            .AssertAsync(403, NotCovered);
        await manager.Client.DeleteAsync($"/users/{more.Id}", Ct).AssertAsync(403, NotCovered);
        await manager.Client.DeleteAsync($"/users/{org.Created.Owner.Id}", Ct)
            .AssertAsync(403, """{ "error": "Cannot remove the account administrator", "error_code": "forbidden" }""");
        await manager.Client.DeleteAsync($"/users/{manager.Member.Number}", Ct)
            .AssertAsync(403, """{ "error": "You cannot remove yourself", "error_code": "forbidden" }""");
        await manager.Client.DeleteAsync($"/users/{less.Number}.json", Ct).AssertAsync(200, Ok);
        await manager.Client.DeleteAsync($"/users/{less.Number}", Ct).AssertAsync(404, NotFound);
    }

    [Fact]
    public async Task Assignments_replace_the_whole_set_or_stay()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        var staging = org.Created.Resources[1].Id;
        await org.Admin.PutUserAsync(noor.Member.Id, "{}", $$"""
            , "project_assignments": [{ "identifier": "production", "can_deploy_all": true, "can_update_config": "1",
              "can_manage_config_files": 1 },
                                      { "identifier": "{{staging}}", "can_deploy_all": true,
                                        "can_update_config": false }]
            """).OkAsync();
        Assert.Equal(["production", "staging"], await noor.Client.ProjectsAsync());
        var levels = (await org.MemberAsync("noor@acme.test")).Levels.ToDictionary(l => l.ResourceId);
        Assert.Equal(
            (AccessLevel.Full, 0),
            (levels[org.Created.Resources[0].Id].Level, levels[org.Created.Resources[0].Id].Capabilities.Count));
        Assert.Equal(
            (AccessLevel.ReadOnly, Capabilities.DeployAll),
            (levels[staging].Level, Assert.Single(levels[staging].Capabilities)));

        await org.Admin.PutUserAsync(
            noor.Member.Id, """{ "last_name": "Haddad" }""", ""","project_assignments": null""").OkAsync();
        Assert.Equal(["production", "staging"], await noor.Client.ProjectsAsync());
        await org.Admin.PutUserAsync(noor.Member.Id, "{}", ""","project_assignments": [{ "identifier": "sandbox" }]""")
            .OkAsync();
        Assert.Equal(["sandbox"], await noor.Client.ProjectsAsync());
        await org.Admin.PutUserAsync(noor.Member.Id, """{ "all_projects_allowed": true }""").OkAsync();
        Assert.Equal(["production", "sandbox", "staging"], await noor.Client.ProjectsAsync());
        await org.Admin.PutUserAsync(noor.Member.Id, """{ "all_projects_allowed": false }""").OkAsync();
        Assert.Empty(await noor.Client.ProjectsAsync()); // all projects took the place of the single ones
    }

    [Theory]
    [InlineData("\"production\"")]
    [InlineData("{}")]
    [InlineData("[7]")]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    [InlineData("""[{ "identifier": "nowhere" }]""")]
    [InlineData("""[{ "identifier": "a\u0000b" }]""")]
    [InlineData("""[{ "identifier": "00000000-0000-7000-8000-000000000000" }]""")]
    [InlineData("""[{ "identifier": "production" }, { "identifier": "staging", "can_deploy_all": null }]""")]
    [InlineData("""[{ "identifier": "production", "can_update_config": "perhaps" }]""")]
    public async Task Assignments_that_cannot_be_accepted_change_nothing(string written)
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync(
            "noor@acme.test",
            r => r with { Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.ReadOnly)] },
            sendMail: false);
        await org.Admin.PutUserAsync(noor.Id, """{ "first_name": "Changed" }""", $",\"project_assignments\": {written}")
            .AssertAsync(422, Fault("project_assignments", "is invalid"));

        var member = await org.MemberAsync("noor@acme.test");
        Assert.Equal(("Ada", AccessLevel.ReadOnly), (member.FirstName, Assert.Single(member.Levels).Level));
    }

    [Fact]
    public async Task A_pending_users_new_address_kills_the_link_and_gets_the_next_one()
    {
        var org = await app.CreateOrganizationAsync();
        var (first, second) = ($"first@{org.Slug}.example", $"second@{org.Slug}.example");
        var noor = await org.InviteAsync(first);
        var old = await app.Mail.LinkToAsync(first);
        var user = await org.Admin.PutUserAsync(noor.Id, $$"""{ "email_address": "{{second}}" }""").OkAsync();
        Assert.Equal((second, false), (user.TextAt("email_address"), user.At("activated").GetBoolean()));
        Assert.NotNull((await app.JoinAsync(old)).Error);
        Assert.Empty(await app.Mail.ToAsync(second));

        await org.Admin.PostAsync($"/users/{noor.Id}/resend_invitation", null, Ct).AssertAsync(200, Ok);
        Assert.Null((await app.JoinAsync(await app.Mail.LinkToAsync(second))).Error);
        Assert.Equal(second, (await org.Admin.GetAsync($"/users/{noor.Id}", Ct).OkAsync()).TextAt("email_address"));
    }

    [Fact]
    public async Task An_address_of_another_user_is_taken()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        await org.InviteAsync("ilya@acme.test", sendMail: false);
        await org.Admin.PutUserAsync(noor.Id, """{ "email_address": "Ilya@acme.test" }""")
            .AssertAsync(422, Fault("email_address", "has already been taken"));
        Assert.Equal(
            "Noor@Acme.test",
            (await org.Admin.PutUserAsync(noor.Id, """{ "email_address": "Noor@Acme.test" }""").OkAsync())
                .TextAt("email_address"));
    }

    [Fact]
    public async Task Removing_ends_access_at_once_and_a_pending_invitation_with_it()
    {
        var org = await app.CreateOrganizationAsync();
        var (active, pending) = (
            await org.ActiveAsync("active@acme.test"), await org.InviteAsync($"pending@{org.Slug}.example"));
        var link = await app.Mail.LinkToAsync(pending.Identifier);
        await org.Admin.AskAsync("DELETE", $"/users/{active.Member.Id}", "no JSON at all").AssertAsync(200, Ok);
        await org.Admin.DeleteAsync($"/users/{pending.Id}/", Ct).AssertAsync(200, Ok);

        Assert.Equal(401, (int)(await active.Client.GetAsync("/projects", Ct)).StatusCode);
        Assert.NotNull((await app.JoinAsync(link)).Error);
        foreach (var id in new[] { active.Member.Id, pending.Id })
            await org.Admin.DeleteAsync($"/users/{id}", Ct).AssertAsync(404, NotFound);
        Assert.Equal(1, (await org.Admin.GetAsync("/users", Ct).OkAsync()).GetArrayLength());
    }

    [Fact]
    public async Task Foreign_users_and_service_accounts_are_no_records()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var bot = await org.ServiceAccountAsync("bot");
        foreach (var id in new[]
            {
                $"{other.Created.Owner.Id}", $"{other.Created.Owner.Number}", $"{bot.Member.Id}",
                $"{bot.Member.Number}", "nobody", "0",
            })
        {
            await org.Admin.PutUserAsync(id, """{ "first_name": "Changed" }""").AssertAsync(404, NotFound);
            await org.Admin.DeleteAsync($"/users/{id}", Ct).AssertAsync(404, NotFound);
        }

        Assert.Equal(
            ("Olivia", "bot"),
            ((await other.MembersAsync())[0].FirstName, (await org.MemberAsync("sa::bot")).FirstName));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{ "first_name": "Noor" }""")]
    [InlineData("""{ "user": [] }""")]
    public async Task Without_its_wrapper_a_body_is_refused(string body)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.AskAsync("PATCH", $"/users/{org.Created.Owner.Id}", body)
            .AssertAsync(400, WrapperMissing("user"));
    }
}
