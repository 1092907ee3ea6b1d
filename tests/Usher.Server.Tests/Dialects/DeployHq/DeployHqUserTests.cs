using System.Globalization;
using System.Net;
using System.Text;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>Looking and resending, and who may.</summary>
public sealed class DeployHqUserTests(UsherApp app)
{
    private const string NotFound = """
        { "status": "not_found", "error": "Record not found", "error_code": "record_not_found",
          "hint": "There is no such record in this account." }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_list_is_a_bare_array_of_thirteen_members_each_in_the_order_of_the_numbers()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync(
            "zoe@acme.test", r => r with { Permissions = [Permissions.BillingManagement], TimeZone = "Asia/Tokyo" },
            sendMail: false);
        await org.InviteAsync("gone@acme.test", sendMail: false);
        await org.ServiceAccountAsync("bot");
        var adam = await org.ActiveAsync("Adam@acme.test", r => r with { AllResources = true });
        await org.SetStatusAsync(adam.Member, MemberStatus.Suspended);
        await org.RemoveAsync("gone@acme.test");

        var (owner, zoe) = (org.Created.Owner, await org.MemberAsync("zoe@acme.test"));
        await org.Admin.GetAsync("/users?page=7&per_page=1", Ct).AssertAsync(200, $$"""
            [{ "id": {{owner.Number}}, "identifier": "{{owner.Id}}", "first_name": "Olivia", "last_name": "Owner",
              "email_address": "{{owner.Email}}", "time_zone": "Etc/UTC",
               "account_administrator": true, "activated": true, "can_manage_users": true, "can_manage_billing": true,
                 "can_create_projects": true,
               "can_manage_agents": true, "all_projects_allowed": true },
             { "id": {{zoe.Number}}, "identifier": "{{zoe.Id}}", "first_name": "Ada", "last_name": "Lovelace",
               "email_address": "zoe@acme.test", "time_zone": "Asia/Tokyo",
               "account_administrator": false, "activated": false, "can_manage_users": false,
                 "can_manage_billing": true, "can_create_projects": false,
               "can_manage_agents": false, "all_projects_allowed": false },
             { "id": {{adam.Member.Number}}, "identifier": "{{adam.Member.Id}}", "first_name": "Ada",
               "last_name": "Lovelace", "email_address": "Adam@acme.test",
               "time_zone": "Etc/UTC", "account_administrator": false, "activated": true, "can_manage_users": false,
                 "can_manage_billing": false, "can_create_projects": false,
               "can_manage_agents": false, "all_projects_allowed": true }]
            """);
    }

    [Fact]
    public async Task A_user_is_found_by_UUID_and_by_number()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("noor@acme.test", sendMail: false);
        var user = await org.Admin.GetAsync($"/users/{member.Id}", Ct).OkAsync();

        Assert.Equal(
            [
                "id", "identifier", "first_name", "last_name", "email_address", "time_zone", "account_administrator",
                "activated", "can_manage_users", "can_manage_billing",
             "can_create_projects", "can_manage_agents", "all_projects_allowed"],
            user.Names());
        foreach (var written in new[]
            {
                member.Id.ToString().ToUpperInvariant(), $"{member.Number}", $"{member.Id}.json",
                $"{member.Number}.json", $"{member.Id}/",
            })
            Assert.Equal(user.GetRawText(), (await org.Admin.GetAsync("/users/" + written, Ct).OkAsync()).GetRawText());
    }

    [Fact]
    public async Task Anything_else_is_no_record()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("noor@acme.test", sendMail: false);
        var bot = await org.ServiceAccountAsync("bot");
        foreach (var wrong in new[]
        {
            Guid.NewGuid().ToString(), member.Id.ToString("N"), member.Id.ToString("B"), "0", "-1", "+"
                + member.Number, "1e3", "99999999999999999999999", $"%20{member.Number}",
            "noor@acme.test", "nobody", bot.Member.Id.ToString(),
            bot.Member.Number.ToString(CultureInfo.InvariantCulture),
        })
        {
            await org.Admin.GetAsync(Wire.Raw(app.Url, "/users/" + wrong), Ct).AssertAsync(404, NotFound);
            await org.Admin.PostAsync(Wire.Raw(app.Url, $"/users/{wrong}/resend_invitation"), null, Ct)
                .AssertAsync(404, NotFound);
        }

        await org.RemoveAsync("noor@acme.test");
        await org.Admin.GetAsync($"/users/{member.Id}", Ct).AssertAsync(404, NotFound);
        await org.Admin.PostAsync($"/users/{member.Number}/resend_invitation", null, Ct).AssertAsync(404, NotFound);
    }

    [Fact]
    public async Task Resending_mails_a_new_link_in_the_place_of_the_old_one()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("noor@acme.test");
        string[] forms = [member.Id.ToString(), member.Number.ToString(CultureInfo.InvariantCulture)];
        foreach (var (n, written) in forms.Index())
        {
            await org.Admin.PostAsync($"/users/{written}/resend_invitation", null, Ct)
                .AssertAsync(200, """{ "status": "ok" }""");
            var invitation = Assert.Single((await org.MemberAsync("noor@acme.test")).Invitations);
            Assert.Equal((InvitationStatus.Pending, n + 2), (invitation.Status, invitation.SentCount));
            Assert.Equal(n + 2, (await org.OutboxAsync()).Count(m => m.Recipient == "noor@acme.test"));
        }
    }

    [Theory]
    [InlineData("/resend_invitation.json", null)]
    [InlineData("/resend_invitation/", "")]
    [InlineData("//resend_invitation", "{}")]
    [InlineData("/resend_invitation", "no JSON at all")]
    public async Task Resending_needs_no_body_and_looks_at_none(string path, string? body)
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("noor@acme.test", sendMail: false);
        using var request = new HttpRequestMessage(HttpMethod.Post, Wire.Raw(app.Url, $"/users/{member.Id}{path}"));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");

        await org.Admin.SendAsync(request, Ct).AssertAsync(200, """{ "status": "ok" }""");
    }

    [Fact]
    public async Task Whoever_has_joined_is_activated_and_gets_no_second_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.JoinAsync($"noor@{org.Slug}.example");
        Assert.True((await org.Admin.GetAsync($"/users/{noor.Member.Id}", Ct).OkAsync()).At("activated").GetBoolean());

        await org.Admin.PostAsync($"/users/{noor.Member.Id}/resend_invitation", null, Ct)
            .AssertAsync(422, """{ "error": "User already activated" }""");
        Assert.Single(await org.OutboxAsync());
        var list = await org.Admin.GetAsync("/v1/users", Ct).OkAsync();
        Assert.Equal(
            ("ACTIVE", true),
            (list.TextAt("data/1/attributes/status"), list.At("data/1/attributes/has-credentials").GetBoolean()));
        Assert.Equal(
            (await org.Admin.GetAsync("/api/v2/user/" + noor.Member.Identifier, Ct).OkAsync()).At("lastSuccessfulLogin")
                .GetInt64(),
            list.At("data/1/attributes/last-login-date").GetInt64());
    }

    [Fact]
    public async Task Neither_administrator_nor_user_manager_is_let_in_anywhere()
    {
        const string Forbidden = """
            { "status": 403, "error": "You are not allowed to access this resource", "error_code": "forbidden",
              "hint": "This needs an account administrator, or the permission to manage users." }
            """;
        var org = await app.CreateOrganizationAsync();
        var self = await org.ActiveAsync(
            "power@acme.test",
            r => r with { Role = BuiltInRole.PowerUser, Permissions = [Permissions.BillingManagement] });

        await self.Client.GetAsync("/users", Ct).AssertAsync(403, Forbidden);
        await self.Client.GetAsync($"/users/{self.Member.Id}", Ct).AssertAsync(403, Forbidden);
        await self.Client.GetAsync("/users/nobody", Ct).AssertAsync(403, Forbidden);
        await self.Client.PostTextAsync(
            "/users",
            """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""").AssertAsync(403, Forbidden);
        await self.Client.PostTextAsync("/users", "nonsense").AssertAsync(403, Forbidden);
        await self.Client.PostAsync($"/users/{self.Member.Id}/resend_invitation", null, Ct).AssertAsync(403, Forbidden);
    }

    [Fact]
    public async Task A_user_manager_may_look_invite_and_resend_but_not_to_somebody_who_holds_more()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test", r => r with { Permissions = [Permissions.UserManagement] });
        var (less, more) = (
            await org.InviteAsync("less@acme.test"),
            await org.InviteAsync("more@acme.test", r => r with { Role = BuiltInRole.Admin }));

        Assert.Equal(4, (await manager.Client.GetAsync("/users", Ct).OkAsync()).GetArrayLength());
        await manager.Client.PostAsync($"/users/{less.Id}/resend_invitation", null, Ct)
            .AssertAsync(200, """{ "status": "ok" }""");
        await manager.Client.PostAsync($"/users/{more.Id}/resend_invitation", null, Ct)
            .AssertAsync(403, """
                { "error": "You cannot manage a user with more permissions than your own", "error_code": "forbidden" }
                """);
        Assert.Single(await org.OutboxAsync(), m => m.Recipient == "more@acme.test");
    }

    [Fact]
    public async Task A_read_only_key_reads_and_nothing_else()
    {
        const string ReadOnly = """
            { "status": 403, "error": "This API key is read-only", "error_code": "api_key_read_only",
            "hint": "Use a key that may write." }
            """;
        var org = await app.CreateOrganizationAsync();
        var reader = await org.ActiveAsync(
            "reader@acme.test", r => r with { Role = BuiltInRole.Admin }, readOnlyKey: true);
        var pending = await org.InviteAsync("noor@acme.test", sendMail: false);

        await reader.Client.GetAsync("/users", Ct).OkAsync();
        await reader.Client.GetAsync($"/users/{pending.Id}", Ct).OkAsync();
        await reader.Client.PostTextAsync(
            "/users",
            """{ "user": { "first_name": "Noor", "email_address": "new@acme.test" } }""").AssertAsync(403, ReadOnly);
        await reader.Client.PostAsync($"/users/{pending.Id}/resend_invitation", null, Ct).AssertAsync(403, ReadOnly);
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task A_JSON_content_type_on_a_GET_and_any_Accept_are_fine()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var accept in new[] { "application/json", "text/html", "*/*", "image/png" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/users") { Content = new ByteArrayContent([]) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Accept.ParseAdd(accept);
            Assert.Equal(HttpStatusCode.OK, (await org.Admin.SendAsync(request, Ct)).StatusCode);
        }
    }
}
