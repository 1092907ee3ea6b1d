using FsCheck;
using FsCheck.Fluent;
using Usher.Core.Access;

namespace Usher.Core.Tests.Access;

public sealed class EffectiveAccessTests
{
    private static readonly Guid[] Places = [.. Enumerable.Range(1, 3).Select(i => new Guid(i, 0, 0, new byte[8]))];

    // Few names and places, so that any two overlap.
    private static readonly Gen<EffectiveAccess> Any =
        from role in Gen.Frequency(
            (1, Gen.Constant(BuiltInRole.Admin)), (2, Gen.Constant(BuiltInRole.PowerUser)),
            (2, Gen.Constant(BuiltInRole.ReadOnly)), (6, Gen.Constant(BuiltInRole.User)))
        from permissions in Gen.SubListOf("a", "b", "c")
        from levels in Gen.Zip(
            Gen.Elements(Places),
            Gen.Zip(
                Gen.Elements(AccessLevel.None, AccessLevel.ReadOnly, AccessLevel.Full),
                Gen.SubListOf("x", "y"))).ListOf()
        select levels.Aggregate(
            new EffectiveAccess.Builder().Add(role).Add(permissions),
            (access, l) => access.Add(l.Item1, new(l.Item2.Item1, [.. l.Item2.Item2]))).Build();

    private static readonly Gen<(
        EffectiveAccess A, EffectiveAccess B,
        EffectiveAccess C)> AnyThree = from a in Any from b in Any from c in Any select (a, b, c);

    [Fact]
    public void Everybody_holds_what_he_holds() => Check.ForAll(Any, a => a.Contains(a));

    [Fact]
    public void Everything_contains_all_and_all_contain_nothing() =>
        Check.ForAll(
            Any,
            a =>
                EffectiveAccess.Everything.Contains(a) && a.Contains(EffectiveAccess.Nothing)
                    && (a.IsAdmin || !a.Contains(EffectiveAccess.Everything)));

    [Fact]
    public void Who_holds_all_of_another_holds_all_of_whom_that_one_covers() =>
        Check.ForAll(AnyThree, t => !(t.A.Contains(t.B) && t.B.Contains(t.C)) || t.A.Contains(t.C), count: 5_000);

    // Containing is exactly: nothing one can ask about the other is answered with less.
    [Fact]
    public void Who_contains_another_answers_every_question_with_as_much_or_more() => Check.ForAll(AnyThree, t =>
        !t.A.Contains(t.B)
        || (new[] { "a", "b", "c" }.All(p => !t.B.Has(p) || t.A.Has(p))
            && Places.Append(Guid.NewGuid()).All(p => t.A.LevelOn(p) >= t.B.LevelOn(p))));

    [Fact]
    public void Two_sources_united_contain_either() => Check.ForAll(AnyThree, t =>
    {
        var united = United(t.A, t.B);
        return united.Contains(t.A) && united.Contains(t.B)
            && (!t.C.Contains(t.A) || !t.C.Contains(t.B) || t.C.Contains(united));
    }, count: 5_000);

    [Fact]
    public void A_higher_level_holds_the_lower_ones_and_full_every_capability()
    {
        var (full, read, deploy) = (
            Of(AccessLevel.Full), Of(AccessLevel.ReadOnly), Of(AccessLevel.None, Capabilities.DeployAll));
        Assert.True(
            full.Contains(read) && full.Contains(deploy)
                && full.Contains(Of(AccessLevel.ReadOnly, Capabilities.DeployAll, Capabilities.UpdateConfig)));
        Assert.False(read.Contains(full));
        Assert.False(read.Contains(deploy));
        Assert.False(deploy.Contains(read));
        Assert.True(United(read, deploy).Contains(Of(AccessLevel.ReadOnly, Capabilities.DeployAll)));
    }

    [Fact]
    public void A_level_on_all_there_is_today_is_less_than_a_level_everywhere()
    {
        var everywhere = new EffectiveAccess.Builder().AddEverywhere(AccessLevel.Full).Build();
        var today = Places.Aggregate(
            new EffectiveAccess.Builder(), (access, place) => access.Add(place, new(AccessLevel.Full, []))).Build();
        Assert.True(everywhere.Contains(today));
        Assert.False(today.Contains(everywhere));
        Assert.False(today.Contains(new EffectiveAccess.Builder().Add(BuiltInRole.ReadOnly).Build()));
    }

    [Fact]
    public void All_permissions_and_all_resources_are_less_than_an_administrator()
    {
        var most = new EffectiveAccess.Builder().Add(BuiltInRole.PowerUser).Add(Permissions.BuiltIn).Build();
        Assert.False(most.Contains(EffectiveAccess.Everything));
        Assert.True(EffectiveAccess.Everything.Contains(most));
        Assert.True(EffectiveAccess.Everything.Has("a permission that does not exist yet"));
    }

    [Fact]
    public void A_full_level_spelled_out_names_every_capability_and_a_lower_one_those_given()
    {
        Assert.Equal(
            ["deploy_all", "manage_config_files", "update_config"],
            new Reach(AccessLevel.Full, []).Spelled().Capabilities);
        Assert.Equal(
            ["deploy_all", "update_config"],
            new Reach(AccessLevel.ReadOnly, [Capabilities.UpdateConfig, Capabilities.DeployAll])
                .Spelled().Capabilities);
        Assert.Empty(new Reach(AccessLevel.ReadOnly, []).Spelled().Capabilities);
        // a reach among its own members would have no end
        Assert.Contains("Full", new Reach(AccessLevel.Full, []).ToString(), StringComparison.Ordinal);
    }

    private static EffectiveAccess Of(AccessLevel level, params string[] capabilities) =>
        new EffectiveAccess.Builder().Add(Places[0], new(level, capabilities)).Build();

    private static EffectiveAccess United(params EffectiveAccess[] sources)
    {
        var access = new EffectiveAccess.Builder();
        foreach (var source in sources)
        {
            access.AddAdmin(source.IsAdmin).AddEverywhere(source.Everywhere).Add(source.Permissions);
            foreach (var (resource, reach) in source.Resources) access.Add(resource, reach);
        }

        return access.Build();
    }
}
