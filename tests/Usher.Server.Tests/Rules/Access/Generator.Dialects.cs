using Usher.Core.Guests;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <content>Calls of Conformity's and DeployHQ's APIs.</content>
internal sealed partial class Generator
{
    private static readonly (string Flag, string Permission)[] DeployHqFlags =
    [
        ("can_manage_users", UserManagement), ("can_manage_billing", "billing_management"),
        ("can_create_projects", ResourceCreation), ("can_manage_agents", "agent_management"),
    ];

    // Conformity.

    private static Call Conformity(string by, string method, string path, Body? body = null) =>
        new(by, method, "/v1" + path, body?.In("data").ToString());

    private Call? OfConformity(string by) => random.Next(8) switch
    {
        < 4 => ConformityInvite(by),
        < 6 => ConformityChange(by),
        < 7 => Target(HeldBy(by), m => m.Role is not "admin") is { } removed
            ? Conformity(by, "DELETE", $"/users/<mc:{removed}>")
            : null,
        _ => State.Resources.Count < 8
            ? Conformity(by, "POST", "/accounts", new Body().Text("name", FreeResource()).In("attributes"))
            : null,
    };

    private Call? ConformityChange(string by)
    {
        if (Target(HeldBy(by), _ => true) is not { } changed || changed is "owner") return null;
        var role = Pick("USER", "USER", "READONLY", "POWER_USER", "ADMIN");
        var body = new Body().Text("role", $"<ROLE:{role}>").Objects("accessList", AccessList());
        return Conformity(by, "PATCH", $"/users/<mc:{changed}>", body);
    }

    private Call ConformityInvite(string by)
    {
        var name = Chance(0.5) ? FreeName() : PickOrNone(Gone.Concat(Pending)) ?? FreeName();
        return Conformity(by, "POST", "/users" + (Chance(0.15) ? "/sso" : ""), new Body()
            .Text("firstName", "C<defaults:>").Text("lastName", "C").Text("email", $"<a:{name}>")
            .Text("role", $"<ROLE:{Pick("USER", "USER", "USER", "ADMIN")}>").Objects("accessList", AccessList())
            .In("attributes"));
    }

    private IEnumerable<Body> AccessList() => Some(ResourceNames, 2).Select(r => new Body()
        .Text("account", $"<resc:{r}>").Text("level", $"<LV:{Pick("FULL", "READONLY", "NONE")}>"));

    // DeployHQ.

    private static Call DeployHq(string by, string method, string path, Body? body = null) =>
        new(by, method, path, body?.ToString());

    private Call? OfDeployHq(string by, Held held) => random.Next(14) switch
    {
        < 2 => DeployHq(by, "POST", "/users", DeployHqGrants(held)
            .Text("first_name", "D<defaults:>").Text("email_address", $"<a:{FreeName()}>")
            .If(Chance(0.08), b => b.Flag("account_administrator", true, "<admin:>")).In("user")),
        < 6 => DeployHqUser(by, held),
        < 10 => DeployHqTeam(by, held),
        < 11 => State.Resources.Count < 8
            ? DeployHq(by, "POST", "/projects", new Body().Text("name", FreeResource()).In("project"))
            : null,
        < 12 => DeployHqProfile(by),
        < 13 => DeployHq(by, "PUT", "/account", new Body().Text("name", $"Account {random.Next(4)}").In("account")),
        _ => DeployHqKey(by),
    };

    private Call DeployHqKey(string by)
    {
        var body = new Body().Text("description", "d").Flag("read_only", Chance(0.5));
        return DeployHq(by, "POST", "/security/api_keys", body.In("api_key")) with { Makes = NextKey() };
    }

    private Body DeployHqGrants(Held held)
    {
        var (within, body) = (Chance(0.6), new Body());
        foreach (var (flag, permission) in DeployHqFlags)
        {
            if (!Chance(0.35) || (within && !held.May(permission))) continue;
            _ = Chance(0.7) ? body.Flag(flag, true, $"<q:{permission}>") : body.Flag(flag, false);
        }

        return body.If(Chance(0.1), b => _ = Chance(0.5)
            ? b.Flag("all_projects_allowed", true, "<all:>")
            : b.Flag("all_projects_allowed", false));
    }

    private Call? DeployHqUser(string by, Held held)
    {
        if (Chance(0.2))
        {
            return Target(held, m => m.IsPending) is { } sent
                ? DeployHq(by, "POST", $"/users/<mu:{sent}>/resend_invitation")
                : null;
        }

        if (Target(held, m => m.IsPerson) is not { } user) return null;
        if (Chance(0.25)) return DeployHq(by, "DELETE", $"/users/<mu:{user}>");
        if (user is "owner") return null;
        var body = DeployHqGrants(held).Text("last_name", $"D{random.Next(4)}")
            .If(Chance(0.15), b => b.Text("email_address", $"<a:{FreeName()}>"))
            .If(Chance(0.1), b => _ = Chance(0.5)
                ? b.Flag("account_administrator", true, "<admin:>")
                : b.Flag("account_administrator", false));
        return DeployHq(by, Pick("PUT", "PATCH"), $"/users/<mu:{user}>", Assigned(body.In("user"), held, 0.3));
    }

    private Call? DeployHqTeam(string by, Held held)
    {
        Body Users()
        {
            var users = Some(MembersFor(held, Chance(0.6), m => m.IsPerson), 2).Select(m => $"<mn:{m}>");
            return new Body().Raw("user_ids", Body.ListOf(users));
        }

        if (Chance(0.3))
        {
            var made = DeployHqGrants(held).Text("name", FreeGroup()).With(Users()).In("team");
            return DeployHq(by, "POST", "/teams", Assigned(made, held, 0.6));
        }

        if (AnyGroup(held, 0.4) is not { } team) return null;
        if (Chance(0.1)) return DeployHq(by, "DELETE", $"/teams/<gu:{team}>");
        var body = DeployHqGrants(held).If(Chance(0.3), b => b.Text("name", FreeGroup()))
            .If(Chance(0.1), b => _ = Chance(0.5) ? b.Flag("is_admin", true, "<admin:>") : b.Flag("is_admin", false))
            .If(Chance(0.3), b => b.With(Users()));
        return DeployHq(by, Pick("PUT", "PATCH"), $"/teams/<gu:{team}>", Assigned(body.In("team"), held, 0.2));
    }

    private Body Assigned(Body body, Held held, double probability) => body.If(Chance(probability), b =>
        b.Objects("project_assignments", Some(ResourcesFor(held, Chance(0.6)), 2).Select(Assignment)));

    private Body Assignment(string resource)
    {
        var assignment = new Body().Text("identifier", $"<ress:{resource}>");
        return Chance(0.5)
            ? assignment.Text("x", "<lv:full>")
            : assignment.Flag("can_deploy_all", true).Flag("can_update_config", false)
                .Text("x", "<lv:read_only><cap:deploy_all>");
    }

    private Call DeployHqProfile(string by)
    {
        if (Chance(0.5))
            return DeployHq(by, "PUT", "/profile", new Body().Text("first_name", $"P{random.Next(5)}").In("user"));
        var to = FreeName();
        if (Chance(0.7)) ready.Enqueue(AsGuest(CallKind.ConfirmAddress, to));
        return DeployHq(by, "PUT", "/profile", new Body().Text("email_address", $"<a:{to}>").In("user"));
    }
}
