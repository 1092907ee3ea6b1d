using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Conformity;

public sealed class ConformityInviteTests(UsherApp app)
{
    private const string NotAuthorized =
        """{ "errors": [{ "status": 401, "details": "You are not authorized to perform such actions" }] }""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData(""", "accessList": []""")]
    [InlineData(""", "accessList": null""")]
    public async Task A_new_user_without_a_list_has_no_access_to_any_account(string list)
    {
        var org = await app.CreateOrganizationAsync();
        var invited = await InviteAsync(org, $$"""
            { "firstName": "Mara", "lastName": "Lind", "role": "USER", "email": "mara@acme.test"{{list}} }
            """).OkAsync();

        Assert.Equal(["NONE", "NONE", "NONE"], await LevelsAsync(org, invited));
    }

    [Fact]
    public async Task Inviting_a_pending_user_again_keeps_him_takes_names_and_role_and_merges_the_levels()
    {
        var org = await app.CreateOrganizationAsync();
        var first = await InviteAsync(
            org, User("mara@acme.test", list: $"{Entry(org, 0, "FULL")}, {Entry(org, 1, "READONLY")}")).OkAsync();
        var second = await InviteAsync(
            org,
            User(
                "mara@acme.test", first: "Marah", last: "Lindt",
                list: $"{Entry(org, 1, "NONE")}, {Entry(org, 2, "FULL")}")).OkAsync();

        Assert.Equal(first.TextAt("data/id"), second.TextAt("data/id"));
        Assert.Equal(
            first.At("data/attributes/created-date").GetInt64(), second.At("data/attributes/created-date").GetInt64());
        var attributes = second.At("data/attributes");
        Assert.Equal(
            ("Marah", "Lindt", "INVITED"),
            (attributes.TextAt("first-name"), attributes.TextAt("last-name"), attributes.TextAt("status")));
        Assert.Equal(["FULL", "NONE", "FULL"], await LevelsAsync(org, second));
    }

    [Fact]
    public async Task Inviting_a_pending_user_again_sends_a_fresh_invitation_in_the_place_of_the_old_one()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org, User("mara@acme.test")).OkAsync();
        var old = Assert.Single((await org.MemberAsync("mara@acme.test")).Invitations);
        await InviteAsync(org, User("mara@acme.test")).OkAsync();

        var invitation = Assert.Single((await org.MemberAsync("mara@acme.test")).Invitations);
        Assert.Equal((old.Id, InvitationStatus.Pending, 2), (invitation.Id, invitation.Status, invitation.SentCount));
        Assert.Equal(2, (await org.OutboxAsync()).Count(m => m.Recipient == "mara@acme.test"));
    }

    [Fact]
    public async Task Inviting_a_pending_administrator_again_as_a_user_takes_the_role_away()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org, User("mara@acme.test", "ADMIN")).OkAsync();
        var again = await InviteAsync(org, User("mara@acme.test")).OkAsync();

        Assert.Equal("USER", again.TextAt("data/attributes/role"));
        Assert.Equal(BuiltInRole.User, (await org.MemberAsync("mara@acme.test")).Role);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_revoked_user_comes_back_as_himself_with_the_old_levels_merged_with_the_list(bool hadJoined)
    {
        var org = await app.CreateOrganizationAsync();
        var first = await InviteAsync(
            org, User("mara@acme.test", list: $"{Entry(org, 0, "FULL")}, {Entry(org, 1, "READONLY")}")).OkAsync();
        if (hadJoined) await org.SetStatusAsync(await org.MemberAsync("mara@acme.test"), MemberStatus.Active);
        await org.RemoveAsync("mara@acme.test");
        var again = await InviteAsync(org, User("MARA@acme.test", list: Entry(org, 1, "FULL"))).OkAsync();

        Assert.Equal(first.TextAt("data/id"), again.TextAt("data/id"));
        Assert.Equal(
            ("INVITED", "mara@acme.test"),
            (again.TextAt("data/attributes/status"), again.TextAt("data/attributes/email")));
        Assert.Equal(JsonValueKind.Null, again.At("data/attributes/last-login-date").ValueKind);
        Assert.Equal(["FULL", "FULL", "NONE"], await LevelsAsync(org, again));
        Assert.Single(await org.MembersAsync(), m => m.Identifier == "mara@acme.test");
    }

    [Fact]
    public async Task A_revoked_administrator_invited_again_as_a_user_is_only_that()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org, User("mara@acme.test", "ADMIN")).OkAsync();
        await org.RemoveAsync("mara@acme.test");
        var again = await InviteAsync(org, User("mara@acme.test")).OkAsync();

        Assert.Equal("USER", again.TextAt("data/attributes/role"));
        Assert.Equal(["NONE", "NONE", "NONE"], await LevelsAsync(org, again));
    }

    [Theory]
    [InlineData(MemberStatus.Active)]
    [InlineData(MemberStatus.Suspended)]
    public async Task An_address_of_a_member_is_refused_and_nothing_changes(MemberStatus status)
    {
        var org = await app.CreateOrganizationAsync();
        var caller = await org.ActiveAsync("mara@acme.test");
        await org.SetStatusAsync(caller.Member, status);
        await InviteAsync(org, User(" Mara@ACME.test ", "ADMIN"))
            .AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/email" },
                "details": "User already exists" }] }
                """);

        var member = await org.MemberAsync("mara@acme.test");
        Assert.Equal((BuiltInRole.User, status, "Ada"), (member.Role, member.Status, member.FirstName));
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task Addresses_are_compared_trimmed_and_without_case_and_shown_as_first_given()
    {
        var org = await app.CreateOrganizationAsync();
        var first = await InviteAsync(org, User("  Mara.Lind@Acme.test ")).OkAsync();
        var second = await InviteAsync(org, User("mara.lind@ACME.TEST")).OkAsync();

        Assert.Equal("Mara.Lind@Acme.test", first.TextAt("data/attributes/email"));
        Assert.Equal("Mara.Lind@Acme.test", second.TextAt("data/attributes/email"));
        Assert.Equal(2, (await org.MembersAsync()).Count);
    }

    [Fact]
    public async Task An_administrators_list_is_kept_but_shown_only_once_he_is_a_user()
    {
        var org = await app.CreateOrganizationAsync();
        var admin = await InviteAsync(org, User("mara@acme.test", "ADMIN", list: Entry(org, 1, "READONLY"))).OkAsync();
        var shown = await org.Admin.GetAsync("/v1/users/" + admin.TextAt("data/id"), Ct).OkAsync();
        Assert.Equal(["organisation"], shown.At("data/relationships").Names());

        var user = await InviteAsync(org, User("mara@acme.test")).OkAsync();
        Assert.Equal(["NONE", "READONLY", "NONE"], await LevelsAsync(org, user));
    }

    [Fact]
    public async Task Of_two_entries_for_one_account_the_last_counts()
    {
        var org = await app.CreateOrganizationAsync();
        var invited = await InviteAsync(
            org,
            User(
                "mara@acme.test",
                list: $"{Entry(org, 0, "FULL")}, {Entry(org, 1, "FULL")}, {Entry(org, 0, "READONLY")}")).OkAsync();

        Assert.Equal(["READONLY", "FULL", "NONE"], await LevelsAsync(org, invited));
    }

    [Fact]
    public async Task Of_a_member_given_twice_the_last_counts()
    {
        var org = await app.CreateOrganizationAsync();
        var invited = await InviteAsync(org, """
            { "firstName": "Mara", "lastName": "Lind", "role": "ADMIN", "email": "mara@acme.test", "role": "USER",
              "firstName": "Marah" }
            """).OkAsync();

        Assert.Equal(
            ("Marah", "USER"), (invited.TextAt("data/attributes/first-name"), invited.TextAt("data/attributes/role")));
    }

    [Fact]
    public async Task What_the_Terraform_provider_sends_along_is_ignored()
    {
        var org = await app.CreateOrganizationAsync();
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("ApiKey", org.Key);
        client.DefaultRequestHeaders.Add("Request-Source", "Terraform");
        // Its addresses, too, are its own: the base ends in a slash, and so do both ends of the path.
        using var request = new HttpRequestMessage(HttpMethod.Post, Wire.Raw(app.Url, "/v1//users/"))
        {
            Content = new StringContent($$"""
                { "data": {
                    "type": "", "id": "",
                    "attributes": { "firstName": "Mara", "lastName": "Lind", "role": "USER",
                      "email": "mara@acme.test", "IsCloudOneUser": false,
                        "summary_email_opt_out": false, "mfa": false, "accessList": [{{Entry(org, 0, "FULL")}}] },
                    "relationships": { "organisation": { "data": { "type": "", "id": "" } },
                      "accountAccessList": null },
                    "meta": { "IsApiKeyUser": false } } }
                """, new System.Net.Http.Headers.MediaTypeHeaderValue("application/vnd.api+json")),
        };
        var invited = await client.SendAsync(request, Ct).OkAsync();

        Assert.Equal("INVITED", invited.TextAt("data/attributes/status"));
        Assert.Equal(["FULL", "NONE", "NONE"], await LevelsAsync(org, invited));
    }

    [Theory]
    [InlineData("POWER_USER", "Role is invalid")]
    [InlineData("READ_ONLY", "Role is invalid")]
    [InlineData("CUSTOM", "Role is invalid")]
    [InlineData("admin", "Role is invalid")]
    [InlineData("", "Role is invalid")]
    public async Task Only_administrators_and_users_can_be_invited(string role, string details)
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org, User("mara@acme.test", role))
            .AssertAsync(422, $$"""
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/role" },
                "details": "{{details}}" }] }
                """);
        Assert.Single(await org.MembersAsync());
    }

    [Fact]
    public async Task Every_problem_is_told_at_once_in_the_order_of_the_documentation()
    {
        var org = await app.CreateOrganizationAsync();
        await InviteAsync(org, $$"""
            { "accessList": [{ "level": "FULL" }, {{Entry(org, 0, "full")}}, {}], "role": null, "lastName": " " }
            """).AssertAsync(422, """
            { "errors": [
                { "status": 422, "source": { "pointer": "/data/attributes/firstName" },
                  "details": "First name is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/lastName" },
                  "details": "Last name is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/email" }, "details": "Email is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/role" }, "details": "Role is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/accessList/0/account" },
                  "details": "Account is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/accessList/1/level" },
                  "details": "Level is invalid" },
                { "status": 422, "source": { "pointer": "/data/attributes/accessList/2/account" },
                  "details": "Account is required" },
                { "status": 422, "source": { "pointer": "/data/attributes/accessList/2/level" },
                  "details": "Level is invalid" }] }
            """);
    }

    [Fact]
    public async Task An_account_that_is_not_here_is_refused_whether_it_exists_elsewhere_or_not()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        foreach (var account in new[]
            {
                other.Accounts[0], ShortId.Of(Guid.NewGuid()), "acA7-x_91", org.Created.Resources[0].Id.ToString(),
            })
        {
            await InviteAsync(org, User("mara@acme.test", list: $$"""
                {{Entry(org, 0, "FULL")}}, { "account": "{{account}}", "level": "FULL" }
                """)).AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/accessList/1/account" },
                  "details": "Account not found" }] }
                """);
        }

        Assert.Single(await org.MembersAsync());
    }

    [Fact]
    public async Task Only_an_administrator_may_invite()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (name, change) in new (string, Func<NewInvitation, NewInvitation>)[]
        {
            ("user", r => r),
            ("power", r => r with { Role = BuiltInRole.PowerUser }),
            ("reader", r => r with { Role = BuiltInRole.ReadOnly }),
            ("manager", r => r with { Permissions = [Permissions.UserManagement] }),
        })
        {
            var caller = await org.ActiveAsync(name + "@acme.test", change);
            await PostAsync(caller.Client, User("mara@acme.test")).AssertAsync(401, NotAuthorized);
        }

        Assert.DoesNotContain(await org.MembersAsync(), m => m.Identifier == "mara@acme.test");
    }

    [Fact]
    public async Task A_member_of_a_group_of_administrators_may_invite()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.GroupAsync(new("Chiefs") { IsAdmin = true });
        var chief = await org.ActiveAsync("chief@acme.test", r => r with { Groups = [Reference.To(group.Id)] });

        await PostAsync(chief.Client, User("mara@acme.test", "ADMIN")).OkAsync();
    }

    [Fact]
    public async Task A_read_only_key_of_an_administrator_cannot_invite()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.ActiveAsync(
            "reader@acme.test", r => r with { Role = BuiltInRole.Admin }, readOnlyKey: true);

        await PostAsync(reader.Client, User("mara@acme.test"))
            .AssertAsync(401, """{ "errors": [{ "status": 401, "details": "This API key may only read." }] }""");
        await reader.Client.GetAsync("/v1/users", Ct).OkAsync();
    }

    [Theory]
    [InlineData("application/vnd.api+json")]
    [InlineData("application/vnd.api+json; charset=utf-8")]
    [InlineData("""application/vnd.api+json; ext="https://example.test/ext" """)]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=UTF-8")]
    [InlineData(null)]
    public async Task The_body_is_read_in_the_documented_media_type_in_plain_JSON_and_in_none(string? mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        using var content = new ByteArrayContent(
            System.Text.Encoding.UTF8.GetBytes($$"""{ "data": { "attributes": {{User("mara@acme.test")}} } }"""));
        if (mediaType is not null) content.Headers.TryAddWithoutValidation("Content-Type", mediaType);

        await org.Admin.PostAsync("/v1/users", content, Ct).OkAsync();
    }

    [Theory]
    [InlineData("*/*")]
    [InlineData("text/html")]
    [InlineData("application/xml;q=1")]
    [InlineData("image/png, no such thing")]
    public async Task Whatever_a_client_would_accept_it_gets_JSON(string accept)
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users");
        request.Headers.TryAddWithoutValidation("Accept", accept);

        await org.Admin.SendAsync(request, Ct).OkAsync();
    }

    [Fact]
    public async Task What_the_organization_does_not_allow_is_refused_at_the_member_it_is_about()
    {
        var org = await app.CreateOrganizationAsync(o => o.AllowedEmailDomains = ["acme.test"]);
        await InviteAsync(org, User("mara@elsewhere.test")).AssertAsync(422, """
            { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/email" },
              "details": "The organization does not allow addresses of this domain." }] }
            """);
        await app.WithAsync<OrganizationService, Core.Result<Organization>>(s =>
            s.SetSeatLimitAsync(org.System, 1, Ct));
        await InviteAsync(org, User("mara@acme.test")).AssertAsync(422, """
            { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" },
              "details": "The organization has no free seat." }] }
            """);
    }

    [Fact]
    public async Task The_answer_is_two_hundred_and_nothing_else_counts_as_success()
    {
        var org = await app.CreateOrganizationAsync();
        using var answer = await InviteAsync(org, User("mara@acme.test"));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    private static string Entry(TestOrganization org, int account, string level) =>
        $$"""{ "account": "{{org.Accounts[account]}}", "level": "{{level}}" }""";

    private static string User(
        string email, string role = "USER", string first = "Mara", string last = "Lind", string list = "") =>
        $$"""
        { "firstName": "{{first}}", "lastName": "{{last}}", "role": "{{role}}", "email": "{{email}}",
        "accessList": [{{list}}] }
        """;

    private static Task<HttpResponseMessage> InviteAsync(TestOrganization org, string attributes) =>
        PostAsync(org.Admin, attributes);

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string attributes) =>
        client.PostTextAsync(
            "/v1/users", $$"""{ "data": { "attributes": {{attributes}} } }""", "application/vnd.api+json");

    // The levels an administrator sees, account by account.
    private static async Task<IEnumerable<string?>> LevelsAsync(TestOrganization org, JsonElement invited)
    {
        var user = await org.Admin.GetAsync("/v1/users/" + invited.TextAt("data/id"), Ct).OkAsync();
        var list = user.At("data/relationships/accountAccessList");
        Assert.Equal(org.Accounts, list.EnumerateArray().Select(e => e.TextAt("account")!));
        return list.EnumerateArray().Select(e => e.TextAt("level")).ToList();
    }
}
