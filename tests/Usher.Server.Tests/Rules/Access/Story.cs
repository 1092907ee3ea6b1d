using System.Diagnostics;
using System.Text.RegularExpressions;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>The calls that were made, and what the last of them did wrong.</summary>
/// <param name="Calls">Those that could be made, in order.</param>
/// <param name="Violations">None: nothing wrong was found.</param>
/// <param name="Last">The last step.</param>
internal sealed partial record Story(IReadOnlyList<Call> Calls, IReadOnlyList<Violation> Violations, Step? Last)
{
    /// <summary>How many calls were made to each route, and how many of them were accepted.</summary>
    public required IReadOnlyDictionary<string, (int Made, int Accepted)> Routes { get; init; }

    /// <summary>Makes up a story and carries it out, up to the first violation.</summary>
    public static async Task<Story> RunAsync(UsherApp app, HttpClient client, int seed, int length)
    {
        await using var world = await World.CreateAsync(app, client);
        var generator = new Generator(seed, world);
        // A call that names what does not exist is not made and does not count.
        return await RunAsync(world, Enumerable.Range(0, length * 10).Select(_ => generator.Next()), length);
    }

    /// <summary>Carries out a story again in another organization, up to the first violation.</summary>
    public static async Task<Story> RepeatAsync(UsherApp app, HttpClient client, IReadOnlyList<Call> calls)
    {
        await using var world = await World.CreateAsync(app, client);
        return await RunAsync(world, calls, int.MaxValue);
    }

    /// <summary>
    /// Leaves out the calls that the violation does not need: long stretches first, then single calls, until the time
    /// is up.
    /// </summary>
    public async Task<Story> ShortenAsync(UsherApp app, HttpClient client, TimeSpan time)
    {
        var (shortest, clock) = (this, Stopwatch.StartNew());
        var size = Calls.Count / 2;
        while (size > 0 && clock.Elapsed < time)
        {
            var isShorter = false;
            for (var at = shortest.Calls.Count - 1 - size; at > -size && clock.Elapsed < time; at -= size)
            {
                List<Call> fewer = [.. shortest.Calls.Take(Math.Max(at, 0)), .. shortest.Calls.Skip(at + size)];
                var again = await RepeatAsync(app, client, fewer);
                if (again.Violations is [] || again.Violations[0].Rule != Violations[0].Rule) continue;
                (shortest, isShorter) = (again, true);
            }

            if (!isShorter || size > 1) size /= 2;
        }

        return shortest;
    }

    public override string ToString() => string.Join('\n', [
        .. Calls.Select((call, i) => $"  {i + 1}. {call}"),
        $"  answer: {Last?.Status} {Last?.Body}",
        .. Violations.Select(v => $"  {v}"),
    ]);

    private static async Task<Story> RunAsync(World world, IEnumerable<Call> calls, int length)
    {
        var (oracle, made) = (new Oracle(), new List<Call>());
        var routes = new Dictionary<string, (int Made, int Accepted)>();
        Step? last = null;
        foreach (var call in calls)
        {
            if (await world.DoAsync(call) is not { } step) continue;
            made.Add(call);
            last = step;
            var (count, accepted) = routes.GetValueOrDefault(RouteOf(call));
            routes[RouteOf(call)] = (count + 1, accepted + (step.IsAccepted ? 1 : 0));
            var violations = step.Status >= 500
                ? [new("no internal error", $"{step.Status}")]
                : oracle.Judge(step);
            if (violations is not []) return new(made, violations, step) { Routes = routes };
            if (made.Count >= length) break;
        }

        return new(made, [], last) { Routes = routes };
    }

    // The path without the names and the query in it.
    private static string RouteOf(Call call) => call.Kind is CallKind.Request or CallKind.Job
        ? $"{call.Method} {Variable().Replace(call.Path, "${kind}")}"
        : $"{call.Kind}";

    [GeneratedRegex("<(?<kind>[a-z]+):[^>]*>|\\?.*", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variable();
}
