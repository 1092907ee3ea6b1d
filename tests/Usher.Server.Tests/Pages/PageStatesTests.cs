using Microsoft.Playwright;
using Usher.Core.Invitations;
using Usher.Server.Tests.Infrastructure;
using static Microsoft.Playwright.Assertions;

namespace Usher.Server.Tests.Pages;

/// <summary>Every page in every state, as a person with or without script comes to it.</summary>
public sealed class PageStatesTests(UsherApp app, Chromium chromium)
{
    private readonly Guests guests = new(app);

    // How to come there, and the heading of the page and the words in it that say one has.
    private static readonly Dictionary<string, Func<Visit, Task<(string Heading, string Words)>>> States = new()
    {
        ["join, no code yet"] = async visit =>
        {
            await visit.Page.GotoAsync((await visit.Guests.InviteAsync()).Path);
            return ("Your invitation", "Code from your e-mail");
        },
        ["join, wrong code"] = async visit =>
        {
            var (guest, other) = (await visit.Guests.InviteAsync(), await visit.Guests.InviteAsync());
            await visit.OpenAsync(guest with { Link = guest.Link with { Secret = other.Link.Secret } });
            return ("Your invitation", "does not open this invitation");
        },
        ["join, half a code"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.OpenAsync(guest with { Link = guest.Link with { Secret = guest.Link.Secret[..30] } });
            return ("Your invitation", "not a whole code");
        },
        ["open, new person"] = async visit =>
        {
            var guest = await visit.OpenAsync(await visit.Guests.InviteAsync());
            return ($"Join {guest.Place}", $"Olivia Owner invites you to join {guest.Place}");
        },
        ["open, new person, refused"] = async visit =>
        {
            var guest = await visit.OpenAsync(await visit.Guests.InviteAsync());
            await visit.Page.GetByLabel("Choose a password").FillAsync("password1234");
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();
            return ($"Join {guest.Place}", "Choose another one");
        },
        ["open, has an account"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.MakeAccountAsync(guest.Email);
            await visit.OpenAsync(guest);
            return ($"Join {guest.Place}", "This address has an account here already");
        },
        ["open, signed in"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.SignInAsync(guest.Email);
            await visit.OpenAsync(guest);
            return ($"Join {guest.Place}", "You are signed in with this address");
        },
        ["open, somebody else"] = async visit =>
        {
            await visit.SignInAsync(Guests.NewEmail("bob"));
            var guest = await visit.OpenAsync(await visit.Guests.InviteAsync());
            return ("This invitation is for somebody else", $"was sent to {guest.Email}");
        },
        ["expired"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.ExpireAsync(guest);
            await visit.OpenAsync(guest);
            return ("This invitation has expired", "Nothing is lost");
        },
        ["expired, asked for a new one"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.ExpireAsync(guest);
            await visit.OpenAsync(guest);
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Send me a new one" }).ClickAsync();
            return ("A new invitation is on its way", guest.Email);
        },
        ["revoked"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.EndAsync(guest, InvitationStatus.Revoked);
            await visit.OpenAsync(guest);
            return ("This invitation was withdrawn", $"{guest.Place} has taken it back");
        },
        ["revoked, the sponsor lost the right"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.EndAsync(guest, InvitationStatus.Revoked, InvitationErrors.SponsorLostRight.Code);
            await visit.OpenAsync(guest);
            return ("This invitation was withdrawn", "may no longer invite people");
        },
        ["revoked, asked for a new one"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.EndAsync(guest, InvitationStatus.Revoked, InvitationErrors.SponsorLostRight.Code);
            await visit.Guests.RemoveAsync(guest);
            await visit.OpenAsync(guest);
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Ask for a new one" }).ClickAsync();
            return ("This invitation was withdrawn", "you would still like to join");
        },
        ["declined"] = async visit =>
        {
            await visit.OpenAsync(await visit.Guests.InviteAsync());
            await visit.Page.GetByText("I do not want to join").ClickAsync();
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Decline the invitation" }).ClickAsync();
            return ("You have declined this invitation", "ask Olivia Owner");
        },
        ["used"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            Assert.Null((await visit.Guests.JoinAsync(guest)).Error);
            await visit.OpenAsync(guest);
            return ("This invitation has been used", "Sign in");
        },
        ["replaced"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.ResendAsync(guest);
            await visit.OpenAsync(guest);
            return ("There is a newer invitation", "only the link in the newest one");
        },
        ["superseded"] = async visit =>
        {
            var guest = await visit.Guests.InviteAsync();
            await visit.Guests.EndAsync(guest, InvitationStatus.Superseded);
            await visit.OpenAsync(guest);
            return ($"You are in {guest.Place} already", "another way");
        },
        ["sign in"] = async visit =>
        {
            await visit.Page.GotoAsync("/sign-in");
            return ("Sign in", "Send me my invitation link");
        },
        ["sign in, refused"] = async visit =>
        {
            await visit.Page.GotoAsync("/sign-in");
            await visit.Page.GetByLabel("E-mail", new() { Exact = true }).FillAsync(Guests.NewEmail("nobody"));
            await visit.Page.GetByLabel("Password").FillAsync("wrong");
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
            return ("Sign in", "The e-mail address or the password is wrong");
        },
        ["sign in, link sent"] = async visit =>
        {
            await visit.Page.GotoAsync("/sign-in");
            await visit.Page.GetByLabel("E-mail that was invited").FillAsync(Guests.NewEmail("nobody"));
            await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Send me my invitation link" }).ClickAsync();
            return ("Sign in", "If an invitation is waiting for that address");
        },
        ["me"] = async visit =>
        {
            await visit.SignInAsync(Guests.NewEmail("ada"));
            await visit.Page.GotoAsync("/me");
            return ("Ada Lovelace", "Member: may do what was granted");
        },
        ["not found"] = async visit =>
        {
            await visit.Page.GotoAsync("/join");
            return ("There is nothing here", "Error 404");
        },
    };

    public static TheoryData<string, bool> All =>
        [.. from state in States.Keys from script in new[] { true, false } select (state, script)];

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_page_says_its_state_and_is_fit_for_everyone(string state, bool script)
    {
        var page = await chromium.VisitAsync(app.Url, script);
        List<string> complaints = [];
        page.Console += (_, message) =>
        {
            // That a page is a 410 or a 422 is on purpose; Chromium notes it.
            if (message.Type is "error" && !message.Text.Contains("status of 4", StringComparison.Ordinal))
                complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);

        var (heading, words) = await States[state](new(page, guests, app, script));

        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(heading);
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(words);
        Assert.DoesNotContain("usi_", page.Url, StringComparison.Ordinal);
        Assert.EndsWith(" · Usher", await page.TitleAsync(), StringComparison.Ordinal);
        await Chromium.AssertFitAsync(page, script);
        Assert.Empty(complaints); // a violation of the content security policy is one
        await page.Context.CloseAsync();
    }

    private sealed record Visit(IPage Page, Guests Guests, UsherApp App, bool Script)
    {
        /// <summary>Opens a mailed link, or, without script, enters its code by hand.</summary>
        public async Task<Guest> OpenAsync(Guest guest)
        {
            await Page.OpenAsync(guest, Script);
            return guest;
        }

        /// <summary>Signs in with an account for the address, which is made.</summary>
        public async Task SignInAsync(string email)
        {
            await Guests.MakeAccountAsync(email);
            await Page.Context.AddCookiesAsync(
                [new() { Name = "usher_session", Value = await Guests.SignInAsync(email), Url = App.Url }]);
        }
    }
}
