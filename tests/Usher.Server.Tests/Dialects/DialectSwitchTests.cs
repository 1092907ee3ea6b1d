using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>Servers with other settings than the assembly's own.</summary>
public sealed class DialectSwitchTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Conformity", new[] { "/v1/users", "/v1/users/whoami", "/v1/accounts", "/api/users", "/api/api-keys" })]
    [InlineData("Wavefront", new[] { "/api/v2/user", "/api/v2/user/owner@acme.test" })]
    [InlineData(
        "DeployHq",
        new[]
        {
            "/users", "/users.json", "/users/1", "/teams", "/projects", "/profile", "/account",
            "/account/billing_status",
        })]
    public async Task A_dialect_switched_off_is_not_there_and_the_others_are(string dialect, string[] paths)
    {
        await using var app = await UsherApp.StartAsync(new() { [$"Usher:Dialects:{dialect}:Enabled"] = "false" });
        var org = await app.CreateOrganizationAsync();
        foreach (var path in paths) Assert.Equal(404, (int)(await org.Admin.GetAsync(path, Ct)).StatusCode);
        foreach (var (name, path) in new[]
            {
                ("Conformity", "/v1/users"), ("Conformity", "/api/users"), ("Wavefront", "/api/v2/user"),
                ("DeployHq", "/users"),
            })
            if (name != dialect) await org.Admin.GetAsync(path, Ct).OkAsync();
    }

    [Fact]
    public async Task With_a_domain_set_the_host_below_it_must_be_the_keys_organization()
    {
        const string NotFound = """
            { "status": "not_found", "error": "Record not found", "error_code": "record_not_found",
              "hint": "There is no such record in this account." }
            """;
        await using var app = await UsherApp.StartAsync(new() { ["Usher:Dialects:DeployHq:Domain"] = "deploy.test" });
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        string[] own = [
            $"{org.Slug}.deploy.test", $"{org.Slug.ToUpperInvariant()}.Deploy.test:8443", $"{org.Slug}.localhost:8080",
        ];
        string[] none = [
            "127.0.0.1:8080", "[::1]:8080", "localhost", "deploy.test", "elsewhere.test",
            $"{other.Slug}.elsewhere.test",
        ];
        foreach (var host in own.Concat(none)) await SendAsync(host, "/users").OkAsync();
        foreach (var host in new[]
            {
                $"{other.Slug}.deploy.test", $"{other.Slug}.localhost", "nobody.deploy.test",
                $"a.{org.Slug}.deploy.test", $"{org.Slug}.a.deploy.test",
            })
        {
            await SendAsync(host, "/users").AssertAsync(404, NotFound);
            await SendAsync(host, $"/users/{org.Created.Owner.Id}").AssertAsync(404, NotFound);
            await SendAsync(host, "/users", HttpMethod.Post).AssertAsync(404, NotFound);
            await SendAsync(host, "/v1/users").OkAsync();
            await SendAsync(host, "/api/v2/user").OkAsync();
        }

        async Task<HttpResponseMessage> SendAsync(string host, string path, HttpMethod? method = null)
        {
            using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
            request.Headers.Host = host;
            return await org.Admin.SendAsync(request, Ct);
        }
    }

    [Fact]
    public async Task Without_a_domain_the_key_alone_says_the_organization()
    {
        await using var app = await UsherApp.StartAsync([]);
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/users");
        request.Headers.Host = "somebody-else.deployhq.com";

        await org.Admin.SendAsync(request, Ct).OkAsync();
    }
}
