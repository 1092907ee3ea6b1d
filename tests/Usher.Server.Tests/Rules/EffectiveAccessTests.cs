using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Every way to a permission and to a level, as the request's caller has it and as an operation reads it.
/// </summary>
public sealed class EffectiveAccessTests(UsherApp app)
{
    private const string Permission = "metrics_management";

    private static readonly Dictionary<string, Func<TestOrganization, Task<Func<NewInvitation, NewInvitation>>>> Ways =
        new()
    {
        ["himself"] = _ =>
            Task.FromResult<Func<NewInvitation, NewInvitation>>(row => row with { Permissions = [Permission] }),
        ["a role"] = async org =>
        {
            var role = await org.CreateRoleAsync("R", Permission);
            return row => row with { Roles = [Reference.To(role.Id)] };
        },
        ["a group"] = async org =>
        {
            var group = await org.CreateGroupAsync(new("G") { Permissions = [Permission] });
            return row => row with { Groups = [Reference.To(group.Id)] };
        },
        ["a group's role"] = async org =>
        {
            var role = await org.CreateRoleAsync("R", Permission);
            var group = await org.CreateGroupAsync(new("G") { Roles = [Reference.To(role.Id)] });
            return row => row with { Groups = [Reference.To(group.Id)] };
        },
        ["everyone"] = async org =>
        {
            await org.GiveAsync(await org.SystemGroupAsync(SystemGroup.Everyone), Permission);
            return row => row;
        },
        ["everyone's role"] = async org =>
        {
            var (role, everyone) = (
                await org.CreateRoleAsync("R", Permission), await org.SystemGroupAsync(SystemGroup.Everyone));
            await org.App.ChangeAsync(async db =>
                (await db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.Id == everyone.Id, Ct))
                    .Give(Grant.Role(role.Id), org.System, role.CreatedAt));
            return row => row;
        },
        ["the administrator's role"] = _ =>
            Task.FromResult<Func<NewInvitation, NewInvitation>>(row => row with { Role = BuiltInRole.Admin }),
        ["a group of administrators"] = async org =>
        {
            var group = await org.CreateGroupAsync(new("G") { IsAdmin = true });
            return row => row with { Groups = [Reference.To(group.Id)] };
        },
    };

    private static readonly Dictionary<string, (
        AccessLevel First, AccessLevel Others,
        Func<TestOrganization, Task<Func<NewInvitation, NewInvitation>>> Way)> Levels = new()
    {
        ["nothing"] = (AccessLevel.None, AccessLevel.None, _ => Change(row => row)),
        ["his own level"] = (
            AccessLevel.ReadOnly, AccessLevel.None,
            org => Change(row => row with { Levels = [new(First(org), AccessLevel.ReadOnly)] })),
        ["a group's level"] = (
            AccessLevel.Full, AccessLevel.None,
            async org =>
                InGroup(await org.CreateGroupAsync(new("G") { Levels = [new(First(org), AccessLevel.Full)] }))),
        ["the higher of his own and a group's"] = (AccessLevel.Full, AccessLevel.None, async org =>
        {
            var inGroup = InGroup(await org.CreateGroupAsync(
                new("G") { Levels = [new(First(org), AccessLevel.Full)] }));
            return row => inGroup(row) with { Levels = [new(First(org), AccessLevel.ReadOnly)] };
        }),
        ["his own none below a group's level"] = (AccessLevel.ReadOnly, AccessLevel.None, async org =>
        {
            var inGroup = InGroup(await org.CreateGroupAsync(
                new("G") { Levels = [new(First(org), AccessLevel.ReadOnly)] }));
            return row => inGroup(row) with { Levels = [new(First(org), AccessLevel.None)] };
        }),
        ["everyone's level"] = (AccessLevel.ReadOnly, AccessLevel.None, async org =>
        {
            var everyone = await org.SystemGroupAsync(SystemGroup.Everyone);
            await org.App.ChangeAsync(async db =>
            {
                (await db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.Id == everyone.Id, Ct)).HasLevels =
                    true;
                db.Add(new ResourceAccess
                {
                    OrganizationId = org.Id, Id = Guid.NewGuid(), ResourceId = org.Created.Resources[0].Id,
                    GroupId = everyone.Id,
                    Level = AccessLevel.ReadOnly, GrantedAt = everyone.CreatedAt,
                });
            });
            return row => row;
        }),
        ["a reader of everything"] = (
            AccessLevel.ReadOnly, AccessLevel.ReadOnly, _ => Change(row => row with { Role = BuiltInRole.ReadOnly })),
        ["a reader with a level of his own"] = (AccessLevel.Full, AccessLevel.ReadOnly, org =>
            Change(row => row with { Role = BuiltInRole.ReadOnly, Levels = [new(First(org), AccessLevel.Full)] })),
        ["a power user"] = (
            AccessLevel.Full, AccessLevel.Full, _ => Change(row => row with { Role = BuiltInRole.PowerUser })),
        ["an administrator"] = (
            AccessLevel.Full, AccessLevel.Full, _ => Change(row => row with { Role = BuiltInRole.Admin })),
        ["all resources"] = (AccessLevel.Full, AccessLevel.Full, _ => Change(row => row with { AllResources = true })),
        ["a group with all resources"] = (
            AccessLevel.Full, AccessLevel.Full,
            async org => InGroup(await org.CreateGroupAsync(new("G") { AllResources = true }))),
    };

    public static TheoryData<string> PermissionWays => [.. Ways.Keys];

    public static TheoryData<string> LevelWays => [.. Levels.Keys];

    [Theory]
    [MemberData(nameof(PermissionWays))]
    public async Task A_permission_comes_by(string way)
    {
        var org = await app.CreateOrganizationAsync();
        var give = await Ways[way](org);
        var (with, without) = (await org.JoinedAsync(NewEmail("ada"), give), await org.JoinedAsync(NewEmail("bob")));

        Assert.True((await CallerAsync(with.Key)).May(Permission));
        Assert.True((await org.ActorAsync(with.Member)).May(Permission));
        var bySystemGroup = way.StartsWith("everyone", StringComparison.Ordinal);
        Assert.Equal(bySystemGroup, (await CallerAsync(without.Key)).May(Permission));
        Assert.Equal(bySystemGroup, (await org.ActorAsync(without.Member)).May(Permission));

        // Of everyone, but of no service account.
        var robot = await org.ServiceAccountAsync();
        Assert.False(
            (await CallerAsync((await org.CreateKeyAsync(org.System, robot.Id)).Value.Secret)).May(Permission));
        Assert.False((await org.ActorAsync(robot)).May(Permission));

        // Nor in another organization.
        var other = await app.CreateOrganizationAsync();
        Assert.False((await other.ActorAsync((await other.JoinedAsync(NewEmail("eve"))).Member)).May(Permission));
    }

    [Fact]
    public async Task What_service_accounts_have_no_person_has()
    {
        var org = await app.CreateOrganizationAsync();
        await org.GiveAsync(await org.SystemGroupAsync(SystemGroup.ServiceAccounts), Permission);
        var (robot, ada) = (await org.ServiceAccountAsync(), await org.JoinedAsync(NewEmail("ada")));
        Assert.True((await CallerAsync((await org.CreateKeyAsync(org.System, robot.Id)).Value.Secret)).May(Permission));
        Assert.True((await org.ActorAsync(robot)).May(Permission));
        Assert.False((await CallerAsync(ada.Key)).May(Permission));
        Assert.False((await org.ActorAsync(ada.Member)).May(Permission));
    }

    [Theory]
    [MemberData(nameof(LevelWays))]
    public async Task A_level_is_that_of(string way)
    {
        var org = await app.CreateOrganizationAsync();
        var (first, others, give) = Levels[way];
        var ada = await org.JoinedAsync(NewEmail("ada"), await give(org));
        var (actor, caller) = (await org.ActorAsync(ada.Member), await CallerAsync(ada.Key));
        Assert.Equal([first, others, others], org.Created.Resources.Select(r => actor.Access.LevelOn(r.Id)));
        Assert.Equal(actor.Access.Everywhere, caller.Access.Everywhere);
        Assert.Equal(others, actor.Access.LevelOn(Guid.NewGuid())); // one that is still to come

        var reached = await app.WithAsync<ResourceService, List<Resource>>(
            async s => await s.StreamAsync(caller, ResourceOrder.Created, Ct).ToListAsync(Ct));
        Assert.Equal(
            org.Created.Resources.Where(r => actor.Access.LevelOn(r.Id) is not AccessLevel.None).Select(r => r.Id),
            reached.Select(r => r.Id));
    }

    [Fact]
    public async Task What_is_shown_as_a_members_own_are_his_own_rows()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(
            new("G") { Permissions = [Permission], Levels = [new(First(org), AccessLevel.Full)] });
        var ada = await org.JoinedAsync(
            NewEmail("ada"), row => row with { Permissions = ["ingestion"], Groups = [Reference.To(group.Id)] });
        var member = await org.MemberAsync(ada.Member.Identifier);
        Assert.Equal("ingestion", Assert.Single(member.Permissions));
        Assert.Empty(member.Levels);
    }

    private async Task<Actor> CallerAsync(string key) =>
        (await app.WithAsync<CallerService, Caller?>(s => s.FindAsync(key, Ct)))!.Actor;

    private static Reference First(TestOrganization org) => Reference.To(org.Created.Resources[0].Id);

    private static Task<Func<NewInvitation, NewInvitation>> Change(Func<NewInvitation, NewInvitation> change) =>
        Task.FromResult(change);

    private static Func<NewInvitation, NewInvitation> InGroup(Group group) =>
        row => row with { Groups = [Reference.To(group.Id)] };
}
