using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

public sealed class SecurityHeadersTests(UsherApp app)
{
    [Theory]
    [InlineData("/sign-in")]
    [InlineData("/join/acme/1")]
    [InlineData("/confirm/acme/1")]
    [InlineData("/confirm/1")]
    [InlineData("/reset")]
    [InlineData("/reset/1")]
    [InlineData("/join")]
    [InlineData("/docs/errors")]
    [InlineData("/nowhere")]
    public async Task Every_page_has_a_strict_policy_and_is_kept_by_nobody(string path) =>
        AssertStrict(await new Visitor(app.CreateClient()).GetAsync(path));

    [Fact]
    public async Task So_have_the_pages_of_a_person_who_is_signed_in()
    {
        var email = Guests.NewEmail("ada");
        await new Guests(app).MakeAccountAsync(email);
        var visitor = new Visitor(app.CreateClient());
        await visitor.PostAsync("/sign-in", "/sign-in", ("email", email), ("password", TestOrganization.Password));
        foreach (var path in new[] { "/me", "/me/profile", "/me/password", "/me/address", "/me/confirm" })
        {
            var answer = await visitor.GetAsync(path);
            Assert.True(answer.StatusCode is System.Net.HttpStatusCode.OK, $"{path}: {answer.StatusCode}");
            AssertStrict(answer);
        }
    }

    private static void AssertStrict(HttpResponseMessage answer)
    {
        Assert.Equal(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
                + "base-uri 'none'; frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("no-store", Assert.Single(answer.Headers.GetValues("Cache-Control")));
        Assert.Equal("DENY", Assert.Single(answer.Headers.GetValues("X-Frame-Options")));
        Assert.Contains(
            "geolocation=()", Assert.Single(answer.Headers.GetValues("Permissions-Policy")), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Strict-Transport-Security")); // the tests' site is http
    }

    [Theory]
    [InlineData("/sign-in")]
    [InlineData("/me")]
    [InlineData("/usher.css")]
    [InlineData("/health/live")]
    public async Task Every_answer_is_taken_for_what_it_is_and_tells_nobody_where_it_was(string path)
    {
        var answer = await new Visitor(app.CreateClient()).GetAsync(path);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        var page = answer.Content.Headers.ContentType?.MediaType is "text/html";
        Assert.Equal(page ? "same-origin" : "no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Cross-Origin-Opener-Policy")));
    }

    [Theory]
    [InlineData("/lib/pico.min.css")]
    [InlineData("/usher.css")]
    [InlineData("/usher.svg")]
    [InlineData("/join.js")]
    [InlineData("/docs.js")]
    [InlineData("/docs.css")]
    [InlineData("/lib/swagger-ui.css")]
    [InlineData("/lib/swagger-ui-bundle.js")]
    public async Task What_pages_load_is_served(string path)
    {
        var answer = await new Visitor(app.CreateClient()).GetAsync(path);
        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Pages_hold_no_script_or_style_of_their_own()
    {
        string[] paths = ["/sign-in", "/join/acme/1", "/confirm/acme/1", "/docs", "/docs/errors", "/nowhere"];
        foreach (var path in paths)
        {
            var html = await Visitor.TextAsync(await new Visitor(app.CreateClient()).GetAsync(path));
            Assert.DoesNotContain("<style", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(" style=", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(" onclick=", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<script>", html, StringComparison.OrdinalIgnoreCase);
        }
    }
}
