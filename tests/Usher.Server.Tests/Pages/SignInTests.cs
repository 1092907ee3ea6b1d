using System.Net;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

public sealed class SignInTests(UsherApp app)
{
    private readonly Guests guests = new(app);

    [Fact]
    public async Task The_session_is_a_cookie_that_script_cannot_read_and_ends_with_signing_out()
    {
        var email = Guests.NewEmail("ada");
        await guests.MakeAccountAsync(email);
        var visitor = NewVisitor();
        var answer = await SignInAsync(visitor, email, TestOrganization.Password);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("/me", answer.Headers.Location?.OriginalString);
        var cookie = Assert.Single(
            answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("usher_session=uss_", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/;", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(email, await Visitor.TextAsync(await visitor.GetAsync("/me")), StringComparison.Ordinal);
        Assert.Equal("/me", (await visitor.GetAsync("/sign-in")).Headers.Location?.OriginalString);

        var secret = visitor.Cookies["usher_session"];
        answer = await visitor.PostAsync("/me", "/sign-out");
        Assert.Equal("/sign-in", answer.Headers.Location?.OriginalString);
        Assert.DoesNotContain("usher_session", visitor.Cookies.Keys);
        visitor.SetCookie("usher_session", secret); // somebody who kept it
        Assert.Equal("/sign-in?return=%2Fme", (await visitor.GetAsync("/me")).Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task A_session_with_any_character_changed_is_nobodys()
    {
        var email = Guests.NewEmail("ada");
        await guests.MakeAccountAsync(email);
        var secret = await guests.SignInAsync(email);
        for (var at = 0; at < secret.Length; at++)
        {
            var wrong = secret.ToCharArray();
            wrong[at] = wrong[at] is 'A' ? 'B' : 'A';
            var visitor = NewVisitor();
            visitor.SetCookie("usher_session", new(wrong));
            Assert.Equal(HttpStatusCode.SeeOther, (await visitor.GetAsync("/me")).StatusCode);
        }
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_address_are_answered_alike()
    {
        var email = Guests.NewEmail("ada");
        await guests.MakeAccountAsync(email);
        var unknown = Guests.NewEmail("ada");
        List<string> pages = [];
        foreach (var tried in new[] { email, unknown })
        {
            var answer = await SignInAsync(NewVisitor(), tried, "not the password");
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
            pages.Add((await Visitor.TextAsync(answer)).Replace(tried, "", StringComparison.Ordinal));
        }

        Assert.Equal(pages[0], pages[1]);
        Assert.DoesNotContain("not the password", pages[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_link_is_mailed_to_who_is_invited_and_everybody_hears_the_same()
    {
        var guest = await guests.InviteAsync();
        var before = await guests.MailsToAsync(guest.Email);
        List<string> pages = [];
        foreach (var email in new[] { guest.Email, Guests.NewEmail("nobody"), "no address" })
        {
            var visitor = NewVisitor();
            var answer = await visitor.PostAsync("/sign-in", "/sign-in/link", ("email", email));
            Assert.Equal("/sign-in?sent", answer.Headers.Location?.OriginalString);
            pages.Add(await Visitor.TextAsync(await visitor.GetAsync("/sign-in?sent")));
        }

        Assert.Single(pages.Distinct());
        Assert.Equal(before + 1, await guests.MailsToAsync(guest.Email));
    }

    [Theory]
    [InlineData("/join/acme/1?return_to=x", "/join/acme/1?return_to=x")]
    [InlineData("https://evil.test/", "/me")]
    [InlineData("//evil.test/", "/me")]
    [InlineData("/\\evil.test/", "/me")]
    [InlineData("/\t/evil.test/", "/me")]
    [InlineData("/ü", "/me")]
    [InlineData("javascript:alert(1)", "/me")]
    [InlineData("me", "/me")]
    [InlineData("", "/me")]
    public async Task Signing_in_leads_to_a_path_of_this_site_only(string given, string expected)
    {
        var email = Guests.NewEmail("ada");
        await guests.MakeAccountAsync(email);
        var page = $"/sign-in?return={Uri.EscapeDataString(given)}";
        var answer = await NewVisitor()
            .PostAsync(page, page, ("email", email), ("password", TestOrganization.Password));
        Assert.Equal(expected, answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task On_https_cookies_are_bound_to_the_host_also_behind_a_proxy_that_ends_tls()
    {
        await using var own = await UsherApp.StartAsync(new() { ["Usher:PublicUrl"] = "https://usher.example.test" });
        var guest = await new Guests(own).InviteAsync();
        var visitor = new Visitor(own.CreateClient());
        var page = await visitor.GetAsync("/sign-in");
        Assert.Equal("max-age=31536000", Assert.Single(page.Headers.GetValues("Strict-Transport-Security")));
        var check = await visitor.PostAsync(guest.Path, guest.Path, ("step", "check"), ("code", guest.Link.Secret));
        var join = await visitor.PostAsync(
            guest.Path, guest.Path, ("step", "join"), ("first_name", "Ada"), ("last_name", ""),
            ("password", TestOrganization.Password));
        Assert.Equal("/me", join.Headers.Location?.OriginalString);

        Assert.All(
            [
                .. page.Headers.GetValues("Set-Cookie"), .. check.Headers.GetValues("Set-Cookie"),
                .. join.Headers.GetValues("Set-Cookie"),
            ],
            cookie =>
        {
            Assert.Contains("secure", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("domain=", cookie, StringComparison.OrdinalIgnoreCase);
        });
        Assert.Equal(
            ["__Host-usher_device", "__Host-usher_form", "__Host-usher_session", "__Secure-usher_invitation"],
            visitor.Cookies.Keys.Order(StringComparer.Ordinal));
    }

    private Visitor NewVisitor() => new(app.CreateClient());

    private static Task<HttpResponseMessage> SignInAsync(Visitor visitor, string email, string password) =>
        visitor.PostAsync("/sign-in", "/sign-in", ("email", email), ("password", password));
}
