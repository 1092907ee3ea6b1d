using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Who may do what, and why. On a server that does nothing by itself: every statement is then a question's.
/// </summary>
public sealed class AccessQuestionTests(ClockedApp quiet) : IClassFixture<ClockedApp>
{
    private const string Permission = "metrics_management";

    private readonly UsherApp app = quiet.App;

    // How somebody comes by the permission, and the steps that are told of it.
    private static readonly Dictionary<string, (
        string Steps, Func<TestOrganization, Task<Func<NewInvitation, NewInvitation>>> Way)> PermissionSources = new()
    {
        ["himself"] = ("permission", _ => Change(row => row with { Permissions = [Permission] })),
        ["a role"] = ("role > permission", async org =>
        {
            var role = await org.CreateRoleAsync("R", Permission);
            return row => row with { Roles = [Reference.To(role.Id)] };
        }),
        ["a group"] = (
            "group > permission",
            async org => InGroup(await org.CreateGroupAsync(new("G") { Permissions = [Permission] }))),
        ["a group's role"] = ("group > role > permission", async org =>
        {
            var role = await org.CreateRoleAsync("R", Permission);
            return InGroup(await org.CreateGroupAsync(new("G") { Roles = [Reference.To(role.Id)] }));
        }),
        ["everyone"] = ("everyone > permission", async org =>
        {
            await org.GiveAsync(await org.SystemGroupAsync(SystemGroup.Everyone), Permission);
            return row => row;
        }),
        ["the administrator's role"] = ("built_in_role", _ => Change(row => row with { Role = BuiltInRole.Admin })),
        ["a group of administrators"] = (
            "group > admin", async org => InGroup(await org.CreateGroupAsync(new("G") { IsAdmin = true }))),
    };

    // How somebody reaches the first resource, how far, and the steps that are told of it.
    private static readonly Dictionary<string, (
        Reach Reach, string Steps,
        Func<TestOrganization, Task<Func<NewInvitation, NewInvitation>>> Way)> ReachSources = new()
    {
        ["nothing"] = (new(AccessLevel.None, []), "", _ => Change(row => row)),
        ["a level of none"] = (
            new(AccessLevel.None, []), "",
            org => Change(row => row with { Levels = [new(First(org), AccessLevel.None)] })),
        ["his own level"] = (
            new(AccessLevel.ReadOnly, []), "level",
            org => Change(row => row with { Levels = [new(First(org), AccessLevel.ReadOnly)] })),
        ["his own capability"] = (new(AccessLevel.None, [Capabilities.UpdateConfig]), "level", org =>
            Change(row =>
                row with
                {
                    Levels = [new(First(org), AccessLevel.None) { Capabilities = [Capabilities.UpdateConfig] }],
                })),
        ["a group's level"] = (
            Full, "group > level",
            async org =>
                InGroup(await org.CreateGroupAsync(new("G") { Levels = [new(First(org), AccessLevel.Full)] }))),
        ["a group's capability"] = (new(AccessLevel.None, [Capabilities.DeployAll]), "group > level", async org =>
            InGroup(await org.CreateGroupAsync(
                new("G")
                {
                    Levels = [new(First(org), AccessLevel.None) { Capabilities = [Capabilities.DeployAll] }],
                }))),
        ["everyone's level"] = (new(AccessLevel.ReadOnly, []), "everyone > level", async org =>
        {
            await GiveSystemGroupAsync(org, SystemGroup.Everyone, AccessLevel.ReadOnly);
            return row => row;
        }),
        ["a reader of everything"] = (
            new(AccessLevel.ReadOnly, []), "built_in_role",
            _ => Change(row => row with { Role = BuiltInRole.ReadOnly })),
        ["a power user"] = (Full, "built_in_role", _ => Change(row => row with { Role = BuiltInRole.PowerUser })),
        ["an administrator"] = (Full, "built_in_role", _ => Change(row => row with { Role = BuiltInRole.Admin })),
        ["all resources"] = (Full, "all_resources", _ => Change(row => row with { AllResources = true })),
        ["a group with all resources"] = (
            Full, "group > all_resources",
            async org => InGroup(await org.CreateGroupAsync(new("G") { AllResources = true }))),
        ["a group of administrators"] = (
            Full, "group > admin", async org => InGroup(await org.CreateGroupAsync(new("G") { IsAdmin = true }))),
        ["his own and a group's"] = (Full, "level, group > level", async org =>
        {
            var inGroup = InGroup(await org.CreateGroupAsync(
                new("G") { Levels = [new(First(org), AccessLevel.Full)] }));
            return row => inGroup(row) with { Levels = [new(First(org), AccessLevel.ReadOnly)] };
        }),
    };

    public static TheoryData<string> Permissioned => [.. PermissionSources.Keys];

    public static TheoryData<string> Reaching => [.. ReachSources.Keys];

    private static Reach Full =>
        new(AccessLevel.Full, [Capabilities.DeployAll, Capabilities.UpdateConfig, Capabilities.ManageConfigFiles]);

    [Theory]
    [MemberData(nameof(Permissioned))]
    public async Task A_permission_is_told_with_the_grants_that_give_it(string source)
    {
        var org = await app.CreateOrganizationAsync();
        var (steps, way) = PermissionSources[source];
        var (with, without) = (await ActiveAsync(org, await way(org)), await ActiveAsync(org));
        var answers = await AnswersAsync(
            org.Owner, true, new() { Member = Of(with), Permission = Permission },
            new() { Member = Of(without), Permission = Permission });
        Assert.True(answers[0].Allowed);
        Assert.Equal([steps], Told(answers[0].Grants!));

        // Who is of everyone has it too; who has it by nothing is told so, with nothing.
        var all = source is "everyone";
        Assert.Equal(all ? null : AccessDenial.PermissionNotHeld, answers[1].Reason);
        Assert.Equal(all ? [steps] : [], Told(answers[1].Grants!));

        var access = await MemberAccessAsync(org.Owner, with, explain: true);
        Assert.Equal([steps], Told(Assert.Single(access.Permissions, p => p.Name == Permission).Grants!));
    }

    [Theory]
    [MemberData(nameof(Reaching))]
    public async Task How_far_somebody_reaches_is_the_same_asked_from_either_end(string source)
    {
        var org = await app.CreateOrganizationAsync();
        var (reach, steps, way) = ReachSources[source];
        var ada = await ActiveAsync(org, await way(org));
        AccessCheck asked = new() { Member = Of(ada), Resource = First(org) };
        var answers = await AnswersAsync(org.Owner, true, [
            asked, asked with { Level = AccessLevel.ReadOnly }, asked with { Level = AccessLevel.Full },
            .. Capabilities.All.Select(c => asked with { Capability = c }),
        ]);
        Assert.Equal(
            [
                !reach.IsNone, reach.Level >= AccessLevel.ReadOnly, reach.Level is AccessLevel.Full,
                .. Capabilities.All.Select(c => reach.Capabilities.Contains(c)),
            ],
            answers.Select(a => a.Allowed));
        Assert.Equal(steps, string.Join(", ", Told(answers[0].Grants!)));

        var there = (await AudienceAsync(
            org, new(null, 1_000), explain: true)).Members.SingleOrDefault(m => m.Member.Id == ada.Id);
        Assert.Equal(reach, there?.Reach ?? new(AccessLevel.None, []));
        Assert.Equal(steps, string.Join(", ", Told(there?.Grants ?? [])));

        var access = await MemberAccessAsync(org.Owner, ada, explain: true);
        var singly = access.Resources.SingleOrDefault(r => r.Resource.Id == org.Created.Resources[0].Id);
        var everywhere = new Reach(access.Everywhere, access.Everywhere is AccessLevel.Full ? Capabilities.All : []);
        Assert.Equal(reach, singly?.Reach ?? everywhere);
        Assert.Equal(steps, string.Join(", ", Told(singly?.Grants ?? access.EverywhereGrants!)));
    }

    [Fact]
    public async Task Of_several_grants_those_are_told_that_give_a_part_of_what_was_asked()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(
            new("G")
            {
                Permissions = [Permission],
                Levels = [new(First(org), AccessLevel.None) { Capabilities = [Capabilities.DeployAll] }],
            });
        var ada = await ActiveAsync(org, row => InGroup(group)(row) with
        {
            Permissions = [Permission, "ingestion"],
            Levels = [
                new(First(org), AccessLevel.ReadOnly), new(Reference.To(org.Created.Resources[1].Id), AccessLevel.Full),
            ],
        });
        AccessCheck asked = new() { Member = Of(ada), Resource = First(org) };
        var answers = await AnswersAsync(org.Owner, true,
            asked with { Level = AccessLevel.ReadOnly, Capability = Capabilities.DeployAll },
            asked with { Level = AccessLevel.ReadOnly }, asked with { Permission = Permission },
            asked with { Level = AccessLevel.Full, Capability = Capabilities.DeployAll },
            asked with { Capability = Capabilities.UpdateConfig }, asked with { Permission = "log_management" });
        Assert.Equal(
            [
                ["level", "group > level"], ["level"], ["permission", "level", "group > permission", "group > level"],
                [], [], [],
            ],
            answers.Select(a => Told(a.Grants!)));
        Assert.Equal(
            [
                null, null, null, AccessDenial.LevelNotReached, AccessDenial.CapabilityNotHeld,
                AccessDenial.PermissionNotHeld,
            ],
            answers.Select(a => a.Reason));
    }

    [Fact]
    public async Task Nobody_who_is_invited_or_suspended_is_allowed_anything_though_what_he_would_hold_is_shown()
    {
        var org = await app.CreateOrganizationAsync();
        var invited = await org.InviteAsync(
            NewEmail("ida"),
            row => row with { Permissions = [Permission], Levels = [new(First(org), AccessLevel.Full)] },
            sendMail: false);
        var suspended = await ActiveAsync(org, row => row with { Role = BuiltInRole.Admin });
        await org.SetStatusAsync(suspended, MemberStatus.Suspended);
        foreach (var (member, status) in new[] { (invited, MemberStatus.Invited), (suspended, MemberStatus.Suspended) })
        {
            var answers = await AnswersAsync(
                org.Owner, true, new() { Member = Of(member), Permission = Permission },
                new() { Member = Of(member), Resource = First(org) });
            Assert.All(answers, a => Assert.Equal((AccessDenial.MemberNotActive, 0), (a.Reason, a.Grants!.Count)));
            var access = await MemberAccessAsync(org.Owner, member);
            Assert.Equal(status, access.Member.Status);
            Assert.Contains(access.Permissions, p => p.Name == Permission);
            Assert.Equal(
                status,
                Assert.Single(
                    (await AudienceAsync(org, new(null, 10))).Members, m => m.Member.Id == member.Id).Member.Status);
        }
    }

    [Fact]
    public async Task A_check_names_member_and_resource_by_id_or_by_identifier_and_slug_and_answers_come_in_order()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, bob) = (
            await ActiveAsync(org, row => row with { Levels = [new(First(org), AccessLevel.Full)] }),
            await ActiveAsync(org));
        var slug = new Reference(org.Created.Resources[0].Slug, null);
        var answers = await AnswersAsync(org.Owner, false,
            new() { Member = new(Identifier: bob.Identifier), Resource = slug },
            new() { Member = new(Identifier: ada.Identifier), Resource = slug }, new() { Resource = slug },
            new() { Member = Of(ada), Resource = First(org) }, new() { Member = Of(bob), Resource = First(org) });
        Assert.Equal([bob.Id, ada.Id, org.Owner.Id, ada.Id, bob.Id], answers.Select(a => a.Member.Id));
        Assert.Equal([false, true, true, true, false], answers.Select(a => a.Allowed));
        Assert.All(answers, a => Assert.Null(a.Grants));
    }

    [Fact]
    public async Task All_that_is_wrong_with_any_check_is_said_at_once()
    {
        var org = await app.CreateOrganizationAsync();
        var nobody = new MemberKey(Id: Guid.NewGuid());
        var refused = (await CheckAsync(org.Owner, false,
            new() { Permission = "fly" }, new() { Permission = Permission }, new(),
            new() { Permission = Permission, Level = AccessLevel.Full }, new() { Capability = Capabilities.DeployAll },
            new() { Resource = First(org), Level = AccessLevel.None, Capability = "fly" },
            new() { Member = nobody, Resource = new("nowhere", null) },
            new() { Member = new(Identifier: "nobody\0@example.test"), Permission = Permission },
            new() { Resource = new("No slug\0", null) }, new() { Resource = Reference.To(Guid.NewGuid()) })).Error!;
        Assert.Equal(
            [
                ("permission_unknown", "checks/0/permission"), ("nothing_asked", "checks/2"),
                ("resource_missing", "checks/3/resource"), ("resource_missing", "checks/4/resource"),
                ("level_invalid", "checks/5/level"), ("capability_unknown", "checks/5/capability"),
                ("member_not_found", "checks/6/member"), ("resource_not_found", "checks/6/resource"),
                ("member_not_found", "checks/7/member"), ("resource_not_found", "checks/8/resource"),
                ("resource_not_found", "checks/9/resource"),
            ],
            refused.Also.Prepend(refused).Select(e => (e.Code, e.Field)));
        Assert.All(refused.Also.Prepend(refused), e => Assert.Equal(ErrorKind.Invalid, e.Kind));
    }

    [Fact]
    public async Task One_to_a_thousand_checks_are_answered_and_no_more()
    {
        var org = await app.CreateOrganizationAsync();
        AccessCheck one = new() { Permission = Permission };
        Assert.Equal("check_count_invalid", (await CheckAsync(org.Owner, false)).Error?.Code);
        Assert.Equal(
            "check_count_invalid",
            (await CheckAsync(org.Owner, false, [.. Enumerable.Repeat(one, 1_001)])).Error?.Code);
        Assert.Equal(1_000, (await AnswersAsync(org.Owner, false, [.. Enumerable.Repeat(one, 1_000)])).Count);
    }

    [Fact]
    public async Task About_oneself_anybody_may_ask_and_about_others_who_manages_users()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, bob) = (
            await ActiveAsync(org), await ActiveAsync(org, row => row with { Permissions = [Permission] }));
        var (himself, manager) = (
            await org.ActorAsync(bob),
            await org.ActorAsync(await ActiveAsync(
                org, row => row with { Permissions = [Permissions.UserManagement] })));
        foreach (var key in new MemberKey?[] { null, Of(bob), new(Identifier: bob.Identifier) })
            Assert.True(
                Assert.Single(await AnswersAsync(
                    himself, true, new AccessCheck { Member = key, Permission = Permission })).Allowed);
        Assert.Equal([Permission], (await MemberAccessAsync(himself, bob)).Permissions.Select(p => p.Name));

        // One about somebody else refuses the call; whether there is such a one it does not say.
        foreach (var key in new[] { Of(ada), new(Id: Guid.NewGuid()), new(Identifier: "nobody@example.test") })
        {
            Assert.Equal(
                "not_allowed",
                (await CheckAsync(
                    himself, false, new() { Permission = Permission },
                    new() { Member = key, Permission = Permission })).Error?.Code);
            Assert.Equal("not_allowed", (await AskAsync(s => s.OfMemberAsync(himself, key, false, Ct))).Error?.Code);
        }

        Assert.Equal(
            "not_allowed",
            (await AskAsync(s => s.OfResourceAsync(himself, First(org), new(null, 10), false, Ct))).Error?.Code);
        foreach (var actor in new[] { manager, org.System, Actor.Operator(Guid.NewGuid(), "ops", org.Id) })
        {
            Assert.True(
                Assert.Single(await AnswersAsync(
                    actor, false, new AccessCheck { Member = Of(bob), Permission = Permission })).Allowed);
            Assert.Equal(bob.Id, (await MemberAccessAsync(actor, bob)).Member.Id);
            Assert.NotEmpty(
                (await AskAsync(s => s.OfResourceAsync(actor, First(org), new(null, 10), false, Ct))).Value.Members);
        }

        // Who is no member has nothing to ask about himself.
        var missing = (await CheckAsync(org.System, false, new AccessCheck { Permission = Permission })).Error;
        Assert.Equal(("member_missing", "checks/0/member"), (missing?.Code, missing?.Field));
    }

    [Fact]
    public async Task A_resource_that_does_not_exist_is_to_somebody_who_does_not_reach_all_one_he_does_not_reach()
    {
        var org = await app.CreateOrganizationAsync();
        var (actor, reader) = (
            await org.ActorAsync(await ActiveAsync(org)),
            await org.ActorAsync(await ActiveAsync(org, row => row with { Role = BuiltInRole.ReadOnly })));
        AccessCheck[] checks = [
            new() { Resource = new("nowhere", null) }, new() { Resource = Reference.To(Guid.NewGuid()) },
            new() { Resource = First(org) },
        ];
        Assert.All(
            await AnswersAsync(actor, true, checks),
            a => Assert.Equal((AccessDenial.ResourceNotReached, 0), (a.Reason, a.Grants!.Count)));
        Assert.Equal("resource_not_found", (await CheckAsync(reader, true, checks)).Error?.Code);
    }

    [Fact]
    public async Task What_is_another_organizations_is_not_found()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var eve = await ActiveAsync(other, row => row with { Role = BuiltInRole.Admin });
        foreach (var key in new[] { Of(eve), new(Identifier: eve.Identifier), new(Number: eve.Number) })
            Assert.Equal(
                "member_not_found", (await AskAsync(s => s.OfMemberAsync(org.Owner, key, false, Ct))).Error?.Code);
        foreach (var key in new[] { Of(eve), new(Identifier: eve.Identifier) })
            Assert.Equal(
                "member_not_found",
                (await CheckAsync(
                    org.Owner, false, new AccessCheck { Member = key, Permission = Permission })).Error?.Code);
        foreach (var resource in new[] { First(other), new("nowhere", null), new("No slug\0", null) })
        {
            Assert.Equal(
                "resource_not_found",
                (await CheckAsync(org.Owner, false, new AccessCheck { Resource = resource })).Error?.Code);
            Assert.Equal(
                ResourceErrors.NotFound,
                (await AskAsync(s => s.OfResourceAsync(org.Owner, resource, new(null, 10), false, Ct))).Error);
        }

        Assert.Equal([org.Owner.Id], (await AudienceAsync(org, new(null, 10))).Members.Select(m => m.Member.Id));
    }

    [Fact]
    public async Task Somebody_removed_is_not_found_and_reaches_nothing_though_his_levels_are_kept()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await ActiveAsync(org, row => row with { Levels = [new(First(org), AccessLevel.Full)] });
        await org.RemoveAsync(org.Owner, ada.Id);
        Assert.Single((await org.MemberAsync(ada.Identifier)).Levels);
        Assert.Equal(
            "member_not_found",
            (await CheckAsync(
                org.Owner, false, new AccessCheck { Member = Of(ada), Resource = First(org) })).Error?.Code);
        Assert.Equal(
            "member_not_found",
            (await AskAsync(s => s.OfMemberAsync(org.Owner, new(Identifier: ada.Identifier), false, Ct))).Error?.Code);
        Assert.Equal([org.Owner.Id], (await AudienceAsync(org, new(null, 10))).Members.Select(m => m.Member.Id));
    }

    [Fact]
    public async Task An_administrator_holds_the_whole_catalogue_and_whatever_makes_him_one_is_told()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(new("Admins") { IsAdmin = true, Permissions = [Permission] });
        var ada = await ActiveAsync(
            org,
            row =>
                InGroup(group)(row) with
                {
                    Role = BuiltInRole.Admin, Levels = [new(First(org), AccessLevel.ReadOnly)],
                });
        var access = await MemberAccessAsync(org.Owner, ada, explain: true);
        Assert.True(access.IsAdmin);
        Assert.Equal(AccessLevel.Full, access.Everywhere);
        Assert.Equal(Permissions.BuiltIn.Order(StringComparer.Ordinal), access.Permissions.Select(p => p.Name));
        Assert.Equal(["built_in_role", "group > admin"], Told(access.AdminGrants!));
        Assert.Equal(
            ["built_in_role", "group > admin", "group > permission"],
            Told(access.Permissions.Single(p => p.Name == Permission).Grants!));
        Assert.Equal(
            ["built_in_role", "group > admin"], Told(access.Permissions.Single(p => p.Name == "ingestion").Grants!));
        var production = Assert.Single(access.Resources);
        Assert.Equal(
            (org.Created.Resources[0].Id, "Production", "production"),
            (production.Resource.Id, production.Resource.Name, production.Resource.Slug));
        Assert.Equal(Full, production.Reach);
        Assert.Equal(["built_in_role", "group > admin", "level"], Told(production.Grants!));
    }

    [Fact]
    public async Task What_a_member_reaches_is_his_own_and_not_what_others_or_other_groups_do()
    {
        var org = await app.CreateOrganizationAsync();
        var (second, third) = (Reference.To(org.Created.Resources[1].Id), Reference.To(org.Created.Resources[2].Id));
        await org.CreateGroupAsync(new("Default") { IsDefault = true, Levels = [new(third, AccessLevel.Full)] });
        await GiveSystemGroupAsync(org, SystemGroup.ServiceAccounts, AccessLevel.Full);
        var ada = await ActiveAsync(org, row => row with
        {
            Groups = [], Permissions = [Permission, "ingestion"],
            Levels = [
                new(second, AccessLevel.ReadOnly)
                {
                    Capabilities = [Capabilities.UpdateConfig, Capabilities.DeployAll],
                },
                new(third, AccessLevel.None),
            ],
        });
        var access = await MemberAccessAsync(org.Owner, ada);
        Assert.Equal((false, AccessLevel.None), (access.IsAdmin, access.Everywhere));
        Assert.Equal(["ingestion", Permission], access.Permissions.Select(p => p.Name));
        var only = Assert.Single(access.Resources);
        Assert.Equal((second.Id, AccessLevel.ReadOnly), (only.Resource.Id, only.Reach.Level));
        Assert.Equal([Capabilities.DeployAll, Capabilities.UpdateConfig], only.Reach.Capabilities);

        // What he reaches as he reaches everything is none of these.
        var reader = await MemberAccessAsync(
            org.Owner,
            await ActiveAsync(
                org,
                row => row with { Role = BuiltInRole.ReadOnly, Groups = [], Levels = [new(third, AccessLevel.None)] }));
        Assert.Equal((AccessLevel.ReadOnly, 0), (reader.Everywhere, reader.Resources.Count));
        Assert.True(
            access is { AdminGrants: null, EverywhereGrants: null } && only.Grants is null
                && access.Permissions.All(p => p.Grants is null));
    }

    // Of everybody the database is asked in SQL, and the graph by its own rule.
    [Fact]
    public async Task Who_reaches_a_resource_are_those_whose_effective_reach_is_not_none_page_by_page()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        foreach (var source in ReachSources.Where(s => s.Key is not "everyone's level"))
        {
            // Groups of the same name belong to different sources.
            var give = await source.Value.Way(org);
            var ada = await ActiveAsync(org, give);
            if (await app.QueryAsync(db => db.Groups.AnyAsync(g => g.OrganizationId == org.Id && g.NameKey == "g", Ct)))
                await app.ChangeAsync(async db =>
                {
                    var its = await db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.NameKey == "g", Ct);
                    its.NameKey += its.Id;
                });
            if (source.Value.Reach.IsNone) await org.SetStatusAsync(ada, MemberStatus.Suspended);
        }

        await org.ServiceAccountAsync("robot");
        await org.ServiceAccountAsync("reader", BuiltInRole.ReadOnly);
        await ActiveAsync(other, row => row with { Role = BuiltInRole.Admin });
        var members = await AssertAgreesAsync();
        Assert.True(members is > 5 and < 16, $"{members} of them reach it: too many, or too few, to tell anything.");

        // Then all persons, then all service accounts too.
        await GiveSystemGroupAsync(org, SystemGroup.Everyone, AccessLevel.ReadOnly);
        Assert.Equal((await org.MembersAsync()).Count - 1, await AssertAgreesAsync());
        await GiveSystemGroupAsync(org, SystemGroup.ServiceAccounts, AccessLevel.None, Capabilities.DeployAll);
        Assert.Equal((await org.MembersAsync()).Count, await AssertAgreesAsync());

        async Task<int> AssertAgreesAsync()
        {
            var resource = org.Created.Resources[0].Id;
            Guid[] all = [.. (await org.MembersAsync()).Select(m => m.Id)];
            var graph = (await app.QueryAsync(db => AccessGraph.ReadAsync(db, new(org.Id) { MemberIds = all }, Ct)))!;
            Guid[] expected = [.. all.Where(id => graph.Of(graph.Member(id)!).Reaches(resource))];
            foreach (var limit in new[] { 1, 3, expected.Length, 1_000 })
            {
                List<ReachingMember> listed = [];
                AccessPage? page = new(null, limit);
                while (page is not null)
                {
                    var audience = await AudienceAsync(org, page);
                    Assert.InRange(audience.Members.Count, 1, limit);
                    listed.AddRange(audience.Members);
                    page = audience.Next is { } next ? new(next, limit) : null;
                }

                Assert.Equal(expected, listed.Select(m => m.Member.Id));
                Assert.All(
                    listed,
                    m => Assert.Equal(graph.Of(graph.Member(m.Member.Id)!).ReachOf(resource).Spelled(), m.Reach));
            }

            return expected.Length;
        }
    }

    [Fact]
    public async Task A_page_has_one_to_a_thousand_members()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var limit in new[] { -1, 0, 1_001 })
            Assert.Equal(
                "limit_invalid",
                (await AskAsync(s =>
                    s.OfResourceAsync(org.Owner, First(org), new(null, limit), false, Ct))).Error?.Code);
        var beyond = await AudienceAsync(org, new(org.Owner.Id, 1));
        Assert.Equal((0, null), (beyond.Members.Count, beyond.Next));
        Assert.Null((await AudienceAsync(org, new(null, 1))).Next); // exactly as many as there are
    }

    [Fact]
    public async Task A_grant_names_who_gave_it_whatever_became_of_him()
    {
        var org = await app.CreateOrganizationAsync();
        var leaving = await ActiveAsync(
            org, row => row with { Role = BuiltInRole.Admin, FirstName = "Lea", LastName = "Leaving" });
        var nameless = await ActiveAsync(
            org, row => row with { Role = BuiltInRole.Admin, FirstName = "", LastName = "" });
        var key = new ApiKey
        {
            Hash = Guid.NewGuid().ToByteArray(), Id = Guid.NewGuid(), Hint = "usk_aaaa", Name = "The hosting team",
            CreatedAt = quiet.Clock.GetUtcNow(),
        };
        await app.ChangeAsync(db =>
        {
            db.Add(key);
            return Task.CompletedTask;
        });
        var foreign = (await app.CreateOrganizationAsync()).Owner; // whose id is nobody's here
        var group = await org.CreateGroupAsync(new("G") { Permissions = ["ingestion"] });
        var ada = await ActiveAsync(org);
        (Actor By, string Permission, string? Name)[] given =
        [
            (org.Owner, "alerts_management", "Olivia Owner"),
            (await org.ActorAsync(leaving), "log_management", "Lea Leaving"),
            (await org.ActorAsync(nameless), "dashboard_management", nameless.Identifier),
            (org.System, "events_management", "Usher"),
            (Actor.Operator(key.Id, "as it was called then", org.Id), "embedded_charts", "The hosting team"),
            (Actor.Operator(Guid.NewGuid(), "gone", org.Id), "host_tag_management", null),
            (Actor.Operator(foreign.Id, "of another organization", org.Id), "saml_sso_management", null),
        ];
        foreach (var (by, permission, _) in given)
            Assert.Null((await org.UpdateAsync(by, ada.Id, new() { Permissions = SetChange.Add(permission) })).Error);
        Assert.Null(
            (await org.UpdateAsync(org.Owner, ada.Id, new() { Groups = SetChange.Add(Reference.To(group.Id)) })).Error);
        await org.RemoveAsync(org.Owner, leaving.Id);

        var now = quiet.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var answers = await AnswersAsync(
            org.Owner, true, [.. given.Select(g => new AccessCheck { Member = Of(ada), Permission = g.Permission })]);
        foreach (var ((by, permission, name), answer) in given.Zip(answers))
        {
            var step = Assert.Single(Assert.Single(answer.Grants!).Steps);
            Assert.Equal(
                (permission, by.Id, name, now),
                (
                    step.SubjectName, step.Granted!.By, step.Granted.Name,
                    step.Granted.At!.Value.ToUnixTimeMilliseconds()));
        }

        var path = Assert.Single(
            Assert.Single(await AnswersAsync(
                org.Owner, true, new AccessCheck { Member = Of(ada), Permission = "ingestion" })).Grants!);
        Assert.Equal(
            [("G", "Olivia Owner"), ("ingestion", "Usher")], path.Steps.Select(s => (s.SubjectName, s.Granted?.Name)));
        Assert.Equal(group.Id, path.Steps[0].SubjectId);
        Assert.Equal(
            given.Select(g => g.Name).Append("Usher").Order(),
            (await MemberAccessAsync(
                org.Owner, ada, explain: true)).Permissions.Select(p => p.Grants![0].Steps[^1].Granted!.Name).Order());
    }

    [Fact]
    public async Task Every_question_costs_the_members_the_levels_with_their_resources_and_the_granters_names()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(new("G") { Levels = [new(First(org), AccessLevel.Full)] });
        Member[] members = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            ActiveAsync(org, row => InGroup(group)(row) with { Permissions = [Permission] })));
        AccessCheck[] checks =
        [
            .. Enumerable.Range(0, 1_000).Select(i => new AccessCheck
            {
                Member = i % 2 is 0
                    ? Of(members[i % 8])
                    : new(Identifier: members[i % 8].Identifier), Permission = Permission,
                Resource = i % 3 is 0 ? First(org) : new(org.Created.Resources[i % 3].Slug, null),
            }),
        ];
        // the node reads the organization's definitions
        await ReadsAsync(s => s.CheckAsync(org.Owner, checks, false, Ct));
        Assert.Equal(2, await ReadsAsync(s => s.CheckAsync(org.Owner, checks, false, Ct)));
        Assert.Equal(2, await ReadsAsync(s => s.CheckAsync(org.Owner, checks, true, Ct))); // Usher gave it all
        Assert.Equal(2, await ReadsAsync(s => s.OfMemberAsync(org.Owner, Of(members[0]), false, Ct)));
        // The resource, the stamp, which groups reach it, the members, the levels of their groups.
        Assert.Equal(5, await ReadsAsync(s => s.OfResourceAsync(org.Owner, First(org), new(null, 5), false, Ct)));

        foreach (var member in members)
            Assert.Null(
                (await org.UpdateAsync(
                    org.Owner, member.Id, new() { Permissions = SetChange.Add("ingestion") })).Error);
        Assert.Equal(3, await ReadsAsync(s => s.CheckAsync(org.Owner, checks, true, Ct)));
        Assert.Equal(3, await ReadsAsync(s => s.OfMemberAsync(org.Owner, Of(members[0]), true, Ct)));
        Assert.Equal(
            6, await ReadsAsync(s => s.OfResourceAsync(org.Owner, First(org), new(members[0].Id, 5), true, Ct)));
    }

    private async Task<int> ReadsAsync<T>(Func<AccessService, Task<Result<T>>> ask)
    {
        app.Commands.Total.Take();
        Assert.Null((await AskAsync(ask)).Error);
        Assert.Equal(0, app.Commands.Total.Commits);
        return app.Commands.Total.Take().Count;
    }

    private Task<Result<T>> AskAsync<T>(Func<AccessService, Task<Result<T>>> ask) => app.WithAsync(ask);

    private Task<Result<IReadOnlyList<AccessAnswer>>> CheckAsync(
        Actor actor, bool explain, params AccessCheck[] checks) =>
        AskAsync(s => s.CheckAsync(actor, checks, explain, Ct));

    private async Task<IReadOnlyList<AccessAnswer>> AnswersAsync(
        Actor actor, bool explain, params AccessCheck[] checks) =>
        (await CheckAsync(actor, explain, checks)).Value;

    private async Task<MemberAccess> MemberAccessAsync(Actor actor, Member member, bool explain = false) =>
        (await AskAsync(s => s.OfMemberAsync(actor, Of(member), explain, Ct))).Value;

    private async Task<ResourceAudience> AudienceAsync(TestOrganization org, AccessPage page, bool explain = false) =>
        (await AskAsync(s => s.OfResourceAsync(org.Owner, First(org), page, explain, Ct))).Value;

    private static async Task<Member> ActiveAsync(
        TestOrganization org, Func<NewInvitation, NewInvitation>? change = null)
    {
        var member = await org.InviteAsync(NewEmail("ada"), change, sendMail: false);
        await org.SetStatusAsync(member, MemberStatus.Active);
        return member;
    }

    private static async Task GiveSystemGroupAsync(
        TestOrganization org, SystemGroup kind, AccessLevel level, params string[] capabilities)
    {
        var group = await org.SystemGroupAsync(kind);
        Assert.Null(
            (await org.UpdateGroupAsync(
                org.System, group.Id,
                new() { Levels = [new(First(org), level) { Capabilities = capabilities }] })).Error);
    }

    private static string[] Told(IEnumerable<AccessPath> paths) =>
        [.. paths.Select(p => string.Join(" > ", p.Steps.Select(s => SnakeCaseName.Of(s.Kind.ToString()))))];

    private static MemberKey Of(Member member) => new(Id: member.Id);

    private static Reference First(TestOrganization org) => Reference.To(org.Created.Resources[0].Id);

    private static Task<Func<NewInvitation, NewInvitation>> Change(Func<NewInvitation, NewInvitation> change) =>
        Task.FromResult(change);

    private static Func<NewInvitation, NewInvitation> InGroup(Group group) =>
        row => row with { Groups = [Reference.To(group.Id)] };
}
