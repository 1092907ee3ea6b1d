using System.Text;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Identifiers of another organization, and such as nobody can have.</summary>
public sealed class WavefrontStrangersTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("kim@example.com")]
    [InlineData("sa::bot")]
    [InlineData("%20")]
    [InlineData("sa::%e2%80%ae")]
    [InlineData("sa::")]
    public async Task Somebody_of_another_organization_is_as_unknown_as_nobody_on_every_path(string id)
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        await other.ActiveAsync("kim@example.com");
        await other.ServiceAccountAsync("bot");
        var ops = await org.GroupAsync(new("Ops"));
        var (before, events) = (await Both(), (await other.EventsAsync()).Count);
        (string Method, string Path, string Body)[] calls =
        [
            ("GET", $"user/{id}", ""), ("PUT", $"user/{id}", "{}"), ("DELETE", $"user/{id}", ""),
            ("GET", $"user/{id}/businessFunctions", ""), ("POST", $"user/{id}/addUserGroups", $"[\"{ops.Id}\"]"),
            ("POST", $"user/{id}/removeUserGroups", $"[\"{ops.Id}\"]"), ("GET", $"account/{id}", ""),
            ("DELETE", $"account/{id}", ""), ("GET", $"account/{id}/businessFunctions", ""),
            ("POST", $"account/{id}/grant/ingestion", ""), ("POST", $"account/{id}/revoke/ingestion", ""),
            ("POST", $"account/{id}/addRoles", "[]"), ("POST", $"account/{id}/removeRoles", "[]"),
            ("GET", $"account/user/{id}", ""), ("PUT", $"account/user/{id}", "{}"),
            ("GET", $"account/serviceaccount/{id}", ""), ("PUT", $"account/serviceaccount/{id}", "{}"),
            ("POST", $"account/serviceaccount/{id}/activate", ""),
            ("POST", $"account/serviceaccount/{id}/deactivate", ""), ("GET", $"apitoken/serviceaccount/{id}", ""),
            ("POST", $"apitoken/serviceaccount/{id}", ""),
            ("PUT", $"apitoken/serviceaccount/{id}/x", """{ "tokenName": "x" }"""),
            ("DELETE", $"apitoken/serviceaccount/{id}/x", ""),
        ];
        foreach (var (method, path, body) in calls)
        {
            using var request = new HttpRequestMessage(new(method), Wire.Raw(app.Url, "/api/v2/" + path))
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            var answer = await org.Admin.SendAsync(request, Ct).OkAsync(404);
            Assert.Matches("^(User|Service account) with id .+ does not exist$", answer.TextAt("status/message"));
        }

        await org.Admin.SendFormAsync($"/user/{id}/grant", "group=ingestion").OkAsync(404);
        Assert.Equal((before, events), (await Both(), (await other.EventsAsync()).Count));

        async Task<string> Both() =>
            await other.Admin.UserAsync("kim@example.com") + await other.Admin.UserAsync("sa::bot");
    }

    [Theory]
    [InlineData("\\u0000")]
    [InlineData("sa::a\\u0000")]
    [InlineData("a\\u0000@example.com")]
    [InlineData("\\u202e@example.com")]
    [InlineData("'; DROP TABLE members; --")]
    [InlineData("7d0c3a52-0b1e-4f5e-9a3e-5f0d8b0a6c11")]
    public async Task A_text_that_nobody_is_called_by_is_unknown_and_comes_back_as_it_was_written(string written)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var validated = await org.Admin.SendAsync("/user/validateUsers", $"[\"{written}\", \"kim@example.com\"]")
            .OkAsync();
        Assert.Equal(
            [System.Text.Json.JsonSerializer.Deserialize<string>($"\"{written}\"")!],
            validated.Texts("response/invalidIdentifiers"));
        await org.Admin.SendAsync("/user/grant/ingestion", $"[\"{written}\", \"kim@example.com\"]").OkAsync(202);
        await org.Admin.SendAsync("/user/deleteUsers", $"[\"{written}\"]").OkAsync(404);
        await org.Admin.SendAsync("/user/kim@example.com/addUserGroups", $"[\"{written}\"]").OkAsync(404);
        await org.Admin.WriteAsync(
            "/user/kim@example.com",
            $$"""{ "userGroups": ["{{written}}"], "roles": [{ "id": "{{written}}" }] }""").OkAsync(202);
    }

    [Theory]
    [InlineData("""{ "ssoId": "a\u0000" }""")]
    [InlineData("""{ "ssoId": "\ud800" }""")]
    [InlineData("""{ "groups": ["\u0000"] }""")]
    [InlineData("""{ "groups": ["\ud800"] }""")]
    [InlineData("""{ "roles": ["\ud800"] }""")]
    [InlineData("""{ "identifier": "\ud800" }""")]
    public async Task Half_characters_and_control_characters_are_refused_where_something_would_be_kept(string body)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.Admin.WriteAsync("/user/kim@example.com", body).OkAsync(400);
        await org.Admin.SendAsync("/user/deleteUsers", """["\ud800"]""")
            .RefusedAsync(400, "The body must be a JSON array of account identifiers.");
        await org.Admin.SendAsync("/account/serviceaccount", """{ "identifier": "sa::x", "description": "a\u0000" }""")
            .OkAsync(400);
    }
}
