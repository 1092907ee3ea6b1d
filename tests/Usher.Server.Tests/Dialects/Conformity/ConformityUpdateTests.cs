using System.Net;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>
/// Changing a user's role and levels, revoking him, and adding one whom an identity provider signs in.
/// </summary>
public sealed class ConformityUpdateTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_update_answers_the_whole_user_without_his_levels()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test", r => r with { FirstName = "Mara", LastName = "Lind" });
        await UpdateAsync(org, mara, $$"""
            { "role": "USER", "accessList": [{ "account": "{{org.Accounts[0]}}", "level": "READONLY" }] }
            """).AssertAsync(200, $$"""
            { "data": { "type": "users", "id": "{{ShortId.Of(mara.Id)}}",
                "attributes": { "first-name": "Mara", "last-name": "Lind", "role": "USER", "email": "mara@acme.test",
                  "status": "INVITED", "last-login-date": null,
                    "created-date": {{mara.CreatedAt.ToUnixTimeMilliseconds()}}, "mfa": false,
                      "summary-email-opt-out": false },
                "relationships": { "organisation": { "data": { "type": "organisations",
                  "id": "{{ShortId.Of(org.Id)}}" } } } } }
            """);
        Assert.Equal(["READONLY", "NONE", "NONE"], await LevelsAsync(org, mara));
    }

    [Fact]
    public async Task Levels_are_merged_and_those_not_named_stay()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test", r => r with { Levels = [Level(org, 0), Level(org, 1)] });
        await UpdateAsync(org, mara, $$"""
            { "role": "USER", "accessList": [{ "account": "{{org.Accounts[1]}}", "level": "NONE" },
            { "account": "{{org.Accounts[2]}}", "level": "READONLY" }] }
            """).OkAsync();
        Assert.Equal(["FULL", "NONE", "READONLY"], await LevelsAsync(org, mara));
    }

    [Theory]
    [InlineData("ADMIN")]
    [InlineData("POWER_USER")]
    [InlineData("READ_ONLY")]
    [InlineData("USER")]
    public async Task An_empty_list_is_accepted_for_every_role_and_changes_no_level(string role)
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test", r => r with { Levels = [Level(org, 0)] });
        var answer = await UpdateAsync(org, mara, $$"""{ "role": "{{role}}", "accessList": [] }""").OkAsync();
        Assert.Equal(role, answer.TextAt("data/attributes/role"));
        await UpdateAsync(org, mara, """{ "role": "USER", "accessList": [] }""").OkAsync();
        Assert.Equal(["FULL", "NONE", "NONE"], await LevelsAsync(org, mara));
    }

    [Theory]
    [InlineData("""{ }""", """[{ "pointer": "/data", "details": "Attributes are required" }]""")]
    [InlineData("""{ "data": [] }""", """[{ "pointer": "/data", "details": "Attributes are required" }]""")]
    [InlineData(
        """{ "data": { "attributes": { "role": "ADMIN" } } }""",
        """[{ "pointer": "/data/role", "details": "Role is required" }]""")]
    [InlineData(
        """{ "data": { "role": "CUSTOM" } }""", """[{ "pointer": "/data/role", "details": "Role is invalid" }]""")]
    [InlineData(
        """{ "data": { "role": ["ADMIN"] } }""", """[{ "pointer": "/data/role", "details": "Role is invalid" }]""")]
    [InlineData(
        """{ "data": { "role": "USER" } }""",
        """[{ "pointer": "/data/accessList", "details": "Access list is required" }]""")]
    [InlineData(
        """{ "data": { "role": "USER", "accessList": null } }""",
        """[{ "pointer": "/data/accessList", "details": "Access list is required" }]""")]
    [InlineData(
        """{ "data": { "role": "USER", "accessList": {} } }""",
        """[{ "pointer": "/data/accessList", "details": "Access list is invalid" }]""")]
    [InlineData(
        """
        { "data": { "role": "OWNER", "accessList": [{ "level": "FULL" }, { "account": "x", "level": "READ_ONLY" }] } }
        """,
        """
        [{ "pointer": "/data/role", "details": "Role is invalid" }, { "pointer": "/data/accessList/0/account",
        "details": "Account is required" }, { "pointer": "/data/accessList/1/level", "details": "Level is invalid" }]
        """)]
    [InlineData(
        """{ "data": { "role": "USER", "accessList": [{ "account": "nope", "level": "FULL" }] } }""",
        """[{ "pointer": "/data/accessList/0/account", "details": "Account not found" }]""")]
    public async Task A_fault_is_told_by_its_pointer_and_changes_nothing(string body, string faults)
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test");
        var errors = string.Join(", ", System.Text.Json.JsonDocument.Parse(faults).RootElement.EnumerateArray()
            .Select(f => $$"""
                { "status": 422, "source": { "pointer": "{{f.TextAt("pointer")}}" },
                "details": "{{f.TextAt("details")}}" }
                """));
        await org.Admin.SendTextAsync(HttpMethod.Patch, "/v1/users/" + ShortId.Of(mara.Id), body)
            .AssertAsync(422, $$"""{ "errors": [{{errors}}] }""");
        Assert.Equal(mara.Version, (await org.MemberAsync("mara@acme.test")).Version);
    }

    [Fact]
    public async Task An_account_of_another_organization_is_not_found()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var mara = await org.InviteAsync("mara@acme.test");
        await UpdateAsync(org, mara, $$"""
            { "role": "USER", "accessList": [{ "account": "{{org.Accounts[0]}}", "level": "FULL" },
            { "account": "{{other.Accounts[0]}}", "level": "FULL" }] }
            """)
            .AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/accessList/1/account" },
                "details": "Account not found" }] }
                """);
        Assert.Equal(["NONE", "NONE", "NONE"], await LevelsAsync(org, mara));
    }

    [Fact]
    public async Task The_last_administrator_can_be_neither_demoted_nor_revoked()
    {
        var org = await app.CreateOrganizationAsync();
        const string refused = """
            { "errors": [{ "status": 422, "source": { "pointer": "/data/role" },
            "details": "Organisation must have at least one ADMIN" }] }
            """;
        await UpdateAsync(org, org.Created.Owner, """{ "role": "READ_ONLY" }""").AssertAsync(422, refused);
        await org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(org.Created.Owner.Id), Ct).AssertAsync(422, refused);
        await org.ActiveAsync("second@acme.test", r => r with { Role = BuiltInRole.Admin });
        await org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(org.Created.Owner.Id), Ct)
            .AssertAsync(200, """{ "meta": { "status": "revoked" } }""");
        Assert.Equal(HttpStatusCode.Forbidden, (await org.Admin.GetAsync("/v1/users/whoami", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_revoked_user_is_gone_and_his_link_and_keys_with_him()
    {
        var org = await app.CreateOrganizationAsync();
        var guest = Steps.NewEmail("noor");
        var (active, invited) = (await org.ActiveAsync("mara@acme.test"), await org.InviteAsync(guest));
        var link = await app.Mail.LinkToAsync(guest);
        foreach (var id in new[] { active.Member.Id, invited.Id })
        {
            await org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(id), Ct)
                .AssertAsync(200, """{ "meta": { "status": "revoked" } }""");
            const string gone = """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" },
                "details": "No such user" }] }
                """;
            await org.Admin.GetAsync("/v1/users/" + ShortId.Of(id), Ct).AssertAsync(422, gone);
            await org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(id), Ct).AssertAsync(422, gone);
            await UpdateAsync(org, id, """{ "role": "ADMIN" }""").AssertAsync(422, gone);
        }

        Assert.Equal(
            ["ADMIN"],
            (await org.Admin.GetAsync("/v1/users", Ct).OkAsync()).At("data").EnumerateArray()
                .Select(u => u.TextAt("attributes/role")!));
        Assert.Equal(HttpStatusCode.Forbidden, (await active.Client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Equal(OfferState.Revoked, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task His_levels_outlive_a_revoke_and_come_back_with_a_new_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test", r => r with { Levels = [Level(org, 0), Level(org, 1)] });
        await org.Admin.DeleteAsync("/v1/users/" + ShortId.Of(mara.Id), Ct)
            .AssertAsync(200, """{ "meta": { "status": "revoked" } }""");
        var back = await org.Admin.PostTextAsync("/v1/users", $$"""
            { "data": { "attributes": { "firstName": "Mara", "lastName": "Lind", "role": "USER",
              "email": "mara@acme.test", "accessList": [{ "account": "{{org.Accounts[1]}}", "level": "READONLY" }] } } }
            """).OkAsync();
        Assert.Equal((ShortId.Of(mara.Id), "INVITED"), (back.TextAt("data/id"), back.TextAt("data/attributes/status")));
        Assert.Equal(["FULL", "READONLY", "NONE"], await LevelsAsync(org, mara));
    }

    [Fact]
    public async Task A_single_sign_on_user_is_active_at_once_where_an_identity_provider_is_set_up()
    {
        var org = await app.CreateOrganizationAsync();
        var body = $$"""
            { "data": { "attributes": { "firstName": "Mara", "lastName": "Lind", "role": "USER",
              "email": "mara@acme.test", "accessList": [{ "account": "{{org.Accounts[2]}}", "level": "FULL" }] } } }
            """;
        await org.Admin.PostTextAsync("/v1/users/sso", body).AssertAsync(
            422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" },
                "details": "Organisation does not have an external identity provider" }] }
                """);
        Assert.Single(await org.MembersAsync());

        Assert.Null(
            (await org.UpdateAsync(org.System, new OrganizationChange { ExternalIdentityProvider = "Acme ID" })).Error);
        var added = await org.Admin.PostTextAsync("/v1//users/sso/", body).OkAsync();
        var attributes = added.At("data/attributes");
        Assert.Equal(
            [
                "first-name", "last-name", "role", "email", "status", "last-login-date", "created-date",
                "has-credentials",
            ],
            attributes.Names());
        Assert.Equal(
            ("ACTIVE", System.Text.Json.JsonValueKind.Null, false),
            (
                attributes.TextAt("status"), attributes.At("last-login-date").ValueKind,
                attributes.At("has-credentials").GetBoolean()));
        Assert.Equal(["NONE", "NONE", "FULL"], await LevelsAsync(org, await org.MemberAsync("mara@acme.test")));
        Assert.Empty(await org.OutboxAsync());
        await org.Admin.PostTextAsync("/v1/users/sso", body).AssertAsync(
            422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/email" },
                "details": "User already exists" }] }
                """);
    }

    private static Task<HttpResponseMessage> UpdateAsync(TestOrganization org, Member member, string data) =>
        UpdateAsync(org, member.Id, data);

    private static Task<HttpResponseMessage> UpdateAsync(TestOrganization org, Guid member, string data) =>
        org.Admin.SendTextAsync(HttpMethod.Patch, "/v1//users/" + ShortId.Of(member), $$"""{ "data": {{data}} }""");

    private static NewLevel Level(TestOrganization org, int index) =>
        new(Reference.To(org.Created.Resources[index].Id), AccessLevel.Full);

    private static async Task<IEnumerable<string>> LevelsAsync(TestOrganization org, Member member) =>
        (await org.Admin.GetAsync("/v1/users/" + ShortId.Of(member.Id), Ct).OkAsync())
            .At("data/relationships/accountAccessList").EnumerateArray().Select(e => e.TextAt("level")!);
}
