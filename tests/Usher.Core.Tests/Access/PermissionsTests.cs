using Usher.Core.Access;

namespace Usher.Core.Tests.Access;

public sealed class PermissionsTests
{
    [Fact]
    public void The_catalogue_is_wavefronts_seventeen_three_of_ours_and_what_is_added()
    {
        Assert.Equal(17, Permissions.Wavefront.Distinct().Count());
        var catalogue = new PermissionCatalogue(["acme:deploy"]);
        Assert.Equal(21, catalogue.Names.Count);
        Assert.All(catalogue.Names, name => Assert.True(catalogue.Contains(name)));
        Assert.True(catalogue.Contains("acme:deploy"));
        Assert.False(catalogue.Contains("USER_MANAGEMENT"));
        Assert.False(catalogue.Contains("browse"));
    }

    [Fact]
    public void Nobody_and_nothing_unknown_is_allowed_by_a_missing_actor()
    {
        var nobody = new Actor(ActorKind.Member, Guid.NewGuid(), "Nobody", Guid.NewGuid(), EffectiveAccess.Nothing);
        Assert.All(Permissions.BuiltIn, permission => Assert.False(nobody.May(permission)));
        Assert.False(nobody.CanGrant(new EffectiveAccess.Builder().Add(BuiltInRole.ReadOnly).Build()));
        Assert.True(Actor.System(Guid.NewGuid()).CanGrant(EffectiveAccess.Everything));
        Assert.True(Actor.Operator(Guid.NewGuid(), "ops", Guid.NewGuid()).Covers(EffectiveAccess.Everything));
    }
}
