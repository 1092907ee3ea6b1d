using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <content>What there is to name, in an order that does not depend on ids.</content>
internal sealed partial class Generator
{
    private static readonly string[] FirstResources = ["Production", "Staging", "Sandbox"];

    private IEnumerable<string> Pending => Names(m => m.IsPending);

    private IEnumerable<string> Persons => Names(m => m.IsPerson);

    private IEnumerable<string> Bots => Names(m => !m.IsPerson);

    private IEnumerable<string> GroupNames =>
        Sorted(State.Groups.Values.Where(g => g.System is "none").Select(g => g.Name));

    private IEnumerable<string> RoleNames => Sorted(State.Roles.Values.Select(r => r.Name));

    private IEnumerable<string> ResourceNames => Sorted(State.Resources.Values.Select(r => r.Name));

    // Persons that were removed and are not back under the same address.
    private IEnumerable<string> Gone =>
        Sorted(State.Members.Values.Where(m => !m.IsLive && m.IsPerson && State.Named(m.Identifier) is null)
            .Select(m => world.NameOf(m.Identifier)).Distinct());

    private static IEnumerable<string> Sorted(IEnumerable<string> names) => names.Order(StringComparer.Ordinal);

    private IEnumerable<string> Names(Func<MemberRow, bool> which) =>
        Sorted(State.Live.Where(which).Select(m => world.NameOf(m.Identifier)));

    // Names that nothing has.

    private string FreeName() => Chance(0.25) && PickOrNone(Gone) is { } gone ? gone : Free("p", Persons, 40);

    private string FreeBot() => Free("bot", Bots, 12);

    private string FreeGroup() => Free("Team ", State.Groups.Values.Select(g => g.Name), 14);

    private string FreeRole() => Free("Role ", RoleNames, 10);

    private string FreeResource() => Free("Place ", ResourceNames, 8);

    private string Free(string prefix, IEnumerable<string> taken, int upTo)
    {
        var (known, start) = (taken.ToHashSet(), random.Next(upTo));
        var names = Enumerable.Range(0, upTo).Select(i => prefix + ((start + i) % upTo));
        return names.FirstOrDefault(name => !known.Contains(name)) ?? prefix + start;
    }

    // What an actor may give, or anything: callers ask for both.

    private Held HeldBy(string label) =>
        world.KeyOf(label) is { } key ? State.Of(State.Members[key.Member]) : new Held();

    private static IEnumerable<string> PermissionsFor(Held held, bool within) =>
        within ? AllPermissions.Where(held.May) : AllPermissions;

    private IEnumerable<string> GroupsFor(Held held, bool within) =>
        GroupNames.Where(name => !within || held.Includes(State.Of(State.Groups.Values.Single(g => g.Name == name))));

    private IEnumerable<string> RolesFor(Held held, bool within) =>
        RoleNames.Where(name => !within || held.Includes(State.Of(State.Roles.Values.Single(r => r.Name == name))));

    private IEnumerable<string> ResourcesFor(Held held, bool within) =>
        Sorted(State.Resources.Values.Where(r => !within || held.ReachesFully(r.Id)).Select(r => r.Name));

    private IEnumerable<string> MembersFor(Held held, bool within, Func<MemberRow, bool> which) =>
        Names(m => which(m) && (!within || held.Includes(State.Of(m, implied: false))));

    private string? Target(Held held, Func<MemberRow, bool> which) => PickOrNone(MembersFor(held, Chance(0.6), which));

    private string? AnyGroup(Held held, double within) => PickOrNone(GroupsFor(held, Chance(within)));

    private string? AnyRole(Held held, double within) => PickOrNone(RolesFor(held, Chance(within)));

    // As calls name them.

    private static string P(string permission) => $"<p:{permission}>";

    private string G(string group) => $"<{Pick("g", "gn", "gn")}:{group}>";

    private string R(string role) => $"<{Pick("rol", "roln", "roln")}:{role}>";

    private static string M(string member) => $"<m:{member}>";

    private IEnumerable<string> SomePermissions(Held held, bool within, int atMost) =>
        Some(PermissionsFor(held, within), atMost).Select(P);

    private IEnumerable<string> SomeGroups(Held held, bool within, int atMost) =>
        Some(GroupsFor(held, within), atMost).Select(G);

    private IEnumerable<string> SomeRoles(Held held, bool within, int atMost) =>
        Some(RolesFor(held, within), atMost).Select(R);

    private IEnumerable<string> SomeMembers(Held held, bool within, int atMost) =>
        Some(MembersFor(held, within, _ => true), atMost).Select(M);

    private IEnumerable<Body> SomeLevels(IEnumerable<string> resources) => Some(resources, 2).Select(LevelOn);

    private Body LevelOn(string resource)
    {
        var level = new Body().Text("resource", $"<{Pick("res", "ress")}:{resource}>");
        return Chance(0.2)
            ? level.Text("level", $"<lv:{Pick("none", "read_only")}>")
                .Texts("capabilities", [$"<cap:{Pick(Capabilities)}>"])
            : level.Text("level", $"<lv:{Pick("full", "full", "read_only", "none")}>");
    }
}
