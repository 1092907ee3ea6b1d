using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// Random stories in random organizations, through HTTP on all four surfaces: a member gains only access that was
/// granted by a member who held it. USHER_TEST_SEED names the first story; a failure prints it.
/// </summary>
public sealed class GeneratedSequenceTests(GeneratedSequenceTests.QuietApp quiet, ITestOutputHelper output)
    : IClassFixture<GeneratedSequenceTests.QuietApp>
{
    private const int CallsToFindAMissingRule = 1_000;
    private const int CallsPerStory = 500;

    /// <summary>A server that does nothing by itself and logs nothing but warnings.</summary>
    public sealed class QuietApp : IAsyncLifetime
    {
        public UsherApp App { get; private set; } = null!;

        public HttpClient Client { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Dictionary<string, string?> settings = new()
            {
                ["Logging:LogLevel:Default"] = "Warning",
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Warning",
                ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            };
            App = await UsherApp.StartAsync(settings, workers: false);
            var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
            Client = new(handler) { BaseAddress = new(App.Url) };
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await App.DisposeAsync();
        }
    }

    [Fact]
    public async Task No_member_gets_more_access_than_it_was_granted()
    {
        var (first, calls) = (Seed(), Number("USHER_TEST_CALLS") ?? (TestRun.IsLong ? 50_000 : 5_000));
        output.WriteLine($"USHER_TEST_SEED={first}");
        var clock = Stopwatch.StartNew();
        var stories = new Story[Math.Max(1, calls / CallsPerStory)];
        // A story makes one call at a time: several stories at once keep the server busy.
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 2, 4) };
        await Parallel.ForAsync(0, stories.Length, atOnce, async (i, _) =>
        {
            stories[i] = await Story.RunAsync(quiet.App, quiet.Client, first + i, Math.Min(calls, CallsPerStory));
            quiet.App.Commands.Total.Take(); // the texts counted would fill the memory of a long run
        });

        var made = stories.Sum(s => s.Calls.Count);
        output.WriteLine($"{made} calls in {stories.Length} stories, {clock.Elapsed.TotalSeconds:0.0} s");
        var routes = stories.SelectMany(s => s.Routes).ToLookup(r => r.Key, r => r.Value);
        foreach (var route in routes.OrderBy(r => r.Key, StringComparer.Ordinal))
            output.WriteLine($"{route.Sum(c => c.Accepted),5} of {route.Sum(c => c.Made),5}  {route.Key}");

        var failures = stories.Select((story, i) => (Seed: first + i, Story: story))
            .Where(f => f.Story.Violations is not []).DistinctBy(f => f.Story.Violations[0].Rule).ToList();
        if (failures.Count > 0) Assert.Fail(await DescribeAsync(failures));
        if (calls >= 5_000) Assert.InRange(routes.Count(r => r.Any(c => c.Accepted > 0)), 75, int.MaxValue);
    }

    public static TheoryData<string> Rules => [.. Enum.GetNames<GrantingRule>()];

    /// <summary>The same stories would find each rule missing.</summary>
    [TheoryIn(Runs.WhenLong)]
    [MemberData(nameof(Rules))]
    public async Task Without_a_rule_a_member_gets_more(string rule)
    {
        var runtime = quiet.App.Services.GetRequiredService<UsherDbRuntime>();
        runtime.Rules = new(Enum.Parse<GrantingRule>(rule));
        try
        {
            var made = 0;
            for (var seed = Number("USHER_TEST_SEED") ?? 1; made < CallsToFindAMissingRule; seed++)
            {
                var length = Math.Min(CallsPerStory, CallsToFindAMissingRule - made);
                var story = await Story.RunAsync(quiet.App, quiet.Client, seed, length);
                made += story.Calls.Count;
                if (story.Violations is not [var found, ..]) continue;
                output.WriteLine($"found after {made} calls, seed {seed}: {story.Calls[^1]}\n{found}");
                return;
            }

            Assert.Fail($"{made} calls without {rule}, and nothing was found.");
        }
        finally
        {
            runtime.Rules = new();
        }
    }

    // The first story that breaks each rule, as short as it can be made within a minute.
    private async Task<string> DescribeAsync(IReadOnlyCollection<(int Seed, Story Story)> failures)
    {
        var timeEach = TimeSpan.FromSeconds(60.0 / failures.Count);
        List<string> lines = [];
        foreach (var (seed, story) in failures)
        {
            var shortest = await story.ShortenAsync(quiet.App, quiet.Client, timeEach);
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"USHER_TEST_SEED={seed}, call {story.Calls.Count}; in short:\n{shortest}"));
        }

        return string.Join("\n\n", lines);
    }

    private static int Seed() => Number("USHER_TEST_SEED") ?? Random.Shared.Next(1, 1_000_000);

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
