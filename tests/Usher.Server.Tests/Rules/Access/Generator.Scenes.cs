namespace Usher.Server.Tests.Rules.Access;

/// <content>What chance alone would seldom bring about: a few calls that belong together, each aimed at one rule.</content>
internal sealed partial class Generator
{
    // The members that can act by a key with the label of their name, and what they hold.
    private IEnumerable<(string Name, Held Held)> Callers(Func<Held, bool> which) =>
        from name in Names(m => m.IsActive && world.KeyOf(world.NameOf(m.Identifier)) is { ReadOnly: false } key && key.Member == m.Id)
        let held = State.Of(State.Named(world.IdentifierOf(name))!)
        where !held.IsAdmin && which(held)
        select (name, held);

    private (string Name, Held Held)? Caller(Func<Held, bool> which) => Callers(which).ToList() is { Count: > 0 } callers ? Pick(callers) : null;

    private (string Name, Held Held)? Manager => Caller(held => held.May("user_management"));

    private string? Beyond(Held held, Func<MemberRow, bool> which) => PickOrNone(Names(m => which(m) && !held.Includes(State.Of(m, implied: false))));

    // The sponsor of an invitation loses a right before the invitation is accepted.
    private IEnumerable<Call> LosesTheRight()
    {
        var sponsors = Names(m => m.IsActive && m.Role is not "admin" && m.Permissions.Contains("user_management") && m.Groups.Count + m.Roles.Count < 3);
        if (PickOrNone(sponsors.Where(name => world.KeyOf(name) is { ReadOnly: false })) is not { } sponsor) yield break;
        var guest = Free("p", Persons, 40);
        var direct = State.Named(world.IdentifierOf(sponsor))!.Permissions.Where(p => p is not "user_management").ToList();
        // With nothing offered, it still takes a sponsor that is active and may invite.
        var offered = List((Chance(0.4) ? [] : Some(direct, 2).DefaultIfEmpty(direct.FirstOrDefault("user_management"))).Select(p => Quoted("p", p)));
        yield return By(sponsor, "POST", "/invitations", $$"""{"email":"<a:{{guest}}>","permissions":{{offered}},"groups":[],"delivery":"link"}""");
        yield return random.Next(6) switch
        {
            0 => By("owner", "DELETE", $"/members/<m:{sponsor}>{Sponsored()}"),
            1 => By("owner", "PATCH", $"/members/<m:{sponsor}>{Sponsored()}", """{"suspended":true}"""),
            2 => new(Call.Guest, "", $"<a:{sponsor}>", null, CallKind.Leave),
            3 => By("owner", "PATCH", $"/members/<m:{sponsor}>", "{" + $"\"permissions\":{List(direct.Select(p => Quoted("p", p)))},\"groups\":[],\"roles\":[]" + "}"),
            _ => By("owner", "PATCH", $"/members/<m:{sponsor}>", """{"permissions":["<p:user_management>"],"groups":[],"roles":[]}"""),
        };
        yield return new(Call.Guest, "", $"<a:{guest}>", null, CallKind.JoinByLink);
        if (Chance(0.4)) yield return By(Actor(), "POST", $"/invitations/<i:{guest}>/endorse");
        if (Chance(0.4)) yield return new(Call.Guest, "", $"<a:{guest}>", null, CallKind.JoinByLink);
        if (Chance(0.6)) yield return By("owner", "PATCH", $"/members/<m:{sponsor}>", "{" + $"\"suspended\":false,\"permissions\":{List(direct.Append("user_management").Select(p => Quoted("p", p)))}" + "}");
    }

    // Somebody reaches for what it may not have.
    private IEnumerable<Call> Oversteps()
    {
        switch (random.Next(13))
        {
            case 0 when Manager is var (by, held) && Beyond(held, m => m.IsPending) is { } pending:
                var row = $$"""{"email":"<a:{{pending}}>","firstName":"O{{random.Next(9)}}<defaults:>","permissions":[],"groups":[]}""";
                return [By(by, "POST", "/imports", $$"""{"rows":[{{row}}]}""") with { Kind = CallKind.Job }];
            case 1 when Manager is var (by, held) && PickOrNone(Permissions.Where(p => !held.May(p) && p is not "token_management")) is { } permission:
                return [By(by, "POST", "/service-accounts", $$"""{"name":"<a:{{FreeBot()}}>","permissions":["<p:{{permission}}>"]}""")];
            case 2 when Caller(h => h.May("token_management")) is var (by, held) && Beyond(held, m => m.IsActive) is { } other:
                return [KeyFor(by, other)];
            case 3 when Manager is var (by, held) && Beyond(held, m => m.IsPending) is { } pending:
                return [By(by, "POST", $"/invitations/<i:{pending}>/{Pick("link", "resend", "endorse")}")];
            case 4 when Manager is var (by, held) && Target(held, m => !m.IsPending && m.IsPerson && m.Role is not "admin") is { } joined:
                return [By(by, "PATCH", $"/members/<m:{joined}>", $$"""{"email":"<a:{{FreeName()}}>"}""")];
            case 5 when Caller(h => !h.May("user_management")) is var (by, held) && PickOrNone(MembersFor(held, within: true, _ => true)) is { } changed:
                return [Chance(0.5) ? By(by, "PATCH", $"/members/<m:{changed}>", $$"""{"lastName":"O{{random.Next(9)}}"}""") : By(by, "POST", "/roles", $$"""{"name":"{{FreeRole()}}"}""")];
            case 6 when Caller(h => !h.May("token_management")) is var (by, held) && PickOrNone(MembersFor(held, within: true, m => m.IsActive)) is { } covered:
                return [KeyFor(by, covered)];
            case 7 when PickOrNone(Bots) is { } bot:
                return [By("owner", "PATCH", $"/service-accounts/<m:{bot}>", """{"permissions":["<p:user_management>","<p:token_management>"]}""")];
            case 8 when Manager is var (by, _):
                return [By(by, "PATCH", "/settings", $$"""{"name":"Overstepped {{random.Next(9)}}"}""")];
            case 9 when Caller(h => h.May("resource_creation")) is var (by, held) && PickOrNone(ResourceNames.Except(ResourcesFor(held, within: true))) is { } resource:
                return [
                    By("owner", "PUT", $"/resources/<res:{resource}>/access/<m:{by}>", """{"level":"<lv:read_only>"}"""),
                    By(by, "PATCH", $"/resources/<res:{resource}>", $$"""{"name":"{{FreeResource()}}"}"""),
                ];
            case 10: return [By("ron (read-only)", "POST", "/roles", $$"""{"name":"{{FreeRole()}}"}""")];
            case 11 when Manager is var (by, held) && Beyond(held, _ => true) is { } beyond:
                return [Chance(0.5) ? By(by, "DELETE", $"/members/<m:{beyond}>") : By(by, "PATCH", $"/members/<m:{beyond}>", """{"suspended":true}""")];
            case 12: return TheLastAdministrator();
            default: return [];
        }
    }

    private Call KeyFor(string by, string member) => By(by, "POST", "/api-keys", $$"""{"member":"<m:{{member}}>"}""") with { Makes = $"key {++keys}" };

    // Every other administrator becomes less, then the owner; afterwards one is made again.
    private IEnumerable<Call> TheLastAdministrator()
    {
        var others = Names(m => m.Role is "admin").Where(name => name is not "owner").ToList();
        foreach (var other in others) yield return By("owner", "PATCH", $"/members/<m:{other}>", """{"role":"<role:user>"}""");
        yield return Chance(0.5) ? By("owner", "PATCH", "/members/<m:owner>", """{"role":"<role:user>"}""") : By("owner", "DELETE", "/members/<m:owner>");
        foreach (var other in others.Take(2)) yield return By("owner", "PATCH", $"/members/<m:{other}>", """{"role":"<role:admin>"}""");
    }
}
