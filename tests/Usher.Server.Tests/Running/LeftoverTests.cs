using System.Net;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Running;

/// <summary>What a killed server leaves on the disk, and what the next start does with it.</summary>
public sealed class LeftoverTests
{
    private const string Key = "leftover-tests-key-0123456789-ABCDEFGH";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("folder")]
    [InlineData("sendmail")]
    public async Task A_kill_while_mail_goes_out_leaves_no_link_behind_after_the_next_start(string transport)
    {
        await using var database = await TestDatabase.CreateAsync();
        var temporary = Directory.CreateTempSubdirectory("usher-test-");
        try
        {
            var settings = Settings(transport, temporary.FullName);
            for (var kill = 0; kill < 3; kill++)
            {
                await using var server = await ServerProcess.StartAsync(database, settings);
                await InviteAsync(server, kill);
                await Task.Delay(20 * kill, Ct);
                await server.KillAsync();
                AssertNoSecretIn(temporary);
            }

            var mail = Directory.CreateDirectory(Path.Combine(database.Directory, "mail"));
            var (unfinished, foreign) = (
                Path.Combine(mail.FullName, $".{Guid.NewGuid():D}.{Guid.NewGuid():N}.tmp"),
                Path.Combine(mail.FullName, ".somebody-elses.tmp"));
            foreach (var file in new[] { unfinished, foreign }) await File.WriteAllTextAsync(file, "a live link", Ct);
            var bodies = Directory.CreateDirectory(Path.Combine(database.Directory, "requests"));
            await File.WriteAllTextAsync(Path.Combine(bodies.FullName, "ASPNETCORE_1.tmp"), "a body", Ct);

            await using var survivor = await ServerProcess.StartAsync(database, settings);
            Assert.Equal(
                transport is "folder" ? [foreign] : [unfinished, foreign],
                Directory.EnumerateFiles(mail.FullName, ".*.tmp").Order(StringComparer.Ordinal));
            Assert.Empty(bodies.EnumerateFiles());
            AssertNoSecretIn(temporary);
        }
        finally
        {
            temporary.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_long_body_that_is_kept_for_a_repeat_lies_in_the_data_directory_and_is_gone_after_the_answer()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var app = await UsherApp.StartAsync([], database: database, workers: false);
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/usher/v1/organizations/{org.Slug}/imports")
        {
            Content = new StringContent(
                "email\n" + string.Concat(Enumerable.Range(0, 10_000).Select(i => $"p{i}@example.test\n")), null,
                "text/csv"),
        };
        request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        var answer = await org.Admin.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var folder = new DirectoryInfo(Path.Combine(database.Directory, "requests"));
        Assert.True(folder.Exists);
        Assert.Empty(folder.EnumerateFiles());
    }

    private static Dictionary<string, string?> Settings(string transport, string temporary) => new()
    {
        ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
        ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
        ["Usher:Bootstrap:Owner:ApiKey"] = Key, ["Usher:Mail:Transport"] = transport,
        ["Usher:Mail:Sendmail"] = "/bin/cat", ["TMPDIR"] = temporary,
    };

    private static async Task InviteAsync(ServerProcess server, int kill)
    {
        using var client = new HttpClient { BaseAddress = new(server.Url) };
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", Key);
        var people = string.Join(
            ',',
            Enumerable.Range(0, 200)
                .Select(i => $$"""{"emailAddress":"p{{kill}}-{{i}}@acme.test","groups":[],"userGroups":[]}"""));
        Assert.Equal(HttpStatusCode.OK, (await client.PostTextAsync("/api/v2/user/invite", $"[{people}]")).StatusCode);
    }

    private static void AssertNoSecretIn(DirectoryInfo folder) =>
        Assert.Empty(
            folder.EnumerateFiles("*", SearchOption.AllDirectories)
                .Where(f => f.Length is > 0 and < 1_000_000 && Secrets.Any().IsMatch(File.ReadAllText(f.FullName)))
                .Select(f => f.FullName));
}
