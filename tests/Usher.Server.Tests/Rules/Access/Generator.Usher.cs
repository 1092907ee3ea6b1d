namespace Usher.Server.Tests.Rules.Access;

/// <content>Calls of Usher's own API.</content>
internal sealed partial class Generator
{
    private const string Organization = "/usher/v1/organizations/<org:>";
    private const string ReadOnlyKey = "ron (read-only)";

    private static readonly string[] BuiltInRoles = ["admin", "power_user", "read_only", "user", "user"];

    private static Call Post(string by, string path, Body? body = null) =>
        new(by, "POST", Organization + path, body?.ToString());

    private static Call Patch(string by, string path, Body body) =>
        new(by, "PATCH", Organization + path, body.ToString());

    private static Call Delete(string by, string path) => new(by, "DELETE", Organization + path);

    private static Call Remove(string by, string member, string query = "") =>
        Delete(by, $"/members/<m:{member}>{query}");

    private Call? OfUsher(string by, Held held)
    {
        var call = random.Next(30) switch
        {
            < 3 => Invite(by, held, Chance(0.85) ? FreeName() : Pick(Persons.ToList())),
            < 7 => OnInvitation(by, held),
            < 8 => InBulk(by),
            < 9 => Import(by, held),
            < 15 => OnMember(by, held),
            < 16 => OnServiceAccount(by, held),
            < 22 => OnGroup(by, held),
            < 26 => OnRole(by, held),
            < 27 => Patch(by, "/settings", Settings(held)),
            < 28 => OnResource(by, held),
            _ => OnKey(by, held),
        };
        return call is { Kind: CallKind.Request, Makes: null } && SupportsDryRun(call) && Chance(0.02)
            ? call with { Path = call.Path + "?dryRun=true" }
            : call;
    }

    private static bool SupportsDryRun(Call call) =>
        !call.Path.Contains('?', StringComparison.Ordinal) && !call.Path.EndsWith("/link", StringComparison.Ordinal);

    // Members of a body that give something.
    private Body Grants(Held held, bool levels = true, bool roles = true)
    {
        var within = Chance(0.65);
        return new Body()
            .If(roles && Chance(0.12), b => b.Text("role", $"<role:{Pick(BuiltInRoles)}>"))
            .If(roles && levels && Chance(0.08), b => AllResources(b))
            .If(Chance(0.5), b => b.Texts("permissions", SomePermissions(held, within, 3)))
            .If(Chance(0.45), b => b.Texts("groups", SomeGroups(held, within, 2)))
            .If(Chance(0.25), b => b.Texts("roles", SomeRoles(held, within, 2)))
            .If(levels && Chance(0.3), b => b.Objects("levels", SomeLevels(ResourcesFor(held, within))));
    }

    private Body AllResources(Body body) =>
        Chance(0.5) ? body.Flag("allResources", true, "<all:>") : body.Flag("allResources", false);

    private Body OrElse(Body body, string name, string value) => body.IsEmpty ? body.Text(name, value) : body;

    // What an invitation leaves out, the organization's defaults fill in.
    private Call Invite(string by, Held held, string name)
    {
        var body = new Body().Text("email", $"<a:{name}>").With(Grants(held));
        if (!body.Has("permissions") || !body.Has("groups")) body.Text("firstName", "A<defaults:>");
        return Post(by, "/invitations", body.Text("delivery", Pick("link", "mail")));
    }

    private Call? OnInvitation(string by, Held held)
    {
        if (Target(held, m => m.IsPending) is not { } guest) return null;
        var path = $"/invitations/<i:{guest}>";
        if (Chance(0.5)) return Post(by, $"{path}/{Pick("resend", "link", "link", "revoke", "endorse")}");
        return Patch(by, path, Chance(0.2)
            ? new Body().Text("email", $"<a:{FreeName()}>")
            : OrElse(Grants(held), "firstName", $"B{random.Next(9)}"));
    }

    private Call InBulk(string by)
    {
        var body = new Body().Text("email", $"<a:{PickOrNone(Pending) ?? "p0"}>");
        return Post(by, $"/invitations/{Pick("resend", "endorse", "revoke")}", body) with { Kind = CallKind.Job };
    }

    private Call Import(string by, Held held)
    {
        string Guest() => Chance(0.3) && PickOrNone(Pending) is { } pending ? pending : FreeName();
        var rows = Enumerable.Range(0, 2).Select(_ => new Body().Text("email", $"<a:{Guest()}>")
            .With(Grants(held, levels: false)).Text("firstName", $"I{random.Next(9)}<defaults:>"));
        var path = "/imports" + Pick("", "?sendMail=false");
        return Post(by, path, new Body().Objects("rows", rows)) with { Kind = CallKind.Job };
    }

    private Call? OnMember(string by, Held held)
    {
        if (Chance(0.5))
            return Target(held, _ => true) is { } any
                ? Patch(by, $"/members/<m:{any}>", OrElse(Grants(held), "lastName", "G"))
                : null;
        if (Target(held, m => !m.IsPending) is not { } member) return null;
        return Chance(0.3)
            ? Remove(by, member, Sponsored())
            : Patch(by, $"/members/<m:{member}>{Sponsored()}", Other());
    }

    // What becomes of the invitations that the member is the sponsor of.
    private string Sponsored() => Pick("", "", "?invitations=endorse", "?invitations=revoke", "?invitations=block");

    private Body Other() => random.Next(6) switch
    {
        < 2 => new Body().Text("email", $"<a:{FreeName()}>"),
        < 4 => new Body().Flag("suspended", Chance(0.5)),
        < 5 => new Body().Text("ssoId", $"sso {random.Next(3)}"),
        _ => new Body().Text("lastName", $"L{random.Next(5)}"),
    };

    private Call? OnServiceAccount(string by, Held held)
    {
        if (Chance(0.5))
            return Post(by, "/service-accounts", new Body().Text("name", $"<a:{FreeBot()}>")
                .With(Grants(held, levels: false, roles: false)));
        if (Target(held, m => !m.IsPerson) is not { } bot) return null;
        var path = $"/service-accounts/<m:{bot}>";
        if (Chance(0.2)) return Delete(by, path);
        return Patch(by, path, Chance(0.3)
            ? new Body().Flag("suspended", Chance(0.5))
            : OrElse(Grants(held, roles: false), "description", "G"));
    }

    private Call? OnGroup(string by, Held held)
    {
        var how = random.Next(6);
        if (how is 0) return Post(by, "/groups", GroupBody(held, FreeGroup()));
        if (how is 1 or 2)
        {
            var group = PickOrNone(GroupsFor(held, Chance(0.4)).Append("Everyone").Append("Service Accounts"));
            return Patch(by, $"/groups/<g:{group}>",
                OrElse(GroupBody(held, null), "description", $"D{random.Next(4)}"));
        }

        if (AnyGroup(held, 0.5) is not { } one) return null;
        if (how is 3) return Patch(by, $"/groups/<g:{one}>", new Body().Text("name", FreeGroup()));
        if (how is 4) return Post(by, $"/groups/<g:{one}>/members", Move(held));
        return Chance(0.3) ? Delete(by, $"/groups/<g:{one}>") : null;
    }

    private Body GroupBody(Held held, string? name)
    {
        var within = Chance(0.6);
        return new Body().If(name is not null, b => b.Text("name", name!))
            .If(Chance(0.07), b => _ = Chance(0.5) ? b.Flag("isAdmin", true, "<admin:>") : b.Flag("isAdmin", false))
            .If(Chance(0.07), b => AllResources(b))
            .If(Chance(0.15), b => b.Flag("isDefault", Chance(0.5)))
            .If(Chance(0.5), b => b.Texts("permissions", SomePermissions(held, within, 3)))
            .If(Chance(0.25), b => b.Texts("roles", SomeRoles(held, within, 2)))
            .If(Chance(0.25), b => b.Objects("levels", SomeLevels(ResourcesFor(held, within))))
            .If(name is not null && Chance(0.5), b => b.Texts("members", SomeMembers(held, within, 2)));
    }

    private Body Move(Held held)
    {
        var within = Chance(0.5);
        return new Body().Texts("add", SomeMembers(held, within, 2)).Texts("remove", SomeMembers(held, within, 1));
    }

    private Call? OnRole(string by, Held held)
    {
        var how = random.Next(4);
        if (how is 0) return Post(by, "/roles", NewRole(held));
        if (AnyRole(held, 0.5) is not { } role) return null;
        var path = $"/roles/<rol:{role}>";
        if (how is 1) return Patch(by, path, RoleBody(held));
        if (how is 2) return Post(by, $"{path}/members", Move(held));
        return Chance(0.3) ? Delete(by, path) : null;
    }

    private Body NewRole(Held held) =>
        new Body().Text("name", FreeRole()).Texts("permissions", SomePermissions(held, Chance(0.6), 3));

    private Body RoleBody(Held held) =>
        Chance(0.35)
            ? new Body().Text("name", FreeRole())
            : new Body().Texts("permissions", SomePermissions(held, Chance(0.6), 3));

    private Body Settings(Held held) => random.Next(5) switch
    {
        < 1 => new Body().Text("name", $"Organization {random.Next(4)}"),
        < 3 => new Body().Texts("defaultPermissions", SomePermissions(held, Chance(0.6), 2)),
        _ => new Body().Texts("defaultGroups", SomeGroups(held, Chance(0.6), 2)),
    };

    private Call? OnResource(string by, Held held)
    {
        if (Chance(0.25)) return Post(by, "/resources", new Body().Text("name", FreeResource()));
        if (PickOrNone(ResourcesFor(held, Chance(0.4))) is not { } resource) return null;
        var path = $"/resources/<res:{resource}>";
        if (Chance(0.25)) return Patch(by, path, new Body().Text("name", FreeResource()));
        if (Chance(0.15) && State.Resources.Count > 3) return Delete(by, path);
        var holder = Chance(0.5)
            ? PickOrNone(GroupNames) is { } group ? $"<g:{group}>" : null
            : Target(held, _ => true) is { } member ? $"<m:{member}>" : null;
        if (holder is null) return null;
        return Chance(0.7)
            ? Reach(by, resource, holder, Pick("full", "read_only", "none"))
            : Delete(by, $"{path}/access/{holder}");
    }

    private static Call Reach(string by, string resource, string holder, string level)
    {
        var path = $"{Organization}/resources/<res:{resource}>/access/{holder}";
        return new(by, "PUT", path, new Body().Text("level", $"<lv:{level}>").ToString());
    }

    private Call? OnKey(string by, Held held)
    {
        if (Chance(0.5))
        {
            var holder = Chance(0.3) ? null : Target(held, _ => true);
            return KeyFor(by, holder, readOnly: Chance(0.3));
        }

        // The keys of the beginning stay, so that their members can act.
        var known = world.Labels.Where(l =>
            l.StartsWith("key ", StringComparison.Ordinal) && world.KeyOf(l) is not null);
        if (PickOrNone(known) is not { } key) return null;
        var path = $"/api-keys/<k:{key}>";
        return Chance(0.5) ? Patch(by, path, new Body().Text("name", $"N{random.Next(4)}")) : Delete(by, path);
    }

    private Call KeyFor(string by, string? member, bool readOnly = false)
    {
        var body = new Body().If(member is not null, b => b.Text("member", M(member!))).Flag("readOnly", readOnly);
        return Post(by, "/api-keys", body) with { Makes = NextKey() };
    }
}
