namespace Usher.Server.Tests.Rules.Access;

/// <content>The calls of every surface.</content>
internal sealed partial class Generator
{
    private IEnumerable<Call> Opening()
    {
        string[] roles = ["Role 0", "Role 1", "Role 2"], groups = ["Admins", "Everything", "Team 0", "Team 1", "Team 2", "Team 3"];
        foreach (var role in roles) yield return By("owner", "POST", "/roles", $$"""{"name":"{{role}}","permissions":{{List(Some(Permissions, 2).Select(p => Quoted("p", p)))}}}""");
        foreach (var group in groups)
        {
            List<string> said = [$"\"name\":\"{group}\""];
            if (group is "Admins") said.Add("\"isAdmin\":true<admin:>");
            if (group is "Everything") said.Add("\"allResources\":true<all:>");
            if (group is not ("Admins" or "Everything"))
            {
                said.Add("\"permissions\":" + List(Some(Permissions, 2).Select(p => Quoted("p", p))));
                if (Chance(0.4)) said.Add($"\"roles\":[\"<roln:{Pick(roles)}>\"]");
                if (Chance(0.4)) said.Add("\"levels\":" + List(Some(["Production", "Staging", "Sandbox"], 2).Select(LevelJson)));
                if (Chance(0.2)) said.Add("\"isDefault\":true");
            }

            yield return By("owner", "POST", "/groups", Json(said));
        }

        if (Chance(0.5)) yield return By("owner", "PATCH", "/settings", """{"externalIdentityProvider":"Elsewhere"}""");
        if (Chance(0.5)) yield return By("owner", "PATCH", "/groups/<g:Everyone>", $$"""{"permissions":["<p:{{Pick(Permissions[3..])}}>"]}""");
        if (Chance(0.5)) yield return By("owner", "PATCH", "/groups/<g:Service Accounts>", $$"""{"permissions":["<p:{{Pick(Permissions[3..])}}>"]}""");
        foreach (var (name, role, permissions) in new (string, string, string[])[]
        {
            ("alan", "admin", []), ("max", "user", ["user_management", Pick(Permissions[3..])]), ("eva", "user", ["user_management"]), ("tom", "user", ["token_management"]),
            ("uma", "user", ["user_management", "token_management", .. Some(Permissions[3..], 3)]), ("pow", "power_user", ["user_management", "resource_creation"]), ("nil", "user", Some(Permissions[3..], 2).ToArray()),
            ("rea", "read_only", ["user_management"]), ("rex", "user", ["resource_creation"]), ("ava", "user", []), ("ron", "user", ["user_management", "ingestion", "alerts_management"]),
        })
        {
            List<string> said = [$"\"email\":\"<a:{name}>\"", $"\"role\":\"<role:{role}>\"", "\"permissions\":" + List(permissions.Select(p => Quoted("p", p))), "\"delivery\":\"link\""];
            said.Add("\"groups\":" + List((name is "ava" ? ["Admins"] : Some(groups[2..], 1)).Select(g => Quoted("gn", g))));
            if (Chance(0.4)) said.Add("\"levels\":" + List(Some(["Production", "Staging", "Sandbox"], 2).Select(LevelJson)));
            yield return By("owner", "POST", "/invitations", Json(said));
            yield return new Call(Call.Guest, "", $"<a:{name}>", null, CallKind.JoinByLink);
        }

        yield return By("owner", "POST", "/api-keys", """{"member":"<m:ron>","readOnly":true}""") with { Makes = "ron (read-only)" };
        foreach (var bot in new[] { "bot0", "bot1" })
        {
            yield return By("owner", "POST", "/service-accounts", $$"""{"name":"<a:{{bot}}>","permissions":{{List(Some(Permissions[2..], 2).Append("user_management").Distinct().Select(p => Quoted("p", p)))}}}""");
            yield return By("owner", "POST", "/api-keys", $$"""{"member":"<m:{{bot}}>"}""") with { Makes = bot };
        }

        foreach (var by in new[] { "owner", "max", "uma" }) yield return Invite(by, "p" + random.Next(40));
        foreach (var name in new[] { "p40", "p41" })
        {
            yield return By("owner", "POST", "/invitations", $$"""{"email":"<a:{{name}}>","permissions":[],"groups":[],"levels":{{List([LevelJson("Production")])}}}""");
            yield return By("owner", "DELETE", $"/members/<m:{name}>");
        }
    }

    private static Call By(string by, string method, string path, string? body = null) => new(by, method, Usher + path, body);

    // Who acts: mostly members that are no administrators and hold something; sometimes a key that should not work.
    private string Actor()
    {
        var labels = world.Labels;
        if (Chance(0.16)) return Pick("owner", "owner", "alan", "ava");
        if (Chance(0.05)) return Pick(labels);
        var able = labels.Where(l => world.KeyOf(l) is { } key && State.Members[key.Member].IsActive).ToList();
        var managers = able.Where(l => HeldBy(l) is { IsAdmin: false } held && held.May("user_management")).ToList();
        if (managers.Count > 0 && Chance(0.75)) return Pick(managers);
        var tokens = able.Where(l => HeldBy(l) is { IsAdmin: false } held && (held.May("token_management") || held.May("resource_creation"))).ToList();
        return tokens.Count > 0 && Chance(0.7) ? Pick(tokens) : Pick(able.Count > 0 ? able : labels);
    }

    private Call Any()
    {
        if (Chance(0.14)) return OfGuest();
        var live = State.Live.Count();
        if (live > 32 && Chance(0.3) && PickOrNone(Names(m => m.Role is not "admin")) is { } one) return By("owner", "DELETE", $"/members/<m:{one}>");
        if (Chance(0.03) && PickOrNone(Names(m => m.IsActive && m.Role is not "admin")) is { } new_) return By("owner", "PATCH", $"/members/<m:{new_}>", $$"""{"permissions":{{List(Some(Permissions[1..], 3).Append("user_management").Select(p => Quoted("p", p)))}}}""");
        var by = Actor();
        var call = random.Next(100) switch
        {
            < 50 => OfUsher(by),
            < 75 => OfWavefront(by),
            < 83 => OfConformity(Chance(0.6) ? "alan" : by),
            _ => OfDeployHq(by),
        };
        if (call is null) return Any();
        return call.Path.StartsWith(Usher, StringComparison.Ordinal) && call.Method is not "GET" && call.Makes is null && call.Kind is CallKind.Request && !call.Path.EndsWith("/link", StringComparison.Ordinal)
            && !call.Path.Contains('?', StringComparison.Ordinal) && !call.Path.EndsWith("/api-keys", StringComparison.Ordinal) && Chance(0.02) ? call with { Path = call.Path + "?dryRun=true" } : call;
    }

    private Call OfGuest()
    {
        var name = PickOrNone(Pending) ?? "owner";
        if (Chance(0.03) && PickOrNone(Names(m => m.IsActive && m.User is not null)) is { } leaver) return new(Call.Guest, "", $"<a:{leaver}>", null, CallKind.Leave);
        return new(Call.Guest, "", $"<a:{name}>", null, random.Next(12) switch { < 5 => CallKind.JoinByMail, < 9 => CallKind.JoinByLink, < 10 => CallKind.Decline, _ => CallKind.SendMyLink });
    }

    private string? Target(Held held, Func<MemberRow, bool> which) => PickOrNone(MembersFor(held, Chance(0.6), which));

    private Call Invite(string by, string name)
    {
        List<string> said = [$"\"email\":\"<a:{name}>\"", .. Grants(HeldBy(by))];
        if (!said.Exists(s => s.StartsWith("\"permissions\"", StringComparison.Ordinal)) || !said.Exists(s => s.StartsWith("\"groups\"", StringComparison.Ordinal))) said.Add($"\"firstName\":\"A<defaults:>\"");
        said.Add($"\"delivery\":\"{Pick("link", "mail")}\"");
        return By(by, "POST", "/invitations", Json(said));
    }

    private Call? OfUsher(string by)
    {
        var held = HeldBy(by);
        switch (random.Next(30))
        {
            case 0 or 1 or 2: return Invite(by, Chance(0.85) ? FreeName() : Pick(Persons.ToList()));
            case 3 or 4: return Target(held, m => m.IsPending) is { } edited ? By(by, "PATCH", $"/invitations/<i:{edited}>", Json(Chance(0.2) ? [$"\"email\":\"<a:{FreeName()}>\""] : Grants(held).DefaultIfEmpty("\"firstName\":\"B\""))) : null;
            case 5 or 6: return Target(held, m => m.IsPending) is { } sent ? By(by, "POST", $"/invitations/<i:{sent}>/{Pick("resend", "link", "link", "revoke", "endorse")}") : null;
            case 7: return Bulk(by);
            case 8: return Import(by, held);
            case 9 or 10 or 11: return Target(held, _ => true) is { } member ? By(by, "PATCH", $"/members/<m:{member}>", Json(Grants(held).DefaultIfEmpty("\"metadata\":{\"a\":\"b\"}"))) : null;
            case 12 or 13: return Target(held, m => !m.IsPending) is { } other ? By(by, "PATCH", $"/members/<m:{other}>{Sponsored()}", Json(Other())) : null;
            case 14: return Target(held, _ => true) is { } removed ? By(by, "DELETE", $"/members/<m:{removed}>{Sponsored()}") : null;
            case 15: return Account(by, held);
            case 16: return By(by, "POST", "/groups", Json(GroupBody(held, FreeGroup())));
            case 17 or 18: return PickOrNone(GroupsFor(held, Chance(0.4)).Append("Everyone").Append("Service Accounts")) is { } group ? By(by, "PATCH", $"/groups/<g:{group}>", Json(GroupBody(held, null))) : null;
            case 19: return PickOrNone(GroupsFor(held, Chance(0.4))) is { } renamed ? By(by, "PATCH", $"/groups/<g:{renamed}>", $$"""{"name":"{{FreeGroup()}}"}""") : null;
            case 20: return PickOrNone(GroupsFor(held, Chance(0.6))) is { } moved ? By(by, "POST", $"/groups/<g:{moved}>/members", Move(held)) : null;
            case 21: return Chance(0.3) && PickOrNone(GroupsFor(held, Chance(0.5))) is { } ended ? By(by, "DELETE", $"/groups/<g:{ended}>") : null;
            case 22: return By(by, "POST", "/roles", $$"""{"name":"{{FreeRole()}}","permissions":{{List(Some(PermissionsFor(held, Chance(0.6)), 3).Select(p => Quoted("p", p)))}}}""");
            case 23: return PickOrNone(RolesFor(held, Chance(0.4))) is { } role ? By(by, "PATCH", $"/roles/<rol:{role}>", RoleBody(held)) : null;
            case 24: return PickOrNone(RolesFor(held, Chance(0.6))) is { } handed ? By(by, "POST", $"/roles/<rol:{handed}>/members", Move(held)) : null;
            case 25: return Chance(0.3) && PickOrNone(RolesFor(held, Chance(0.5))) is { } over ? By(by, "DELETE", $"/roles/<rol:{over}>") : null;
            case 26: return By(by, "PATCH", "/settings", Json(Settings(held)));
            case 27: return Resource(by, held);
            default: return Key(by, held);
        }
    }

    private List<string> Other() => random.Next(6) switch
    {
        0 or 1 => [$"\"email\":\"<a:{FreeName()}>\""],
        2 or 3 => [$"\"suspended\":{Pick("true", "false")}"],
        4 => [$"\"ssoId\":\"sso {random.Next(3)}\""],
        _ => [$"\"lastName\":\"L{random.Next(5)}\""],
    };

    // What becomes of the invitations that the member is the sponsor of.
    private string Sponsored() => Pick("", "", "?invitations=endorse", "?invitations=revoke", "?invitations=block");

    private Call Bulk(string by)
    {
        var of = PickOrNone(Pending) ?? "p0";
        return By(by, "POST", $"/invitations/{Pick("resend", "endorse", "revoke")}", $$"""{"email":"<a:{{of}}>"}""") with { Kind = CallKind.Job };
    }

    private Call Import(string by, Held held)
    {
        List<string> rows = [];
        for (var i = 0; i < 2; i++)
        {
            var whom = Chance(0.3) && PickOrNone(Pending) is { } pending ? pending : FreeName();
            List<string> said = [$"\"email\":\"<a:{whom}>\"", .. Grants(held, levels: false).Where(s => !s.StartsWith("\"allResources\"", StringComparison.Ordinal))];
            said.Add("\"firstName\":\"I<defaults:>\"");
            rows.Add(Json(said));
        }

        return By(by, "POST", "/imports" + Pick("", "?sendMail=false"), $$"""{"rows":{{List(rows)}}}""") with { Kind = CallKind.Job };
    }

    private Call? Account(string by, Held held)
    {
        if (Chance(0.5)) return By(by, "POST", "/service-accounts", Json([$"\"name\":\"<a:{FreeBot()}>\"", .. Grants(held, levels: false, isBot: true)]));
        if (PickOrNone(MembersFor(held, Chance(0.5), m => !m.IsPerson)) is not { } bot) return null;
        return Chance(0.8) ? By(by, "PATCH", $"/service-accounts/<m:{bot}>", Json(Chance(0.7) ? Grants(held, isBot: true) : [$"\"suspended\":{Pick("true", "false")}"])) : By(by, "DELETE", $"/service-accounts/<m:{bot}>");
    }

    private List<string> GroupBody(Held held, string? name)
    {
        var within = Chance(0.6);
        List<string> said = name is null ? [] : [$"\"name\":\"{name}\""];
        if (name is null && Chance(0.15)) said.Add($"\"description\":\"D{random.Next(4)}\"");
        if (Chance(0.07)) said.Add($"\"isAdmin\":{Pick("true<admin:>", "false")}");
        if (Chance(0.07)) said.Add($"\"allResources\":{Pick("true<all:>", "false")}");
        if (Chance(0.15)) said.Add($"\"isDefault\":{Pick("true", "false")}");
        if (Chance(0.5)) said.Add("\"permissions\":" + List(Some(PermissionsFor(held, within), 3).Select(p => Quoted("p", p))));
        if (Chance(0.25)) said.Add("\"roles\":" + List(Some(RolesFor(held, within), 2).Select(RoleJson)));
        if (Chance(0.25)) said.Add("\"levels\":" + List(Some(ResourcesFor(held, within), 2).Select(LevelJson)));
        if (name is not null && Chance(0.5)) said.Add("\"members\":" + List(Some(MembersFor(held, within, _ => true), 2).Select(m => Quoted("m", m))));
        return said;
    }

    private string RoleBody(Held held) => Chance(0.35) ? $$"""{"name":"{{FreeRole()}}"}"""
        : $$"""{"permissions":{{List(Some(PermissionsFor(held, Chance(0.6)), 3).Select(p => Quoted("p", p)))}}}""";

    private string Move(Held held)
    {
        var within = Chance(0.5);
        return $$"""{"add":{{List(Some(MembersFor(held, within, _ => true), 2).Select(m => Quoted("m", m)))}},"remove":{{List(Some(MembersFor(held, within, _ => true), 1).Select(m => Quoted("m", m)))}}}""";
    }

    private List<string> Settings(Held held) => random.Next(5) switch
    {
        0 => [$"\"name\":\"Organization {random.Next(4)}\""],
        1 or 2 => ["\"defaultPermissions\":" + List(Some(PermissionsFor(held, Chance(0.6)), 2).Select(p => Quoted("p", p)))],
        _ => ["\"defaultGroups\":" + List(Some(GroupsFor(held, Chance(0.6)), 2).Select(GroupJson))],
    };

    private Call? Resource(string by, Held held)
    {
        if (Chance(0.25)) return By(by, "POST", "/resources", $$"""{"name":"{{FreeResource()}}"}""");
        if (PickOrNone(ResourcesFor(held, Chance(0.4))) is not { } resource) return null;
        if (Chance(0.25)) return By(by, "PATCH", $"/resources/<res:{resource}>", $$"""{"name":"{{FreeResource()}}"}""");
        if (Chance(0.15) && State.Resources.Count > 3) return By(by, "DELETE", $"/resources/<res:{resource}>");
        var holder = Chance(0.5) ? PickOrNone(GroupNames) is { } group ? $"<g:{group}>" : null : Target(held, _ => true) is { } member ? $"<m:{member}>" : null;
        if (holder is null) return null;
        return Chance(0.7) ? By(by, "PUT", $"/resources/<res:{resource}>/access/{holder}", $$"""{"level":"<lv:{{Pick("full", "read_only", "none")}}>"}""") : By(by, "DELETE", $"/resources/<res:{resource}>/access/{holder}");
    }

    private Call? Key(string by, Held held)
    {
        if (Chance(0.5))
        {
            var label = $"key {++keys}";
            var whose = Chance(0.3) ? "" : Target(held, _ => true) is { } member ? $"\"member\":\"<m:{member}>\"," : "";
            return By(by, "POST", "/api-keys", "{" + whose + $"\"readOnly\":{Pick("true", "false", "false")}}}") with { Makes = label };
        }

        // The first keys stay, so that their members can act.
        var key = PickOrNone(world.Labels.Where(l => l.StartsWith("key ", StringComparison.Ordinal) && world.KeyOf(l) is not null));
        if (key is null) return null;
        return Chance(0.5) ? By(by, "PATCH", $"/api-keys/<k:{key}>", $$"""{"name":"N{{random.Next(4)}}"}""") : By(by, "DELETE", $"/api-keys/<k:{key}>");
    }

    private string WavefrontGrants(Held held)
    {
        var within = Chance(0.65);
        List<string> said = [];
        if (Chance(0.8)) said.Add("\"groups\":" + List(Some(PermissionsFor(held, within), 2).Select(p => Quoted("p", p))));
        if (Chance(0.6)) said.Add("\"userGroups\":" + List(Some(GroupsFor(held, within), 2).Select(g => Quoted("gu", g))));
        if (Chance(0.4)) said.Add("\"roles\":" + List(Some(RolesFor(held, within), 2).Select(r => Quoted("rolu", r))));
        return string.Join(',', said);
    }

    private Call? OfWavefront(string by)
    {
        var held = HeldBy(by);
        Call Of(string method, string path, string? body = null) => new(by, method, "/api/v2" + path, body);
        var within = Chance(0.6);
        var anybody = Target(held, _ => true);
        var permission = PickOrNone(PermissionsFor(held, within));
        switch (random.Next(28))
        {
            case 0 or 1: return Of("POST", "/user?sendEmail=" + Pick("true", "false", "false"), Json([$"\"emailAddress\":\"<a:{FreeName()}>\"", "\"x\":\"<defaults:>\"", .. Optional(WavefrontGrants(held))]));
            case 2: return Of("POST", "/user/invite", List(new[] { FreeName(), FreeName() }.Distinct().Select(n => Json([$"\"emailAddress\":\"<a:{n}>\"", "\"x\":\"<defaults:>\"", .. Optional(WavefrontGrants(held))]))));
            case 3 or 4: return Target(held, m => m.IsPerson) is { } person ? Of("PUT", $"/user/<a:{person}>", Json(Optional(WavefrontGrants(held)))) : null;
            case 5: return Target(held, m => m.IsPerson) is { } ended ? Of("DELETE", $"/user/<a:{ended}>") : null;
            case 6: return anybody is not null ? Of("POST", "/user/deleteUsers", $"[\"<a:{anybody}>\"]") : null;
            case 7 or 8: return anybody is not null && PickOrNone(GroupsFor(held, within)) is { } group ? Of("POST", $"/user/<a:{anybody}>/{Pick("addUserGroups", "addUserGroups", "removeUserGroups")}", $"[\"<gu:{group}>\"]") : null;
            case 9 or 10: return anybody is not null && permission is not null ? Of("POST", $"/user/<a:{anybody}>/{Pick("grant", "grant", "revoke")}", $"group=<p:{permission}>") : null;
            case 11: return anybody is not null && permission is not null ? Of("POST", $"/user/{Pick("grant", "revoke")}/<p:{permission}>", $"[\"<a:{anybody}>\",\"<a:{Pick(Persons.ToList())}>\"]") : null;
            case 12: return anybody is not null && permission is not null ? Of("POST", $"/account/<a:{anybody}>/{Pick("grant", "revoke")}/<p:{permission}>") : null;
            case 13: return anybody is not null && PickOrNone(RolesFor(held, within)) is { } role ? Of("POST", $"/account/<a:{anybody}>/{Pick("addRoles", "addRoles", "removeRoles")}", $"[\"<rolu:{role}>\"]") : null;
            case 14: return Of("POST", "/account/serviceaccount", Json([$"\"identifier\":\"<a:{FreeBot()}>\"", "\"active\":true", .. Optional(WavefrontGrants(held))]));
            case 15: return PickOrNone(MembersFor(held, within, m => !m.IsPerson)) is { } bot ? Of("PUT", $"/account/serviceaccount/<a:{bot}>", Json([$"\"identifier\":\"<a:{bot}>\"", $"\"active\":{Pick("true", "false")}", .. Optional(WavefrontGrants(held))])) : null;
            case 16: return PickOrNone(MembersFor(held, within, m => !m.IsPerson)) is { } switched ? Of("POST", $"/account/serviceaccount/<a:{switched}>/{Pick("activate", "deactivate")}") : null;
            case 17: return Of("POST", "/apitoken") with { Makes = $"key {++keys}" };
            case 18 or 19: return PickOrNone(MembersFor(held, within, m => !m.IsPerson)) is { } holder ? Of("POST", $"/apitoken/serviceaccount/<a:{holder}>", "{\"tokenName\":\"t\"}") with { Makes = $"key {++keys}" } : null;
            case 20: return Of("POST", "/usergroup", $$"""{"name":"{{FreeGroup()}}","roleIDs":{{List(Some(RolesFor(held, within), 2).Select(r => Quoted("rolu", r)))}}}""");
            case 21 or 22: return PickOrNone(GroupsFor(held, Chance(0.4)).Append("Everyone")) is { } put ? Of("PUT", $"/usergroup/<gu:{put}>", Chance(0.5) ? $$"""{"name":"{{FreeGroup()}}"}""" : $$"""{"roleIDs":{{List(Some(RolesFor(held, within), 2).Select(r => Quoted("rolu", r)))}}}""") : null;
            case 23: return anybody is not null && PickOrNone(GroupsFor(held, within)) is { } into ? Of("POST", $"/usergroup/<gu:{into}>/{Pick("addUsers", "addUsers", "removeUsers")}", $"[\"<a:{anybody}>\"]") : null;
            case 24: return PickOrNone(GroupsFor(held, Chance(0.4))) is { } with && PickOrNone(RolesFor(held, within)) is { } added ? Of("POST", $"/usergroup/<gu:{with}>/{Pick("addRoles", "removeRoles")}", $"[\"<rolu:{added}>\"]") : null;
            case 25: return PickOrNone(RolesFor(held, Chance(0.4))) is { } changed ? Of("PUT", $"/role/<rolu:{changed}>", RoleBody(held)) : null;
            case 26: return PickOrNone(RolesFor(held, Chance(0.5))) is { } assigned && anybody is not null ? Of("POST", $"/role/<rolu:{assigned}>/{Pick("addAssignees", "addAssignees", "removeAssignees")}", Chance(0.5) && PickOrNone(GroupNames) is { } team ? $"[\"<gu:{team}>\"]" : $"[\"<a:{anybody}>\"]") : null;
            default:
                if (Chance(0.5)) return Of("POST", "/customer/preferences", $$"""{"invitePermissions":{{List(Some(PermissionsFor(held, within), 2).Select(p => Quoted("p", p)))}},"defaultUserGroups":{{List(Some(GroupsFor(held, within), 1).Select(g => Quoted("gu", g)))}}}""");
                return permission is not null && PickOrNone(RolesFor(held, Chance(0.4))) is { } granted ? Of("POST", $"/role/{Pick("grant", "revoke")}/<p:{permission}>", $"[\"<rolu:{granted}>\"]") : null;
        }
    }

    private static string[] Optional(string text) => text is "" ? [] : [text];

    private Call? OfConformity(string by)
    {
        var held = HeldBy(by);
        Call Of(string method, string path, string? body = null) => new(by, method, "/v1" + path, body);
        string Access() => List(Some(ResourceNames, 2).Select(r => $$"""{"account":"<resc:{{r}}>","level":"<LV:{{Pick("FULL", "READONLY", "NONE")}}>"}"""));
        switch (random.Next(8))
        {
            case 0 or 1 or 2:
                var name = Chance(0.5) ? FreeName() : PickOrNone(Gone.Concat(Pending)) ?? FreeName();
                return Of("POST", "/users" + (Chance(0.1) ? "/sso" : ""), In("data", In("attributes", $$"""{"firstName":"C<defaults:>","lastName":"C","role":"<ROLE:{{Pick("USER", "USER", "USER", "ADMIN")}}>","email":"<a:{{name}}>","accessList":{{Access()}}}""")));
            case 3 or 4: return Target(held, _ => true) is { } changed && changed is not "owner" ? Of("PATCH", $"/users/<mc:{changed}>", In("data", $$"""{"role":"<ROLE:{{Pick("USER", "USER", "READONLY", "POWER_USER", "ADMIN")}}>","accessList":{{Access()}}}""")) : null;
            case 5: return Target(held, m => m.Role is not "admin") is { } removed ? Of("DELETE", $"/users/<mc:{removed}>") : null;
            case 6: return State.Resources.Count < 8 ? Of("POST", "/accounts", In("data", In("attributes", $$"""{"name":"{{FreeResource()}}"}"""))) : null;
            default: return null;
        }
    }

    private string DeployHqFlags(Held held)
    {
        var within = Chance(0.6);
        List<string> said = [];
        foreach (var (flag, permission) in new[] { ("can_manage_users", "user_management"), ("can_manage_billing", "billing_management"), ("can_create_projects", "resource_creation"), ("can_manage_agents", "agent_management") })
            if (Chance(0.35) && (!within || held.May(permission))) said.Add($"\"{flag}\":{(Chance(0.7) ? $"true<q:{permission}>" : "false")}");
        if (Chance(0.1)) said.Add($"\"all_projects_allowed\":{Pick("true<all:>", "false")}");
        return string.Join(',', said);
    }

    private static string In(string wrapper, string json, string beside = "") => $"{{\"{wrapper}\":{json}{beside}}}";

    private string Users(Held held) => "\"user_ids\":" + List(Some(MembersFor(held, Chance(0.6), m => m.IsPerson), 2).Select(m => $"<mn:{m}>"));

    private string Assignments(Held held) => List(Some(ResourcesFor(held, Chance(0.6)), 2).Select(r => Chance(0.5)
        ? $$"""{"identifier":"<ress:{{r}}>","x":"<lv:full>"}"""
        : $$"""{"identifier":"<ress:{{r}}>","can_deploy_all":true,"can_update_config":false,"x":"<lv:read_only><cap:deploy_all>"}"""));

    private Call? OfDeployHq(string by)
    {
        var held = HeldBy(by);
        Call Of(string method, string path, string? body = null) => new(by, method, path, body);
        switch (random.Next(14))
        {
            case 0 or 1: return Of("POST", "/users", In("user", Json(["\"first_name\":\"D<defaults:>\"", $"\"email_address\":\"<a:{FreeName()}>\"", .. Optional(Chance(0.08) ? "\"account_administrator\":true<admin:>" : ""), .. Optional(DeployHqFlags(held))])));
            case 2 or 3:
                if (Target(held, m => m.IsPerson) is not { } changed || changed is "owner") return null;
                var assignments = Chance(0.3) ? $",\"project_assignments\":{Assignments(held)}" : "";
                List<string> user = [$"\"last_name\":\"D{random.Next(4)}\"", .. Optional(DeployHqFlags(held))];
                if (Chance(0.15)) user.Add($"\"email_address\":\"<a:{FreeName()}>\"");
                if (Chance(0.1)) user.Add($"\"account_administrator\":{Pick("true<admin:>", "false")}");
                return Of(Pick("PUT", "PATCH"), $"/users/<mu:{changed}>", In("user", Json(user), assignments));
            case 4: return Target(held, m => m.IsPerson) is { } removed ? Of("DELETE", $"/users/<mu:{removed}>") : null;
            case 5: return Target(held, m => m.IsPending) is { } sent ? Of("POST", $"/users/<mu:{sent}>/resend_invitation") : null;
            case 6: return Of("POST", "/teams", In("team", Json([$"\"name\":\"{FreeGroup()}\"", Users(held), .. Optional(DeployHqFlags(held))]), $",\"project_assignments\":{Assignments(held)}"));
            case 7 or 8:
                if (PickOrNone(GroupsFor(held, Chance(0.4))) is not { } team) return null;
                List<string> said = [.. Optional(DeployHqFlags(held))];
                if (Chance(0.3)) said.Add($"\"name\":\"{FreeGroup()}\"");
                if (Chance(0.1)) said.Add($"\"is_admin\":{Pick("true<admin:>", "false")}");
                if (Chance(0.3)) said.Add(Users(held));
                return Of(Pick("PUT", "PATCH"), $"/teams/<gu:{team}>", In("team", Json(said)));
            case 9: return Chance(0.3) && PickOrNone(GroupsFor(held, Chance(0.5))) is { } ended ? Of("DELETE", $"/teams/<gu:{ended}>") : null;
            case 10: return State.Resources.Count < 8 ? Of("POST", "/projects", In("project", $$"""{"name":"{{FreeResource()}}"}""")) : null;
            case 11:
                if (Chance(0.5)) return Of("PUT", "/profile", In("user", $$"""{"first_name":"P{{random.Next(5)}}"}"""));
                var to = FreeName();
                if (Chance(0.7)) ready.Enqueue(new(Call.Guest, "", $"<a:{to}>", null, CallKind.ConfirmAddress));
                return Of("PUT", "/profile", In("user", $$"""{"email_address":"<a:{{to}}>"}"""));
            case 12: return Of("PUT", "/account", In("account", $$"""{"name":"Account {{random.Next(4)}}"}"""));
            default: return Of("POST", "/security/api_keys", In("api_key", $$"""{"description":"d","read_only":{{Pick("true", "false")}}}""")) with { Makes = $"key {++keys}" };
        }
    }
}
