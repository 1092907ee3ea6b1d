using FsCheck;
using FsCheck.Fluent;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Core.Tests.Access;

/// <summary>Every way to hold something, told step by step from the member on, with who gave it and when.</summary>
public sealed class ExplanationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Org = Guid.NewGuid();
    private static readonly Actor System = Actor.System(Org);
    private static readonly Actor Olivia = new(
        ActorKind.Member, Guid.NewGuid(), "not her name of today", Org, EffectiveAccess.Everything);
    private static readonly Actor Gone = Olivia with { Id = Guid.NewGuid() };
    private static readonly ResourceName Production = new(Guid.NewGuid(), "Production", "production");
    private static readonly ResourceName Staging = new(Guid.NewGuid(), "Staging", "staging");

    private readonly AccessGraph graph = new(
        new() { Id = Org, Slug = "acme", Name = "Acme", CreatedAt = Now, DefinitionsStamp = Guid.NewGuid() });
    private readonly Member ada = NewMember();

    public ExplanationTests()
    {
        graph.Add(ada);
        graph.Add(Production);
        graph.Add(Staging);
    }

    [Theory]
    [InlineData(BuiltInRole.Admin, "admin")]
    [InlineData(BuiltInRole.PowerUser, "power_user")]
    [InlineData(BuiltInRole.ReadOnly, "read_only")]
    public void A_built_in_role_is_the_members_own(BuiltInRole role, string name)
    {
        ada.Give(role, Olivia, Now.AddDays(1));
        Assert.Equal([$"built_in_role {name} by Olivia on 22"], Told(_ => true));
    }

    [Fact]
    public void The_role_of_somebody_who_has_only_what_was_granted_gives_nothing()
    {
        ada.Give(BuiltInRole.User, Olivia, Now);
        Assert.Empty(Told(_ => true));
    }

    [Fact]
    public void What_is_his_own_takes_one_step()
    {
        ada.GiveAllResources(true, Olivia, Now);
        ada.Give("ingestion", Olivia, Now.AddDays(1));
        ada.Give("alerts_management", System, Now.AddDays(2));
        ada.Give(Production.Id, new(AccessLevel.ReadOnly, [Capabilities.DeployAll]), Olivia, Now.AddDays(3));
        Assert.Equal(
            [
                "all_resources by Olivia on 21", "permission alerts_management by Usher on 23",
                "permission ingestion by Olivia on 22",
                "level Production read_only+deploy_all by Olivia on 24",
            ], Told(_ => true));
    }

    [Fact]
    public void A_role_he_holds_takes_one_step_more()
    {
        ada.Give(NewRole("Collectors", "ingestion", Gone, Now.AddDays(1)), Olivia, Now);
        Assert.Equal(
            ["role Collectors by Olivia on 21 > permission ingestion by Greta Gone on 22"],
            Told(gives => gives.Has("ingestion")));
    }

    [Fact]
    public void A_group_he_was_put_into_comes_before_all_that_it_gives()
    {
        var group = NewGroup("Ops");
        ada.Give(group, Olivia, Now);
        (group.IsAdmin, group.IsAdminGrantedBy, group.IsAdminGrantedAt) = (true, Gone.Id, Now.AddDays(1));
        (group.AllResources, group.AllResourcesGrantedBy, group.AllResourcesGrantedAt) =
            (true, Gone.Id, Now.AddDays(2));
        group.Give(Grant.Permission("ingestion"), Gone, Now.AddDays(3));
        graph.Add(
            group,
            [.. graph.LevelsOf(group), Level(group, Production, new(AccessLevel.Full, []), Gone, Now.AddDays(4))]);
        var role = NewRole("Collectors", "ingestion", Olivia, Now.AddDays(6));
        group.Give(Grant.Role(role.Id), Gone, Now.AddDays(5));
        Assert.Equal(
            [
                "group Ops by Olivia on 21 > admin by Greta Gone on 22",
                "group Ops by Olivia on 21 > all_resources by Greta Gone on 23",
                "group Ops by Olivia on 21 > permission ingestion by Greta Gone on 24",
                "group Ops by Olivia on 21 > level Production full+deploy_all+manage_config_files+update_config by "
                    + "Greta Gone on 25",
                "group Ops by Olivia on 21 > role Collectors by Greta Gone on 26 > permission ingestion by Olivia on "
                    + "27",
            ], Told(_ => true));
    }

    [Theory]
    [InlineData(MemberKind.Person, "everyone Everyone")]
    [InlineData(MemberKind.Service, "service_accounts Service Accounts")]
    public void Nobody_has_put_anybody_into_the_system_group_of_his_kind(MemberKind kind, string step)
    {
        var member = NewMember(kind);
        graph.Add(member);
        foreach (var (name, system) in new[]
            {
                ("Everyone", SystemGroup.Everyone), ("Service Accounts", SystemGroup.ServiceAccounts),
            })
        {
            var group = NewGroup(name, system);
            group.Give(Grant.Permission("ingestion"), Olivia, Now);
        }

        Assert.Equal([$"{step} > permission ingestion by Olivia on 21"], Told(_ => true, member));
    }

    [Fact]
    public void A_level_of_none_gives_nothing()
    {
        ada.Give(Production.Id, new(AccessLevel.None, []), Olivia, Now);
        ada.Give(Staging.Id, new(AccessLevel.None, [Capabilities.UpdateConfig]), Olivia, Now);
        Assert.Equal(["level Staging none+update_config by Olivia on 21"], Told(_ => true));
        Assert.Empty(Told(gives => gives.Reaches(Production.Id)));
    }

    [Fact]
    public void Only_what_gives_something_of_the_question_is_told()
    {
        var group = NewGroup("Ops");
        ada.Give(group, Olivia, Now);
        graph.Add(group, [.. graph.LevelsOf(group), Level(group, Production, new(AccessLevel.Full, []), Olivia, Now)]);
        graph.Add(group, [.. graph.LevelsOf(group), Level(group, Staging, new(AccessLevel.Full, []), Olivia, Now)]);
        ada.Give(BuiltInRole.ReadOnly, Olivia, Now);
        ada.Give("ingestion", Olivia, Now);
        Assert.Equal(
            [
                "built_in_role read_only by Olivia on 21",
                "group Ops by Olivia on 21 > level Production full+deploy_all+manage_config_files+update_config by "
                    + "Olivia on 21",
            ],
            Told(gives => gives.Reaches(Production.Id)));
        Assert.Equal(["permission ingestion by Olivia on 21"], Told(gives => gives.Has("ingestion")));
        Assert.Empty(Told(gives => gives.Has("alerts_management")));
    }

    [Fact]
    public void Somebody_nobody_knows_any_more_gave_it_without_a_name()
    {
        ada.Give("ingestion", Actor.Operator(Guid.NewGuid(), "ops", Org), Now);
        Assert.Equal(["permission ingestion by nobody known on 21"], Told(_ => true));
    }

    [Fact]
    public void His_own_come_first_then_everyones_then_his_groups_by_name()
    {
        Group[] groups = [NewGroup("Zebras"), NewGroup("Apes"), NewGroup("Everyone", SystemGroup.Everyone)];
        foreach (var group in groups)
        {
            ada.Give(group, System, Now);
            group.Give(Grant.Permission("ingestion"), System, Now);
        }

        ada.Give("ingestion", System, Now);
        Assert.Equal(
            ["permission ingestion", "everyone Everyone", "group Apes", "group Zebras"],
            Told(_ => true).Select(told => told.Split(" by ")[0].Split(" > ")[0]));
    }

    // What is told is all there is, and no more.
    [Fact]
    public void All_paths_united_give_what_the_member_effectively_has() => Check.ForAll(AnyGrants, grants =>
    {
        var tests = new ExplanationTests();
        tests.Give(grants);
        var united = new EffectiveAccess.Builder();
        foreach (var path in new Explanation(tests.graph, new Dictionary<Guid, string>()).Of(tests.ada, _ => true))
        {
            united.AddAdmin(path.Gives.IsAdmin).AddEverywhere(path.Gives.Everywhere).Add(path.Gives.Permissions);
            foreach (var (resource, reach) in path.Gives.Resources) united.Add(resource, reach);
        }

        var (told, held) = (united.Build(), tests.graph.Of(tests.ada));
        return told.Contains(held) && held.Contains(told) && told.IsAdmin == held.IsAdmin;
    });

    // What, to whom, and of what; see Give.
    private sealed record AnyGrant(int What, string To, string Permission, ResourceName Resource, Reach Reach);

    private static readonly Gen<List<AnyGrant>> AnyGrants = (
        from what in Gen.Choose(0, 5)
        from to in Gen.Elements("himself", "Everyone", "Ops", "Service Accounts")
        from permission in Gen.Elements("a", "b", "c")
        from resource in Gen.Elements(Production, Staging)
        from level in Gen.Elements(AccessLevel.None, AccessLevel.ReadOnly, AccessLevel.Full)
        from capabilities in Gen.SubListOf("x", "y")
        select new AnyGrant(what, to, permission, resource, new(level, [.. capabilities]))).ListOf();

    private void Give(List<AnyGrant> grants)
    {
        Group[] groups = [
            NewGroup("Everyone", SystemGroup.Everyone), NewGroup("Service Accounts", SystemGroup.ServiceAccounts),
            NewGroup("Ops"),
        ];
        ada.Give(groups[2], System, Now);
        foreach (var (what, to, permission, resource, reach) in grants)
        {
            var group = Array.Find(groups, g => g.Name == to);
            switch (what, group)
            {
                case (0, null): ada.Give(permission, System, Now); break;
                case (0, not null): group.Give(Grant.Permission(permission), System, Now); break;
                case (1, null): ada.Give(resource.Id, reach, System, Now); break;
                case (1, not null):
                    graph.Add(group, [.. graph.LevelsOf(group), Level(group, resource, reach, System, Now)]);
                    break;
                case (2, null): ada.Give(NewRole("R", permission, System, Now), System, Now); break;
                case (2, not null):
                    group.Give(Grant.Role(NewRole("R", permission, System, Now).Id), System, Now);
                    break;
                case (3, null): ada.GiveAllResources(true, System, Now); break;
                case (3, not null): group.AllResources = reach.Level is AccessLevel.Full; break;
                case (4, null):
                    ada.Give(permission is "a" ? BuiltInRole.PowerUser : BuiltInRole.ReadOnly, System, Now);
                    break;
                case (5, not null): group.IsAdmin = permission is "a" && reach.Level is AccessLevel.Full; break;
            }
        }
    }

    private string[] Told(Func<EffectiveAccess, bool> asked, Member? member = null)
    {
        Dictionary<Guid, string> granters = new() { [Olivia.Id] = "Olivia", [Gone.Id] = "Greta Gone" };
        return [
            .. new Explanation(graph, granters).Of(member ?? ada, asked)
                .Select(path => string.Join(" > ", path.Steps.Select(Told)))];
    }

    private static string Told(AccessStep step)
    {
        var told = SnakeCaseName.Of(step.Kind.ToString());
        if (step.SubjectName is { } name) told += $" {name}";
        if (step.Reach is { } reach)
            told += $" {string.Join('+', [SnakeCaseName.Of(reach.Level.ToString()), .. reach.Capabilities])}";
        return step.Granted is { } granted ? $"{told} by {granted.Name ?? "nobody known"} on {granted.At:dd}" : told;
    }

    private static Member NewMember(MemberKind kind = MemberKind.Person) => new()
    {
        OrganizationId = Org, Id = Guid.NewGuid(), Number = 1, Identifier = "ada@example.test", Kind = kind,
        Status = MemberStatus.Active, CreatedAt = Now,
    };

    private Group NewGroup(string name, SystemGroup kind = SystemGroup.None)
    {
        var group = new Group
        {
            OrganizationId = Org, Id = Guid.NewGuid(), Name = name, NameKey = Text.Key(name), SystemKind = kind,
            CreatedAt = Now,
        };
        graph.Add(group, []);
        return group;
    }

    private Role NewRole(string name, string permission, Actor by, DateTimeOffset at)
    {
        var role = new Role
        {
            OrganizationId = Org, Id = Guid.NewGuid(), Name = name, NameKey = Text.Key(name), CreatedAt = Now,
            UpdatedAt = Now, UpdatedBy = "",
        };
        role.Give([permission], by, at);
        graph.Add(role);
        return role;
    }

    private static ResourceAccess Level(Group group, ResourceName resource, Reach reach, Actor by, DateTimeOffset at)
    {
        var level = new ResourceAccess
        {
            OrganizationId = Org, Id = Guid.NewGuid(), ResourceId = resource.Id, GroupId = group.Id,
        };
        level.Set(reach, by, at);
        return level;
    }
}
