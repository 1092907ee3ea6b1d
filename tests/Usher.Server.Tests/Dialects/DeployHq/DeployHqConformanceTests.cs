using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Dialects.DeployHq.Answers;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>
/// What a client of DeployHQ may count on, one test an item: what is documented, then what is documented nowhere and
/// was decided here. The details have tests of their own.
/// </summary>
public sealed class DeployHqConformanceTests(UsherApp app)
{
    private static readonly string[] Paths = [
        "/users", "/teams", "/projects", "/profile", "/account", "/account/billing_status",
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Basic_authentication_is_the_e_mail_address_and_a_key_and_all_else_is_401_in_JSON()
    {
        const string Unauthorized = """
            { "status": 401, "error": "Unauthorized", "error_code": "unauthorized",
              "hint": "Authenticate with your e-mail address and an API key by HTTP Basic." }
            """;
        var org = await app.CreateOrganizationAsync();
        var email = org.Created.Owner.Email!;
        foreach (var path in Paths)
        {
            await AskAsync(email, org.Key).OkAsync();
            await AskAsync(email.ToUpperInvariant(), org.Key).OkAsync();
            foreach (var (name, key) in new[] { (email, "wrong"), ("other@acme.test", org.Key), ("", "") })
            {
                var answer = await AskAsync(name, key);
                Assert.Equal("Basic realm=\"DeployHQ\"", answer.Headers.WwwAuthenticate.ToString());
                await answer.AssertAsync(401, Unauthorized);
            }

            async Task<HttpResponseMessage> AskAsync(string name, string key)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path)
                {
                    Headers = { Authorization = TestOrganization.Basic(name, key) },
                };
                using var client = app.CreateClient();
                return await client.SendAsync(request, Ct);
            }
        }
    }

    [Fact]
    public async Task Users_are_a_bare_array_of_thirteen_members_of_the_documented_types()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("noor@acme.test", sendMail: false);
        foreach (var user in (await org.Admin.GetAsync("/users", Ct).OkAsync()).EnumerateArray())
        {
            Assert.Equal(13, user.Names().Count());
            Assert.True(user.At("id").TryGetInt64(out _) && user.At("identifier").TryGetGuid(out _));
            foreach (var text in new[] { "first_name", "last_name", "email_address", "time_zone" })
                Assert.Equal(JsonValueKind.String, user.At(text).ValueKind);
            foreach (var flag in Flags.Append("activated"))
                Assert.True(user.At(flag).ValueKind is JsonValueKind.True or JsonValueKind.False);
        }
    }

    [Fact]
    public async Task An_invite_answers_201_with_every_flag_false_and_activated_false()
    {
        var org = await app.CreateOrganizationAsync();
        var user = await org.Admin.PostTextAsync(
            "/users", """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""").OkAsync(201);
        Assert.Equal((0, false), (user.TrueFlags().Length, user.At("activated").GetBoolean()));
        Assert.Equal("noor@acme.test", Assert.Single(await org.OutboxAsync()).Recipient);
    }

    [Fact]
    public async Task The_wrapper_is_needed_junk_is_ignored_and_booleans_are_loose()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/users", """{ "first_name": "Noor", "email_address": "noor@acme.test" }""")
            .AssertAsync(400, WrapperMissing("user"));
        var user = await org.Admin.PostTextAsync("/users", """
            { "user": { "first_name": "Noor", "email_address": "noor@acme.test", "junk": {}, "id": 1,
              "can_manage_users": "1", "can_manage_billing": "true", "can_manage_agents": 1,
              "can_create_projects": "0" }, "more": 1 }
            """).OkAsync(201);
        Assert.Equal(["can_manage_users", "can_manage_billing", "can_manage_agents"], user.TrueFlags());
    }

    [Fact]
    public async Task Validation_is_a_map_of_arrays_state_an_error_and_a_rule_an_error_with_its_code()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/users", """{ "user": { "email_address": "noor" } }""")
            .AssertAsync(422, Fault("first_name", "can't be blank"));
        await org.Admin.PostAsync(
            $"/users/{(await org.JoinAsync($"noor@{org.Slug}.example")).Member.Id}/resend_invitation", null,
            Ct).AssertAsync(422, """{ "error": "User already activated" }""");
        await org.Admin.DeleteAsync($"/users/{org.Created.Owner.Id}", Ct)
            .AssertAsync(403, """{ "error": "Cannot remove the account administrator", "error_code": "forbidden" }""");
    }

    [Fact]
    public async Task PUT_and_PATCH_both_change_what_is_there_and_leave_the_rest()
    {
        var org = await app.CreateOrganizationAsync();
        var team = await org.GroupAsync(new("Crew") { AllResources = true });
        foreach (var method in new[] { "PUT", "PATCH" })
        {
            var user = await org.Admin.AskAsync(
                method, $"/users/{org.Created.Owner.Id}", $$"""{ "user": { "first_name": "{{method}}" } }""").OkAsync();
            Assert.Equal(
                (method, "Owner", true),
                (user.TextAt("first_name"), user.TextAt("last_name"), user.At("account_administrator").GetBoolean()));
            var shown = await org.Admin.AskAsync(
                method, $"/teams/{team.Id}", $$"""{ "team": { "name": "{{method}}" } }""").OkAsync();
            Assert.Equal((method, true), (shown.TextAt("name"), shown.At("all_projects_allowed").GetBoolean()));
            Assert.Equal(
                method,
                (
                    await org.Admin.AskAsync(method, "/account", $$"""{ "account": { "name": "{{method}}" } }""")
                        .OkAsync()).TextAt("name"));
        }
    }

    [Fact]
    public async Task A_user_is_named_by_UUID_or_number()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var number in new[] { false, true })
        {
            var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
            var path = $"/users/{(number ? $"{noor.Number}" : $"{noor.Id}")}";
            Assert.Equal(noor.Id, (await org.Admin.GetAsync(path, Ct).OkAsync()).At("identifier").GetGuid());
            await org.Admin.AskAsync("PUT", path, """{ "user": {} }""").OkAsync();
            await org.Admin.PostAsync(path + "/resend_invitation", null, Ct).OkAsync();
            await org.Admin.DeleteAsync(path, Ct).AssertAsync(200, Ok);
        }
    }

    [Theory]
    [InlineData(".json")]
    [InlineData("/")]
    [InlineData(".JSON")]
    public async Task Every_path_may_end_in_json_or_a_slash(string end)
    {
        var org = await app.CreateOrganizationAsync();
        var (noor, team) = (
            await org.InviteAsync("noor@acme.test", sendMail: false), await org.GroupAsync(new("Crew")));
        foreach (var path in new[]
            {
                "/users", $"/users/{noor.Id}", "/teams", $"/teams/{team.Id}", "/projects", "/projects/staging",
                "/profile", "/account", "/account/billing_status",
            })
            await org.Admin.GetAsync(path + end, Ct).OkAsync();
        await org.Admin.PostAsync($"/users/{noor.Id}/resend_invitation{end}", null, Ct).AssertAsync(200, Ok);
        var key = await org.Admin.PostTextAsync($"/security/api_keys{end}", """{ "api_key": { "description": "a" } }""")
            .OkAsync();
        await org.Admin.DeleteAsync($"/security/api_keys/{key.TextAt("identifier")}{end}", Ct).AssertAsync(200, Ok);
        await org.Admin.DeleteAsync($"/teams/{team.Id}{end}", Ct).OkAsync();
        await org.Admin.DeleteAsync($"/users/{noor.Id}{end}", Ct).AssertAsync(200, Ok);
    }

    [Fact]
    public async Task A_deleted_team_says_deleted_and_a_deleted_user_says_ok()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.DeleteAsync($"/teams/{(await org.GroupAsync(new("Crew"))).Id}", Ct)
            .AssertAsync(200, """{ "status": "deleted" }""");
        await org.Admin.DeleteAsync($"/users/{(await org.InviteAsync("noor@acme.test", sendMail: false)).Id}", Ct)
            .AssertAsync(200, Ok);
    }

    [Fact]
    public async Task What_is_not_there_is_404_with_a_status_in_words()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in new[] { $"/users/{Guid.NewGuid()}", $"/teams/{Guid.NewGuid()}", "/projects/nowhere" })
            await org.Admin.GetAsync(path, Ct).AssertAsync(404, NotFound);
        foreach (var path in new[] { "/users/1/2/3", "/teams/a/b", "/security", "/nothing" })
        {
            await org.Admin.GetAsync(path, Ct)
                .AssertAsync(404, """
                    { "status": "not_found", "error": "No such endpoint", "error_code": "invalid_api_method",
                    "hint": "There is no such endpoint." }
                    """);
        }
    }

    [Fact]
    public async Task A_read_only_key_is_refused_by_every_route_that_writes()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.ActiveAsync(
            "reader@acme.test", r => r with { Role = BuiltInRole.Admin }, readOnlyKey: true);
        var routes = app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<ITagsMetadata>()?.Tags.Contains("DeployHQ") is true)
            .SelectMany(e =>
                e.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods.Select(m =>
                    (
                        Method: m,
                        Path: e.RoutePattern.RawText!.Replace(
                            "{identifier}", $"{org.Created.Owner.Id}", StringComparison.Ordinal)))).ToList();
        var writes = routes.Where(r => r.Method is not "GET").ToList();
        Assert.Equal(16, writes.Count);
        foreach (var (method, path) in writes)
            await reader.Client.AskAsync(method, path, "{}").AssertAsync(403, ReadOnlyKey);
        foreach (var path in routes.Where(r =>
                r.Method is "GET"
                    && !r.Path.Contains(org.Created.Owner.Id.ToString(), StringComparison.Ordinal)).Select(r => r.Path))
            await reader.Client.GetAsync(path, Ct).OkAsync();
    }

    [Fact]
    public async Task Everything_is_at_the_root_of_the_host()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in Paths)
            await org.Admin.GetAsync(new Uri(new Uri(app.Url), path), Ct).OkAsync();
    }

    [Fact]
    public async Task Decided_a_second_invite_of_one_address_is_taken()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var status in new[] { 201, 422 })
            Assert.Equal(
                status,
                (int)(await org.Admin.PostTextAsync(
                    "/users",
                    """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""")).StatusCode);
    }

    [Fact]
    public async Task Decided_a_user_manager_invites_and_what_he_does_not_hold_is_refused()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test", r => r with { Permissions = [Permissions.UserManagement] });
        await manager.Client.PostTextAsync("/users", """
            { "user": { "first_name": "Noor", "email_address": "noor@acme.test", "can_manage_billing": true } }
            """).AssertAsync(403, AdminsOnly);
        await manager.Client.PostTextAsync(
            "/users", """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""").OkAsync(201);
    }

    [Fact]
    public async Task Decided_without_the_privilege_it_is_403_in_words()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        foreach (var path in new[] { "/users", "/teams" })
            await noor.Client.GetAsync(path, Ct).AssertAsync(403, Forbidden());
        Assert.Equal(HttpStatusCode.Forbidden, (await noor.Client.GetAsync("/account", Ct)).StatusCode);
        foreach (var path in new[] { "/projects", "/profile", "/account/billing_status" })
            await noor.Client.GetAsync(path, Ct).OkAsync();
    }

    [Fact]
    public async Task Decided_assignments_of_a_user_are_those_a_team_shows()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        var team = await org.Admin.PostTeamAsync("""
            { "name": "Crew", "project_assignments": [{ "identifier": "staging", "can_update_config": true }] }
            """).OkAsync(201);
        await org.Admin.PutUserAsync(
            noor.Member.Id, "{}",
            $", \"project_assignments\": {team.At("project_assignments").GetRawText()}").OkAsync();
        Assert.Equal(["staging"], await noor.Client.ProjectsAsync());
    }

    [Fact]
    public async Task Decided_a_user_manager_cannot_remove_himself()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test", r => r with { Permissions = [Permissions.UserManagement] });
        await manager.Client.DeleteAsync($"/users/{manager.Member.Id}", Ct)
            .AssertAsync(403, """{ "error": "You cannot remove yourself", "error_code": "forbidden" }""");
    }

    [Fact]
    public async Task Decided_only_the_newest_link_opens()
    {
        var org = await app.CreateOrganizationAsync();
        var email = $"noor@{org.Slug}.example";
        var noor = await org.InviteAsync(email);
        var first = await app.Mail.LinkToAsync(email);
        await org.Admin.PostAsync($"/users/{noor.Id}/resend_invitation", null, Ct).AssertAsync(200, Ok);
        var second = await app.Mail.LinkToAsync(email, 2);
        Assert.NotNull((await app.JoinAsync(first)).Error);
        Assert.Null((await app.JoinAsync(second)).Error);
    }

    [Fact]
    public async Task Decided_the_default_zone_is_the_accounts()
    {
        var org = await app.CreateOrganizationAsync(o => o.TimeZone = "Europe/Berlin");
        var user = await org.Admin.PostTextAsync(
            "/users", """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""").OkAsync(201);
        Assert.Equal("Europe/Berlin", user.TextAt("time_zone"));
    }

    [Fact]
    public async Task Decided_there_is_no_rate_limit()
    {
        var org = await app.CreateOrganizationAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ =>
            org.Admin.GetAsync("/account/billing_status", Ct)));
        Assert.All(answers, a => Assert.True(a.IsSuccessStatusCode));
    }

    [Fact]
    public async Task A_body_in_chunks_without_a_length_is_read_like_any_other()
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/users/{org.Created.Owner.Id}")
        {
            Content = new StringContent("""{ "user": { "first_name": "Olga" } }""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = true;
        Assert.Equal("Olga", (await org.Admin.SendAsync(request, Ct).OkAsync()).TextAt("first_name"));
    }
}
