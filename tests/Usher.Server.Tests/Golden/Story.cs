using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Usher.Core;
using Usher.Core.Organizations;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Golden;

/// <summary>Who calls in a story, by the name its files give his key.</summary>
public sealed record StoryCaller(string Name, string Email, string? Key);

/// <summary>
/// One dialect told call by call, in an application and an organization of its own, under a clock that moves a second
/// with each call. Every call and its answer are text, written down in <c>Golden/{dialect}/{step}.txt</c>; what differs
/// from run to run stands there as a placeholder, numbered as it first appears.
/// </summary>
public abstract partial class Story(string dialect) : IAsyncLifetime
{
    private const int Shown = 1_000_000;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly string[] HeadersThatMatter = ["WWW-Authenticate", "Allow", "Retry-After", "Location"];

    private readonly Dictionary<string, string> placeholders = [];
    private readonly TestClock clock = new(new(2026, 3, 2, 8, 0, 0, TimeSpan.Zero));

    public static bool Rewrites => Environment.GetEnvironmentVariable("USHER_UPDATE_GOLDEN") is "1";

    /// <summary>Each step's text by its name, in the order of the story.</summary>
    public Dictionary<string, string> Steps { get; } = [];

    /// <summary>Names of the routes that answered a step with success.</summary>
    public HashSet<string> Succeeded { get; } = [];

    /// <summary>The dialect's routes as the server has them.</summary>
    public List<ApiRoute> Routes { get; private set; } = [];

    public string Folder { get; } = Directory.CreateDirectory(
        Repository.Path($"tests/Usher.Server.Tests/Golden/{dialect}")).FullName;

    protected static StoryCaller Nobody { get; } = new("", "", null);

    protected static StoryCaller Stranger { get; } = new(
        "a key nobody has", "olivia@acme.test", "usk_0000000000000000000000000000000000000000000000000");

    protected UsherApp App { get; private set; } = null!;

    protected TestOrganization Organization { get; private set; } = null!;

    protected StoryCaller Owner { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        App = await UsherApp.StartAsync([], clock, workers: false);
        Routes = ApiRoute.Of(App).FindAll(r => r.Surface == dialect);
        var made = await App.WithAsync<OrganizationService, Result<CreatedOrganization>>(s => s.CreateAsync(
            Actor.System(Core.Organizations.Organization.Installation),
            new("acme", "Acme", "olivia@acme.test")
            {
                OwnerFirstName = "Olivia", OwnerLastName = "Owner", Resources = ["Production", "Staging", "Sandbox"],
            },
            TestContext.Current.CancellationToken));
        Organization = new(App, made.Value);
        Owner = new("the owner", "olivia@acme.test", Organization.Key);
        await TellAsync();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await App.DisposeAsync();
    }

    /// <summary>The story itself.</summary>
    protected abstract Task TellAsync();

    /// <summary>What the dialect's clients send as <c>Authorization</c>, that of Basic not yet encoded.</summary>
    protected abstract string Authorize(StoryCaller caller);

    /// <summary>One step: calls, and writes down what was sent and what came back.</summary>
    /// <param name="name">The file's name, words with hyphens between them.</param>
    /// <param name="method">The method.</param>
    /// <param name="path">Path and query.</param>
    /// <param name="body">As it is sent; null: none.</param>
    /// <param name="caller">Null: the owner.</param>
    /// <param name="mediaType">Of the body.</param>
    /// <returns>The answer's body, as null what is no JSON.</returns>
    protected async Task<JsonElement?> CallAsync(
        string name, HttpMethod method, string path, string? body = null, StoryCaller? caller = null,
        string mediaType = "application/json")
    {
        clock.Advance(TimeSpan.FromSeconds(1));
        caller ??= Owner;
        List<string> lines = [$"{method} {path}"];
        // or what is refused unread breaks the connection
        using var request = new HttpRequestMessage(method, path)
        {
            Headers = { ExpectContinue = body?.Length > Shown },
        };
        if (caller.Key is { } key)
        {
            placeholders[key] = $"{{{caller.Name}}}";
            var authorization = Authorize(caller);
            lines.Add("Authorization: " + authorization);
            if (authorization is ['B', 'a', 's', 'i', 'c', ' ', .. var pair])
                authorization = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(pair));
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, new UTF8Encoding(false), mediaType);
            lines.AddRange([$"Content-Type: {request.Content.Headers.ContentType}", "", Written(body)]);
        }

        using var client = App.CreateClient();
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var given = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        lines.AddRange(["", $"{(int)answer.StatusCode} {answer.StatusCode}"]);
        foreach (var header in HeadersThatMatter)
            if (answer.Headers.TryGetValues(header, out var values)
                    || answer.Content.Headers.TryGetValues(header, out values))
                lines.Add($"{header}: {string.Join(", ", values)}");
        if (answer.Content.Headers.ContentType is { } type) lines.Add($"Content-Type: {type}");
        if (given.Length > 0) lines.AddRange(["", Written(given)]);

        Steps.Add(name, Stable(string.Join('\n', lines) + "\n"));
        if (answer.IsSuccessStatusCode && ApiRoute.Of(Routes, method.Method, path) is { } route)
            Succeeded.Add(route.Name);
        return TryParse(given)?.Deserialize<JsonElement>();
    }

    /// <summary>What no surface does, in the words of this one.</summary>
    /// <param name="reads">A path that only those with the right may read.</param>
    /// <param name="writes">One that they may post to.</param>
    /// <param name="body">What would be accepted there.</param>
    /// <param name="readOnly">The owner, by a key that may only read.</param>
    /// <param name="lesser">Somebody without the right.</param>
    protected async Task TellRefusalsAsync(
        string reads, string writes, string body, StoryCaller readOnly, StoryCaller lesser)
    {
        await CallAsync("no-key", HttpMethod.Get, reads, caller: Nobody);
        await CallAsync("unknown-key", HttpMethod.Get, reads, caller: Stranger);
        await CallAsync("read-only-key", HttpMethod.Post, writes, body, readOnly);
        await CallAsync("lacking-privilege", HttpMethod.Get, reads, caller: lesser);
        await CallAsync("no-json", HttpMethod.Post, writes, """{"data":""");
        await CallAsync("no-body", HttpMethod.Post, writes);
        await CallAsync(
            "wrong-media-type", HttpMethod.Post, writes, "a=b", mediaType: "application/x-www-form-urlencoded");
        await CallAsync("too-large", HttpMethod.Post, writes, body + new string(' ', 4 * 1024 * 1024));
        await CallAsync("wrong-method", HttpMethod.Patch, writes, body);
        await CallAsync("unknown-route", HttpMethod.Get, reads + "/no/such/route");
    }

    private static string Written(string body) =>
        body.Length > Shown ? $"({body.Length} characters)" : TryParse(body)?.ToJsonString(Indented) ?? body;

    private static JsonNode? TryParse(string body)
    {
        try
        {
            return JsonNode.Parse(body, documentOptions: new() { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Ids made by the server are UUIDs of version 7, which no word and no made-up id looks like.
    private string Stable(string text) => Volatile().Replace(text, found =>
    {
        var (value, kind) = (
            found.Value, found.Groups["secret"].Success ? "secret" : found.Groups["uuid"].Success ? "uuid" : "id");
        if (kind is "id" && ShortId.Parse(value)?.Version is not 7) return value;
        if (placeholders.TryGetValue(value, out var known)) return known;
        return placeholders[
            value]
            = $"{{{kind}-{placeholders.Values.Count(p => p.StartsWith($"{{{kind}-", StringComparison.Ordinal)) + 1}}}";
    });

    [GeneratedRegex(
        "(?<secret>us[akis]_[A-Za-z0-9_-]{43,})"
        + "|(?<uuid>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})"
        + "|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])",
        RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Volatile();
}

/// <summary>What is asked of every story.</summary>
public abstract class GoldenTests(Story story)
{
    [Fact]
    public void Every_answer_is_as_it_was_written_down()
    {
        var differing = story.Steps.Where(step =>
            !File.Exists(FileOf(step.Key)) || File.ReadAllText(FileOf(step.Key)) != step.Value).ToList();
        if (Story.Rewrites)
        {
            foreach (var (name, text) in differing) File.WriteAllText(FileOf(name), text);
            return;
        }

        if (differing is not [var first, ..]) return;
        var (expected, received) = (
            File.Exists(FileOf(first.Key)) ? File.ReadAllText(FileOf(first.Key)).Split('\n') : [],
            first.Value.Split('\n'));
        var line = Enumerable.Range(0, received.Length + 1)
            .First(i => expected.ElementAtOrDefault(i) != received.ElementAtOrDefault(i));
        Assert.Fail($"""
            {differing.Count} of {story.Steps.Count} differ: {string.Join(", ", differing.Select(d => d.Key))}.
            When that is right, run again with USHER_UPDATE_GOLDEN=1 and review the difference.
            {FileOf(first.Key)}, line {line + 1}
              written:  {expected.ElementAtOrDefault(line) ?? "(nothing)"}
              received: {received.ElementAtOrDefault(line) ?? "(nothing)"}
            All that was received:
            {first.Value}
            """);

        string FileOf(string name) => Path.Combine(story.Folder, name + ".txt");
    }

    [Fact]
    public void Every_file_belongs_to_a_step()
    {
        var left = Directory.GetFiles(story.Folder)
            .Where(file => !story.Steps.ContainsKey(Path.GetFileNameWithoutExtension(file))).ToList();
        if (Story.Rewrites) left.ForEach(File.Delete);
        else Assert.Empty(left);
    }

    [Fact]
    public void Every_route_of_the_dialect_has_answered_a_step_with_success()
    {
        Assert.NotEmpty(story.Routes);
        Assert.Empty(story.Routes.Select(r => r.Name).Except(story.Succeeded));
    }
}
