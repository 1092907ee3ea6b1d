using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>What an operator does with organizations.</summary>
public sealed class OrganizationApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private const string Organizations = "/usher/v1/organizations";

    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task An_operator_makes_an_organization_whose_owner_sets_his_password_and_acts()
    {
        var (slug, email) = ($"acme-{Guid.NewGuid():N}"[..20], NewEmail("Olivia"));
        var made = await operated.Operator.SendAsync(HttpMethod.Post, Organizations, new
        {
            slug, name = "Acme", timeZone = "Europe/Berlin",
            owner = new { email, firstName = "Olivia", lastName = "Owner" }, resources = new[] { "Blue Shop" },
        });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var answer = await made.JsonAsync();
        Assert.Equal($"{Organizations}/{slug}", made.Headers.Location!.ToString());
        Assert.Equal(
            $"{slug} Acme Europe/Berlin False ",
            answer.GetProperty("organization").Shown("slug", "name", "timeZone", "suspended", "suspendedAt"));

        using var owner = OperatedApp.ClientOf(app, answer.GetProperty("apiKey").GetString()!);
        var read = await owner.SendAsync(HttpMethod.Get, $"{Organizations}/{slug}", null);
        Assert.Equal(answer.GetProperty("organization").ToString(), (await read.JsonAsync()).ToString());
        Assert.Equal(made.Headers.ETag, read.Headers.ETag);
        Assert.Equal(
            "Olivia Owner admin active",
            (
                await (await owner.SendAsync(
                    HttpMethod.Get, $"{Organizations}/{slug}/members/{answer.GetProperty("ownerId")}",
                    null)).JsonAsync()).Shown("firstName", "lastName", "role", "status"));
        Assert.Equal(
            ["blue-shop"],
            (await (await owner.SendAsync(HttpMethod.Get, $"{Organizations}/{slug}/resources", null)).JsonAsync())
                .Named("data", "slug"));

        var link = Secrets.Link().Match(answer.GetProperty("link").GetString()!);
        var accept = await app.GuestAsync(
            new(slug, Guid.Parse(link.Groups["id"].Value), link.Groups["secret"].Value), "accept",
            new { code = link.Groups["secret"].Value, firstName = "Olivia", password = TestOrganization.Password });
        Assert.Equal("Acme", await accept.TextAsync("organizationName"));
    }

    [Fact]
    public async Task Faults_of_an_organization_to_be_made_are_told_together()
    {
        var refused = await operated.Operator.SendAsync(
            HttpMethod.Post, Organizations,
            """{"slug":"A b","timeZone":"Mars","owner":{"email":"x","lastName":7},"resources":["A","a"]}""");
        var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(
            ["/name", "/owner/email", "/owner/lastName", "/resources/1", "/slug", "/timeZone"],
            problem.Named("errors", "pointer").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_operator_enters_any_organization_by_slug_and_by_id_and_lists_them_all()
    {
        var orgs = new[]
        {
            await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync(),
            await app.CreateOrganizationAsync(),
        };
        foreach (var org in orgs)
        {
            var byId = await operated.Operator.SendAsync(
                HttpMethod.Get, $"{Organizations}/org_{ShortId.Of(org.Id)}", null);
            Assert.Equal(org.Slug, await byId.TextAsync("slug"));
            Assert.Equal(org.Slug, await (await org.GetAsync("", by: operated.Operator)).TextAsync("slug"));
            Assert.Equal(
                org.Slug,
                await (await org.Admin.SendAsync(HttpMethod.Get, $"{Organizations}/org_{ShortId.Of(org.Id)}", null))
                    .TextAsync("slug"));

            // What he does there, he does as the operator.
            var invited = await (await org.PostAsync(
                "invitations", new { email = NewEmail("ada"), role = "admin" },
                by: operated.Operator)).JsonAsync("invitation");
            Assert.Equal("operator  Operator", invited.GetProperty("sponsor").Shown("kind", "memberId", "name"));
        }

        List<string> seen = [];
        for (string? after = ""; after is not null;)
        {
            var page = await (await operated.Operator.SendAsync(
                HttpMethod.Get, $"{Organizations}?limit=2{(after is "" ? "" : "&after=" + after)}", null)).JsonAsync();
            seen.AddRange(page.Named("data", "slug"));
            after = page.GetProperty("next").GetString();
        }

        Assert.Equal(
            await app.QueryAsync(db => db.Organizations.OrderBy(o => o.Id).Select(o => o.Slug).ToListAsync(Ct)), seen);
        foreach (var unknown in new[] { "nowhere", "org_AAAAAAAAAAAAAAAAAAAAAA", "org_x", "UPPER" })
            await (await operated.Operator.SendAsync(HttpMethod.Get, $"{Organizations}/{unknown}", null))
                .RefusedAsync(HttpStatusCode.NotFound, "organization_not_found");
    }

    [Fact]
    public async Task In_a_suspended_organization_nobodys_key_acts_and_no_link_opens_until_it_is_resumed()
    {
        var org = await app.CreateOrganizationAsync();
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        await (await org.PostAsync("suspend")).RefusedAsync(HttpStatusCode.Forbidden, "operator_only");
        var suspended = await (await org.PostAsync("suspend", by: operated.Operator)).JsonAsync();
        Assert.True(suspended.GetProperty("suspended").GetBoolean());
        Assert.Equal(
            suspended.ToString(),
            (await (await org.PostAsync("suspend", by: operated.Operator)).JsonAsync()).ToString());
        await (await org.GetAsync("")).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        await (await app.GuestAsync(link, "check")).RefusedAsync(HttpStatusCode.NotFound, "invitation_unknown");
        await (await app.GuestAsync(
            link, "accept",
            new
            {
                code = link.Secret, firstName = "Ada", password = TestOrganization.Password,
            })).RefusedAsync(HttpStatusCode.NotFound, "invitation_unknown");

        var resumed = await (await org.PostAsync("resume", by: operated.Operator)).JsonAsync();
        Assert.Equal("False ", resumed.Shown("suspended", "suspendedAt"));
        await (await org.GetAsync("")).JsonAsync();
        Assert.Equal("open", await (await app.GuestAsync(link, "check")).TextAsync("state"));
        Assert.Equal(
            [EventTypes.OrganizationSuspended, EventTypes.OrganizationResumed],
            (await org.EventsAsync()).Select(e => e.Type)
                .Where(t => t is EventTypes.OrganizationSuspended or EventTypes.OrganizationResumed));
    }

    [Fact]
    public async Task A_deleted_organization_leaves_no_row_and_people_keep_their_sign_in()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var ada = await org.JoinedAsync(NewEmail("ada"));
        await org.GuestAsync(NewEmail("bob"));
        await org.MakeAsync(
            "groups",
            new { name = "Ops", permissions = new[] { "ingestion" }, members = new[] { ada.Member.Identifier } });
        await org.MakeAsync("roles", new { name = "Reader", permissions = new[] { "ingestion" } });
        await org.SendAsync(
            HttpMethod.Post, "imports", """{"rows":[{"email":"eve@example.test"}]}""",
            idempotencyKey: Guid.NewGuid().ToString());
        await org.PostAsync("invitations", new { email = NewEmail("mailed") });
        await (await org.DeleteAsync("", by: operated.Operator))
            .RefusedAsync(HttpStatusCode.Conflict, "organization_not_suspended");
        await (await org.DeleteAsync("")).RefusedAsync(HttpStatusCode.Forbidden, "operator_only");
        await (await org.PostAsync("suspend", by: operated.Operator)).JsonAsync();

        // Rehearsed, it says what would go and leaves everything.
        var (before, others) = (await RowsAsync(org), await RowsAsync(other));
        var digest = new OrganizationDigest(app, org.Id);
        await digest.IsUnchangedAsync();
        var told = await (await org.DeleteAsync("?dryRun=true", by: operated.Operator)).JsonAsync("rows");
        Assert.True(await digest.IsUnchangedAsync());
        Assert.Equal(
            before.Where(r => r.Key is not "organizations").OrderBy(r => r.Key),
            told.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt32())
                .Where(r => r.Key is not "organizations").OrderBy(r => r.Key));
        Assert.All(
            [
                "members", "invitations", "groups", "member_grants", "roles", "resources", "api_keys", "jobs",
                "job_batches", "outbox_messages", "events", "idempotency_records",
            ],
            t => Assert.NotEqual(0, before[t]));

        Assert.Equal(
            told.ToString(), (await (await org.DeleteAsync("", by: operated.Operator)).JsonAsync("rows")).ToString());
        Assert.All(await RowsAsync(org), r => Assert.Equal((r.Key, 0), (r.Key, r.Value)));
        Assert.Equal(others, await RowsAsync(other));
        await (await org.GetAsync("", by: operated.Operator))
            .RefusedAsync(HttpStatusCode.NotFound, "organization_not_found");
        await (await org.GetAsync("")).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        Assert.Null((await app.SignInAsync(ada.Member.Identifier)).Error);
        Assert.Single(await app.QueryAsync(db =>
            db.Events.Where(e =>
                e.OrganizationId == Organization.Installation && e.Type == EventTypes.OrganizationDeleted
                    && e.SubjectId == org.Id).ToListAsync(Ct)));
    }

    [Fact]
    public async Task The_operators_key_is_the_settings_own_replaced_and_removed_at_the_next_start()
    {
        await using var database = await TestDatabase.CreateAsync();
        const string another = "another-0123456789-0123456789-0123456789";
        Assert.Equal([(OperatedApp.Key, true), (another, false)], await TryAsync(OperatedApp.Key));
        Assert.Equal([(OperatedApp.Key, true), (another, false)], await TryAsync(OperatedApp.Key));
        Assert.Equal([(OperatedApp.Key, false), (another, true)], await TryAsync(another));
        Assert.Equal([(OperatedApp.Key, false), (another, false)], await TryAsync(null));

        async Task<List<(string Key, bool Opens)>> TryAsync(string? set)
        {
            await using var started = await UsherApp.StartAsync(
                new() { ["Usher:Operator:ApiKey"] = set }, database: database, workers: false);
            List<(string, bool)> tried = [];
            foreach (var key in new[] { OperatedApp.Key, another })
            {
                using var client = OperatedApp.ClientOf(started, key);
                tried.Add((key, (await client.SendAsync(HttpMethod.Get, Organizations, null)).IsSuccessStatusCode));
            }

            return tried;
        }
    }

    [Theory]
    [InlineData("/v1/users", 403)]
    [InlineData("/api/users", 403)]
    [InlineData("/api/v2/user", 401)]
    [InlineData("/users", 401)]
    public async Task An_operators_key_opens_no_other_api(string path, int status)
    {
        var answer = await operated.Operator.SendAsync(HttpMethod.Get, path, null);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    // Of each table that has an organization, and the organization itself.
    private Task<Dictionary<string, int>> RowsAsync(TestOrganization org) => app.QueryAsync(async db =>
    {
        Dictionary<string, int> rows = new()
        {
            ["organizations"] = await db.Organizations.CountAsync(o => o.Id == org.Id, Ct),
        };
        foreach (var table in db.Model.GetEntityTypes()
                .Where(e => e.GetTableName() is not null && e.FindProperty("OrganizationId") is not null)
                .Select(e => e.GetTableName()!).Distinct())
#pragma warning disable EF1002 // the table's name is the model's
            rows[table] = await db.Database.SqlQueryRaw<int>(
                $"SELECT CAST(count(*) AS INTEGER) AS \"Value\" FROM {table} WHERE organization_id = {{0}}",
                db.Raw(org.Id)).SingleAsync(Ct);
#pragma warning restore EF1002
        return rows;
    });
}
