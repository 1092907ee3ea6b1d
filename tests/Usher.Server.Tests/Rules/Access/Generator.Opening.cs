using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <content>The first calls: the owner makes groups, roles and members of all kinds.</content>
internal sealed partial class Generator
{
    private static readonly string[] FirstRoles = ["Role 0", "Role 1", "Role 2"];
    private static readonly string[] FirstTeams = ["Team 0", "Team 1", "Team 2", "Team 3"];

    private IEnumerable<Call> Opening() => [.. Definitions(), .. FirstMembers(), .. FirstBots(), .. FirstGuests()];

    private IEnumerable<Call> Definitions()
    {
        foreach (var role in FirstRoles)
            yield return Post("owner", "/roles", new Body().Text("name", role)
                .Texts("permissions", Some(AllPermissions, 2).Select(P)));
        yield return Post("owner", "/groups", new Body().Text("name", "Admins").Flag("isAdmin", true, "<admin:>"));
        yield return Post("owner", "/groups", new Body().Text("name", "Everything")
            .Flag("allResources", true, "<all:>"));
        foreach (var team in FirstTeams)
        {
            yield return Post("owner", "/groups", new Body().Text("name", team)
                .Texts("permissions", Some(AllPermissions, 2).Select(P))
                .If(Chance(0.4), b => b.Texts("roles", [$"<roln:{Pick(FirstRoles)}>"]))
                .If(Chance(0.4), b => b.Objects("levels", SomeLevels(FirstResources)))
                .If(Chance(0.2), b => b.Flag("isDefault", true)));
        }

        if (Chance(0.5))
            yield return Patch("owner", "/settings", new Body().Text("externalIdentityProvider", "Elsewhere"));
        foreach (var group in new[] { "Everyone", "Service Accounts" }.Where(_ => Chance(0.5)))
            yield return Patch("owner", $"/groups/<g:{group}>", new Body().Texts("permissions", [P(Pick(Plain))]));
    }

    private IEnumerable<Call> FirstMembers() =>
    [
        .. Join("alan", "admin", []),
        .. Join("max", "user", [UserManagement, Pick(Plain)]),
        .. Join("eva", "user", [UserManagement]),
        .. Join("tom", "user", [TokenManagement]),
        .. Join("uma", "user", [UserManagement, TokenManagement, .. Some(Plain, 3)]),
        .. Join("pow", "power_user", [UserManagement, ResourceCreation]),
        .. Join("nil", "user", Some(Plain, 2)),
        .. Join("rea", "read_only", [UserManagement]),
        .. Join("rex", "user", [ResourceCreation]),
        .. Join("ava", "user", []),
        .. Join("ron", "user", [UserManagement, "ingestion", "alerts_management"]),
        Post("owner", "/api-keys", new Body().Text("member", M("ron")).Flag("readOnly", true))
            with { Makes = ReadOnlyKey },
    ];

    private IEnumerable<Call> Join(string name, string role, IEnumerable<string> permissions)
    {
        var groups = name is "ava" ? ["Admins"] : Some(FirstTeams, 1);
        yield return Post("owner", "/invitations", new Body()
            .Text("email", $"<a:{name}>").Text("role", $"<role:{role}>").Text("delivery", "link")
            .Texts("permissions", permissions.Select(P)).Texts("groups", groups.Select(g => $"<gn:{g}>"))
            .If(Chance(0.4), b => b.Objects("levels", SomeLevels(FirstResources))));
        yield return AsGuest(CallKind.JoinByLink, name);
    }

    private IEnumerable<Call> FirstBots()
    {
        foreach (var bot in new[] { "bot0", "bot1" })
        {
            var permissions = Some(AllPermissions[2..], 2).Append(UserManagement).Select(P);
            yield return Post("owner", "/service-accounts", new Body().Text("name", $"<a:{bot}>")
                .Texts("permissions", permissions));
            yield return Post("owner", "/api-keys", new Body().Text("member", M(bot))) with { Makes = bot };
        }
    }

    // Some are pending, and some were removed and have left levels behind.
    private IEnumerable<Call> FirstGuests()
    {
        var everything = new Held().Add(Right.Admin);
        foreach (var by in new[] { "owner", "max", "uma" })
            yield return Invite(by, everything, $"p{random.Next(40)}");
        foreach (var name in new[] { "p40", "p41" })
        {
            yield return Post("owner", "/invitations", new Body()
                .Text("email", $"<a:{name}>").Texts("permissions", []).Texts("groups", [])
                .Objects("levels", [LevelOn("Production")]));
            yield return Remove("owner", name);
        }
    }
}
