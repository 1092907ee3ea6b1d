using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Playwright;
using Usher.Core.Invitations;
using Usher.Server.Tests.Infrastructure;
using static Microsoft.Playwright.Assertions;

namespace Usher.Server.Tests.Pages;

/// <summary>What people do with an invitation, from its link to where they end.</summary>
public sealed class JoinStoryTests(UsherApp app, Chromium chromium)
{
    private readonly Guests guests = new(app);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_new_person_joins_and_is_signed_in(bool script)
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url, script);
        await page.OpenAsync(guest, script);

        await Expect(page.GetByLabel("First name")).ToHaveValueAsync("Ada");
        await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(guest.Email);
        await page.GetByLabel("Last name").FillAsync("Lovelace");
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();

        await Expect(page).ToHaveURLAsync(app.Url + "/me");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Ada Lovelace");
        await Expect(page.Locator(".memberships > li")).ToContainTextAsync(guest.Place);
        Assert.Equal(InvitationStatus.Accepted, await guests.StatusAsync(guest));
    }

    [Fact]
    public async Task Somebody_with_an_account_signs_in_and_comes_back_to_join()
    {
        var guest = await guests.InviteAsync();
        await guests.MakeAccountAsync(guest.Email);
        var page = await chromium.VisitAsync(app.Url);
        await page.OpenAsync(guest);

        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).ClickAsync();
        await page.SignInAsync(guest.Email);
        await page.GetByRole(AriaRole.Button, new() { Name = $"Join {guest.Place}" }).ClickAsync();

        await Expect(page).ToHaveURLAsync(app.Url + "/me");
        await Expect(page.Locator(".memberships > li")).ToHaveCountAsync(2);
        Assert.Equal(InvitationStatus.Accepted, await guests.StatusAsync(guest));
    }

    [Fact]
    public async Task Somebody_else_signs_out_and_goes_on_where_he_was()
    {
        var guest = await guests.InviteAsync();
        var bob = Guests.NewEmail("bob");
        await guests.MakeAccountAsync(bob);
        var page = await chromium.VisitAsync(app.Url);
        await page.GotoAsync("/sign-in");
        await page.SignInAsync(bob);
        await page.OpenAsync(guest);

        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync($"signed in as {bob}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out and go on" }).ClickAsync();

        await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(guest.Email);
        Assert.Equal(InvitationStatus.Pending, await guests.StatusAsync(guest));
    }

    [Fact]
    public async Task A_refused_password_is_said_beside_it_with_the_rest_kept_and_the_password_gone()
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url, script: false);
        await page.OpenAsync(guest, script: false);
        await page.GetByLabel("First name").FillAsync("Augusta");
        await page.GetByLabel("Last name").FillAsync("King <script>");
        await page.GetByLabel("Choose a password").FillAsync("password1234");
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();

        var password = page.GetByLabel("Choose a password");
        await Expect(password).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(password).ToHaveAttributeAsync("aria-describedby", "password-problem password-hint");
        await Expect(page.Locator("#password-problem")).ToContainTextAsync("This is a common password");
        await Expect(password).ToBeFocusedAsync();
        await Expect(password).ToHaveValueAsync("");
        await Expect(page.GetByLabel("First name")).ToHaveValueAsync("Augusta");
        await Expect(page.GetByLabel("Last name")).ToHaveValueAsync("King <script>");

        await password.FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Augusta King <script>");
    }

    [Fact]
    public async Task Everything_can_be_done_with_the_keyboard_and_the_focus_is_seen()
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url);
        await page.OpenAsync(guest);
        await Expect(page.GetByLabel("First name")).ToBeVisibleAsync();

        string[] order = ["First name", "Last name (optional)", "E-mail", "Choose a password"];
        foreach (var label in order)
        {
            await page.Keyboard.PressAsync("Tab");
            var field = page.GetByLabel(label);
            await Expect(field).ToBeFocusedAsync();
            Assert.Equal("solid", await field.EvaluateAsync<string>("e => getComputedStyle(e).outlineStyle"));
        }

        await page.Keyboard.TypeAsync(TestOrganization.Password);
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Join" })).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByText("I do not want to join")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Shift+Tab");
        await page.Keyboard.PressAsync("Enter");

        await Expect(page).ToHaveURLAsync(app.Url + "/me");
    }

    [Fact]
    public async Task The_newest_mail_opens_where_an_older_one_was_open()
    {
        var guest = await guests.InviteAsync();
        var page = await chromium.VisitAsync(app.Url);
        await page.OpenAsync(guest);
        await Expect(page.GetByLabel("First name")).ToBeVisibleAsync();

        var newer = await guests.ResendAsync(guest);
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 }))
            .ToHaveTextAsync("There is a newer invitation");

        // The same page but for what is behind the number sign: nothing is loaded, only the script hears of it.
        await page.EvaluateAsync($"location.hash = '{newer.Link.Secret}'");
        await Expect(page.GetByLabel("First name")).ToBeVisibleAsync();
        Assert.DoesNotContain("#", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_invitations_stay_apart_in_one_browser()
    {
        var (one, two) = (await guests.InviteAsync(), await guests.InviteAsync());
        var page = await chromium.VisitAsync(app.Url);
        foreach (var guest in new[] { one, two })
        {
            await page.OpenAsync(guest);
            await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(guest.Email);
        }

        await page.GotoAsync(one.Path);
        await Expect(page.GetByLabel("E-mail")).ToHaveValueAsync(one.Email);
    }

    [Fact]
    public async Task After_joining_a_registered_address_is_where_one_goes_on()
    {
        using var product = new TcpListener(IPAddress.Loopback, 0);
        product.Start();
        var origin = $"http://localhost:{((IPEndPoint)product.LocalEndpoint).Port}";
        var served = ServeAsync(product);
        var guest = await guests.InviteAsync(returnOrigin: origin);
        var page = await chromium.VisitAsync(app.Url, script: false);
        await page.GotoAsync($"{guest.Path}?return_to={Uri.EscapeDataString($"{origin}/welcome?from=usher&x='1;2'")}");
        await page.EnterCodeAsync(guest.Link.Secret);
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();

        await Expect(page.GetByText("This is the product")).ToBeVisibleAsync();
        Assert.StartsWith($"{origin}/welcome?from=usher&x=", page.Url, StringComparison.Ordinal);
        await page.Context.CloseAsync();
        product.Stop();
        await served;
    }

    private static async Task ServeAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
                var stream = client.GetStream();
                _ = await stream.ReadAtLeastAsync(new byte[4096], 1);
                const string page = "<!DOCTYPE html><title>Product</title>This is the product";
                await stream.WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {page.Length}\r\nConnection: "
                        + $"close\r\n\r\n{page}"));
            }
        }
        catch (SocketException)
        {
            // Stopped: the test is over.
        }
    }
}
