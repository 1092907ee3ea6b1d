using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests;

/// <summary>
/// What a request may cost: one read to find out who calls, one read for the operation, one write. On PostgreSQL a
/// write is one batch; on SQLite, where a statement costs no round trip, the commits count.
/// </summary>
public sealed class RoundTripTests
{
    // Without its workers: every statement is then a request's.
    private static Task<UsherApp> StartAsync() => UsherApp.StartAsync([], workers: false);

    // A node reads an organization's groups and roles with the first request, and again only after they changed.
    private static async Task<TestOrganization> CreateWarmAsync(UsherApp app)
    {
        var org = await app.CreateOrganizationAsync();
        await WarmAsync(org);
        return org;
    }

    private static async Task WarmAsync(TestOrganization org) =>
        (await org.Admin.GetAsync("/v1/users/whoami", TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();

    [Fact]
    public async Task Who_calls_and_what_he_may_costs_one_read()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var cost = await CostAsync(
            app, () => org.Admin.GetAsync("/users/no-id", TestContext.Current.CancellationToken),
            HttpStatusCode.NotFound);
        Assert.True((cost.Reads, cost.Writes, cost.Commits) is (1, 0, 0), $"{cost}");
    }

    [Fact]
    public async Task A_read_costs_the_caller_and_one_read_or_two()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var member = await org.InviteAsync("ada@example.test", sendMail: false);
        var (id, shortId) = (member.Id, Json.ShortId.Of(member.Id));
        string[] one =
        [
            "/v1/users", "/v1/users/whoami", "/v1/api-keys", "/v1/accounts", $"/v1/accounts/{org.Accounts[0]}",
            "/api/v2/account", "/api/v2/account/ada@example.test", "/api/v2/account/ada@example.test/businessFunctions",
            "/api/v2/apitoken", "/users", $"/users/{id}", $"/users/{member.Number}", "/projects", "/projects/staging",
            "/account",
        ];
        // What is shown needs a second: all resources, or how many members each group has.
        string[] two =
        [
            $"/v1/users/{shortId}", "/api/v2/user", "/api/v2/user/ada@example.test",
            "/api/v2/user/ada@example.test/businessFunctions",
            "/api/v2/account/user", "/api/v2/account/user/admin", "/api/v2/account/user/ada@example.test",
        ];
        foreach (var path in one.Concat(two))
        {
            var cost = await CostAsync(
                app, () => org.Admin.GetAsync(path, TestContext.Current.CancellationToken), HttpStatusCode.OK);
            var reads = two.Contains(path) ? 3 : 2;
            Assert.True((cost.Reads, cost.Writes, cost.Commits) == (reads, 0, 0), $"{path}: {cost}");
        }
    }

    [Fact]
    public async Task An_invite_costs_the_caller_one_read_or_two_and_one_commit()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var role = "{{\"data\":{{\"attributes\":{{\"firstName\":\"A\",\"lastName\":\"B\",\"role\":\"USER\","
            + "\"email\":\"{0}\",\"accessList\":[{{\"account\":\"" + org.Accounts[0] + "\",\"level\":\"FULL\"}}]}}}}}}";
        string Conformity(string email) =>
            string.Format(System.Globalization.CultureInfo.InvariantCulture, role, email);
        // Resources that are named, and how many members each group has, need a read of their own.
        (string What, string Path, string Body, HttpStatusCode Status)[] invites =
        [
            ("Conformity, new", "/v1/users", Conformity("c@example.test"), HttpStatusCode.OK),
            ("Conformity, pending", "/v1/users", Conformity("c@example.test"), HttpStatusCode.OK),
            (
                "Wavefront", "/api/v2/user/invite",
                """[{"emailAddress":"w@example.test","groups":["ingestion"],"userGroups":[]}]""", HttpStatusCode.OK),
            (
                "DeployHQ", "/users",
                """{"user":{"first_name":"D","email_address":"d@example.test","can_manage_users":true}}""",
                HttpStatusCode.Created),
        ];
        foreach (var (what, path, body, status) in invites)
            await AssertInviteAsync(
                what, () => org.Admin.PostTextAsync(path, body), status, what is "DeployHQ" ? 2 : 3);

        var removed = await org.MemberAsync("c@example.test");
        await app.WithAsync<MemberService, Result<Member>>(s =>
            s.RemoveAsync(org.System, removed.Id, TestContext.Current.CancellationToken));
        await AssertInviteAsync(
            "Conformity, removed", () => org.Admin.PostTextAsync("/v1/users", Conformity("c@example.test")),
            HttpStatusCode.OK, 3);

        async Task AssertInviteAsync(
            string what, Func<Task<HttpResponseMessage>> call, HttpStatusCode status, int reads)
        {
            var cost = await CostAsync(app, call, status);
            Assert.True((cost.Reads, cost.Commits) == (reads, 1), $"{what}: {cost}");
            if (TestDatabase.IsPostgres) Assert.True(cost.Writes is 1, $"{what}: {cost}");
        }
    }

    [Fact]
    public async Task A_change_of_one_account_or_of_many_in_Wavefronts_way_costs_the_caller_two_reads_and_one_commit()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        foreach (var name in new[] { "ada", "bob" }) await org.InviteAsync(name + "@example.test", sendMail: false);
        var group = await org.GroupAsync(new("Ops"));
        await WarmAsync(org);
        (string Method, string Path, string Body)[] changes =
        [
            ("PUT", "user/ada@example.test", """{ "groups": ["ingestion"], "ssoId": "ada" }"""),
            ("POST", "account/ada@example.test/grant/log_management", "null"),
            ("POST", "user/ada@example.test/addUserGroups", $"[\"{group.Id}\"]"),
            (
                "POST", "user/grant/alerts_management",
                """["ada@example.test", "bob@example.test", "nobody@example.test"]"""),
        ];
        foreach (var (method, path, body) in changes)
        {
            var expected = body.Contains("nobody", StringComparison.Ordinal)
                ? HttpStatusCode.Accepted
                : HttpStatusCode.OK;
            var cost = await CostAsync(
                app,
                () =>
                    org.Admin.SendAsync(
                        new(new(method), "/api/v2/" + path)
                        {
                            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
                        }),
                expected);
            // The caller, the members, and how many members each of their groups has.
            Assert.True(cost is { Reads: 3, Commits: 1 }, $"{path}: {cost}");
        }
    }

    [Fact]
    public async Task A_change_in_DeployHQs_words_costs_the_caller_one_read_and_one_commit()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var member = await org.InviteAsync("ada@example.test", sendMail: false);
        foreach (var user in new[]
            {
                """{"first_name":"Mara","can_create_projects":true}""",
                """{"all_projects_allowed":true,"can_manage_agents":true}""",
            })
        {
            using var body = new StringContent(
                $$"""{"user":{{user}}}""", System.Text.Encoding.UTF8, "application/json");
            var cost = await CostAsync(
                app, () => org.Admin.PutAsync($"/users/{member.Id}", body, TestContext.Current.CancellationToken),
                HttpStatusCode.OK);
            Assert.True((cost.Reads, cost.Commits) is (2, 1), $"{user}: {cost}");
        }
    }

    [Fact]
    public async Task Accepting_costs_a_known_person_four_reads_a_new_one_four_and_either_one_commit()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var ada = await (await CreateWarmAsync(app)).JoinedAsync("ada@example.test");
        var (_, known) = await org.GuestAsync("ada@example.test");
        var (_, @new) = await org.GuestAsync("bob@example.test");
        await AssertAsync(
            "session, invitation, accounts, access",
            () => app.GuestAsync(known, "accept", session: ada.Joined.Session!.Secret));
        await AssertAsync(
            "invitation before the hash and after, accounts, access",
            () =>
                app.GuestAsync(
                    @new, "accept",
                    new { code = @new.Secret, firstName = "Bob", password = TestOrganization.Password }));

        async Task AssertAsync(string read, Func<Task<HttpResponseMessage>> call)
        {
            var cost = await CostAsync(app, call, HttpStatusCode.OK);
            Assert.True((cost.Reads, cost.Commits) is (4, 1), $"{read}: {cost}");
            if (TestDatabase.IsPostgres) Assert.True(cost.Writes is 1, $"{read}: {cost}");
        }
    }

    [Fact]
    public async Task A_thousand_invites_in_one_call_cost_two_reads_and_one_commit()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        var body = $"[{string.Join(',', Enumerable.Range(0, 1000).Select(i => $$"""
            {"emailAddress":"bulk{{i}}@example.test","groups":[]}
            """))}]";
        var cost = await CostAsync(app, () => org.Admin.PostTextAsync("/api/v2/user/invite", body), HttpStatusCode.OK);
        // The other commit, where there is one, reserves a block of numbers.
        Assert.True(cost is { Reads: <= 3, Commits: 1 or 2 }, $"{cost}");
        if (TestDatabase.IsPostgres) Assert.True(cost.Writes <= 10, $"{cost}");
        Assert.Equal(
            1000,
            await app.QueryAsync(db =>
                db.OutboxMessages.CountAsync(m => m.OrganizationId == org.Id, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task All_that_an_invite_adds_is_one_batch_and_so_is_all_that_a_part_of_an_import_adds()
    {
        await using var app = await StartAsync();
        var org = await CreateWarmAsync(app);
        await org.InviteAsync("first@example.test");
        app.Commands.Total.Take();
        await org.InviteAsync("ada@example.test");
        // The member, the invitation, the event, the mail.
        Assert.Equal([4], app.Commands.Total.Batches);

        var job = await org.ImportAsync("email", Enumerable.Range(0, 500).Select(i => $"p{i}@example.test"));
        var claimed = (await app.ClaimAsync())!;
        app.Commands.Total.Take();
        Assert.True(await app.RunAsync(claimed));
        Assert.Contains(app.Commands.Total.Batches, rows => rows >= 500 * 4);
        var updates = app.Commands.Total.Take().Count(c =>
            c.Contains("UPDATE", StringComparison.Ordinal) && !c.Contains("number_blocks", StringComparison.Ordinal));
        Assert.Equal(0, updates); // the job and its part are in that batch
        Assert.Equal(500, (await org.JobAsync(job)).Counts["invited"]);
    }

    // Members' numbers come in blocks of a thousand, which are reserved apart.
    private static async Task<Cost> CostAsync(
        UsherApp app, Func<Task<HttpResponseMessage>> call, HttpStatusCode expected)
    {
        app.Commands.Total.Take();
        using var answer = await call();
        Assert.Equal(expected, answer.StatusCode);
        await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var commits = app.Commands.Total.Commits;
        List<string> own = [
            .. app.Commands.Total.Take().Where(c => !c.Contains("number_blocks", StringComparison.Ordinal))];
        return new(own.Count(c => !IsWrite(c)), own.Count(IsWrite), commits, own);
    }

    private static bool IsWrite(string command) =>
        command.Contains("INSERT INTO", StringComparison.Ordinal)
            || command.TrimStart().StartsWith("UPDATE", StringComparison.Ordinal);

    private sealed record Cost(int Reads, int Writes, int Commits, IReadOnlyList<string> Commands)
    {
        public override string ToString() =>
            $"{Reads} reads, {Writes} writes, {Commits} "
                + $"commits:\n{string.Join('\n', Commands.Select(c => c.ReplaceLineEndings(" ")))}";
    }
}
