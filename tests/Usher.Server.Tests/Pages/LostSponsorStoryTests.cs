using System.Text.Json;
using Microsoft.Playwright;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Microsoft.Playwright.Assertions;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Pages;

/// <summary>
/// An administrator goes while people that the administrator invited have not joined yet. None of their links is lost.
/// </summary>
public sealed class LostSponsorStoryTests(UsherApp app, Chromium chromium)
{
    private const int Invited = 10;

    [Theory]
    [InlineData("leaves")]
    [InlineData("is removed")]
    public async Task Ten_links_wait_for_a_decision_and_work_again_once_another_administrator_endorses_them(string how)
    {
        var org = await app.CreateOrganizationAsync();
        var name = org.Created.Organization.Name;
        var (gone, stays) = (await AdministratorAsync(org, "Max"), await AdministratorAsync(org, "Nora"));
        var guests = Enumerable.Range(0, Invited).Select(i => NewEmail($"guest{i}")).ToList();
        foreach (var guest in guests)
            await (await org.PostAsync("invitations", new { email = guest, firstName = "Ada" }, gone.Client))
                .JsonAsync();
        List<string> links = [];
        foreach (var guest in guests)
        {
            var link = await app.Mail.LinkToAsync(guest);
            links.Add($"/join/{link.OrganizationSlug}/{link.InvitationId}#{link.Secret}");
        }

        if (how is "leaves") await LeaveAsync(gone, name);
        else await (await org.DeleteAsync($"members/mem_{ShortId.Of(gone.Member.Id)}", stays.Client)).JsonAsync();

        // Every guest, each in a browser of their own; the first one keeps it open.
        var first = await chromium.VisitAsync(app.Url);
        foreach (var link in links)
        {
            var page = link == links[0] ? first : await chromium.VisitAsync(app.Url);
            await OpenAsync(page, link);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 }))
                .ToHaveTextAsync("This invitation waits for a decision");
            var text = page.GetByRole(AriaRole.Main);
            await Expect(text).ToContainTextAsync($"An administrator of {name} decides");
            await Expect(text).ToContainTextAsync("Keep your link");
            await Expect(page.GetByRole(AriaRole.Button)).ToHaveCountAsync(0); // nothing to press that would be refused
            if (page == first) await Chromium.AssertFitAsync(page);
            else await page.Context.CloseAsync();
        }

        var look = first.GetByRole(AriaRole.Link, new() { Name = "Look again" });
        await look.ClickAsync();
        await Expect(first.GetByRole(AriaRole.Heading, new() { Level = 1 }))
            .ToHaveTextAsync("This invitation waits for a decision");

        var job = await (await org.PostAsync("invitations/endorse", new { blocked = true }, stays.Client))
            .TextAsync("id");
        Assert.Equal($"{Invited}", (await CountsAsync(org, job)).Shown("endorsed"));

        // In the page that is still open, and by the same links in other browsers.
        await look.ClickAsync();
        await JoinAsync(first, name);
        foreach (var link in links[1..])
        {
            var page = await chromium.VisitAsync(app.Url);
            await OpenAsync(page, link);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync($"Join {name}");
            await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("Nora Lovelace invites you");
            if (link == links[^1]) await JoinAsync(page, name);
            await page.Context.CloseAsync();
        }

        await first.Context.CloseAsync();
        var members = (await org.MembersAsync()).Where(m => guests.Contains(m.Identifier)).ToList();
        Assert.Equal(
            [(MemberStatus.Active, 2), (MemberStatus.Invited, Invited - 2)],
            members.CountBy(m => m.Status).Select(c => (c.Key, c.Value)).OrderBy(c => c.Value));
        Assert.All(members, m => Assert.Equal(stays.Member.Id, m.SponsorId));
    }

    private async Task<TestMember> AdministratorAsync(TestOrganization org, string name)
    {
        var (member, link) = await org.GuestAsync(NewEmail("admin"), row => row with { Role = BuiltInRole.Admin });
        var joined = (await app.JoinAsync(link, firstName: name)).Value;
        var key = (await org.CreateKeyAsync(org.System, member.Id)).Value.Secret;
        return new(member, joined, key, org.ClientOf(key));
    }

    private async Task LeaveAsync(TestMember member, string organization)
    {
        var page = await chromium.VisitAsync(app.Url);
        await page.Context.AddCookiesAsync(
            [new() { Name = "usher_session", Value = member.Joined.Session!.Secret, Url = app.Url }]);
        await page.GotoAsync("/me");
        await page.Locator("summary").Filter(new() { HasText = $"Leave {organization}" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Leave {organization}" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("You have left");
        await page.Context.CloseAsync();
    }

    private static async Task OpenAsync(IPage page, string link)
    {
        await page.GotoAsync(link);
        await page.WaitForURLAsync(url => !url.Contains('#', StringComparison.Ordinal));
    }

    private async Task JoinAsync(IPage page, string organization)
    {
        await page.GetByLabel("Last name").FillAsync("Lovelace");
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = $"Join {organization}" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(app.Url + "/me");
        await Expect(page.Locator(".memberships > li")).ToContainTextAsync(organization);
    }

    // The server's own worker does it.
    private static async Task<JsonElement> CountsAsync(TestOrganization org, string job)
    {
        for (var tries = 0; tries < 300; tries++)
        {
            var state = await (await org.GetAsync("jobs/" + job)).JsonAsync();
            if (state.GetProperty("status").GetString() is "completed") return state.GetProperty("counts");
            await Task.Delay(100, Ct);
        }

        throw new TimeoutException("The job did not end.");
    }
}
