using System.Net;
using System.Text;
using Usher.Core.Invitations;
using Usher.Server.Pages.Codes;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

public sealed class JoinPageTests(UsherApp app)
{
    private readonly Guests guests = new(app);

    [Fact]
    public async Task The_page_is_the_same_for_every_address_until_a_code_was_checked()
    {
        var guest = await guests.InviteAsync();
        List<string> pages = [];
        foreach (var path in new[]
            {
                guest.Path, $"/join/{guest.Link.OrganizationSlug}/{Guid.NewGuid()}", $"/join/nowhere/{Guid.NewGuid()}",
                "/join/nowhere/not-an-id", guest.Path + "?return_to=https://evil.test/",
            })
        {
            var answer = await NewVisitor().GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            // where it was asked for
            pages.Add((await Visitor.TextAsync(answer)).Replace(
                $"action=\"{path}\"", "action", StringComparison.Ordinal));
        }

        Assert.Single(pages.Distinct());
    }

    [Fact]
    public async Task Looking_spends_nothing_however_often()
    {
        var guest = await guests.InviteAsync();
        for (var i = 0; i < 2; i++)
        {
            var visitor = NewVisitor();
            Assert.Equal(HttpStatusCode.OK, (await visitor.SendAsync(new(HttpMethod.Head, guest.Path))).StatusCode);
            Assert.Equal(HttpStatusCode.SeeOther, (await CheckAsync(visitor, guest, guest.Link.Secret)).StatusCode);
            var page = await visitor.GetAsync(guest.Path);
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
            Assert.Contains(guest.Email, await Visitor.TextAsync(page), StringComparison.Ordinal);
        }

        Assert.Equal(InvitationStatus.Pending, await guests.StatusAsync(guest));
        Assert.Null((await guests.JoinAsync(guest)).Error);
    }

    [Theory]
    [InlineData("  {0}  ")]
    [InlineData("{0}.")]
    [InlineData("<{0}>")]
    [InlineData("Your code: {0}, thank you")]
    [InlineData("https://usher.test/join/x/y#{0}")]
    public void A_code_is_found_in_what_is_pasted(string around)
    {
        var (code, _) = Usher.Core.Secret.Create(Usher.Core.Secret.InvitationPrefix);
        Assert.True(TryFind(string.Format(null, CompositeFormat.Parse(around), code), out var found));
        Assert.Equal(code, found);
        Assert.True(TryFind(
            string.Format(null, CompositeFormat.Parse(around), code.Insert(20, "\r\n ")), out found));
        Assert.Equal(code, found);
        Assert.False(TryFind(string.Format(null, CompositeFormat.Parse(around), code[..^1]), out _));

        static bool TryFind(string typed, out string code) =>
            CodeCookie.TryFind(typed, Usher.Core.Secret.InvitationPrefix, out code);
    }

    [Fact]
    public async Task A_code_with_any_character_changed_opens_nothing()
    {
        var guest = await guests.InviteAsync();
        var visitor = NewVisitor();
        await visitor.GetAsync(guest.Path);
        // The check characters refuse it before the database is asked; one in the middle and one of them stand for all,
        // which the core's tests go through.
        foreach (var at in new[] { 10, guest.Link.Secret.Length - 1 })
        {
            var wrong = guest.Link.Secret.ToCharArray();
            wrong[at] = wrong[at] is 'A' ? 'B' : 'A';
            var answer = await CheckAsync(visitor, guest, new(wrong));
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
            Assert.DoesNotContain(guest.Place, await Visitor.TextAsync(answer), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("usher_invitation", visitor.Cookies.Keys);
    }

    [Fact]
    public async Task The_cookie_hides_the_code_and_opens_its_own_invitation_only()
    {
        var (guest, other) = (await guests.InviteAsync(), await guests.InviteAsync());
        var visitor = NewVisitor();
        var answer = await CheckAsync(visitor, guest, guest.Link.Secret);
        var cookie = Assert.Single(
            answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("usher_invitation=", StringComparison.Ordinal));
        Assert.DoesNotContain(guest.Link.Secret, cookie, StringComparison.Ordinal);
        Assert.Contains($"path={guest.Path};", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("max-age=1800", cookie, StringComparison.OrdinalIgnoreCase);

        Assert.Contains(
            "Code from your e-mail", await Visitor.TextAsync(await visitor.GetAsync(other.Path)),
            StringComparison.Ordinal);
        visitor.SetCookie("usher_invitation", visitor.Cookies["usher_invitation"][..^3] + "AAA");
        Assert.Contains(
            "Code from your e-mail", await Visitor.TextAsync(await visitor.GetAsync(guest.Path)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_the_forms_own_token_changes_nothing()
    {
        var guest = await guests.InviteAsync();
        var visitor = NewVisitor();
        await CheckAsync(visitor, guest, guest.Link.Secret);
        var answer = await visitor.PostAsync(guest.Path, [("step", "decline")]);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(
            "Open the page, or the link in your mail, once more", await Visitor.TextAsync(answer),
            StringComparison.Ordinal);

        using var json = new StringContent("""{"step":"decline"}""", Encoding.UTF8, "application/json");
        answer = await visitor.SendAsync(new(HttpMethod.Post, guest.Path) { Content = json });
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        answer = await visitor.PostAsync(guest.Path, [("step", new string('x', 100_000))]);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Equal(InvitationStatus.Pending, await guests.StatusAsync(guest));
    }

    [Fact]
    public async Task An_answer_after_the_cookie_ran_out_asks_for_the_code_again()
    {
        var guest = await guests.InviteAsync();
        var answer = await NewVisitor().PostAsync(guest.Path, guest.Path, ("step", "decline"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(
            "Open the link in your e-mail once more", await Visitor.TextAsync(answer), StringComparison.Ordinal);
        Assert.Equal(InvitationStatus.Pending, await guests.StatusAsync(guest));
    }

    [Theory]
    [InlineData("https://evil.test/")]
    [InlineData("https://app.example.test.evil.test/")]
    [InlineData("https://app.example.test@evil.test/")]
    [InlineData("http://app.example.test/")]
    [InlineData("https://app.example.test:8443/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("//evil.test/")]
    [InlineData("/me")]
    public async Task Nobody_is_led_to_an_address_that_is_not_registered(string address)
    {
        var guest = await guests.InviteAsync(returnOrigin: "https://app.example.test");
        var visitor = NewVisitor();
        var page = $"{guest.Path}?return_to={Uri.EscapeDataString(address)}";
        await visitor.PostAsync(page, page, ("step", "check"), ("code", guest.Link.Secret));
        var answer = await visitor.PostAsync(
            page, page, ("step", "join"), ("first_name", "Ada"), ("last_name", ""),
            ("password", TestOrganization.Password));
        Assert.Equal("/me", answer.Headers.Location?.OriginalString);

        answer = await visitor.GetAsync($"{guest.Path}/joined?return_to={Uri.EscapeDataString(address)}");
        Assert.Equal("/me", answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task A_registered_address_is_led_to_by_a_page_and_not_by_a_redirect()
    {
        var guest = await guests.InviteAsync(returnOrigin: "https://app.example.test");
        var visitor = NewVisitor();
        var page = $"{guest.Path}?return_to={Uri.EscapeDataString("https://app.example.test/start")}";
        var answer = await visitor.PostAsync(page, page, ("step", "check"), ("code", guest.Link.Secret));
        Assert.Equal(page, answer.Headers.Location?.OriginalString);
        answer = await visitor.PostAsync(
            page, page, ("step", "join"), ("first_name", "Ada"), ("last_name", ""),
            ("password", TestOrganization.Password));
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);

        answer = await visitor.GetAsync(answer.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(
            """<meta http-equiv="refresh" content="0; url=https://app.example.test/start" """.TrimEnd(),
            await Visitor.TextAsync(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Joining_twice_at_once_makes_one_member()
    {
        var guest = await guests.InviteAsync();
        var visitors = new[] { NewVisitor(), NewVisitor() };
        var forms = new List<(string Name, string Value)[]>();
        foreach (var visitor in visitors)
        {
            await CheckAsync(visitor, guest, guest.Link.Secret);
            // Both have the form open before either sends it: to the later one, the page would say by then that the
            // invitation was used.
            forms.Add(
                [
                    await visitor.OpenAsync(guest.Path), ("step", "join"), ("first_name", "Ada"), ("last_name", ""),
                    ("password", TestOrganization.Password),
                ]);
        }

        var answers = await Task.WhenAll(visitors.Zip(forms, (visitor, form) => visitor.PostAsync(guest.Path, form)));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.SeeOther, a.StatusCode));
        Assert.Contains(answers, a => a.Headers.Location?.OriginalString is "/me");
        Assert.Equal(InvitationStatus.Accepted, await guests.StatusAsync(guest));
    }

    private Visitor NewVisitor() => new(app.CreateClient());

    private static Task<HttpResponseMessage> CheckAsync(Visitor visitor, Guest guest, string code) =>
        visitor.PostAsync(guest.Path, guest.Path, ("step", "check"), ("code", code));
}
