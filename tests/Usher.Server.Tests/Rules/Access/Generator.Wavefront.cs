namespace Usher.Server.Tests.Rules.Access;

/// <content>Calls of Wavefront's API.</content>
internal sealed partial class Generator
{
    private static Call Wavefront(string by, string method, string path, string? body = null) =>
        new(by, method, "/api/v2" + path, body);

    private static string Ids(params IEnumerable<string> ids) => Body.ListOf(ids.Select(id => $"\"{id}\""));

    private Call? OfWavefront(string by, Held held) => random.Next(28) switch
    {
        < 3 => WavefrontInvite(by, held),
        < 7 => WavefrontUser(by, held),
        < 9 => MoveInWavefront(by, held, "/user", AnyGroup(held, 0.6), "gu", "UserGroups"),
        < 13 => WavefrontPermission(by, held),
        < 14 => MoveInWavefront(by, held, "/account", AnyRole(held, 0.6), "rolu", "Roles"),
        < 17 => WavefrontBot(by, held),
        < 20 => WavefrontToken(by, held),
        < 25 => WavefrontGroup(by, held),
        < 27 => WavefrontRole(by, held),
        _ => Wavefront(by, "POST", "/customer/preferences", new Body()
            .Texts("invitePermissions", SomePermissions(held, Chance(0.6), 2))
            .Texts("defaultUserGroups", Some(GroupsFor(held, Chance(0.6)), 1).Select(g => $"<gu:{g}>")).ToString()),
    };

    private Body WavefrontGrants(Held held)
    {
        var within = Chance(0.65);
        return new Body()
            .If(Chance(0.8), b => b.Texts("groups", SomePermissions(held, within, 2)))
            .If(Chance(0.6), b => b.Texts("userGroups", Some(GroupsFor(held, within), 2).Select(g => $"<gu:{g}>")))
            .If(Chance(0.4), b => b.Texts("roles", WavefrontRoles(held, within)));
    }

    private IEnumerable<string> WavefrontRoles(Held held, bool within) =>
        Some(RolesFor(held, within), 2).Select(r => $"<rolu:{r}>");

    private Call WavefrontInvite(string by, Held held)
    {
        Body New(string name) =>
            new Body().Text("emailAddress", $"<a:{name}>").Text("x", "<defaults:>").With(WavefrontGrants(held));
        if (Chance(0.3))
        {
            string[] names = [FreeName(), FreeName()];
            return Wavefront(by, "POST", "/user/invite", Body.ListOf(names.Distinct().Select(New)));
        }

        return Wavefront(by, "POST", "/user?sendEmail=" + Pick("true", "false", "false"), New(FreeName()).ToString());
    }

    private Call? WavefrontUser(string by, Held held)
    {
        if (Target(held, m => m.IsPerson) is not { } person) return null;
        if (Chance(0.5)) return Wavefront(by, "PUT", $"/user/<a:{person}>", WavefrontGrants(held).ToString());
        if (Chance(0.5)) return Wavefront(by, "DELETE", $"/user/<a:{person}>");
        return Wavefront(by, "POST", "/user/deleteUsers", Ids($"<a:{person}>"));
    }

    // Puts a member into a group or out of it, or hands a role out or takes it back.
    private Call? MoveInWavefront(string by, Held held, string family, string? to, string kind, string what)
    {
        if (to is null || Target(held, _ => true) is not { } member) return null;
        return Wavefront(by, "POST", $"{family}/<a:{member}>/{Pick("add", "add", "remove")}{what}",
            Ids($"<{kind}:{to}>"));
    }

    private Call? WavefrontPermission(string by, Held held)
    {
        var permission = PickOrNone(PermissionsFor(held, Chance(0.6)));
        if (permission is null || Target(held, _ => true) is not { } member) return null;
        var how = Pick("grant", "grant", "revoke");
        return random.Next(4) switch
        {
            < 2 => Wavefront(by, "POST", $"/user/<a:{member}>/{how}", $"group=<p:{permission}>"),
            < 3 => Wavefront(
                by, "POST", $"/user/{how}/<p:{permission}>", Ids($"<a:{member}>", $"<a:{Pick(Persons.ToList())}>")),
            _ => Wavefront(by, "POST", $"/account/<a:{member}>/{how}/<p:{permission}>"),
        };
    }

    private Call? WavefrontBot(string by, Held held)
    {
        const string path = "/account/serviceaccount";
        Body New(string name) =>
            new Body().Text("identifier", $"<a:{name}>").Flag("active", Chance(0.7)).With(WavefrontGrants(held));
        if (Chance(0.3)) return Wavefront(by, "POST", path, New(FreeBot()).ToString());
        if (Target(held, m => !m.IsPerson) is not { } bot) return null;
        return Chance(0.5)
            ? Wavefront(by, "PUT", $"{path}/<a:{bot}>", New(bot).ToString())
            : Wavefront(by, "POST", $"{path}/<a:{bot}>/{Pick("activate", "deactivate")}");
    }

    private Call? WavefrontToken(string by, Held held)
    {
        if (Chance(0.3)) return Wavefront(by, "POST", "/apitoken") with { Makes = NextKey() };
        if (Target(held, m => !m.IsPerson) is not { } bot) return null;
        var body = new Body().Text("tokenName", "t").ToString();
        return Wavefront(by, "POST", $"/apitoken/serviceaccount/<a:{bot}>", body) with { Makes = NextKey() };
    }

    private Call? WavefrontGroup(string by, Held held)
    {
        var within = Chance(0.6);
        if (Chance(0.2))
            return Wavefront(by, "POST", "/usergroup", new Body().Text("name", FreeGroup())
                .Texts("roleIDs", WavefrontRoles(held, within)).ToString());
        if (PickOrNone(GroupsFor(held, Chance(0.4)).Append("Everyone")) is not { } group) return null;
        var path = $"/usergroup/<gu:{group}>";
        if (Chance(0.5))
        {
            var body = Chance(0.5)
                ? new Body().Text("name", FreeGroup())
                : new Body().Texts("roleIDs", WavefrontRoles(held, within));
            return Wavefront(by, "PUT", path, body.ToString());
        }

        if (Chance(0.5))
        {
            return AnyRole(held, 0.6) is { } role
                ? Wavefront(by, "POST", $"{path}/{Pick("add", "remove")}Roles", Ids($"<rolu:{role}>"))
                : null;
        }

        return Target(held, _ => true) is { } member
            ? Wavefront(by, "POST", $"{path}/{Pick("add", "add", "remove")}Users", Ids($"<a:{member}>"))
            : null;
    }

    private Call? WavefrontRole(string by, Held held)
    {
        if (AnyRole(held, 0.4) is not { } role) return null;
        if (Chance(0.4)) return Wavefront(by, "PUT", $"/role/<rolu:{role}>", RoleBody(held).ToString());
        if (Chance(0.4))
        {
            return PickOrNone(PermissionsFor(held, Chance(0.6))) is { } permission
                ? Wavefront(by, "POST", $"/role/{Pick("grant", "revoke")}/<p:{permission}>", Ids($"<rolu:{role}>"))
                : null;
        }

        var holder = Chance(0.5) && PickOrNone(GroupNames) is { } team
            ? $"<gu:{team}>"
            : Target(held, _ => true) is { } member ? $"<a:{member}>" : null;
        if (holder is null) return null;
        return Wavefront(by, "POST", $"/role/<rolu:{role}>/{Pick("add", "add", "remove")}Assignees", Ids(holder));
    }
}
