namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// Makes up the calls of a story, each by the state that the calls before it led to, so that most of them can be done. First an
/// administrator fills the organization; then everybody acts. The same seed makes up the same story.
/// </summary>
internal sealed partial class Generator(int seed, World world)
{
    private const string Usher = "/usher/v1/organizations/<org:>";

    private static readonly string[] Permissions =
        ["user_management", "token_management", "resource_creation", "ingestion", "alerts_management", "dashboard_management", "agent_management", "billing_management"];

    private static readonly string[] Capabilities = ["deploy_all", "update_config", "manage_config_files"];

    private readonly Random random = new(seed);
    private readonly Queue<Call> ready = new();
    private bool isOpened;
    private int keys;

    private State State => world.State;

    /// <summary>The next call.</summary>
    public Call Next()
    {
        if (!isOpened) Enqueue(Opening());
        isOpened = true;
        if (ready.Count is 0 && Chance(0.18)) Enqueue(Chance(0.25) ? LosesTheRight() : Oversteps());
        return ready.TryDequeue(out var first) ? first : Any();
    }

    private void Enqueue(IEnumerable<Call> calls)
    {
        foreach (var call in calls) ready.Enqueue(call);
    }

    // Chance.

    private bool Chance(double probability) => random.NextDouble() < probability;

    private T Pick<T>(params IReadOnlyList<T> from) => from[random.Next(from.Count)];

    private T? PickOrNone<T>(IEnumerable<T> from)
        where T : class => from.ToList() is { Count: > 0 } list ? Pick(list) : null;

    private List<T> Some<T>(IEnumerable<T> from, int atMost) => [.. from.OrderBy(_ => random.Next()).Take(random.Next(atMost + 1))];

    // Names, in an order that does not depend on ids.

    private IEnumerable<string> Names(Func<MemberRow, bool> which) => State.Live.Where(which).Select(m => world.NameOf(m.Identifier)).Order(StringComparer.Ordinal);

    private IEnumerable<string> Persons => Names(m => m.IsPerson);

    private IEnumerable<string> Bots => Names(m => !m.IsPerson);

    private IEnumerable<string> Pending => Names(m => m.IsPending);

    private IEnumerable<string> GroupNames => State.Groups.Values.Where(g => g.System is "none").Select(g => g.Name).Order(StringComparer.Ordinal);

    private IEnumerable<string> RoleNames => State.Roles.Values.Select(r => r.Name).Order(StringComparer.Ordinal);

    private IEnumerable<string> ResourceNames => State.Resources.Values.Select(r => r.Name).Order(StringComparer.Ordinal);

    private IEnumerable<string> Gone => State.Members.Values.Where(m => !m.IsLive && m.IsPerson && State.Named(m.Identifier) is null)
        .Select(m => world.NameOf(m.Identifier)).Distinct().Order(StringComparer.Ordinal);

    private string FreeName() => Chance(0.25) && PickOrNone(Gone) is { } gone ? gone : Free("p", Persons, 40);

    private string FreeBot() => Free("bot", Bots, 12);

    private string FreeGroup() => Free("Team ", State.Groups.Values.Select(g => g.Name), 14);

    private string FreeRole() => Free("Role ", RoleNames, 10);

    private string FreeResource() => Free("Place ", ResourceNames, 8);

    private string Free(string prefix, IEnumerable<string> taken, int upTo)
    {
        var known = taken.ToHashSet();
        var start = random.Next(upTo);
        return Enumerable.Range(0, upTo).Select(i => prefix + ((start + i) % upTo)).FirstOrDefault(name => !known.Contains(name)) ?? prefix + start;
    }

    // Grants. An actor asks for what it holds about as often as for anything.

    private Held HeldBy(string label) => world.KeyOf(label) is { } key ? State.Of(State.Members[key.Member]) : new Held();

    private IEnumerable<string> PermissionsFor(Held held, bool within) => within ? Permissions.Where(held.May) : Permissions;

    private IEnumerable<string> GroupsFor(Held held, bool within) => GroupNames.Where(name => !within || held.Includes(State.Of(State.Groups.Values.Single(g => g.Name == name))));

    private IEnumerable<string> RolesFor(Held held, bool within) => RoleNames.Where(name => !within || held.Includes(State.Of(State.Roles.Values.Single(r => r.Name == name))));

    private IEnumerable<string> ResourcesFor(Held held, bool within) => State.Resources.Values.Where(r => !within || held.ReachesFully(r.Id)).Select(r => r.Name).Order(StringComparer.Ordinal);

    private IEnumerable<string> MembersFor(Held held, bool within, Func<MemberRow, bool> which) => Names(m => which(m) && (!within || held.Includes(State.Of(m, implied: false))));

    private string LevelJson(string resource) => Chance(0.2)
        ? $$"""{"resource":"<{{Pick("res", "ress")}}:{{resource}}>","level":"<lv:{{Pick("none", "read_only")}}>","capabilities":["<cap:{{Pick(Capabilities)}}>"]}"""
        : $$"""{"resource":"<{{Pick("res", "ress")}}:{{resource}}>","level":"<lv:{{Pick("full", "full", "read_only", "none")}}>"}""";

    private static string List(IEnumerable<string> items) => "[" + string.Join(',', items) + "]";

    private static string Quoted(string kind, string name) => $"\"<{kind}:{name}>\"";

    private string GroupJson(string name) => Quoted(Pick("g", "gn", "gn"), name);

    private string RoleJson(string name) => Quoted(Pick("rol", "roln", "roln"), name);

    // Members of an Usher body that give something: some of them, or one where something has to be said.
    private List<string> Grants(Held held, bool levels = true, bool isBot = false)
    {
        var within = Chance(0.65);
        List<string> said = [];
        if (!isBot && Chance(0.12)) said.Add($"\"role\":\"<role:{Pick("admin", "power_user", "read_only", "user", "user")}>\"");
        if (!isBot && Chance(0.08)) said.Add($"\"allResources\":{Pick("true<all:>", "false")}");
        if (Chance(0.5)) said.Add("\"permissions\":" + List(Some(PermissionsFor(held, within), 3).Select(p => Quoted("p", p))));
        if (Chance(0.45)) said.Add("\"groups\":" + List(Some(GroupsFor(held, within), 2).Select(GroupJson)));
        if (Chance(0.25)) said.Add("\"roles\":" + List(Some(RolesFor(held, within), 2).Select(RoleJson)));
        if (levels && Chance(0.3)) said.Add("\"levels\":" + List(Some(ResourcesFor(held, within), 2).Select(LevelJson)));
        return said;
    }

    private static string Json(params IEnumerable<string> members) => "{" + string.Join(',', members) + "}";
}
