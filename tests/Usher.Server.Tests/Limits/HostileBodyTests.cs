using System.Globalization;
using System.Net;
using System.Text;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Limits;

/// <summary>
/// Bodies made to cost much, sent to a server that runs as a process of its own: what it takes is its memory alone.
/// </summary>
public sealed class HostileBodyTests
{
    private const string Key = "hostile-body-tests-key-0123456789-ABCDEF";
    private const int AtOnce = 8;
    private const int Size = 4_000_000;

    // What is refused before it is parsed takes little more than the bodies themselves; what is read takes some times
    // their size while it is.
    private const long Bound = 100 * 1024 * 1024;
    private const long BoundWhereRead = 160 * 1024 * 1024;

    private const long LongestAnswer = 64 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Eight_hostile_bodies_at_once_get_small_answers_and_take_little_memory()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.StartAsync(database, new()
        {
            ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
            ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
            ["Usher:Bootstrap:Owner:ApiKey"] = Key, ["DOTNET_gcServer"] = "0",
        });
        using var client = new HttpClient { BaseAddress = new(server.Url)
            , DefaultRequestHeaders = { { "X-AUTH-TOKEN", Key }, { "Expect", "100-continue" } } };
        (string Path, string Body, int Status, bool IsRead)[] attacks =
        [
            ("/usher/v1/sessions", Filled("{", "\"\":0,", "\"\":0}"), 413, IsRead: false),
            (
                "/usher/v1/organizations/acme/invitations",
                Filled("{\"email\":\"a@example.test\",\"permissions\":[", "\"x\",", "\"x\"]}"), 422, IsRead: false),
            (
                "/usher/v1/organizations/acme/invitations",
                Filled("{\"email\":\"a@example.test\",\"metadata\":{", "\"k\":\"\",", "\"k\":\"\"}}"), 422,
                IsRead: false),
            ("/usher/v1/organizations/acme/access/check", Filled("{\"checks\":[", "{},", "{}]}"), 422, IsRead: false),
            ("/v1/users", Filled("{\"data\":{\"attributes\":{\"accessList\":[", "{},", "{}]}}}"), 422, IsRead: false),
            ("/api/v2/user/invite", Filled("[", "{},", "{}]"), 400, IsRead: false),
            ("/api/v2/search/user", Filled("{\"query\":[", "{},", "{}]}"), 400, IsRead: false),
            ("/users", Filled("{\"user\":{},\"project_assignments\":[", "{},", "{}]}"), 422, IsRead: false),
            (
                "/usher/v1/organizations/acme/invitations",
                Filled("{\"email\":\"a@example.test\",\"permissions\":[", LongNames(), "\"x\"]}", repeat: 1), 422,
                IsRead: true),
        ];

        // Every route once, small, so that what is compiled and cached is there.
        foreach (var (path, _, _, _) in attacks) await PostAsync(client, path, "{}");
        var level = MemoryOf(server);
        foreach (var (path, body, status, isRead) in attacks)
        {
            var most = 0L;
            var answers = Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => PostAsync(client, path, body)));
            while (await Task.WhenAny(answers, Task.Delay(20, Ct)) != answers) most = Math.Max(most, MemoryOf(server));
            most = Math.Max(most, MemoryOf(server));
            Assert.All(await answers, answer => Assert.Equal((HttpStatusCode)status, answer.Status));
            Assert.All(
                await answers,
                answer => Assert.True(answer.Length < LongestAnswer, $"{path} answers {answer.Length} bytes."));
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{path} on top of {level >> 20} MiB: {(most - level) >> 20} MiB");
            Assert.True(
                most - level < (isRead ? BoundWhereRead : Bound),
                $"{path} took {(most - level) >> 20} MiB on top of {level >> 20} MiB.");
        }
    }

    // 9,000 names that there are not, each of 400 characters.
    private static string LongNames() =>
        string.Concat(Enumerable.Range(0, 9_000).Select(i => $"\"{new string('x', 400)}{i}\","));

    private static string Filled(string begin, string piece, string end, int? repeat = null) =>
        begin + new StringBuilder().Insert(0, piece, repeat ?? (Size - begin.Length - end.Length) / piece.Length) + end;

    private static async Task<(HttpStatusCode Status, long Length)> PostAsync(
        HttpClient client, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content, Ct);
        return (answer.StatusCode, (await answer.Content.ReadAsByteArrayAsync(Ct)).Length);
    }

    private static long MemoryOf(ServerProcess server) => long.Parse(
        File.ReadLines($"/proc/{server.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2],
        CultureInfo.InvariantCulture) * 1024;
}
