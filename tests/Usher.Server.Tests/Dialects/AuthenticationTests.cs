using System.Net.Http.Headers;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>One key in four forms, on every surface; and what each says when it is not let in.</summary>
public sealed class AuthenticationTests(UsherApp app)
{
    private static readonly string[] Paths = ["/v1/users", "/v1/users/whoami", "/api/users", "/api/v2/user", "/users"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Authorization", "ApiKey {key}")]
    [InlineData("Authorization", "APIKey {key}")]
    [InlineData("Authorization", "apikey  {key}")]
    [InlineData("Authorization", "Bearer {key}")]
    [InlineData("Authorization", "BEARER {key}")]
    [InlineData("X-AUTH-TOKEN", "{key}")]
    [InlineData("x-auth-token", "Bearer {key}")]
    [InlineData("X-Auth-Token", "bearer {key}")]
    [InlineData("Authorization", "Basic {email}:{key}")]
    [InlineData("Authorization", "basic {EMAIL}:{key}")]
    [InlineData("Authorization", "Basic {Email}:{key}")]
    public async Task Every_form_of_the_key_opens_every_surface(string header, string form)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in Paths)
            await SendAsync(path, header, Fill(form, org.Created.Owner.Email!, org.Key)).OkAsync();
    }

    [Fact]
    public async Task A_service_accounts_name_has_colons_and_works_as_a_name_all_the_same()
    {
        var org = await app.CreateOrganizationAsync();
        var bot = await org.ServiceAccountAsync("bot", BuiltInRole.Admin);
        foreach (var path in Paths)
        foreach (var name in new[] { "sa::bot", "SA::Bot" })
            await SendAsync(path, "Authorization", Fill("Basic {email}:{key}", name, bot.Key)).OkAsync();
    }

    [Fact]
    public async Task An_address_in_another_script_is_a_name_in_both_of_its_spellings()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@bücher.example", r => r with { Role = BuiltInRole.Admin });
        foreach (var name in new[] { "noor@bücher.example", "Noor@BÜCHER.example", "noor@xn--bcher-kva.example" })
            await SendAsync("/users", "Authorization", Fill("Basic {email}:{key}", name, noor.Key)).OkAsync();
    }

    [Theory]
    [InlineData("Authorization", "ApiKey usk_0000000000000000000000000000000000000000000000000")]
    [InlineData("Authorization", "ApiKey {key}x")]
    [InlineData("Authorization", "ApiKey {KEY}")]
    [InlineData("Authorization", "ApiKey")]
    [InlineData("Authorization", "Bearer short")]
    [InlineData("Authorization", "Bearer {key} {key}")]
    [InlineData("X-AUTH-TOKEN", "")]
    [InlineData("X-AUTH-TOKEN", "Bearer")]
    [InlineData("Authorization", "Basic other@example.test:{key}")]
    [InlineData("Authorization", "Basic :{key}")]
    [InlineData("Authorization", "Basic {key}:")]
    [InlineData("Authorization", "Basic {key}")]
    [InlineData("Authorization", "Basic {email}:")]
    [InlineData("Authorization", "Basic {email}:{key}:")]
    [InlineData("Authorization", "Basic {email}:{KEY}")]
    [InlineData("Authorization", "Basic !{email}:{key}")]
    [InlineData("Authorization", "Basic ")]
    public async Task A_wrong_key_or_a_wrong_name_is_refused_in_each_surfaces_way(string header, string form)
    {
        var org = await app.CreateOrganizationAsync();
        await AssertRefusedAsync(header, Fill(form, org.Created.Owner.Email!, org.Key));
    }

    [Fact]
    public async Task A_name_from_another_organization_does_not_go_with_the_key()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        await AssertRefusedAsync("Authorization", Fill("Basic {email}:{key}", other.Created.Owner.Email!, org.Key));
    }

    [Fact]
    public async Task Without_a_key_each_surface_asks_for_one()
    {
        await SendAsync("/v1/users").AssertAsync(401, """{ "message": "Unauthorized" }""");
        await SendAsync("/api/users/whoami").AssertAsync(401, """{ "message": "Unauthorized" }""");
        await SendAsync("/api/v2/user").AssertAsync(
            401, """{ "status": { "result": "ERROR", "message": "An API key is needed.", "code": 401 } }""");
        using var answer = await SendAsync("/users");
        await answer.AssertAsync(401, DeployHqRefusal);
        Assert.Equal("Basic realm=\"DeployHQ\"", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task An_unknown_path_answers_before_a_bad_key_does()
    {
        foreach (var key in new[] { null, "usk_wrong" })
        {
            await SendAsync("/v1/nothing", "X-AUTH-TOKEN", key).AssertAsync(404, """{ "Message": "Not Found" }""");
            await SendAsync("/api/v2/nothing", "X-AUTH-TOKEN", key)
                .AssertAsync(404, """
                    { "status": { "result": "ERROR", "message": "There is nothing at this address.", "code": 404 } }
                    """);
            await SendAsync("/users/a/b/c", "X-AUTH-TOKEN", key).AssertAsync(404, """
                { "status": "not_found", "error": "No such endpoint", "error_code": "invalid_api_method",
                  "hint": "There is no such endpoint." }
                """);
        }
    }

    [Theory]
    [InlineData("disabled")]
    [InlineData("expired")]
    [InlineData("suspended")]
    [InlineData("removed")]
    [InlineData("organization suspended")]
    public async Task A_key_that_may_no_longer_act_is_refused_from_the_very_next_request_on(string why)
    {
        var org = await app.CreateOrganizationAsync();
        var caller = await org.ActiveAsync("mara@acme.test", r => r with { Role = BuiltInRole.Admin });
        foreach (var path in Paths) await SendAsync(path, "Authorization", "Bearer " + caller.Key).OkAsync();
        var keys = (Usher.Core.Data.UsherDb db) => db.ApiKeys.Where(k => k.MemberId == caller.Member.Id);
        await (why switch
        {
            "disabled" =>
                app.QueryAsync(db =>
                    keys(db).ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, ApiKeyStatus.Disabled), Ct)),
            "expired" =>
                app.QueryAsync(db =>
                    keys(db).ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, k => k.CreatedAt), Ct)),
            "suspended" => org.SetStatusAsync(caller.Member, MemberStatus.Suspended),
            "removed" => org.RemoveAsync("mara@acme.test"),
            _ =>
                app.QueryAsync(db =>
                    db.Organizations.Where(o => o.Id == org.Id)
                        .ExecuteUpdateAsync(set => set.SetProperty(o => o.SuspendedAt, o => o.CreatedAt), Ct)),
        });
        await AssertRefusedAsync("Authorization", "Bearer " + caller.Key);
    }

    private const string DeployHqRefusal = """
        { "status": 401, "error": "Unauthorized", "error_code": "unauthorized",
          "hint": "Authenticate with your e-mail address and an API key by HTTP Basic." }
        """;

    private async Task AssertRefusedAsync(string header, string value)
    {
        const string Denied =
            """{ "Message": "User is not authorized to access this resource with an explicit deny" }""";
        await SendAsync("/v1/users", header, value).AssertAsync(403, Denied);
        await SendAsync("/api/users/whoami", header, value).AssertAsync(403, Denied);
        await SendAsync("/api/v2/user", header, value)
            .AssertAsync(401, """
                { "status": { "result": "ERROR", "message": "This API key is unknown, revoked, expired or suspended.",
                "code": 401 } }
                """);
        using var answer = await SendAsync("/users", header, value);
        await answer.AssertAsync(401, DeployHqRefusal);
        Assert.Equal("Basic realm=\"DeployHQ\"", answer.Headers.WwwAuthenticate.ToString());
    }

    // Of Basic, what follows the scheme is still to be encoded.
    private static string Fill(string form, string email, string key)
    {
        var filled = form.Replace("{email}", email, StringComparison.Ordinal)
            .Replace("{EMAIL}", email.ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{Email}", char.ToUpperInvariant(email[0]) + email[1..], StringComparison.Ordinal)
            .Replace("{key}", key, StringComparison.Ordinal)
                .Replace("{KEY}", key.ToUpperInvariant(), StringComparison.Ordinal);
        if (!filled.StartsWith("basic ", StringComparison.OrdinalIgnoreCase)) return filled;
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(filled[6..].TrimStart('!')));
        return filled[..6] + (filled[6..] is ['!', ..] ? "!" : "") + encoded;
    }

    private async Task<HttpResponseMessage> SendAsync(string path, string? header = null, string? value = null)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (header is not null && value is not null)
            Assert.True(request.Headers.TryAddWithoutValidation(header, value));
        return await client.SendAsync(request, Ct);
    }
}
