using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// Random stories in random organizations, through HTTP on all four surfaces: no member gets more access than was
/// granted by
/// somebody who held it. USHER_TEST_SEED names the first story; a failure prints it.
/// </summary>
public sealed class NobodyGetsMoreTests(NobodyGetsMoreTests.QuietApp quiet,
    ITestOutputHelper output) : IClassFixture<NobodyGetsMoreTests.QuietApp>
{
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
            Client = new(new SocketsHttpHandler { AllowAutoRedirect = false,
                UseCookies = false }) { BaseAddress = new(App.Url) };
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await App.DisposeAsync();
        }
    }

    public static bool IsLong => Environment.GetEnvironmentVariable("USHER_TEST_LONG") is "1";

    [Fact]
    public async Task No_member_gets_more_access_than_it_was_granted()
    {
        var (first, calls, clock) = (Seed(), Number("USHER_TEST_CALLS") ?? (IsLong ? 50_000 : 5_000),
            Stopwatch.StartNew());
        var stories = new Story[Math.Max(1, calls / CallsPerStory)];
        // Each story waits for one answer after the other: several at once keep the server busy.
        await Parallel.ForAsync(0, stories.Length,
            new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 2, 4) },
                async (i, _) =>
        {
            stories[i] = await Story.RunAsync(quiet.App, quiet.Client, first + i, Math.Min(calls, CallsPerStory));
            quiet.App.Commands.Total.Take();
        });

        var routes = stories.SelectMany(s => s.Routes).ToLookup(r => r.Key, r => r.Value);
        var made = stories.Sum(s => s.Calls.Count);
        output.WriteLine($"{made} calls in {stories.Length} stories, {clock.Elapsed.TotalSeconds:0.0} s, {made / clock.Elapsed.TotalSeconds:0} a second, {Environment.CpuUsage.TotalTime.TotalSeconds:0.0} s of CPU");
        foreach (var route in routes.OrderBy(r => r.Key,
            StringComparer.Ordinal)) output.WriteLine($"{route.Sum(c => c.Accepted),5} of {route.Sum(c => c.Made),5}  {route.Key}");
        var failures = stories.Select((story, i) => (Seed: first + i, Story: story))
            .Where(f => f.Story.Violations is not []).DistinctBy(f => f.Story.Violations[0].Rule).ToList();
        if (failures.Count > 0) Assert.Fail(await ToldAsync(failures));
        if (calls >= 5_000) Assert.InRange(routes.Count(r => r.Any(c => c.Accepted > 0)), 75, int.MaxValue);
    }

    public static TheoryData<string> Rules => [.. Enum.GetNames<GrantingRule>()];

    /// <summary>The same stories would find each rule missing.</summary>
    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Without_a_rule_a_member_gets_more(string rule)
    {
        Assert.SkipUnless(IsLong, "Only in a long run.");
        var runtime = quiet.App.Services.GetRequiredService<UsherDbRuntime>();
        runtime.Rules = new(Enum.Parse<GrantingRule>(rule));
        try
        {
            var done = 0;
            for (var seed = 1; done < 1_000; seed++)
            {
                var story = await Story.RunAsync(quiet.App, quiet.Client, seed, Math.Min(CallsPerStory, 1_000 - done));
                done += story.Calls.Count;
                if (story.Violations is not [var found, ..]) continue;
                output.WriteLine($"after {done} calls, seed {seed}: {story.Calls[^1]}\n{found}");
                return;
            }

            Assert.Fail($"{done} calls without {rule}, and nothing was found.");
        }
        finally
        {
            runtime.Rules = new();
        }
    }

    // The first story that breaks each rule, as short as it can be made within a minute.
    private async Task<string> ToldAsync(IReadOnlyCollection<(int Seed, Story Story)> failures)
    {
        List<string> told = [];
        foreach (var (seed, story) in failures)
        {
            var shortest = await story.ShortenAsync(quiet.App, quiet.Client,
                TimeSpan.FromSeconds(60.0 / failures.Count));
            told.Add(string.Create(CultureInfo.InvariantCulture,
                $"USHER_TEST_SEED={seed}, call {story.Calls.Count}; in short:\n{shortest}"));
        }

        return string.Join("\n\n", told);
    }

    private static int Seed() => Number("USHER_TEST_SEED") ?? Random.Shared.Next(1, 1_000_000);

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
