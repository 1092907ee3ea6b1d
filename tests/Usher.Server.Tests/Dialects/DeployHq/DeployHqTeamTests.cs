using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Dialects.DeployHq.Answers;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>Teams: what they look like, what they give, and when they take it away.</summary>
public sealed class DeployHqTeamTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_team_is_shown_with_its_members_and_assignments()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.InviteAsync("noor@acme.test", sendMail: false);
        var answer = await org.Admin.PostTeamAsync($$"""
            { "name": " Release crew ", "can_create_projects": "1", "user_ids": ["{{noor.Number}}", {{noor.Number}}],
              "project_assignments": [{ "identifier": "staging", "can_deploy_all": 1 },
                { "identifier": "{{org.Created.Resources[0].Id}}", "can_deploy_all": true, "can_update_config": true,
                  "can_manage_config_files": true }, { "identifier": "sandbox" }] }
            """);
        var id = (await answer.JsonAsync()).TextAt("identifier");
        var shown = $$"""
            { "identifier": "{{id}}", "name": "Release crew", "is_admin": false, "can_manage_users": false,
              "can_manage_billing": false, "can_manage_agents": false,
              "can_create_projects": true, "all_projects_allowed": false,
              "members": [{ "id": {{noor.Number}}, "identifier": "{{noor.Id}}", "first_name": "Ada",
                "last_name": "Lovelace", "email_address": "noor@acme.test" }],
              "project_assignments": [
                { "name": "Production", "identifier": "production", "can_deploy_all": true, "can_update_config": true,
                  "can_manage_config_files": true },
                { "name": "Sandbox", "identifier": "sandbox", "can_deploy_all": false, "can_update_config": false,
                  "can_manage_config_files": false },
                { "name": "Staging", "identifier": "staging", "can_deploy_all": true, "can_update_config": false,
                  "can_manage_config_files": false }] }
            """;
        await answer.AssertAsync(201, shown);
        await org.Admin.GetAsync($"/teams/{id}.json", Ct).AssertAsync(200, shown);
        await org.Admin.GetAsync("/teams/", Ct).AssertAsync(200, $"[{shown}]"); // and not the system's own groups
    }

    [Fact]
    public async Task Only_what_is_there_changes()
    {
        var org = await app.CreateOrganizationAsync();
        var (noor, ilya) = (
            await org.InviteAsync("noor@acme.test", sendMail: false),
            await org.InviteAsync("ilya@acme.test", sendMail: false));
        var team = await org.GroupAsync(
            new("Crew")
            {
                Permissions = [Permissions.BillingManagement, "ingestion"], Members = [new(Id: noor.Id)],
                Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.Full)],
            });

        var changed = await org.Admin.PutTeamAsync(
            team.Id, """{ "name": "Second crew", "can_manage_users": true, "can_manage_billing": false }""").OkAsync();
        Assert.Equal(
            ("Second crew", 1, 1),
            (
                changed.TextAt("name"), changed.At("members").GetArrayLength(),
                changed.At("project_assignments").GetArrayLength()));
        Assert.Equal(["can_manage_users"], changed.TrueFlags());
        Assert.Equal(["ingestion", "user_management"], await PermissionsAsync(org, team.Id));

        changed = await org.Admin.AskAsync(
            "PATCH", $"/teams/{team.Id}", $$"""{ "team": { "user_ids": [{{ilya.Number}}] } }""").OkAsync();
        Assert.Equal([ilya.Number], changed.At("members").EnumerateArray().Select(m => m.At("id").GetInt64()));
        changed = await org.Admin.PutTeamAsync(
            team.Id, """{ "user_ids": [] }""", ""","project_assignments": [{ "identifier": "sandbox" }]""").OkAsync();
        Assert.Equal(
            (0, "sandbox"),
            (changed.At("members").GetArrayLength(), changed.TextAt("project_assignments/0/identifier")));
    }

    [Fact]
    public async Task An_administrators_team_shows_every_flag_and_gives_all()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        var team = await org.Admin.PostTeamAsync($$"""
            { "name": "Admins", "is_admin": true, "can_manage_users": false, "user_ids": [{{noor.Member.Number}}] }
            """).OkAsync(201);
        Assert.Equal(
            [
                "is_admin", "can_manage_users", "can_manage_billing", "can_manage_agents", "can_create_projects",
                "all_projects_allowed",
            ],
            team.TrueFlags());
        await noor.Client.PutUserAsync(noor.Member.Id, """{ "can_manage_agents": true }""").OkAsync();

        var less = await org.Admin.PutTeamAsync(team.TextAt("identifier")!, """{ "is_admin": false }""").OkAsync();
        Assert.Empty(less.TrueFlags());
        await noor.Client.GetAsync("/users", Ct).AssertAsync(403, Forbidden());
    }

    [Fact]
    public async Task Flags_give_their_members_rights_at_once_and_deleting_takes_them()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test");
        await noor.Client.GetAsync("/teams", Ct).AssertAsync(403, Forbidden());
        var id = (await org.Admin.PostTeamAsync($$"""
            { "name": "Crew", "can_manage_users": true, "user_ids": [{{noor.Member.Number}}],
            "project_assignments": [{ "identifier": "staging" }] }
            """)
            .OkAsync(201)).TextAt("identifier");
        await noor.Client.GetAsync("/teams", Ct).OkAsync();
        Assert.Equal(["staging"], await noor.Client.ProjectsAsync());

        await org.Admin.AskAsync("DELETE", $"/teams/{id}", "no JSON at all")
            .AssertAsync(200, """{ "status": "deleted" }""");
        await noor.Client.GetAsync("/teams", Ct).AssertAsync(403, Forbidden());
        Assert.Empty(await noor.Client.ProjectsAsync());
        await org.Admin.DeleteAsync($"/teams/{id}", Ct).AssertAsync(404, NotFound);
        await org.Admin.GetAsync($"/users/{noor.Member.Id}", Ct).OkAsync();
    }

    [Fact]
    public async Task All_projects_take_the_place_of_single_ones_only_when_newly_given()
    {
        var org = await app.CreateOrganizationAsync();
        var id = (await org.Admin.PostTeamAsync("""
            { "name": "Crew", "project_assignments": [{ "identifier": "staging" }] }
            """).OkAsync(201)).TextAt("identifier")!;
        Assert.Equal(
            1,
            (await org.Admin.PutTeamAsync(id, """{ "all_projects_allowed": false }""").OkAsync())
                .At("project_assignments").GetArrayLength());
        Assert.Equal(
            0,
            (await org.Admin.PutTeamAsync(id, """{ "all_projects_allowed": true }""").OkAsync())
                .At("project_assignments").GetArrayLength());
        Assert.Equal(
            0,
            (await org.Admin.PutTeamAsync(id, """{ "all_projects_allowed": false }""").OkAsync())
                .At("project_assignments").GetArrayLength());
    }

    [Fact]
    public async Task A_user_manager_gives_a_team_what_he_holds_and_no_more()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@acme.test",
            r => r with { Permissions = [Permissions.UserManagement, Permissions.ResourceCreation] });
        foreach (var more in new[]
            {
                """ "is_admin": true """, """ "can_manage_billing": true """, """ "all_projects_allowed": true """,
                """ "project_assignments": [{ "identifier": "staging" }] """,
            })
            await manager.Client.PostTeamAsync($$"""{ "name": "Crew", {{more}} }""").AssertAsync(403, AdminsOnly);
        await manager.Client.PostTeamAsync("""{ "name": "Crew", "can_create_projects": true }""").OkAsync(201);

        var admins = await org.GroupAsync(new("Admins") { IsAdmin = true });
        await manager.Client.PutTeamAsync(admins.Id, $$"""{ "user_ids": [{{manager.Member.Number}}] }""")
            .AssertAsync(403, AdminsOnly);
        await manager.Client.DeleteAsync($"/teams/{admins.Id}", Ct).AssertAsync(403, AdminsOnly);
        Assert.Equal(2, (await manager.Client.GetAsync("/teams", Ct).OkAsync()).GetArrayLength());
    }

    [Theory]
    [InlineData("{}", "name", "can't be blank")]
    [InlineData("""{ "name": " " }""", "name", "can't be blank")]
    [InlineData("""{ "name": 7 }""", "name", "is invalid")]
    [InlineData("""{ "name": "a\u0000b" }""", "name", "is invalid")]
    [InlineData("""{ "name": "CREW" }""", "name", "has already been taken")]
    [InlineData("""{ "name": "x", "is_admin": null }""", "is_admin", "is not included in the list")]
    [InlineData(
        """{ "name": "x", "can_manage_users": "perhaps" }""", "can_manage_users", "is not included in the list")]
    [InlineData("""{ "name": "x", "user_ids": null }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": "1,2" }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": [1.5] }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": [null] }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": [-1] }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": [99999999999999999999999] }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": ["\ud800"] }""", "user_ids", "is invalid")]
    [InlineData("""{ "name": "x", "user_ids": [0] }""", "user_ids", "is invalid")]
    [InlineData(
        """{ "name": "x", "project_assignments": [{ "identifier": "nowhere" }] }""", "project_assignments",
        "is invalid")]
    public async Task What_cannot_be_accepted_is_told_by_field(string team, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        await org.GroupAsync(new("Crew"));
        await org.Admin.PostTeamAsync(team).AssertAsync(422, Fault(field, text));
        await org.Admin.PostTextAsync("/teams", team).AssertAsync(400, WrapperMissing("team"));
        Assert.Equal(1, (await org.Admin.GetAsync("/teams", Ct).OkAsync()).GetArrayLength());
    }

    [Fact]
    public async Task Ten_thousand_user_ids_are_refused_with_the_limit()
    {
        var org = await app.CreateOrganizationAsync();
        var team = await org.GroupAsync(new("Crew"));
        await org.Admin.PutTeamAsync(team.Id, $$"""
            { "name": "Changed", "user_ids": [{{string.Join(',', Enumerable.Range(1, 10_000))}}] }
            """).AssertAsync(422, Fault("user_ids", "is too long (maximum is 1000)"));
        Assert.Equal("Crew", (await org.Admin.GetAsync($"/teams/{team.Id}", Ct).OkAsync()).TextAt("name"));
    }

    [Fact]
    public async Task Foreign_teams_the_systems_groups_and_anything_else_are_no_records()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var theirs = await other.GroupAsync(new("Theirs"));
        var stranger = await other.InviteAsync("stranger@acme.test", sendMail: false);
        foreach (var id in new[]
            {
                $"{theirs.Id}", $"{await org.EveryoneAsync()}", $"{Guid.NewGuid()}", "1", "crew",
                theirs.Id.ToString("N"),
            })
        {
            await org.Admin.GetAsync($"/teams/{id}", Ct).AssertAsync(404, NotFound);
            await org.Admin.PutTeamAsync(id, """{ "name": "Mine" }""").AssertAsync(404, NotFound);
            await org.Admin.DeleteAsync($"/teams/{id}", Ct).AssertAsync(404, NotFound);
        }

        await org.Admin.PostTeamAsync($$"""{ "name": "Crew", "user_ids": [{{stranger.Number}}] }""")
            .AssertAsync(422, Fault("user_ids", "is invalid"));
        await org.Admin.PostTeamAsync($$"""
            { "name": "Crew", "project_assignments": [{ "identifier": "{{other.Created.Resources[0].Id}}" }] }
            """).AssertAsync(422, Fault("project_assignments", "is invalid"));
        Assert.Equal("Theirs", (await other.Admin.GetAsync($"/teams/{theirs.Id}", Ct).OkAsync()).TextAt("name"));
    }

    [Fact]
    public async Task Thousands_of_members_are_streamed_to_the_teams_they_are_in()
    {
        const int Count = 3_000;
        var org = await app.CreateOrganizationAsync();
        Group[] teams = [
            await org.GroupAsync(new("First")), await org.GroupAsync(new("Nobody")), await org.GroupAsync(new("Some")),
            await org.GroupAsync(new("Last")),
        ];
        var members = await FillAsync(
            org, Count, i => [teams[0], .. i % 7 is 0 ? [teams[2]] : Array.Empty<Group>(), teams[3]]);

        using var answer = await org.Admin.GetAsync("/teams", HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.True(answer.Headers.TransferEncodingChunked, "streamed, not collected");
        var shown = (await Task.FromResult(answer).OkAsync()).EnumerateArray()
            .ToDictionary(
                t => t.TextAt("name")!,
                t => t.At("members").EnumerateArray().Select(m => m.At("id").GetInt64()).ToArray());
        Assert.Equal(members.Select(m => m.Number), shown["First"]);
        Assert.Empty(shown["Nobody"]);
        Assert.Equal(members.Where((_, i) => i % 7 is 0).Select(m => m.Number), shown["Some"]);
        Assert.Equal(members.Select(m => m.Number), shown["Last"]);
    }

    private Task<string[]> PermissionsAsync(TestOrganization org, Guid team) =>
        app.WithAsync<GroupService, string[]>(async s =>
        [.. (await s.GetAsync(org.System, team, new(), Ct)).Value.Group.Permissions.Order(StringComparer.Ordinal)]);

    private async Task<List<Member>> FillAsync(TestOrganization org, int count, Func<int, Group[]> groups)
    {
        var now = TimeProvider.System.Now();
        List<Member> members = [];
        for (var i = 0; i < count; i++)
        {
            var first = i % NumberBlock.Size is 0
                ? await app.WithAsync<MemberNumbers, long>(numbers => numbers.TakeAsync(NumberBlock.Size, Ct).AsTask())
                : members[^1].Number + 1;
            var member = new Member
            {
                OrganizationId = org.Id, Id = Uuid.Create(now), Number = first, Identifier = $"m{i}@example.test",
                Email = $"m{i}@example.test", FirstName = "Ada",
                Kind = MemberKind.Person, Status = MemberStatus.Active, CreatedAt = now,
            };
            member.Give(BuiltInRole.User, org.System, now);
            foreach (var group in groups(i)) member.Give(group, org.System, now);
            members.Add(member);
        }

        await app.WriteAsync(unit => { unit.AddRange(members); return Task.FromResult(true); }, Ct);
        return [.. members.OrderBy(m => m.Id)];
    }
}
