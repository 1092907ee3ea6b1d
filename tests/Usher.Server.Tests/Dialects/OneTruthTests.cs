using System.Text.Json;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Dialects;

/// <summary>
/// One organization seen through all three surfaces at once: what one of them says, the others show in their own words.
/// </summary>
public sealed class OneTruthTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The same person on the three surfaces.</summary>
    private sealed record Seen(JsonElement Conformity, JsonElement Wavefront, JsonElement DeployHq);

    [Fact]
    public async Task The_organization_is_organisation_customer_and_account()
    {
        var org = await app.CreateOrganizationAsync();
        var seen = await SeeAsync(org, org.Created.Owner.Identifier);
        Assert.Equal(
            (ShortId.Of(org.Id), org.Slug),
            (seen.Conformity.TextAt("data/relationships/organisation/data/id"), seen.Wavefront.TextAt("customer")));
        Assert.Equal(
            (org.Slug, org.Created.Organization.Name),
            (await org.Admin.GetAsync("/account", Ct).OkAsync()) is var account
                ? (account.TextAt("permalink"), account.TextAt("name"))
                : default);
    }

    [Fact]
    public async Task A_members_id_is_a_short_id_an_address_a_uuid_and_a_number()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("Mara@Acme.test", sendMail: false);
        var seen = await SeeAsync(org, "mara@acme.test");
        Assert.Equal(
            (ShortId.Of(member.Id), "Mara@Acme.test"),
            (seen.Conformity.TextAt("data/id"), seen.Wavefront.TextAt("identifier")));
        Assert.Equal(
            (member.Id.ToString(), member.Number),
            (seen.DeployHq.TextAt("identifier"), seen.DeployHq.At("id").GetInt64()));
    }

    [Fact]
    public async Task Invited_and_active_are_a_status_a_last_login_and_a_flag()
    {
        var org = await app.CreateOrganizationAsync();
        var email = Steps.NewEmail("mara");
        await org.InviteAsync(email);
        var invited = await SeeAsync(org, email);
        Assert.Equal(
            ("INVITED", false, false),
            (
                invited.Conformity.TextAt("data/attributes/status"),
                invited.Wavefront.TryGetProperty("lastSuccessfulLogin", out _),
                invited.DeployHq.At("activated").GetBoolean()));

        Assert.Null((await app.JoinAsync(await app.Mail.LinkToAsync(email))).Error);
        var active = await SeeAsync(org, email);
        Assert.Equal(
            ("ACTIVE", true, true),
            (
                active.Conformity.TextAt("data/attributes/status"),
                active.Wavefront.TryGetProperty("lastSuccessfulLogin", out _),
                active.DeployHq.At("activated").GetBoolean()));
    }

    [Fact]
    public async Task A_name_a_zone_and_an_address_changed_on_one_surface_are_changed_on_all()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("mara@acme.test", sendMail: false);
        await org.Admin.SendTextAsync(
            HttpMethod.Put, $"/users/{member.Number}.json",
            """{ "user": { "first_name": "Marah", "email_address": "marah@acme.test" } }""").OkAsync();
        var seen = await SeeAsync(org, "marah@acme.test");
        Assert.Equal(
            ("Marah", "marah@acme.test", "marah@acme.test"),
            (
                seen.Conformity.TextAt("data/attributes/first-name"), seen.Conformity.TextAt("data/attributes/email"),
                seen.Wavefront.TextAt("identifier")));
    }

    [Theory]
    [InlineData("ADMIN", true, true)]
    [InlineData("POWER_USER", false, false)]
    [InlineData("READ_ONLY", false, false)]
    [InlineData("USER", false, false)]
    public async Task A_role_is_conformitys_and_deployhqs_administrator_and_all_of_wavefronts_united_permissions(
        string role, bool administrator, bool everything)
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("mara@acme.test", sendMail: false);
        await org.Admin.SendTextAsync(
            HttpMethod.Patch, "/v1/users/" + ShortId.Of(member.Id),
            $$"""{ "data": { "role": "{{role}}", "accessList": [] } }""").OkAsync();
        var seen = await SeeAsync(org, "mara@acme.test");
        Assert.Equal(role, seen.Conformity.TextAt("data/attributes/role"));
        Assert.Equal("[]", seen.Wavefront.At("groups").GetRawText());
        foreach (var flag in new[]
            {
                "account_administrator", "can_manage_users", "can_manage_billing", "can_create_projects",
                "can_manage_agents", "all_projects_allowed",
            })
            Assert.Equal(administrator, seen.DeployHq.At(flag).GetBoolean());
        var account = await org.Admin.GetAsync("/api/v2/account/mara@acme.test", Ct).OkAsync();
        Assert.Equal(
            everything ? Permissions.BuiltIn.Count : 0, account.At("response/unitedPermissions").GetArrayLength());
    }

    [Theory]
    [InlineData("can_manage_users", "user_management")]
    [InlineData("can_manage_agents", "agent_management")]
    [InlineData("can_manage_billing", "billing_management")]
    [InlineData("can_create_projects", "resource_creation")]
    public async Task A_flag_of_deployhq_is_a_permission_of_wavefront_and_the_other_way_round(
        string flag, string permission)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/users", $$"""
            { "user": { "first_name": "Noor", "email_address": "noor@acme.test", "{{flag}}": true } }
            """).OkAsync(201);
        var seen = await SeeAsync(org, "noor@acme.test");
        Assert.Equal($"""["{permission}"]""", seen.Wavefront.At("groups").GetRawText());
        // which has no word for it
        Assert.Equal(["organisation", "accountAccessList"], seen.Conformity.At("data/relationships").Names());

        using var revoked = await org.Admin.PostAsync(
            "/api/v2/user/noor@acme.test/revoke", new FormUrlEncodedContent([new("group", permission)]), Ct);
        Assert.False((await SeeAsync(org, "noor@acme.test")).DeployHq.At(flag).GetBoolean());
        using var granted = await org.Admin.PostAsync(
            "/api/v2/user/noor@acme.test/grant", new FormUrlEncodedContent([new("group", permission)]), Ct);
        Assert.True((await SeeAsync(org, "noor@acme.test")).DeployHq.At(flag).GetBoolean());
    }

    [Theory]
    [InlineData("FULL", true, true)]
    [InlineData("READONLY", true, false)]
    [InlineData("NONE", false, false)]
    public async Task A_level_on_an_account_is_a_project_that_is_seen_and_what_may_be_done_with_it(
        string level, bool visible, bool may)
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test", r => r with { Permissions = [Permissions.UserManagement] });
        await org.Admin.SendTextAsync(
            HttpMethod.Patch, "/v1/users/" + ShortId.Of(mara.Member.Id), $$"""
                { "data": { "role": "USER", "accessList": [{ "account": "{{org.Accounts[0]}}",
                "level": "{{level}}" }] } }
                """).OkAsync();
        var projects = await mara.Client.GetAsync("/projects", Ct).OkAsync();
        Assert.Equal(visible ? ["Production"] : [], projects.EnumerateArray().Select(p => p.TextAt("name")!));

        // Handing on what he has shows how far it goes.
        var team = await mara.Client.PostTextAsync("/teams", """
            { "team": { "name": "Crew", "project_assignments": [{ "identifier": "production", "can_deploy_all": true,
              "can_update_config": true, "can_manage_config_files": true }] } }
            """);
        Assert.Equal(may, team.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData(true, true, true, "FULL")]
    [InlineData(true, false, false, "READONLY")]
    [InlineData(false, false, false, "READONLY")]
    public async Task An_assignment_to_a_project_is_a_level_on_the_account(
        bool deploy, bool config, bool files, string level)
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("mara@acme.test", sendMail: false);
        await org.Admin.SendTextAsync(HttpMethod.Put, $"/users/{member.Id}", $$"""
            { "user": {}, "project_assignments": [{ "identifier": "staging", "can_deploy_all": {{(deploy ? 1 : 0)}},
              "can_update_config": {{(config ? 1 : 0)}}, "can_manage_config_files": {{(files ? 1 : 0)}} }] }
            """).OkAsync();
        var levels = (await SeeAsync(org, "mara@acme.test")).Conformity.At("data/relationships/accountAccessList")
            .EnumerateArray().Select(e => e.TextAt("level")!);
        Assert.Equal(["NONE", level, "NONE"], levels);
    }

    [Fact]
    public async Task All_projects_allowed_are_all_accounts_seen()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        Assert.Equal(0, (await mara.Client.GetAsync("/v1/accounts", Ct).OkAsync()).At("data").GetArrayLength());
        await org.Admin.SendTextAsync(
            HttpMethod.Patch, $"/users/{mara.Member.Id}",
            """{ "user": { "all_projects_allowed": "true" } }""").OkAsync();
        Assert.Equal(3, (await mara.Client.GetAsync("/v1/accounts", Ct).OkAsync()).At("data").GetArrayLength());
        Assert.Equal(3, (await mara.Client.GetAsync("/projects", Ct).OkAsync()).GetArrayLength());
    }

    [Fact]
    public async Task A_team_is_a_user_group_and_never_a_system_one()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        var team = await org.Admin.PostTextAsync("/teams", $$"""
            { "team": { "name": "Crew", "can_manage_users": true, "user_ids": [{{mara.Member.Number}}] } }
            """).OkAsync(201);
        var seen = await SeeAsync(org, "mara@acme.test");
        Assert.Equal(
            ["Everyone", "Crew"], seen.Wavefront.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(team.TextAt("identifier"), seen.Wavefront.TextAt("userGroups/1/id"));
        Assert.Equal(
            ["Crew"],
            (await org.Admin.GetAsync("/teams", Ct).OkAsync()).EnumerateArray().Select(t => t.TextAt("name")!));

        // What the team may, its member may, on every surface, though his own list does not show it.
        Assert.Equal("[]", seen.Wavefront.At("groups").GetRawText());
        await mara.Client.GetAsync("/api/v2/user", Ct).OkAsync();
        await mara.Client.GetAsync("/users", Ct).OkAsync();
        await org.Admin.PostTextAsync(
            $"/api/v2/usergroup/{team.TextAt("identifier")}/removeUsers", """["mara@acme.test"]""").OkAsync();
        Assert.Equal(
            0,
            (await org.Admin.GetAsync($"/teams/{team.TextAt("identifier")}", Ct).OkAsync()).At("members")
                .GetArrayLength());
        Assert.Equal(403, (int)(await mara.Client.GetAsync("/users", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_role_of_the_organizations_own_is_wavefronts_alone_and_gives_on_all()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        var role = (
            await org.Admin.PostTextAsync(
                "/api/v2/role",
                """{ "name": "Manager", "permissions": ["user_management"] }""").OkAsync()).TextAt("response/id");
        await org.Admin.PostTextAsync($"/api/v2/role/{role}/addAssignees", """["mara@acme.test"]""").OkAsync();
        var seen = await SeeAsync(org, "mara@acme.test");
        Assert.Equal("Manager", seen.Wavefront.TextAt("roles/0/name"));
        Assert.False(seen.DeployHq.At("can_manage_users").GetBoolean()); // a flag is what was given himself
        await mara.Client.GetAsync("/users", Ct).OkAsync();
    }

    [Fact]
    public async Task A_service_account_is_an_identifier_with_sa_and_a_key_only_user_and_nobody_of_the_lists()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync(
            "/api/v2/account/serviceaccount", """{ "identifier": "sa::Bot", "active": true }""").OkAsync();
        var token = await org.Admin.SendTextAsync(
            HttpMethod.Post, "/api/v2/apitoken/serviceaccount/sa::bot", """{ "tokenName": "ci" }""").OkAsync();
        using var bot = org.ClientOf(token.TextAt("response/0/tokenID")!);
        var self = (await bot.GetAsync("/v1/users/whoami", Ct).OkAsync()).At("data/attributes");
        Assert.DoesNotContain("email", self.Names());
        Assert.Equal(1, (await org.Admin.GetAsync("/v1/users", Ct).OkAsync()).At("data").GetArrayLength());
        Assert.Equal(1, (await org.Admin.GetAsync("/api/v2/user", Ct).OkAsync()).GetArrayLength());
        Assert.Equal(1, (await org.Admin.GetAsync("/users", Ct).OkAsync()).GetArrayLength());
        Assert.Equal(
            ["sa::bot"],
            (await org.Admin.GetAsync("/api/v2/account/serviceaccount", Ct).OkAsync()).At("response").EnumerateArray()
                .Select(a => a.TextAt("identifier")!));
    }

    [Fact]
    public async Task Whoever_is_removed_on_one_surface_is_gone_from_all()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (email, remove) in new (string, Func<Member, Task<HttpResponseMessage>>)[]
        {
            ("c@acme.test", m => org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(m.Id), Ct)),
            ("w@acme.test", m => org.Admin.DeleteAsync("/api/v2/user/" + m.Identifier, Ct)),
            ("d@acme.test", m => org.Admin.DeleteAsync("/users/" + m.Id, Ct)),
        })
        {
            var member = await org.InviteAsync(email, sendMail: false);
            await remove(member).OkAsync();
            Assert.Equal(422, (int)(await org.Admin.GetAsync("/v1/users/" + ShortId.Of(member.Id), Ct)).StatusCode);
            Assert.Equal(404, (int)(await org.Admin.GetAsync("/api/v2/user/" + email, Ct)).StatusCode);
            Assert.Equal(404, (int)(await org.Admin.GetAsync("/users/" + member.Id, Ct)).StatusCode);
        }
    }

    private static async Task<Seen> SeeAsync(TestOrganization org, string email)
    {
        var member = (await org.MembersAsync()).Single(m => m.IsLive && m.Identifier == email);
        return new(
            await org.Admin.GetAsync("/v1/users/" + ShortId.Of(member.Id), Ct).OkAsync(),
            await org.Admin.GetAsync("/api/v2/user/" + Uri.EscapeDataString(email), Ct).OkAsync(),
            await org.Admin.GetAsync("/users/" + member.Id, Ct).OkAsync());
    }
}
