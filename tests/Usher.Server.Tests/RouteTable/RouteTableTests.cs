using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable;

/// <summary>
/// Every route of one surface with every kind of caller, made from the server's own route table. What is asserted
/// needs to know of a route only its row in <see cref="SurfaceRoutes.Rows"/>, and a route without a row fails.
/// </summary>
/// <typeparam name="TSurface">The rows.</typeparam>
public abstract partial class RouteTableTests<TSurface>(RouteWorld world) : IClassFixture<RouteWorld>
    where TSurface : SurfaceRoutes, new()
{
    private static readonly TSurface Surface = new();

    private readonly RouteClient client = new(world);

    /// <summary>Every route by its name.</summary>
    public static TheoryData<string> Routes => [.. Surface.Rows.Keys];

    /// <summary>The routes that need a key.</summary>
    public static TheoryData<string> RoutesWithKeys => Where(row => row.Guest is null);

    /// <summary>The routes that refuse some of the members.</summary>
    public static TheoryData<string> GuardedRoutes => Where(row => !Caller.Members.All(row.Entry.Admits));

    /// <summary>The routes that need a key and admit some of the members.</summary>
    public static TheoryData<string> OpenRoutes =>
        Where(row => row.Guest is null && Caller.Members.Any(row.Entry.Admits));

    /// <summary>The routes with a parameter in their path.</summary>
    public static TheoryData<string> RoutesWithIds =>
        [.. Surface.Rows.Keys.Where(name => name.Contains('{', StringComparison.Ordinal))];

    /// <summary>The routes of guests, who have no keys.</summary>
    public static TheoryData<string> GuestRoutes => Where(row => row.Guest is not null);

    protected RouteWorld World => world;

    [Fact]
    public void Every_route_has_its_row_and_every_row_its_route()
    {
        var names = world.Routes.Where(r => r.Surface == Surface.Surface).Select(r => r.Name).ToHashSet();
        Assert.Empty(names.Except(Surface.Rows.Keys));
        Assert.Empty(Surface.Rows.Keys.Except(names));
    }

    [Theory]
    [MemberData(nameof(RoutesWithKeys))]
    public Task Without_a_key_that_may_act_no_caller_enters(string route) =>
        ForEachAsync(route, Caller.Locked, async (_, row, caller, call) =>
        {
            AssertRefused(caller == Caller.WithoutKey ? Refusal.KeyMissing : Refusal.KeyRefused, row, call);
            await AssertUnchangedAsync();
        });

    [Theory]
    [MemberData(nameof(RoutesWithKeys))]
    public Task A_key_that_may_only_read_reads_and_changes_nothing(string route) =>
        ForEachAsync(route, [Caller.ReadOnlyKey], async (route, row, caller, call) =>
        {
            if (!route.Reads && !row.ChangesNothing) AssertRefused(Refusal.KeyReadOnly, row, call);
            if (route.Reads && row.Entry.Admits(caller)) AssertAdmitted(call);
            await AssertUnchangedAsync();
        });

    [Theory]
    [MemberData(nameof(GuardedRoutes))]
    public Task A_caller_who_does_not_meet_the_condition_of_entry_is_refused_and_changes_nothing(string route) =>
        ForEachAsync(
            route, Caller.Members.Where(caller => !RowOf(route).Entry.Admits(caller)), async (_, row, _, call) =>
            {
                AssertRefused(Refusal.NotAllowed, row, call);
                await AssertUnchangedAsync();
            });

    [Theory]
    [MemberData(nameof(OpenRoutes))]
    public Task A_caller_who_meets_it_is_let_in(string route) =>
        ForEachAsync(
            route, Caller.Members.Where(caller => RowOf(route).Entry.Admits(caller)), async (route, row, _, call) =>
            {
                AssertAdmitted(call);
                if (route.Reads || row.ChangesNothing) await AssertUnchangedAsync();
                else await world.RebuildIfChangedAsync();
            });

    [Theory]
    [MemberData(nameof(Routes))]
    public Task An_administrator_of_another_organization_finds_and_learns_nothing(string route) =>
        ForEachAsync(route, [Caller.Foreigner], async (route, row, caller, call) =>
        {
            // The same with ids that no organization has: where the same is answered, nothing is told.
            var same = await client.SendAsync(route, row, caller, call.Template, world.MadeUp);
            Assert.Equal(same.Status, call.Status);
            if (!row.ListsOwn) Assert.Equal(Comparable(same), Comparable(call));
            // A route for operators alone refuses before it looks for anything.
            var isOperators = row.Entry == Entry.Operator
                && !route.Pattern.Contains("{organization}", StringComparison.Ordinal);
            if (isOperators) Assert.Equal(HttpStatusCode.Forbidden, call.Status);
            else if (row.Guest is null && call.Template.Contains('{', StringComparison.Ordinal))
                Assert.Equal(Surface.UnknownId, call.Status);
            await AssertUnchangedAsync();
            AssertTellsNothing(call);
        });

    [Theory]
    [MemberData(nameof(Routes))]
    public Task Whatever_body_is_sent_the_answer_is_the_surfaces_own_and_a_refusal_changes_nothing(string route) =>
        TryAllAsync(route, (route, _) =>
            from template in Surface.Templates(route)
            from odd in OddRequest.Bodies
            select odd with { Path = template });

    [Theory]
    [MemberData(nameof(RoutesWithIds))]
    public Task Whatever_id_is_asked_for_the_answer_is_the_surfaces_own_and_a_refusal_changes_nothing(string route) =>
        TryAllAsync(route, (route, row) =>
            from id in OddRequest.Ids
            let path = SurfaceRoutes.FillAll(route.Pattern, id)
            from each in new[] { path, path.Replace("{organization}", id, StringComparison.Ordinal) }.Distinct()
            select new OddRequest(row.Body, row.MediaType) { Path = each });

    // Methods are told apart by letter case. A method that no route has is answered by the surface, too.
    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_method_in_odd_case_is_answered_as_the_surface_answers_and_changes_nothing(string route)
    {
        foreach (var each in RoutesOf(route))
        {
            using var request = new HttpRequestMessage(
                new(each.Method[..1] + each.Method[1..].ToLowerInvariant()), Surface.Templates(each).First());
            using var answer = await client.SendAsync(request, Caller.Admin);
            Assert.True(await IsOwnAnswerAsync(each, answer), await DescribeAsync(each.ToString(), answer));
            if (!answer.IsSuccessStatusCode) await AssertUnchangedAsync();
            await world.RebuildIfChangedAsync();
        }
    }

    /// <summary>Calls a route, and its alias, as each of these callers.</summary>
    protected async Task ForEachAsync(
        string name, IEnumerable<Caller> callers, Func<ApiRoute, RouteRow, Caller, RouteCall, Task> judge)
    {
        var row = RowOf(name);
        List<string> failures = [];
        foreach (var route in RoutesOf(name))
        foreach (var each in callers)
        foreach (var template in Templates(route, each))
        {
            var call = await client.SendAsync(route, row, each, template, world.Ids);
            try
            {
                Assert.True((int)call.Status < 500, "A fault of the server.");
                await judge(route, row, each, call);
            }
            catch (Xunit.Sdk.XunitException e)
            {
                failures.Add($"{template} by {each}: {e.Message}\n  {(int)call.Status} {call.Body}");
                await world.RebuildIfChangedAsync();
            }
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    /// <summary>The refusal is the surface's own for this reason.</summary>
    protected static void AssertRefused(Refusal refusal, RouteRow row, RouteCall call) =>
        Assert.Contains(Surface.Told(call), Surface.Expected(refusal, row));

    protected async Task AssertUnchangedAsync() =>
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");

    private static void AssertAdmitted(RouteCall call) =>
        Assert.DoesNotContain(call.Status, new[] { HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden });

    private void AssertTellsNothing(RouteCall call)
    {
        var told = call.Sent.Values.Aggregate(
            call.Body, (body, sent) => body.Replace(sent, "", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("quokka", told, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(world.Slug, told, StringComparison.Ordinal);
        Assert.All(world.AllIds, id => Assert.DoesNotContain(id, told, StringComparison.Ordinal));
    }

    // After every answer that is no refusal, and after the last, what is stored is looked at: between two looks only
    // refusals lie.
    private async Task TryAllAsync(string name, Func<ApiRoute, RouteRow, IEnumerable<OddRequest>> requests)
    {
        List<string> failures = [];
        foreach (var route in RoutesOf(name))
        foreach (var odd in requests(route, RowOf(name)))
        {
            using var request = new HttpRequestMessage(new(route.Method), client.Raw(odd.Path))
            {
                Content = odd.Content(),
            };
            using var answer = await client.SendAsync(request, Caller.Admin);
            if (!await IsOwnAnswerAsync(route, answer)) failures.Add(await DescribeAsync($"{odd}", answer));
            if (answer.IsSuccessStatusCode && !route.Reads) await world.RebuildIfChangedAsync();
        }

        if (!await world.IsUnchangedAsync())
        {
            failures.Add("Refused, and something changed.");
            await world.RebuildIfChangedAsync();
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    // Never a fault of the server, never "not acceptable", always in the surface's media type.
    private static async Task<bool> IsOwnAnswerAsync(ApiRoute route, HttpResponseMessage answer) =>
        (int)answer.StatusCode < 500 && answer.StatusCode is not HttpStatusCode.NotAcceptable
        && Surface.IsOwnAnswer(
            route, answer.StatusCode, answer.Content.Headers.ContentType?.MediaType,
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

    private static async Task<string> DescribeAsync(string request, HttpResponseMessage answer) =>
        $"{request}: {(int)answer.StatusCode} {answer.Content.Headers.ContentType} "
        + await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    /// <summary>The answer without what was sent; of a success also without what was made for it.</summary>
    private static string Comparable(RouteCall call)
    {
        var text = call.Sent.Aggregate(
            call.Body,
            (body, sent) => Regex.Replace(
                body, $@"(?<!\w){Regex.Escape(sent.Value)}(?!\w)", sent.Key, RegexOptions.None,
                TimeSpan.FromSeconds(1)));
        return (int)call.Status < 300 ? Made().Replace(text, "#") : text;
    }

    private static TheoryData<string> Where(Func<RouteRow, bool> condition) =>
        [.. Surface.Rows.Where(row => condition(row.Value)).Select(row => row.Key)];

    private static RouteRow RowOf(string name) => Surface.Rows[name];

    private IEnumerable<ApiRoute> RoutesOf(string name) => world.Routes.Where(route => route.Name == name);

    // An administrator of another organization tries both: to enter this one, and to reach from the other into it.
    private IEnumerable<string> Templates(ApiRoute route, Caller caller) =>
        Surface.Templates(route).SelectMany(template =>
            caller == Caller.Foreigner && template.Contains("{organization}", StringComparison.Ordinal)
                ? [template, template.Replace("{organization}", world.ForeignSlug, StringComparison.Ordinal)]
                : new[] { template });

    // Secrets, ids and numbers.
    [GeneratedRegex(
        "usk_[A-Za-z0-9_-]{43,}|(org|mem|inv|grp|rol|res|key|job|usr|ses|rst|adc)_[A-Za-z0-9_-]{22}"
        + "|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])|[0-9]+",
        RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Made();
}
