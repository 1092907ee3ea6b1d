using System.Net;
using Microsoft.Playwright;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Microsoft.Playwright.Assertions;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Pages;

/// <summary>The whole way of a person who forgets the password, leaves and comes back.</summary>
public sealed class GettingBackInStoryTests(UsherApp app, Chromium chromium)
{
    [Fact]
    public async Task Join_forget_reset_leave_and_join_again()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        await org.InviteAsync(email);
        var page = await chromium.VisitAsync(app.Url);
        await OpenAsync(
            page,
            (await app.Mail.LinkToAsync(email)) is var link
                ? $"/join/{link.OrganizationSlug}/{link.InvitationId}#{link.Secret}"
                : "");
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        await ClickAsync(page, "Join");
        await Expect(page).ToHaveURLAsync(app.Url + "/me");

        // In another browser, the password is forgotten.
        var other = await chromium.VisitAsync(app.Url);
        await other.GotoAsync("/sign-in?return=%2Fme%2Fprofile");
        await other.GetByRole(AriaRole.Link, new() { Name = "Forgot your password?" }).ClickAsync();
        await Chromium.AssertFitAsync(other);
        await other.GetByLabel("E-mail").FillAsync(email);
        await ClickAsync(other, "Send me a link");
        await Expect(other.GetByRole(AriaRole.Status)).ToContainTextAsync("a mail is on its way");

        var mail = (await app.Mail.WaitAsync(email, 2))[^1];
        Assert.Equal("Set a new password", mail.Subject);
        Assert.Contains("ignore this mail", mail.Text, StringComparison.Ordinal);
        var reset = Secrets.Reset().Match(mail.Text);
        Assert.Contains(reset.Groups["secret"].Value, mail.Text.Split('\n'));
        await OpenAsync(other, reset.Value);
        await Expect(other.GetByLabel("E-mail")).ToHaveValueAsync(email);
        await Chromium.AssertFitAsync(other);
        await other.GetByLabel("New password").FillAsync("short of it");
        await other.GetByLabel("New password").EvaluateAsync("e => e.removeAttribute('minlength')");
        await ClickAsync(other, "Set the password and sign in");
        await Expect(other.Locator("#password-problem")).ToContainTextAsync("at least 12 characters");
        await other.GetByLabel("New password").FillAsync(NewPassword);
        await ClickAsync(other, "Set the password and sign in");
        await Expect(other).ToHaveURLAsync(app.Url + "/me/profile"); // where it all began

        // The browser that was signed in before is not any more.
        await page.GotoAsync("/me");
        await Expect(page).ToHaveURLAsync(app.Url + "/sign-in?return=%2Fme");
        await other.GotoAsync("/me");
        await Expect(other.Locator(".sessions > li")).ToHaveCountAsync(1);
        await Expect(other.Locator(".sessions > li")).ToContainTextAsync("this browser");
        Assert.Contains(
            await app.Mail.WaitAsync(email, 3),
            m => m.Subject is "Your password was changed" && !Secrets.Any().IsMatch(m.Text + m.Html));

        await other.GetByText("Leave", new() { Exact = false }).First.ClickAsync();
        await ClickAsync(other, $"Leave {org.Created.Organization.Name}");
        await Expect(other.GetByRole(AriaRole.Status)).ToContainTextAsync("You have left");
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(email)).Status);

        await org.InviteAsync(email);
        var mails = await app.Mail.WaitAsync(email, 4);
        var again = mails.Last(m => m.Text.Contains("/join/", StringComparison.Ordinal)).Link;
        await OpenAsync(other, $"/join/{again.OrganizationSlug}/{again.InvitationId}#{again.Secret}");
        await ClickAsync(other, $"Join {org.Created.Organization.Name}");
        await Expect(other.Locator(".memberships > li")).ToContainTextAsync(org.Created.Organization.Name);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(email)).Status);
        foreach (var context in new[] { page.Context, other.Context }) await context.CloseAsync();
    }

    private static async Task OpenAsync(IPage page, string link)
    {
        await page.GotoAsync(link);
        await page.WaitForURLAsync(url => !url.Contains('#', StringComparison.Ordinal));
    }

    private static Task ClickAsync(IPage page, string button) =>
        page.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync();
}

/// <summary>The pages of a person's own account and of reset links, in their states.</summary>
public sealed class OwnPagesTests(ClockedApp clocked, Chromium chromium) : IClassFixture<ClockedApp>
{
    private readonly UsherApp app = clocked.App;

    [Theory]
    [InlineData("/me", "Ada Lovelace", "Where you are signed in")]
    [InlineData("/me?done=password", "Ada Lovelace", "Your password is changed")]
    [InlineData("/me/profile", "Your details", "These belong to your account")]
    [InlineData("/me/password", "Change your password", "All your other sessions are signed out")]
    [InlineData("/me/address", "Change your address", "You sign in with")]
    [InlineData("/me/confirm?return=%2Fme%2Fpassword", "Confirm that it is you", "counts for 10 minutes")]
    [InlineData("/reset", "Forgot your password?", "Enter the address you sign in with")]
    [InlineData("/reset?sent", "Check your mail", "a mail is on its way")]
    [InlineData("/reset/00000000-0000-0000-0000-000000000000", "Set a new password", "Code from your e-mail")]
    public async Task A_page_is_fit_for_everyone(string path, string heading, string words)
    {
        var ada = await app.AccountAsync();
        await app.SignedInAsync(ada.Email);
        var page = await SignedInAsync(ada);
        List<string> complaints = [];
        page.Console += (_, message) => complaints.AddRange(message.Type is "error" ? [message.Text] : []);
        await page.GotoAsync(path);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(heading);
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(words);
        await SaveAsync(page, path);
        await Chromium.AssertFitAsync(page);
        Assert.Empty(complaints);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task An_old_session_gives_the_password_first_and_comes_back_to_change_it()
    {
        var ada = await app.AccountAsync();
        var page = await SignedInAsync(ada);
        clocked.Clock.Advance(Core.Sessions.Session.StepUp);
        await page.GotoAsync("/me/password");
        await Expect(page).ToHaveURLAsync(app.Url + "/me/confirm?return=%2Fme%2Fpassword");
        await page.GetByLabel("Password").FillAsync("not the right one");
        await page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        await Expect(page.Locator("#password-problem")).ToContainTextAsync("The password is wrong");
        await page.GetByLabel("Password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(app.Url + "/me/password");
        await page.GetByLabel("New password").FillAsync(NewPassword);
        await page.GetByRole(AriaRole.Button, new() { Name = "Change the password" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("Your password is changed");
        Assert.Null((await app.SignInAsync(ada.Email, NewPassword)).Error);
        await page.Context.CloseAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_new_address_is_asked_for_and_confirmed_with_the_password(bool script)
    {
        var ada = await app.AccountAsync();
        var email = NewEmail("augusta");
        var page = await SignedInAsync(ada, script);
        await page.GotoAsync("/me/address");
        await page.GetByLabel("New address").FillAsync(email);
        await page.GetByRole(AriaRole.Button, new() { Name = "Send me the link" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(email);

        var link = await app.OwnAddressLinkAsync(ada.Session, email);
        await page.GotoAsync(script ? $"/confirm/{link.Id}#{link.Secret}" : $"/confirm/{link.Id}");
        if (!script)
        {
            await page.GetByLabel("Code from your e-mail").FillAsync(link.Secret);
            await page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        }

        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("You asked to sign in with");
        await Chromium.AssertFitAsync(page, script);
        await page.GetByLabel("Your password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Confirm this address" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 }))
            .ToHaveTextAsync("Your address is confirmed");
        Assert.Equal(email, (await app.UserAsync(ada.UserId)).Email);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_page_of_a_reset_link_is_the_same_for_every_link_until_its_code_was_checked()
    {
        var link = await app.ResetLinkAsync((await app.AccountAsync()).Email);
        List<string> pages = [];
        foreach (var path in new[] { $"/reset/{link.Id}", $"/reset/{Guid.NewGuid()}", "/reset/not-an-id" })
        {
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get })
                Assert.Equal(HttpStatusCode.OK, (await NewVisitor().SendAsync(new(method, path))).StatusCode);
            pages.Add((await Visitor.TextAsync(await NewVisitor().GetAsync(path))).Replace(
                $"action=\"{path}\"", "action", StringComparison.Ordinal));
        }

        Assert.Single(pages.Distinct());
        Assert.Equal(Core.Users.PasswordResetState.Open, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task A_reset_link_says_before_that_it_takes_an_unconfirmed_account_over()
    {
        var eve = await app.AccountAsync(mailed: false);
        var link = await app.ResetLinkAsync(eve.Email);
        var visitor = NewVisitor();
        await visitor.PostAsync($"/reset/{link.Id}", $"/reset/{link.Id}", ("step", "check"), ("code", link.Secret));
        Assert.Contains(
            "This address was never confirmed", await Visitor.TextAsync(await visitor.GetAsync($"/reset/{link.Id}")),
            StringComparison.Ordinal);
        Assert.DoesNotContain(visitor.Cookies.Values, v => v.Contains("usp_", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://evil.test/")]
    [InlineData("//evil.test/")]
    [InlineData("/\\evil.test/")]
    public async Task Nobody_is_led_away_from_this_site(string elsewhere)
    {
        var link = await app.ResetLinkAsync((await app.AccountAsync()).Email);
        var (visitor, path) = (NewVisitor(), $"/reset/{link.Id}?return={Uri.EscapeDataString(elsewhere)}");
        await visitor.PostAsync(path, path, ("step", "check"), ("code", link.Secret));
        var answer = await visitor.PostAsync($"/reset/{link.Id}", path, ("step", "set"), ("password", NewPassword));
        Assert.Equal((HttpStatusCode.SeeOther, "/me"), (answer.StatusCode, answer.Headers.Location?.OriginalString));
    }

    [Fact]
    public async Task Asking_is_answered_alike_for_known_and_unknown_addresses()
    {
        var ada = await app.AccountAsync();
        List<string> answers = [];
        foreach (var email in new[] { ada.Email, NewEmail("nobody") })
        {
            var answer = await NewVisitor().PostAsync("/reset", "/reset", ("email", email));
            answers.Add($"{(int)answer.StatusCode} {answer.Headers.Location}");
        }

        Assert.Equal("303 /reset?sent", Assert.Single(answers.Distinct()));
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            (await NewVisitor().PostAsync("/reset", "/reset", ("email", "no address"))).StatusCode);
    }

    [Fact]
    public async Task Sessions_are_signed_out_one_by_one_or_all_but_this()
    {
        var ada = await app.AccountAsync();
        var (second, _) = await app.SignedInAsync(ada.Email);
        await app.SignedInAsync(ada.Email);
        var visitor = NewVisitor();
        visitor.SetCookie("usher_session", ada.Secret);
        await visitor.PostAsync("/me", "/me/sessions/end", ("session", second.SessionId.ToString()));
        Assert.Equal(2, (await app.SessionsAsync(ada.UserId)).Count);
        await visitor.PostAsync("/me", "/me/sessions/end-others");
        Assert.Equal([ada.Session.SessionId], (await app.SessionsAsync(ada.UserId)).Select(s => s.Id));
        var answer = await visitor.PostAsync("/me", "/me/sessions/end", ("session", ada.Session.SessionId.ToString()));
        Assert.Equal("/sign-in", answer.Headers.Location?.OriginalString);
        Assert.DoesNotContain("usher_session", visitor.Cookies.Keys);
    }

    [Fact]
    public async Task The_last_administrator_is_told_why_leaving_is_refused()
    {
        var org = await app.CreateOrganizationAsync();
        var visitor = NewVisitor();
        visitor.SetCookie("usher_session", (await app.JoinAsync(org.Created.OwnerLink!)).Value.Session!.Secret);
        var answer = await visitor.PostAsync("/me", $"/me/memberships/{org.Created.Owner.Id}/leave");
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains("administrator", await Visitor.TextAsync(answer), StringComparison.Ordinal);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(org.Created.Owner.Identifier)).Status);
    }

    private Visitor NewVisitor() => new(app.CreateClient());

    private async Task<IPage> SignedInAsync(TestAccount account, bool script = true)
    {
        var page = await chromium.VisitAsync(app.Url, script);
        await page.Context.AddCookiesAsync([new() { Name = "usher_session", Value = account.Secret, Url = app.Url }]);
        return page;
    }

    // For people who want to see the pages: a picture of each, wide and narrow, light and dark.
    private static async Task SaveAsync(IPage page, string path)
    {
        if (Environment.GetEnvironmentVariable("USHER_TEST_PICTURES") is not { Length: > 0 } folder) return;
        var name = string.Concat(path.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        foreach (var (width, scheme) in new[] { (1200, ColorScheme.Light), (360, ColorScheme.Dark) })
        {
            await page.SetViewportSizeAsync(width, 800);
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}-{width}.png"), FullPage = true });
        }
    }
}
