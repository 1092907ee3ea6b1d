using System.Text;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Dialects.DeployHq.Answers;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>Profile, account and keys: what any authenticated user has.</summary>
public sealed class DeployHqAccountTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_profile_is_the_caller_with_his_account()
    {
        var org = await app.CreateOrganizationAsync(o => o.TimeZone = "Europe/Berlin");
        var noor = await org.ActiveAsync(
            "noor@acme.test", r => r with { Permissions = [Permissions.BillingManagement] });
        await noor.Client.GetAsync("/profile", Ct).AssertAsync(200, $$"""
            { "id": {{noor.Member.Number}}, "identifier": "{{noor.Member.Id}}", "first_name": "Ada",
              "last_name": "Lovelace", "email_address": "noor@acme.test", "time_zone": "Europe/Berlin",
              "account_administrator": false, "activated": true, "can_manage_users": false,
                "can_manage_billing": true, "can_create_projects": false,
              "can_manage_agents": false, "all_projects_allowed": false,
              "account": { "name": "Org {{org.Slug}}", "permalink": "{{org.Slug}}", "time_zone": "Europe/Berlin",
                "package": null, "trialling": false, "suspended": false,
                "project_count": 3, "project_limit": null, "users_allowed": true, "beta_features": false,
                  "static_hosting_eligible": false, "managed_vps_eligible": false } }
            """);
        Assert.Equal(
            14,
            (await (await org.ServiceAccountAsync("bot")).Client.GetAsync("/profile.json", Ct).OkAsync()).Names()
                .Count());
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    public async Task Anybody_changes_himself_but_none_of_his_flags(string method)
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        await noor.Client.AskAsync(method, "/profile", """
            { "user": { "first_name": " Nora ", "time_zone": "Asia/Tokyo", "email_address": "noor@acme.test",
              "alphabetic_sort": "1", "account_administrator": true, "can_manage_users": null } }
            """).AssertAsync(200, Ok);
        var profile = await noor.Client.GetAsync("/profile", Ct).OkAsync();
        Assert.Equal(
            ("Nora", "Lovelace", "Asia/Tokyo", false),
            (
                profile.TextAt("first_name"), profile.TextAt("last_name"), profile.TextAt("time_zone"),
                profile.At("account_administrator").GetBoolean()));

        // A new address counts once it is confirmed.
        await noor.Client.AskAsync(
            method, "/profile",
            """{ "user": { "email_address": "nora@acme.test", "time_zone": null } }""").AssertAsync(200, Ok);
        profile = await noor.Client.GetAsync("/profile", Ct).OkAsync();
        Assert.Equal(("noor@acme.test", "Etc/UTC"), (profile.TextAt("email_address"), profile.TextAt("time_zone")));
    }

    [Fact]
    public async Task A_profile_that_cannot_be_accepted_stays_as_it_is()
    {
        var org = await app.CreateOrganizationAsync();
        var (noor, bot) = (await org.ActiveAsync("noor@acme.test"), await org.ServiceAccountAsync("bot"));
        await org.InviteAsync("ilya@acme.test", sendMail: false);
        await noor.Client.AskAsync("PUT", "/profile", """{ "first_name": "Nora" }""")
            .AssertAsync(400, WrapperMissing("user"));
        foreach (var (member, field, text) in new[]
        {
            (""" "first_name": null """, "first_name", "can't be blank"),
            (""" "last_name": 7 """, "last_name", "is invalid"),
            (""" "email_address": "" """, "email_address", "can't be blank"),
            (""" "email_address": "nora" """, "email_address", "is invalid"),
            (""" "email_address": "ilya@acme.test" """, "email_address", "has already been taken"),
            (""" "time_zone": "Mars/Olympus" """, "time_zone", "is not included in the list"),
        }) await noor.Client.AskAsync("PUT", "/profile", $$"""{ "user": { {{member}} } }""")
                .AssertAsync(422, Fault(field, text));
        await bot.Client.AskAsync("PATCH", "/profile", """{ "user": { "first_name": "Nora" } }""")
            .AssertAsync(403, Forbidden("Only a person can do this: a service account has no profile of its own."));
    }

    [Fact]
    public async Task The_account_says_whether_another_user_may_be_invited()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test", row => row with { Role = BuiltInRole.Admin });
        await noor.Client.GetAsync("/account/", Ct).AssertAsync(200, Account(org, "Org " + org.Slug, "Etc/UTC"));
        foreach (var (limit, allowed) in new[] { (2, false), (3, true) })
        {
            await app.WithAsync<OrganizationService, Core.Result<Organization>>(s =>
                s.SetSeatLimitAsync(org.System, limit, Ct));
            Assert.Equal(
                allowed, (await noor.Client.GetAsync("/account", Ct).OkAsync()).At("users_allowed").GetBoolean());
        }
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    public async Task An_administrator_renames_the_account_and_gives_it_a_zone(string method)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.AskAsync(method, "/account", $$"""
            { "account": { "name": " Acme ", "permalink": "{{org.Slug}}", "ip_restricted": false,
              "two_factor_auth_required": "0", "strong_password_required": 0, "cname": "x" } }
            """).AssertAsync(200, Account(org, "Acme", "Etc/UTC"));
        await org.Admin.AskAsync(method, "/account", """{ "account": { "time_zone": "Asia/Tokyo" } }""")
            .AssertAsync(200, Account(org, "Acme", "Asia/Tokyo"));
        await org.Admin.AskAsync(method, "/account", """{ "account": {} }""")
            .AssertAsync(200, Account(org, "Acme", "Asia/Tokyo"));
    }

    [Theory]
    [InlineData(""" "permalink": "other" """, "permalink", "cannot be changed")]
    [InlineData(""" "ip_restricted": true """, "ip_restricted", "is not supported")]
    [InlineData(""" "two_factor_auth_required": 1 """, "two_factor_auth_required", "is not supported")]
    [InlineData(""" "strong_password_required": "true" """, "strong_password_required", "is not supported")]
    [InlineData(""" "strong_password_required": null """, "strong_password_required", "is not included in the list")]
    [InlineData(""" "time_zone": "Mars/Olympus" """, "time_zone", "is not included in the list")]
    [InlineData(""" "time_zone": null """, "time_zone", "can't be blank")]
    [InlineData(""" "name": "" """, "name", "can't be blank")]
    [InlineData(""" "name": "a\u0000b" """, "name", "is invalid")]
    public async Task What_cannot_be_kept_is_not_promised(string member, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.AskAsync("PATCH", "/account", $$"""{ "account": { {{member}} } }""")
            .AssertAsync(422, Fault(field, text));
        await org.Admin.GetAsync("/account", Ct).AssertAsync(200, Account(org, "Org " + org.Slug, "Etc/UTC"));
    }

    [Fact]
    public async Task Nobody_but_an_administrator_changes_the_account()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test",
            r => r with { Permissions = [Permissions.UserManagement, Permissions.BillingManagement] });
        foreach (var body in new[] { """{ "account": { "name": "Mine" } }""", """{ "account": {} }""", "nonsense" })
            await manager.Client.AskAsync("PUT", "/account", body)
                .AssertAsync(403, Forbidden("Only an administrator can change this."));
    }

    [Fact]
    public async Task Nothing_is_billed()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        await noor.Client.GetAsync("/account/billing_status.json", Ct)
            .AssertAsync(200, """
                { "package": null, "frequency": 1, "trialling": false, "suspended": false, "scheduled_change": null }
                """);
    }

    [Fact]
    public async Task A_key_is_the_callers_own_shown_once_and_works_with_his_address()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        var made = await noor.Client.PostTextAsync(
            "/security/api_keys", """{ "api_key": { "description": "Laptop" } }""").OkAsync();
        Assert.Equal(["api_key", "identifier", "description", "user_id", "device", "read_only"], made.Names());
        Assert.Equal(
            ("Laptop", noor.Member.Number, null, false),
            (
                made.TextAt("description"), made.At("user_id").GetInt64(), made.TextAt("device"),
                made.At("read_only").GetBoolean()));

        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = TestOrganization.Basic("Noor@acme.test", made.TextAt("api_key")!);
        Assert.Equal(noor.Member.Number, (await client.GetAsync("/profile", Ct).OkAsync()).At("id").GetInt64());
        await noor.Client.DeleteAsync($"/security/api_keys/{made.TextAt("identifier")}", Ct).AssertAsync(200, Ok);
        Assert.Equal(401, (int)(await client.GetAsync("/profile", Ct)).StatusCode);
        await noor.Client.DeleteAsync($"/security/api_keys/{made.TextAt("identifier")}", Ct).AssertAsync(404, NotFound);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("1", true)]
    [InlineData("\"0\"", false)]
    public async Task A_key_may_be_made_read_only(string written, bool readOnly)
    {
        var org = await app.CreateOrganizationAsync();
        var made = await org.Admin.PostTextAsync(
            "/security/api_keys.json",
            $$"""{ "api_key": { "description": "Reader", "read_only": {{written}} } }""").OkAsync();
        var body = new StringContent(
            """{ "api_key": { "description": "Another" } }""", Encoding.UTF8, "application/json");
        var answer = await org.ClientOf(made.TextAt("api_key")!).PostAsync("/security/api_keys", body, Ct);
        if (readOnly) await answer.AssertAsync(403, ReadOnlyKey);
        else Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task The_key_of_the_request_cannot_revoke_itself_and_nobody_revokes_anothers()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        var second = await noor.Client.PostTextAsync(
            "/security/api_keys", """{ "api_key": { "description": "Second" } }""").OkAsync();
        var client = org.ClientOf(second.TextAt("api_key")!);
        await client.DeleteAsync($"/security/api_keys/{second.TextAt("identifier")}", Ct)
            .AssertAsync(422, """{ "error": "The API key used for this request cannot be revoked" }""");
        await org.Admin.DeleteAsync($"/security/api_keys/{second.TextAt("identifier")}", Ct).AssertAsync(404, NotFound);
        await org.Admin.DeleteAsync("/security/api_keys/nothing", Ct).AssertAsync(404, NotFound);
        await client.GetAsync("/profile", Ct).OkAsync();
    }

    [Theory]
    [InlineData("{}", "description", "can't be blank")]
    [InlineData("""{ "description": "" }""", "description", "can't be blank")]
    [InlineData("""{ "description": 7 }""", "description", "is invalid")]
    [InlineData("""{ "description": "a\u0000b" }""", "description", "is invalid")]
    [InlineData("""{ "description": "a", "read_only": null }""", "read_only", "is not included in the list")]
    public async Task A_key_needs_a_description(string key, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/security/api_keys", $$"""{ "api_key": {{key}} }""")
            .AssertAsync(422, Fault(field, text));
        await org.Admin.PostTextAsync("/security/api_keys", key).AssertAsync(400, WrapperMissing("api_key"));
    }

    [Theory]
    [InlineData("GET", "/security/api_keys")]
    [InlineData("POST", "/account")]
    [InlineData("DELETE", "/profile")]
    [InlineData("GET", "/projects/production/servers")]
    public async Task What_is_not_offered_is_no_endpoint(string method, string path)
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await org.Admin.AskAsync(method, path, method is "GET" ? null : "{}");
        Assert.Equal(
            (404, "invalid_api_method"), ((int)answer.StatusCode, (await answer.JsonAsync()).TextAt("error_code")));
    }

    private static string Account(TestOrganization org, string name, string zone) => $$"""
        { "name": "{{name}}", "permalink": "{{org.Slug}}", "time_zone": "{{zone}}", "package": null,
          "trialling": false, "suspended": false, "project_count": 3,
          "project_limit": null, "users_allowed": true, "ai_features_disabled": true }
        """;
}
