using System.Net;
using System.Text;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>
/// What the vendor's own clients (its Terraform provider, its migration tool) cannot do without, one test for each; the
/// details are in the other files.
/// </summary>
public sealed class ConformityConformanceTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Item_1_double_and_trailing_slashes_are_routed_without_a_redirect()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.GetAsync("/v1//api-keys/", Ct).OkAsync();
        await org.Admin.GetAsync("/v1//users/whoami", Ct).OkAsync();
        var invited = await org.Admin.PostTextAsync("/v1//users/", Invite("mara@acme.test")).OkAsync();
        var path = $"/v1//users/{invited.TextAt("data/id")}";
        await org.Admin.GetAsync(path, Ct).OkAsync();
        await org.Admin.SendTextAsync(HttpMethod.Patch, path, """{ "data": { "role": "ADMIN", "accessList": [] } }""")
            .OkAsync();
        await org.Admin.DeleteAsync(path, Ct).OkAsync();
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            (await org.Admin.PostTextAsync("/v1//users/sso/", Invite("noor@acme.test"))).StatusCode);
    }

    [Fact]
    public async Task Item_2_an_invite_answers_200_invited_in_kebab_case()
    {
        var org = await app.CreateOrganizationAsync();
        var user = (
            await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test"), "application/vnd.api+json")
                .OkAsync()).At("data/attributes");
        Assert.Equal(
            [
                "first-name", "last-name", "role", "email", "status", "last-login-date", "created-date",
                "has-credentials",
            ],
            user.Names());
        Assert.Equal("INVITED", user.TextAt("status"));
    }

    [Fact]
    public async Task Item_3_an_invite_is_read_from_attributes_and_an_update_from_bare_data()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test")).OkAsync()).TextAt("data/id");
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            (await org.Admin.SendTextAsync(
                HttpMethod.Patch, "/v1/users/" + id,
                """{ "data": { "attributes": { "role": "ADMIN" } } }""")).StatusCode);
        Assert.Equal(
            "ADMIN",
            (
                await org.Admin.SendTextAsync(
                    HttpMethod.Patch, "/v1/users/" + id,
                    """{ "data": { "role": "ADMIN" } }""").OkAsync()).TextAt("data/attributes/role"));
    }

    [Fact]
    public async Task Item_4_levels_are_merged_and_survive_a_revoke_and_a_new_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (
            await org.Admin.PostTextAsync(
                "/v1/users",
                Invite(
                    "mara@acme.test", (org.Accounts[0], "FULL"),
                    (org.Accounts[1], "READONLY"))).OkAsync()).TextAt("data/id");
        await org.Admin.DeleteAsync("/v1/users/" + id, Ct).OkAsync();
        var back = (
            await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test", (org.Accounts[1], "NONE")))
                .OkAsync()).TextAt("data/id");
        Assert.Equal(id, back);
        Assert.Equal(
            ["FULL", "NONE", "NONE"],
            (await org.Admin.GetAsync("/v1/users/" + id, Ct).OkAsync()).At("data/relationships/accountAccessList")
                .EnumerateArray().Select(e => e.TextAt("level")!));
    }

    [Fact]
    public async Task Item_5_levels_are_shown_for_role_user_alone_and_complete_only_for_an_administrator()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync(
            "mara@acme.test",
            r =>
                r with
                {
                    Levels = [
                        new(
                            Core.Reference.To(org.Created.Resources[0].Id),
                            Core.Access.AccessLevel.ReadOnly)],
                });
        Assert.Equal(
            1,
            (await mara.Client.GetAsync("/v1/users/whoami", Ct).OkAsync()).At("data/relationships/accountAccessList")
                .GetArrayLength());
        var path = "/v1/users/" + ShortId.Of(mara.Member.Id);
        Assert.Equal(
            3,
            (await org.Admin.GetAsync(path, Ct).OkAsync()).At("data/relationships/accountAccessList").GetArrayLength());
        await org.Admin.SendTextAsync(HttpMethod.Patch, path, """{ "data": { "role": "READ_ONLY" } }""").OkAsync();
        Assert.Equal(["organisation"], (await org.Admin.GetAsync(path, Ct).OkAsync()).At("data/relationships").Names());
    }

    [Fact]
    public async Task Item_6_an_unknown_user_is_a_422_no_such_user()
    {
        var org = await app.CreateOrganizationAsync();
        const string expected = """
            { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" }, "details": "No such user" }] }
            """;
        foreach (var id in new[]
            {
                "Kq7_dR2xw", ShortId.Of(Guid.NewGuid()),
                ShortId.Of((await app.CreateOrganizationAsync()).Created.Owner.Id),
            })
        {
            await org.Admin.GetAsync("/v1/users/" + id, Ct).AssertAsync(422, expected);
            await org.Admin.DeleteAsync("/v1/users/" + id, Ct).AssertAsync(422, expected);
            await org.Admin.SendTextAsync(HttpMethod.Patch, "/v1/users/" + id, """{ "data": { "role": "ADMIN" } }""")
                .AssertAsync(422, expected);
        }
    }

    [Fact]
    public async Task Item_7_a_role_that_does_not_suffice_is_401_and_a_refused_key_403_with_a_capital_message()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        await mara.Client.GetAsync("/v1/users", Ct).AssertAsync(
            401, """{ "errors": [{ "status": 401, "details": "You are not authorized to perform such actions" }] }""");
        using var unknown = org.ClientOf(new string('x', 64));
        await unknown.GetAsync("/v1/users/whoami", Ct).AssertAsync(
            403, """{ "Message": "User is not authorized to access this resource with an explicit deny" }""");
    }

    [Fact]
    public async Task Item_8_a_delete_answers_200_with_the_status_in_meta()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test")).OkAsync()).TextAt("data/id");
        await org.Admin.DeleteAsync("/v1/users/" + id, Ct).AssertAsync(200, """{ "meta": { "status": "revoked" } }""");
    }

    [Fact]
    public async Task Item_9_junk_members_are_ignored()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.PostTextAsync("/v1/users", """
            { "data": { "id": null, "meta": { "IsApiKeyUser": false }, "relationships": { "accountAccessList": null },
              "attributes": { "firstName": "Mara", "lastName": "Lind", "role": "ADMIN", "email": "mara@acme.test",
                "IsCloudOneUser": false, "summary_email_opt_out": true, "accessList": null } } }
            """).OkAsync()).TextAt("data/id");
        await org.Admin.SendTextAsync(HttpMethod.Patch, "/v1/users/" + id, """
            { "data": { "role": "USER", "accessList": [], "firstName": "Other", "email": "x", "attributes": [] } }
            """).OkAsync();
        Assert.Equal(
            "Mara", (await org.Admin.GetAsync("/v1/users/" + id, Ct).OkAsync()).TextAt("data/attributes/first-name"));
    }

    [Fact]
    public async Task Item_10_an_empty_access_list_is_accepted()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test")).OkAsync()).TextAt("data/id");
        foreach (var role in new[] { "ADMIN", "POWER_USER", "READ_ONLY", "USER" })
            await org.Admin.SendTextAsync(
                HttpMethod.Patch, "/v1/users/" + id,
                $$"""{ "data": { "role": "{{role}}", "accessList": [] } }""").OkAsync();
    }

    [Fact]
    public async Task Item_11_the_provider_proves_its_key_by_listing_keys_with_a_trailing_slash()
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1//api-keys/")
        {
            Content = new StringContent("", Encoding.UTF8, "application/vnd.api+json"),
        };
        using var client = app.CreateClient();
        request.Headers.TryAddWithoutValidation("Authorization", "ApiKey " + org.Key);
        request.Headers.TryAddWithoutValidation("Request-Source", "Terraform");
        var keys = await client.SendAsync(request, Ct).OkAsync();
        Assert.Equal(("api-keys", "ENABLED"), (keys.TextAt("data/0/type"), keys.TextAt("data/0/attributes/status")));
    }

    [Fact]
    public async Task Item_12_dates_are_whole_milliseconds_or_null()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/v1/users", Invite("mara@acme.test")).OkAsync();
        foreach (var user in (await org.Admin.GetAsync("/v1/users", Ct).OkAsync()).At("data").EnumerateArray())
        {
            Assert.True(user.At("attributes/created-date").TryGetInt64(out var created) && created > 1_700_000_000_000);
            Assert.Equal(JsonValueKind.Null, user.At("attributes/last-login-date").ValueKind);
        }
    }

    [Fact]
    public async Task Item_13_an_error_has_a_numeric_status_and_details()
    {
        var org = await app.CreateOrganizationAsync();
        using var answer = await org.Admin.PostTextAsync("/v1/users", """{ "data": { "attributes": {} } }""");
        var errors = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Ct)).RootElement.At("errors");
        Assert.All(
            errors.EnumerateArray(),
            e => Assert.Equal((422, true), (e.At("status").GetInt32(), e.TextAt("details")!.Length > 0)));
    }

    private static string Invite(string email, params (string Account, string Level)[] list)
    {
        var entries = list.Select(e => $$"""{ "account": "{{e.Account}}", "level": "{{e.Level}}" }""");
        return $$"""
            { "data": { "attributes": { "firstName": "Mara", "lastName": "Lind", "role": "USER", "email": "{{email}}",
              "accessList": [{{string.Join(", ", entries)}}] } } }
            """;
    }
}
