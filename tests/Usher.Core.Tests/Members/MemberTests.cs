using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Core.Tests.Members;

public sealed class MemberTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Admin = new(
        ActorKind.Member, Guid.NewGuid(), "Olivia Owner", Guid.NewGuid(), EffectiveAccess.Everything);
    private static readonly Actor Other = Admin with { Id = Guid.NewGuid() };

    [Fact]
    public void A_grant_keeps_who_gave_it_first_and_when()
    {
        var (ada, resource) = (NewMember(), Guid.NewGuid());
        ada.Give(BuiltInRole.ReadOnly, Admin, Now);
        ada.Give("alerts_management", Admin, Now);
        ada.GiveAllResources(true, Admin, Now);
        ada.Give(resource, new(AccessLevel.Full, []), Admin, Now);

        ada.Give(BuiltInRole.ReadOnly, Other, Now.AddDays(1));
        ada.Give("alerts_management", Other, Now.AddDays(1));
        ada.GiveAllResources(true, Other, Now.AddDays(1));
        Assert.Equal((Admin.Id, Now), (ada.RoleGrantedBy, ada.RoleGrantedAt));
        Assert.Equal((Admin.Id, Now), (ada.AllResourcesGrantedBy, ada.AllResourcesGrantedAt));
        var permission = Assert.Single(ada.Permissions);
        Assert.Equal(new(Admin.Id, Now), ada.GrantLog[Grant.Permission(permission)]);
    }

    [Fact]
    public void A_role_that_changes_is_the_new_givers()
    {
        var ada = NewMember();
        ada.Give(BuiltInRole.User, Admin, Now);
        ada.Give(BuiltInRole.PowerUser, Other, Now.AddDays(1));
        Assert.Equal(
            (BuiltInRole.PowerUser, Other.Id, Now.AddDays(1)), (ada.Role, ada.RoleGrantedBy, ada.RoleGrantedAt!.Value));
    }

    [Fact]
    public void Setting_a_level_resets_its_capabilities_and_none_is_kept_as_a_level()
    {
        var (ada, resource) = (NewMember(), Guid.NewGuid());
        ada.Give(resource, new(AccessLevel.ReadOnly, []), Admin, Now);
        ada.Levels[0].Capabilities = [Capabilities.DeployAll];
        ada.Give(resource, new(AccessLevel.None, []), Other, Now.AddDays(1));
        var level = Assert.Single(ada.Levels);
        Assert.Equal((AccessLevel.None, Other.Id, Now.AddDays(1)), (level.Level, level.GrantedBy, level.GrantedAt));
        Assert.Empty(level.Capabilities);
    }

    [Fact]
    public void Nobody_is_put_into_a_system_group_or_twice_into_another()
    {
        var ada = NewMember();
        ada.Give(NewGroup(SystemGroup.Everyone), Admin, Now);
        Assert.Empty(ada.Groups);
        var group = NewGroup(SystemGroup.None);
        ada.Give(group, Admin, Now);
        ada.Give(group, Other, Now);
        Assert.Equal(Admin.Id, ada.GrantLog[Grant.Group(Assert.Single(ada.Groups))].By);
    }

    [Fact]
    public void Removing_takes_all_but_the_levels_on_resources()
    {
        var ada = NewMember();
        ada.Give(BuiltInRole.Admin, Admin, Now);
        ada.Give("alerts_management", Admin, Now);
        ada.Give(NewGroup(SystemGroup.None), Admin, Now);
        ada.Give(
            new Role
            {
                OrganizationId = ada.OrganizationId, Id = Guid.NewGuid(), Name = "R", NameKey = "r", CreatedAt = Now,
                UpdatedAt = Now, UpdatedBy = "",
            },
            Admin, Now);
        ada.GiveAllResources(true, Admin, Now);
        ada.Give(Guid.NewGuid(), new(AccessLevel.Full, []), Admin, Now);

        ada.Remove(Other, Now.AddDays(1));
        Assert.Equal((MemberStatus.Removed, BuiltInRole.User, false), (ada.Status, ada.Role, ada.AllResources));
        Assert.Equal(Now.AddDays(1), ada.RemovedAt);
        Assert.Empty(ada.Permissions);
        Assert.Empty(ada.Groups);
        Assert.Empty(ada.Roles);
        Assert.Equal(AccessLevel.Full, Assert.Single(ada.Levels).Level);
        Assert.False(ada.IsLive || ada.TakesSeat);
    }

    [Fact]
    public void A_revived_member_is_invited_again_and_nobody_is_behind_him()
    {
        var ada = NewMember();
        ada.Join(Guid.NewGuid(), Now);
        Assert.Equal(MemberStatus.Active, ada.Status);
        ada.Remove(Admin, Now);
        ada.Revive();
        Assert.Equal(MemberStatus.Invited, ada.Status);
        Assert.Null(ada.UserId);
        Assert.Null(ada.LastSignInAt);
        Assert.Null(ada.RemovedAt);
    }

    [Fact]
    public void Persons_take_seats_until_they_are_removed_and_service_accounts_never_do()
    {
        foreach (var status in Enum.GetValues<MemberStatus>())
        {
            Assert.Equal(status is not MemberStatus.Removed, NewMember(status).TakesSeat);
            Assert.False(NewMember(status, MemberKind.Service).TakesSeat);
        }
    }

    [Fact]
    public void Somebody_without_a_name_is_called_by_his_identifier()
    {
        var ada = NewMember();
        Assert.Equal("ada@example.test", ada.DisplayName);
        ada.LastName = "Lovelace";
        Assert.Equal("Lovelace", ada.DisplayName);
        ada.FirstName = "Ada";
        Assert.Equal("Ada Lovelace", ada.DisplayName);
    }

    private static Member NewMember(MemberStatus status = MemberStatus.Invited, MemberKind kind = MemberKind.Person) =>
        new()
    {
        OrganizationId = Admin.OrganizationId, Id = Guid.NewGuid(), Number = 1, Identifier = "ada@example.test",
        Kind = kind, Status = status, CreatedAt = Now,
    };

    private static Group NewGroup(SystemGroup kind) =>
        new()
        {
            OrganizationId = Admin.OrganizationId, Id = Guid.NewGuid(), Name = "G", NameKey = "g", SystemKind = kind,
            CreatedAt = Now,
        };
}
