using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Server.Pages;
using Usher.Server.Tests.Infrastructure;
using static Microsoft.Playwright.Assertions;

namespace Usher.Server.Tests.Pages;

/// <summary>Links whose number sign a mail gateway or a click tracker wrote as <c>%23</c>.</summary>
public sealed class MailedLinkTests(UsherApp app, Chromium chromium)
{
    private readonly Guests guests = new(app);

    [Theory]
    [InlineData("%23", true)]
    [InlineData("%2523", true)]
    [InlineData("%23", false)]
    [InlineData("%2523", false)]
    public async Task The_page_opens_the_invitation_just_the_same(string sign, bool script)
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url, script);
        await page.GotoAsync(guest.Path + sign + guest.Link.Secret);
        if (!script) await page.EnterCodeAsync(guest.Link.Secret);
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        Assert.DoesNotContain("usi_", script ? page.Url : "", StringComparison.Ordinal);
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(app.Url + "/me");
        Assert.Equal(InvitationStatus.Accepted, await guests.StatusAsync(guest));
        Assert.DoesNotContain(app.Log, line => line.Contains(guest.Link.Secret, StringComparison.Ordinal));
        await page.Context.CloseAsync();
    }

    // A link that was cut as well: the code is typed instead.
    [Fact]
    public async Task Of_a_link_that_is_broken_besides_the_page_takes_a_typed_code()
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url);
        await page.GotoAsync($"{guest.Path}%23{guest.Link.Secret[..20]}");
        await page.EnterCodeAsync(guest.Link.Secret);
        await Expect(page.GetByLabel("Choose a password")).ToBeVisibleAsync();
        await page.Context.CloseAsync();
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    public async Task The_code_goes_behind_the_number_sign_again_and_into_no_log(string method)
    {
        var code = "usi_" + new string('a', 49);
        using var client = app.CreateClient();
        foreach (var (path, to) in new[]
            {
                ("/join/acme/1%23" + code, "/join/acme/1#" + code),
                ("/confirm/acme/1%23usa_x?a=b", "/confirm/acme/1?a=b#usa_x"),
            })
        {
            var answer = await client.SendAsync(new(new(method), path), TestContext.Current.CancellationToken);
            Assert.Equal((HttpStatusCode.Found, to), (answer.StatusCode, answer.Headers.Location?.OriginalString));
            Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        }
    }

    [Theory]
    [InlineData("/join/acme/1#usi_a", "", "/join/acme/1#usi_a")]
    [InlineData("/join/acme/1%23usi_a", "", "/join/acme/1#usi_a")]
    [InlineData("/join/acme/1%2523usi_a", "", "/join/acme/1#usi_a")]
    [InlineData("/join/acme/1#usi_a", "?utm_source=x", "/join/acme/1?utm_source=x#usi_a")]
    [InlineData(
        "/join/acme/1",
        "?return_to=https%3A%2F%2Fx.test%2F%23usi_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/join/acme/1?return_to=https%3A%2F%2Fx.test%2F#usi_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("/join/acme/1", "?return_to=https%3A%2F%2Fx.test%2F%23top", null)]
    [InlineData("/join/acme/1", "", null)]
    [InlineData("/join/%25/1", "", null)]
    [InlineData("/join/acme/1#a b", "", null)]
    public void An_address_is_mended_where_it_has_a_number_sign_that_was_written_out(
        string path, string query, string? mended) =>
        Assert.Equal(mended, MailedLinks.Repaired(new PathString(path), new QueryString(query)));

    // There a number sign may be part of a name.
    [Fact]
    public async Task An_apis_paths_are_left_alone()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await org.Admin.GetAsync("/api/v2/user/a%23b@example.test", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }
}
