using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <content>Scenes, which chance alone would seldom bring about: a few calls that belong together, aimed at one rule.
/// </content>
internal sealed partial class Generator
{
    private (string Name, Held Held)? Manager => Caller(held => held.May(UserManagement));

    // A member that is no administrator and can act by the key that has its name.
    private (string Name, Held Held)? Caller(Func<Held, bool> which)
    {
        var callers = (
            from name in Names(m => m.IsActive && CanAct(m))
            let held = State.Of(State.Named(world.IdentifierOf(name))!)
            where !held.IsAdmin && which(held)
            select (name, held)).ToList();
        return callers.Count is 0 ? null : Pick(callers);
    }

    private bool CanAct(MemberRow member) =>
        world.KeyOf(world.NameOf(member.Identifier)) is { ReadOnly: false } key && key.Member == member.Id;

    // A member that has more than the actor.
    private string? Beyond(Held held, Func<MemberRow, bool> which) =>
        PickOrNone(Names(m => which(m) && !held.Includes(State.Of(m, implied: false))));

    // The sponsor of an invitation loses a right before the invitation is accepted.
    private IEnumerable<Call> LosesTheRight()
    {
        var sponsors = Names(m =>
            m.IsActive && m.Role is not "admin" && m.Permissions.Contains(UserManagement) && CanAct(m));
        if (PickOrNone(sponsors) is not { } sponsor) yield break;
        var guest = Free("p", Persons, 40);
        var permissions = State.Named(world.IdentifierOf(sponsor))!.Permissions;
        List<string> others = [.. permissions.Where(p => p is not UserManagement)];
        // Even where nothing is offered, the sponsor must be active and allowed to invite.
        var offered = Chance(0.4) ? [] : Some(others, 2).DefaultIfEmpty(others.FirstOrDefault(UserManagement));
        yield return Post(sponsor, "/invitations", new Body()
            .Text("email", $"<a:{guest}>").Texts("permissions", offered.Select(P)).Texts("groups", [])
            .Text("delivery", "link"));
        yield return random.Next(6) switch
        {
            0 => Remove("owner", sponsor, Sponsored()),
            1 => Patch("owner", $"/members/<m:{sponsor}>{Sponsored()}", new Body().Flag("suspended", true)),
            2 => AsGuest(CallKind.Leave, sponsor),
            3 => Patch("owner", $"/members/<m:{sponsor}>", Only(others)),
            _ => Patch("owner", $"/members/<m:{sponsor}>", Only([UserManagement])),
        };
        yield return AsGuest(CallKind.JoinByLink, guest);
        if (Chance(0.4)) yield return Post(Actor(), $"/invitations/<i:{guest}>/endorse");
        if (Chance(0.4)) yield return AsGuest(CallKind.JoinByLink, guest);
        if (!Chance(0.6)) yield break;
        var restored = Only([UserManagement, .. others]).Flag("suspended", false);
        yield return Patch("owner", $"/members/<m:{sponsor}>", restored);
    }

    private static Body Only(IEnumerable<string> permissions) =>
        new Body().Texts("permissions", permissions.Select(P)).Texts("groups", []).Texts("roles", []);

    // A member tries what a rule forbids.
    private IEnumerable<Call> Oversteps() => random.Next(13) switch
    {
        < 4 => One(AtPending(random.Next(4))),
        < 8 => One(AtMember(random.Next(4))),
        < 10 => One(AtKey()),
        10 => One(Chance(0.5) ? Post(ReadOnlyKey, "/roles", new Body().Text("name", FreeRole())) : AtSettings()),
        11 => AtResource(),
        _ => Chance(0.5) ? TheLastAdministrator() : One(AtServiceAccount()),
    };

    private static IEnumerable<Call> One(Call? call) => call is null ? [] : [call];

    private Call? AtPending(int how)
    {
        if (Manager is not var (by, held) || Beyond(held, m => m.IsPending) is not { } guest) return null;
        var row = new Body().Text("email", $"<a:{guest}>").Text("firstName", $"O{random.Next(9)}<defaults:>")
            .Texts("permissions", []).Texts("groups", []);
        return how is 0
            ? Post(by, "/imports", new Body().Objects("rows", [row])) with { Kind = CallKind.Job }
            : Post(by, $"/invitations/<i:{guest}>/{(how is 1 ? "link" : how is 2 ? "resend" : "endorse")}");
    }

    private Call? AtMember(int how)
    {
        if (how is 0)
        {
            if (Caller(h => !h.May(UserManagement)) is not var (plain, its)) return null;
            if (PickOrNone(MembersFor(its, within: true, _ => true)) is not { } changed) return null;
            return Patch(plain, $"/members/<m:{changed}>", new Body().Text("lastName", $"O{random.Next(9)}"));
        }

        if (Manager is not var (by, held)) return null;
        if (how is 1)
        {
            var joined = Target(held, m => !m.IsPending && m.IsPerson && m.Role is not "admin");
            var moved = new Body().Text("email", $"<a:{FreeName()}>");
            return joined is null ? null : Patch(by, $"/members/<m:{joined}>", moved);
        }

        if (Beyond(held, _ => true) is not { } beyond) return null;
        return how is 2 ? Remove(by, beyond) : Patch(by, $"/members/<m:{beyond}>", new Body().Flag("suspended", true));
    }

    private Call? AtKey()
    {
        if (Chance(0.5))
        {
            if (Caller(h => h.May(TokenManagement)) is not var (by, held)) return null;
            return Beyond(held, m => m.IsActive) is { } beyond ? KeyFor(by, beyond) : null;
        }

        if (Caller(h => !h.May(TokenManagement)) is not var (other, its)) return null;
        return PickOrNone(MembersFor(its, within: true, m => m.IsActive)) is { } covered
            ? KeyFor(other, covered)
            : null;
    }

    private Call? AtServiceAccount()
    {
        var both = new Body().Texts("permissions", [P(UserManagement), P(TokenManagement)]);
        if (Chance(0.4) && PickOrNone(Bots) is { } bot) return Patch("owner", $"/service-accounts/<m:{bot}>", both);
        if (Manager is not var (by, held)) return null;
        var lacking = AllPermissions.Where(p => !held.May(p) && p is not TokenManagement);
        if (PickOrNone(lacking) is not { } permission) return null;
        return Post(by, "/service-accounts", new Body()
            .Text("name", $"<a:{FreeBot()}>").Texts("permissions", [P(permission)]));
    }

    private Call? AtSettings() => Manager is var (by, held)
        ? Patch(by, "/settings", Chance(0.6)
            ? new Body().Text("name", $"Overstepped {random.Next(9)}")
            : new Body().Texts("defaultPermissions", SomePermissions(held, within: false, 3)))
        : null;

    private IEnumerable<Call> AtResource()
    {
        if (Caller(h => h.May(ResourceCreation)) is not var (by, held)) yield break;
        if (PickOrNone(ResourceNames.Except(ResourcesFor(held, within: true))) is not { } resource) yield break;
        yield return Reach("owner", resource, M(by), "read_only");
        yield return Patch(by, $"/resources/<res:{resource}>", new Body().Text("name", FreeResource()));
    }

    // Every other administrator becomes less, then the owner; afterwards some are made again.
    private IEnumerable<Call> TheLastAdministrator()
    {
        List<string> others = [.. Names(m => m.Role is "admin").Where(name => name is not "owner")];
        foreach (var other in others) yield return As("user", other);
        yield return Chance(0.5) ? As("user", "owner") : Remove("owner", "owner");
        foreach (var other in others.Take(2)) yield return As("admin", other);

        static Call As(string role, string member) =>
            Patch("owner", $"/members/<m:{member}>", new Body().Text("role", $"<role:{role}>"));
    }
}
