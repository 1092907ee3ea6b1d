using System.Net;
using System.Text;
using Usher.Server.Limits;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

/// <summary>Which addresses are counted behind a real proxy, and which headers are believed from whom.</summary>
public sealed class ProxyTests
{
    private const string Forwards =
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; "
            + "proxy_set_header Host $host;";

    [Fact]
    public async Task Forty_people_behind_a_trusted_proxy_are_forty_clients()
    {
        await using var app = await StartAsync("127.0.0.1");
        await using var nginx = await Nginx.StartAsync(app.Url, Forwards);
        Assert.All(
            await SignInsAsync(nginx.Url, 40, n => n), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
    }

    [Fact]
    public async Task Without_a_trusted_proxy_they_are_one_client_whatever_the_header_says()
    {
        await using var app = await StartAsync(trusted: null);
        await using var nginx = await Nginx.StartAsync(app.Url, Forwards);
        AssertOneClient(await SignInsAsync(nginx.Url, 40, n => n));
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("X-Original-For")]
    public async Task A_header_of_anybody_else_is_not_read(string header)
    {
        await using var app = await StartAsync("127.0.0.200");
        AssertOneClient(await SignInsAsync(
            app.Url, 40, _ => 1, (header, n => header is "Forwarded" ? $"for=192.0.2.{n}" : $"192.0.2.{n}")));
    }

    [Fact]
    public async Task A_forged_header_that_comes_through_the_proxy_is_not_believed()
    {
        await using var app = await StartAsync("127.0.0.1");
        await using var nginx = await Nginx.StartAsync(app.Url, Forwards);
        AssertOneClient(await SignInsAsync(nginx.Url, 40, _ => 1, ("X-Forwarded-For", n => $"192.0.2.{n}")));
        AssertOneClient(await SignInsAsync(nginx.Url, 40, _ => 2, ("Forwarded", n => $"for=192.0.2.{n}")));
    }

    [Fact]
    public async Task Of_two_trusted_proxies_in_a_row_two_entries_are_believed_with_two_hops_and_one_with_one()
    {
        foreach (var (hops, isOneClient) in new[] { ("2", false), ("1", true) })
        {
            await using var app = await StartAsync("127.0.0.1", ("Usher:Proxy:Hops", hops));
            await using var inner = await Nginx.StartAsync(app.Url, Forwards);
            await using var outer = await Nginx.StartAsync(inner.Url, Forwards);
            var answers = await SignInsAsync(outer.Url, 40, n => n, ("X-Forwarded-For", n => "192.0.2.1"));
            if (isOneClient) AssertOneClient(answers);
            else Assert.All(answers, status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        }
    }

    [Fact]
    public async Task Over_a_unix_socket_the_header_is_believed_only_where_sockets_are_trusted()
    {
        foreach (var trusted in new[] { "unix", "127.0.0.1" })
        {
            await using var database = await TestDatabase.CreateAsync();
            var socket = Path.Combine(database.Directory, "usher.sock");
            await using var server = await ServerProcess.StartAsync(database, new(Clients.DefaultLimits)
            {
                ["Usher:Proxy:Trusted:0"] = trusted, ["Usher:Passwords:HashIterations"] = "1",
                ["ASPNETCORE_URLS"] = $"http://unix:{socket}",
            });
            await using var nginx = await Nginx.StartAsync($"http://unix:{socket}:", Forwards);
            var answers = await SignInsAsync(nginx.Url, 40, n => n);
            if (trusted is "unix") Assert.All(answers, status => Assert.Equal(HttpStatusCode.Unauthorized, status));
            else AssertOneClient(answers);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("127.0.0.1")]
    public async Task Links_are_the_same_whatever_host_and_forwarding_headers_say(string? trusted)
    {
        await using var app = await StartAsync(trusted, ("Usher:PublicUrl", "https://usher.example.test"));
        var org = await app.CreateOrganizationAsync();
        foreach (var (name, value) in new[]
        {
            ("Host", "evil.test"), ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-For", "evil.test"),
            ("X-Forwarded-Port", "1"), ("Forwarded", "host=evil.test;proto=http"), ("X-Original-Host", "evil.test"),
        })
        {
            using var client = new HttpClient { BaseAddress = new(app.Url)
                , DefaultRequestHeaders = { { "X-AUTH-TOKEN", org.Key } } };
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
            var json = $$"""{"email":"{{NewEmail("ada")}}","delivery":"link"}""";
            var made = await client.PostAsync(
                new Uri(org.Path("invitations"), UriKind.Relative),
                new StringContent(json, Encoding.UTF8, "application/json"), Ct);
            Assert.StartsWith(
                "https://usher.example.test/join/", await made.TextAsync("link"), StringComparison.Ordinal);
            var problem = await client.GetAsync(new Uri(org.Path("members/nobody"), UriKind.Relative), Ct);
            Assert.DoesNotContain("evil", await problem.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
            var page = await client.GetAsync(new Uri("/sign-in", UriKind.Relative), Ct);
            Assert.DoesNotContain("evil", await page.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("10.0.0.0/8", "10.1.2.3", true)]
    [InlineData("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", true)]
    [InlineData("::ffff:10.0.0.0/104", "10.9.9.9", true)]
    [InlineData("2001:db8::/32", "2001:db8:1::5", true)]
    [InlineData("192.0.2.7", "192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    public void A_trusted_network_matches_addresses_in_both_forms(string trusted, string peer, bool matches)
    {
        var address = IPAddress.Parse(peer);
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        Assert.Equal(matches, new ProxyOptions { Trusted = { trusted } }.Networks.Any(n => n.Contains(address)));
    }

    [Theory]
    [InlineData("Usher:Proxy:Trusted:0", "proxy.example.test", "Usher:Proxy:Trusted")]
    [InlineData("Usher:Proxy:Trusted:0", "10.0.0.0/33", "Usher:Proxy:Trusted")]
    [InlineData("Usher:Proxy:Trusted:0", "10", "Usher:Proxy:Trusted")]
    [InlineData("Usher:Proxy:Trusted:0", "*", "Usher:Proxy:Trusted")]
    [InlineData("Usher:Proxy:Trusted", "10.0.0.1, nonsense", "Usher:Proxy:Trusted")]
    [InlineData("Usher:Proxy:Hops", "0", "Usher:Proxy:Hops")]
    [InlineData("Usher:Proxy:Hops", "11", "Usher:Proxy:Hops")]
    public async Task A_wrong_setting_stops_the_start_with_one_line(string setting, string value, string named)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.RunToEndAsync(database, new() { [setting] = value });
        Assert.Equal(1, server.ExitCode);
        Assert.StartsWith($"usher: {named}", Assert.Single(server.Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trusted_peers_may_stand_in_one_setting()
    {
        await using var app = await UsherApp.StartAsync(
            new(Clients.DefaultLimits) { ["Usher:Proxy:Trusted"] = "10.0.0.0/8, 127.0.0.1" }, workers: false);
        Assert.All(
            await SignInsAsync(app.Url, 40, _ => -1, ("X-Forwarded-For", n => $"192.0.2.{n}")),
            status => Assert.Equal(HttpStatusCode.Unauthorized, status));
    }

    private static Task<UsherApp> StartAsync(string? trusted, params (string Name, string Value)[] more)
    {
        Dictionary<string, string?> settings = new(Clients.DefaultLimits);
        if (trusted is not null) settings["Usher:Proxy:Trusted:0"] = trusted;
        foreach (var (name, value) in more) settings[name] = value;
        return UsherApp.StartAsync(settings, workers: false);
    }

    // Wrong passwords for as many addresses. A negative number of a client is 127.0.0.1 itself.
    private static async Task<List<HttpStatusCode>> SignInsAsync(
        string url, int count, Func<int, int> client, (string Name, Func<int, string> Value)? header = null)
    {
        List<HttpStatusCode> answers = [];
        for (var i = 1; i <= count; i++)
        {
            using var from = client(i)
                is var number and >= 0 ? Clients.At(url, number) : new HttpClient { BaseAddress = new(url) };
            if (header is { } forged) from.DefaultRequestHeaders.TryAddWithoutValidation(forged.Name, forged.Value(i));
            using var answer = await from.SignInAsync(NewEmail("ada"), "wrong");
            answers.Add(answer.StatusCode);
        }

        return answers;
    }

    private static void AssertOneClient(List<HttpStatusCode> answers)
    {
        Assert.All(answers.Take(30), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        Assert.All(answers.Skip(30), status => Assert.Equal(HttpStatusCode.TooManyRequests, status));
    }
}
