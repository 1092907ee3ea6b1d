using System.Diagnostics;
using System.Net.Http.Headers;
using Microsoft.Playwright;
using Usher.Core.Guests;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace Usher.Server.Tests;

/// <summary>
/// What the README promises, done as it says: paste the printed lines, take the mail, open the link, join; then every
/// API shows it.
/// </summary>
public sealed class WholeWayTests(Chromium chromium)
{
    [Fact]
    public async Task The_printed_lines_invite_three_people_who_join_by_their_mail_and_show_in_every_api()
    {
        await using var database = await TestDatabase.CreateAsync();
        var url = $"http://127.0.0.1:{ServerProcess.FreePort()}";
        await using var server = await ServerProcess.StartAsync(database, new()
        {
            ["ASPNETCORE_URLS"] = url, ["Usher:PublicUrl"] = url, ["Usher:Passwords:HashIterations"] = "1000",
            ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
            ["Usher:Bootstrap:Organization:Resources:0"] = "Production",
            ["Usher:Bootstrap:Organization:Resources:1"] = "Staging",
            ["Usher:Bootstrap:Organization:Resources:2"] = "Sandbox",
            ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test", ["Usher:Bootstrap:PrintExamples"] = "true",
        });
        List<string> lines = [
            .. server.Output.Select(line => line.Trim())
                .Where(line => line.StartsWith("curl ", StringComparison.Ordinal))];
        Assert.Equal(3, lines.Count);
        foreach (var line in lines) Assert.StartsWith("20", await PasteAsync(line), StringComparison.Ordinal);

        string[] people = ["cora@acme.test", "walt@acme.test", "dana@acme.test"];
        var mail = new MailFolder(Path.Combine(database.Directory, "mail"));
        foreach (var person in people) await JoinAsync(url, await mail.LinkToAsync(person));
        Assert.Equal(3, Directory.GetFiles(Path.Combine(database.Directory, "mail")).Length);

        using var client = new HttpClient { BaseAddress = new(url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", Secrets.Any().Match(lines[0]).Value);
        var conformity = (await (await client.GetAsync("/v1/users", TestContext.Current.CancellationToken)).JsonAsync())
            .GetProperty("data").EnumerateArray();
        Assert.Equal(
            people,
            conformity.Select(u => u.GetProperty("attributes")).Where(a =>
                a.GetProperty("status").GetString() is "ACTIVE" && a.GetProperty("has-credentials").GetBoolean())
            .Select(a => a.GetProperty("email").GetString()!));
        var wavefront = (
            await (await client.GetAsync("/api/v2/user", TestContext.Current.CancellationToken))
                .JsonAsync()).EnumerateArray();
        Assert.Equal(
            people.Order(),
            wavefront.Where(u => u.TryGetProperty("lastSuccessfulLogin", out _))
                .Select(u => u.GetProperty("identifier").GetString()!));
        var deployHq = (await (await client.GetAsync("/users", TestContext.Current.CancellationToken)).JsonAsync())
            .EnumerateArray();
        Assert.Equal(
            ["owner@acme.test", .. people],
            deployHq.Where(u => u.GetProperty("activated").GetBoolean())
                .Select(u => u.GetProperty("email_address").GetString()!));
    }

    private async Task JoinAsync(string url, Core.Guests.InvitationLink link)
    {
        var page = await chromium.VisitAsync(url);
        await page.GotoAsync($"{url}/join/{link.OrganizationSlug}/{link.InvitationId}#{link.Secret}");
        if (await page.GetByLabel("First name").InputValueAsync() is "")
            await page.GetByLabel("First name").FillAsync("Walt");
        await page.GetByLabel("Choose a password").FillAsync(TestOrganization.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Join" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(url + "/me");
        await Expect(page.Locator("ul.memberships > li")).ToContainTextAsync("Acme");
        await page.Context.CloseAsync();
    }

    // Through a shell, as a person would; gives the status.
    private static async Task<string> PasteAsync(string line)
    {
        using var shell = Process.Start(
            new ProcessStartInfo(
                "bash",
                [
                    "-c", line + " -s -o /dev/null -w '%{http_code}'",
                ]) { UseShellExecute = false, RedirectStandardOutput = true })
            !;
        var status = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        return status;
    }
}
