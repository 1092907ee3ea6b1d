using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Users;
using Usher.Server.Pages.Confirm;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Microsoft.Playwright.Assertions;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Pages;

/// <summary>From a member's wish for another address to its counting, as the person sees it.</summary>
public sealed class ConfirmStoryTests(UsherApp app, Chromium chromium)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Asked_for_mailed_and_confirmed_the_new_address_counts_and_the_old_one_hears_of_it(bool script)
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var (old, email) = (member.Identifier, NewEmail("augusta"));
        Assert.Null((await app.UpdateAsync(ada, new() { Email = email })).Error);

        var mail = Assert.Single(await app.Mail.WaitAsync(email));
        Assert.Equal($"Confirm your new address for {org.Created.Organization.Name}", mail.Subject);
        var found = Secrets.Confirmation().Match(mail.Text);
        Assert.Contains(found.Groups["secret"].Value, mail.Text.Split('\n')); // the code on a line of its own
        Assert.Contains(found.Value, mail.Html, StringComparison.Ordinal);
        await WaitAsync(async () =>
            (await org.OutboxAsync()).All(m => m.State is OutboxState.Sent && m.Secret is null));

        var page = await chromium.VisitAsync(app.Url, script);
        await page.GotoAsync(script ? found.Value : found.Value.Split('#')[0]);
        if (!script)
        {
            await page.GetByLabel("Code from your e-mail").FillAsync(found.Groups["secret"].Value);
            await page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        }

        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(email);
        Assert.Equal(old, (await org.TodayAsync(member)).Identifier);
        await page.GetByRole(AriaRole.Button, new() { Name = "Yes, this address is mine" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 }))
            .ToHaveTextAsync("Your new address is confirmed");

        Assert.Equal(email, (await org.TodayAsync(member)).Identifier);
        Assert.Equal(old, (await app.UserAsync(member.UserId!.Value)).Email);
        var notice = Assert.Single(
            await app.Mail.WaitAsync(old), m => m.Subject.StartsWith("Your address", StringComparison.Ordinal));
        Assert.Contains(email, notice.Text, StringComparison.Ordinal);
        Assert.DoesNotMatch(Secrets.Any(), notice.Text + notice.Html);

        // It signed nobody in: the person does that, with the address of the account.
        Assert.DoesNotContain(await page.Context.CookiesAsync(), c => c.Name is "usher_session");
        await page.GetByRole(AriaRole.Link, new() { Name = "Go to your page" }).ClickAsync();
        await page.SignInAsync(old);
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(old);

        // The same link once more, in another browser.
        var again = await chromium.VisitAsync(app.Url);
        await again.GotoAsync(found.Value);
        await Expect(again.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("This is done already");
        foreach (var context in new[] { page.Context, again.Context }) await context.CloseAsync();
    }

    private static async Task WaitAsync(Func<Task<bool>> done)
    {
        for (var i = 0; i < 200 && !await done(); i++) await Task.Delay(50, Ct);
        Assert.True(await done());
    }
}

/// <summary>The page in every state, and what it does with what should not come.</summary>
public sealed class ConfirmPageTests(ClockedApp clocked, Chromium chromium) : IClassFixture<ClockedApp>
{
    private readonly UsherApp app = clocked.App;

    // How to come there, and the heading of the page and the words in it that say one has.
    private static readonly Dictionary<string, Func<Visit, Task<(string Heading, string Words)>>> States = new()
    {
        ["no code yet"] = async visit =>
        {
            await visit.Page.GotoAsync(PathOf(visit.Link));
            return ("Your new address", "Code from your e-mail");
        },
        ["wrong code"] = async visit =>
        {
            await visit.OpenAsync(visit.Link with { Secret = Secret.Create(Secret.AddressPrefix).Text });
            return ("Your new address", "does not belong to this page");
        },
        ["half a code"] = async visit =>
        {
            await visit.OpenAsync(visit.Link with { Secret = visit.Link.Secret[..30] });
            return ("Your new address", "not a whole code");
        },
        ["an invitation's code"] = async visit =>
        {
            await visit.OpenAsync(visit.Link with { Secret = visit.Organization.Created.OwnerLink!.Secret });
            return ("Your new address", "not a whole code");
        },
        ["open"] = async visit =>
        {
            await visit.OpenAsync(visit.Link);
            return ("Is this address yours?", visit.Email);
        },
        ["just confirmed"] = async visit =>
        {
            await visit.OpenAsync(visit.Link);
            await visit.ConfirmAsync();
            return ("Your new address is confirmed", "The old address has been notified");
        },
        ["confirmed before"] = async visit =>
        {
            Assert.Null((await visit.App.ConfirmAsync(visit.Link)).Error);
            await visit.OpenAsync(visit.Link);
            return ("This is done already", "nothing left to do");
        },
        ["expired"] = async visit =>
        {
            visit.Clock.Advance(AddressChange.Lifetime);
            await visit.OpenAsync(visit.Link);
            return ("This link has expired", "Your address is still the old one");
        },
        ["expired while the page was open"] = async visit =>
        {
            await visit.OpenAsync(visit.Link);
            visit.Clock.Advance(AddressChange.Lifetime);
            await visit.ConfirmAsync();
            return ("This link has expired", "ask for the change once more");
        },
        ["replaced"] = async visit =>
        {
            await visit.App.AskAsync(visit.Actor, NewEmail("newer"));
            await visit.OpenAsync(visit.Link);
            return ("There is a newer mail", "only the link in the newest mail");
        },
        ["taken while the page was open"] = async visit =>
        {
            await visit.OpenAsync(visit.Link);
            await visit.Organization.GuestAsync(visit.Email);
            await visit.ConfirmAsync();
            return ("This address is taken", "belongs to another member");
        },
        ["the member is gone"] = async visit =>
        {
            Assert.Null((await visit.Organization.RemoveAsync(visit.Organization.System, visit.Actor.Id)).Error);
            await visit.OpenAsync(visit.Link);
            return ("This link is no longer valid", "Nothing was changed");
        },
    };

    public static TheoryData<string, bool> All =>
        [.. from state in States.Keys from script in new[] { true, false } select (state, script)];

    [Theory]
    [MemberData(nameof(All))]
    public async Task The_page_says_its_state_and_is_fit_for_everyone(string state, bool script)
    {
        var (org, actor, link, email) = await AskedAsync();
        var page = await chromium.VisitAsync(app.Url, script);
        List<string> complaints = [];
        page.Console += (_, message) =>
        {
            // That a page is a 409, a 410 or a 422 is on purpose; Chromium notes it.
            if (message.Type is "error" && !message.Text.Contains("status of 4", StringComparison.Ordinal))
                complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);

        var (heading, words) = await States[state](new(page, app, clocked.Clock, org, actor, link, email, script));

        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(heading);
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(words);
        Assert.DoesNotContain("usa_", page.Url, StringComparison.Ordinal);
        await Chromium.AssertFitAsync(page, script);
        Assert.Empty(complaints); // a violation of the content security policy is one
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_page_is_the_same_for_every_address_until_a_code_was_checked()
    {
        var (_, _, link, _) = await AskedAsync();
        List<string> pages = [];
        foreach (var path in new[]
            {
                PathOf(link), $"/confirm/{link.OrganizationSlug}/{Guid.NewGuid()}", $"/confirm/nowhere/{link.ChangeId}",
                "/confirm/nowhere/not-an-id",
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
    public async Task Looking_spends_nothing_however_often_and_then_it_is_confirmed()
    {
        var (org, actor, link, email) = await AskedAsync();
        var before = (await org.MembersAsync()).Single(m => m.Id == actor.Id).Version;
        var visitor = NewVisitor();
        for (var i = 0; i < 2; i++)
        {
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get })
                Assert.Equal(HttpStatusCode.OK, (await NewVisitor().SendAsync(new(method, PathOf(link)))).StatusCode);
            visitor = NewVisitor();
            Assert.Equal(HttpStatusCode.SeeOther, (await CheckAsync(visitor, link)).StatusCode);
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get })
                Assert.Equal(HttpStatusCode.OK, (await visitor.SendAsync(new(method, PathOf(link)))).StatusCode);
            var html = await Visitor.TextAsync(await visitor.GetAsync(PathOf(link)));
            Assert.Contains(email, html, StringComparison.Ordinal);
            Assert.DoesNotContain(link.Secret, html, StringComparison.Ordinal);
        }

        Assert.Equal(before, (await org.MembersAsync()).Single(m => m.Id == actor.Id).Version);
        Assert.Equal(AddressChangeState.Open, (await app.LookAsync(link)).State);
        var answer = await ConfirmAsync(visitor, link);
        Assert.Equal(
            (HttpStatusCode.SeeOther, PathOf(link)), (answer.StatusCode, answer.Headers.Location?.OriginalString));
        Assert.Equal(email, (await org.MembersAsync()).Single(m => m.Id == actor.Id).Identifier);
        Assert.DoesNotContain("usher_session", visitor.Cookies.Keys);
    }

    [Theory]
    [InlineData("expired", HttpStatusCode.Gone)]
    [InlineData("taken", HttpStatusCode.Conflict)]
    [InlineData("used", HttpStatusCode.OK)]
    public async Task An_ended_link_says_so_in_its_status_too(string how, HttpStatusCode status)
    {
        var (org, _, link, email) = await AskedAsync();
        if (how is "expired") clocked.Clock.Advance(AddressChange.Lifetime);
        if (how is "taken") await org.GuestAsync(email);
        if (how is "used") await app.ConfirmAsync(link);
        var visitor = NewVisitor();
        await CheckAsync(visitor, link);
        Assert.Equal(status, (await visitor.GetAsync(PathOf(link))).StatusCode);
    }

    [Fact]
    public async Task Nothing_is_confirmed_without_a_checked_code_or_without_the_forms_token()
    {
        var ((_, _, link, _), (_, _, other, _)) = (await AskedAsync(), await AskedAsync());
        var visitor = NewVisitor();
        var answer = await ConfirmAsync(visitor, link);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(ConfirmCodePage.Forgotten, await Visitor.TextAsync(answer), StringComparison.Ordinal);

        await CheckAsync(visitor, link);
        Assert.Equal(
            HttpStatusCode.BadRequest, (await visitor.PostAsync(PathOf(link), [("step", "confirm")])).StatusCode);

        // Nor with the cookie of another's code.
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await ConfirmAsync(visitor, other)).StatusCode);
        foreach (var untouched in new[] { link, other })
            Assert.Equal(AddressChangeState.Open, (await app.LookAsync(untouched)).State);
    }

    [Fact]
    public async Task The_cookie_is_this_pages_alone_and_does_not_show_the_code()
    {
        var (_, _, link, _) = await AskedAsync();
        var cookie = Assert.Single(
            (await CheckAsync(NewVisitor(), link)).Headers.GetValues("Set-Cookie"),
            c => c.StartsWith("usher_address=", StringComparison.Ordinal));
        Assert.Contains($"path={PathOf(link)}", cookie, StringComparison.Ordinal);
        Assert.Contains("httponly", cookie, StringComparison.Ordinal);
        Assert.Contains("samesite=lax", cookie, StringComparison.Ordinal);
        Assert.DoesNotContain("usa_", cookie, StringComparison.Ordinal);
    }

    private Visitor NewVisitor() => new(app.CreateClient());

    private static string PathOf(AddressChangeLink link) => $"/confirm/{link.OrganizationSlug}/{link.ChangeId}";

    private static Task<HttpResponseMessage> CheckAsync(Visitor visitor, AddressChangeLink link) =>
        visitor.PostAsync(PathOf(link), PathOf(link), ("step", "check"), ("code", link.Secret));

    private static Task<HttpResponseMessage> ConfirmAsync(Visitor visitor, AddressChangeLink link) =>
        visitor.PostAsync(PathOf(link), PathOf(link), ("step", "confirm"));

    private async Task<(TestOrganization Organization, Actor Actor, AddressChangeLink Link, string Email)> AskedAsync()
    {
        var org = await app.CreateOrganizationAsync();
        var (actor, _) = await org.PersonAsync();
        var email = NewEmail("augusta");
        return (org, actor, await app.AskAsync(actor, email), email);
    }

    private sealed record Visit(
        IPage Page, UsherApp App, TestClock Clock, TestOrganization Organization, Actor Actor, AddressChangeLink Link,
        string Email, bool Script)
    {
        /// <summary>Opens a mailed link, or, without script, enters its code by hand.</summary>
        public async Task OpenAsync(AddressChangeLink link)
        {
            await Page.GotoAsync(Script ? $"{PathOf(link)}#{link.Secret}" : PathOf(link));
            if (Script)
            {
                await Page.WaitForURLAsync(url => !url.Contains('#', StringComparison.Ordinal));
                return;
            }

            await Page.GetByLabel("Code from your e-mail").FillAsync(link.Secret);
            await Page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        }

        public Task ConfirmAsync() =>
            Page.GetByRole(AriaRole.Button, new() { Name = "Yes, this address is mine" }).ClickAsync();
    }
}
