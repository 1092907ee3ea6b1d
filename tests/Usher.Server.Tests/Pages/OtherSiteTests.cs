using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Playwright;
using Usher.Core.Invitations;
using Usher.Server.Tests.Infrastructure;
using static Microsoft.Playwright.Assertions;

namespace Usher.Server.Tests.Pages;

/// <summary>Links that are opened from another site, such as a web mail, and forms that another site sends.</summary>
public sealed class OtherSiteTests(UsherApp app, Chromium chromium)
{
    private readonly Guests guests = new(app);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_several_links_clicked_in_a_web_mail_each_form_can_be_sent_the_first_one_too(bool script)
    {
        var (one, two) = (await guests.InviteAsync(), await guests.InviteAsync());
        await using var mail = new Site($"""
            <a href="{app.Url}{one.Mailed}" target="_blank">one</a>
            <a href="{app.Url}{two.Mailed}" target="_blank">two</a>
            """);
        var inbox = await chromium.VisitAsync(mail.Url, script);
        await inbox.GotoAsync("/");
        // without script the code is entered once; the browser keeps it for the second tab of the same link
        List<IPage> tabs = [];
        foreach (var name in new[] { "one", "two", "one" })
        {
            var tab = await inbox.Context.RunAndWaitForPageAsync(() => inbox.GetByText(name).ClickAsync());
            if (!script && tabs.Count < 2) await tab.EnterCodeAsync((name is "one" ? one : two).Link.Secret);
            await Expect(tab.GetByLabel("Choose a password")).ToBeVisibleAsync();
            tabs.Add(tab);
        }

        // The first one joins with the first tab, and the second one, who uses the same browser, afterwards.
        foreach (var (tab, guest) in new[] { (tabs[0], one), (tabs[1], two) })
        {
            await tab.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
            await tab.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();
            await Expect(tab).ToHaveURLAsync(app.Url + "/me");
            Assert.Equal(InvitationStatus.Accepted, await guests.StatusAsync(guest));
        }

        await inbox.Context.CloseAsync();
    }

    // All at once: none of the requests has a cookie yet, and each answer sets another.
    [Fact]
    public async Task Links_that_are_opened_in_the_same_moment_break_no_form()
    {
        var guest = await guests.InviteAsync();
        await using var mail = new Site($"""<a href="{app.Url}{guest.Path}" target="_blank">link</a>""");
        var inbox = await chromium.VisitAsync(mail.Url);
        await inbox.GotoAsync("/");
        List<IPage> tabs = [];
        inbox.Context.Page += (_, tab) => tabs.Add(tab);
        await inbox.EvaluateAsync(
            "for (let i = 0; i < 4; i++) window.open(document.querySelector('a').href, '_blank')");
        await Expect(inbox.GetByText("link")).ToBeVisibleAsync();
        for (var i = 0; i < 100 && tabs.Count < 4; i++) await Task.Delay(50, TestContext.Current.CancellationToken);
        foreach (var tab in tabs.ToList())
        {
            await tab.EnterCodeAsync(guest.Link.Secret);
            await Expect(tab.GetByLabel("Choose a password")).ToBeVisibleAsync();
        }

        await inbox.Context.CloseAsync();
    }

    [Fact]
    public async Task A_form_that_another_site_sends_is_refused_though_the_browser_has_all_cookies()
    {
        var guest = await guests.InviteAsync();
        await using var evil = new Site($"""
            <form method="post" action="{app.Url}{guest.Path}">
            <input name="step" value="decline"><button>Win</button></form>
            """);
        var page = await chromium.VisitAsync(evil.Url);
        await page.GotoAsync(app.Url + guest.Mailed);
        await Expect(page.GetByLabel("Choose a password")).ToBeVisibleAsync();
        await page.GotoAsync("/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Win" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("Error 400");
        Assert.Equal(InvitationStatus.Pending, await guests.StatusAsync(guest));
        await page.Context.CloseAsync();
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "same-origin", true)]
    [InlineData("Origin", "{url}", true)]
    [InlineData("Origin", "http://localhost:8080", true)] // the public address
    [InlineData("Sec-Fetch-Site", "same-site", false)]
    [InlineData("Sec-Fetch-Site", "cross-site", false)]
    [InlineData("Sec-Fetch-Site", "none", false)]
    [InlineData("Sec-Fetch-Site", "Same-Origin, same-origin", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "https://evil.example", false)]
    [InlineData("Origin", "{url}.evil.example", false)]
    [InlineData("Origin", "", false)]
    public async Task Without_a_token_only_a_form_counts_that_the_browser_says_is_our_own(
        string header, string value, bool counts)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent([new("email", "x"), new("password", "x")]),
        };
        request.Headers.TryAddWithoutValidation(header, value.Replace("{url}", app.Url, StringComparison.Ordinal));
        var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(counts ? HttpStatusCode.UnprocessableEntity : HttpStatusCode.BadRequest, answer.StatusCode);
    }

    // What Sec-Fetch-Site says counts for more: an Origin beside it cannot be by a browser.
    [Fact]
    public async Task A_token_alone_is_enough_and_its_cookie_is_kept_as_long_as_it_is_valid()
    {
        var visitor = new Visitor(app.CreateClient());
        await visitor.OpenAsync("/sign-in");
        var cookie = visitor.Cookies["usher_form"];
        var set = Assert.Single(
            (await new Visitor(app.CreateClient()).GetAsync("/sign-in")).Headers.GetValues("Set-Cookie"),
            c => c.StartsWith("usher_form=", StringComparison.Ordinal));
        Assert.Contains("samesite=lax", set, StringComparison.OrdinalIgnoreCase);
        var answer = await visitor.PostAsync("/sign-in", "/sign-in", ("email", "x"), ("password", "x"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(cookie, visitor.Cookies["usher_form"]);
    }

    /// <summary>A site of somebody else: another host, so that the browser takes it for one.</summary>
    private sealed class Site : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly string html;
        private readonly Task serving;

        public Site(string body)
        {
            html = "<!DOCTYPE html><title>Mail</title>" + body;
            listener.Start();
            serving = ServeAsync();
        }

        public string Url => $"http://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}";

        public async ValueTask DisposeAsync()
        {
            listener.Stop();
            await serving;
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using var client = await listener.AcceptTcpClientAsync();
                    var stream = client.GetStream();
                    _ = await stream.ReadAtLeastAsync(new byte[4096], 1, throwOnEndOfStream: false);
                    await stream.WriteAsync(
                        Encoding.UTF8.GetBytes(
                            $"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
                            + $"{html.Length}\r\nConnection: close\r\n\r\n{html}"));
                }
            }
            catch (SocketException)
            {
                // Stopped: the test is over.
            }
        }
    }
}
