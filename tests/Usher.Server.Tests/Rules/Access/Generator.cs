using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// Makes up the calls of a story. Each depends on the state that the calls before it led to, so that most calls can be
/// carried out. First an administrator fills the organization; then all kinds of members act. The same seed makes up
/// the same story.
/// </summary>
internal sealed partial class Generator(int seed, World world)
{
    private const string UserManagement = "user_management";
    private const string TokenManagement = "token_management";
    private const string ResourceCreation = "resource_creation";

    // Those that Usher enforces come first.
    private static readonly string[] AllPermissions =
    [
        UserManagement, TokenManagement, ResourceCreation,
        "ingestion", "alerts_management", "dashboard_management", "agent_management", "billing_management",
    ];

    private static readonly string[] Plain = AllPermissions[3..];
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

    private Call Any()
    {
        if (Chance(0.14)) return OfGuest();
        if (Housekeeping() is { } needed) return needed;
        var by = Actor();
        var call = random.Next(100) switch
        {
            < 50 => OfUsher(by, HeldBy(by)),
            < 75 => OfWavefront(by, HeldBy(by)),
            < 83 => OfConformity(Chance(0.6) ? "alan" : by),
            _ => OfDeployHq(by, HeldBy(by)),
        };
        return call ?? Any();
    }

    // The organization stays small, and some members stay able to manage users.
    private Call? Housekeeping()
    {
        var isFull = State.Live.Count() > 32;
        if (isFull && Chance(0.3) && PickOrNone(Names(m => m.Role is not "admin")) is { } one)
            return Remove("owner", one);
        if (!Chance(0.03)) return null;
        if (PickOrNone(Names(m => m.IsActive && m.Role is not "admin")) is not { } manager) return null;
        var permissions = Some(AllPermissions[1..], 3).Append(UserManagement).Select(P);
        return Patch("owner", $"/members/<m:{manager}>", new Body().Texts("permissions", permissions));
    }

    private Call OfGuest()
    {
        if (Chance(0.03) && PickOrNone(Names(m => m.IsActive && m.User is not null)) is { } leaver)
            return AsGuest(CallKind.Leave, leaver);
        var kind = random.Next(12) switch
        {
            < 5 => CallKind.JoinByMail,
            < 9 => CallKind.JoinByLink,
            < 10 => CallKind.Decline,
            _ => CallKind.SendMyLink,
        };
        return AsGuest(kind, PickOrNone(Pending) ?? "owner");
    }

    private static Call AsGuest(CallKind kind, string name) => new(Call.Guest, "", $"<a:{name}>", null, kind);

    // The caller: mostly a member that holds something and is no administrator; sometimes a key that should not work.
    private string Actor()
    {
        if (Chance(0.16)) return Pick("owner", "owner", "alan", "ava");
        var labels = world.Labels;
        if (Chance(0.05)) return Pick(labels);
        var able = labels.Where(l => world.KeyOf(l) is { } key && State.Members[key.Member].IsActive).ToList();
        var managers = able.Where(l => HeldBy(l) is { IsAdmin: false } held && held.May(UserManagement)).ToList();
        if (managers.Count > 0 && Chance(0.75)) return Pick(managers);
        var others = able.Where(l =>
            HeldBy(l) is { IsAdmin: false } held && (held.May(TokenManagement) || held.May(ResourceCreation)));
        return Chance(0.7) && PickOrNone(others) is { } other ? other : Pick(able.Count > 0 ? able : labels);
    }

    private string NextKey() => $"key {++keys}";

    private bool Chance(double probability) => random.NextDouble() < probability;

    private T Pick<T>(params IReadOnlyList<T> from) => from[random.Next(from.Count)];

    private T? PickOrNone<T>(IEnumerable<T> from)
        where T : class => from.ToList() is { Count: > 0 } list ? Pick(list) : null;

    private List<T> Some<T>(IEnumerable<T> from, int atMost) =>
        [.. from.OrderBy(_ => random.Next()).Take(random.Next(atMost + 1))];
}
