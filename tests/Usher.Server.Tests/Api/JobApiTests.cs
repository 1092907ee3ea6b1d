using System.Net;
using System.Text;
using System.Text.Json;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Imports and bulk work by Usher's own API, on a server where jobs are done when the test says so.</summary>
public sealed class JobApiTests(OperatedApp operated) : IClassFixture<OperatedApp>, IAsyncLifetime
{
    private readonly UsherApp app = operated.App;

    // Nothing that another test has left waits for a worker.
    public async ValueTask InitializeAsync() => await app.DrainAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task People_are_imported_as_JSON_with_all_that_each_is_to_have()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.MakeAsync("groups", new { name = "Ops" });
        await org.MakeAsync("roles", new { name = "Reader" });
        var started = await org.PostAsync("imports", new
        {
            rows = new object[]
            {
                new
                {
                    email = "Ada@example.test", firstName = "Ada", lastName = "Lovelace", role = "read_only",
                    permissions = new[] { "ingestion" }, groups = new[] { group["groups/".Length..] },
                    roles = new[] { "reader" },
                    levels = new[] { new { resource = "production", level = "full" } }, locale = "de",
                    timeZone = "Europe/Berlin", metadata = new { seat = "7" },
                },
                new { email = "no address" }, new { email = "bob@example.test", permissions = new[] { "flying" } },
                new { email = org.Created.Owner.Identifier },
            },
        });
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        var job = await started.JsonAsync();
        Assert.Equal(
            "import queued False 4 0 Olivia Owner  ",
            job.Shown("kind", "status", "dryRun", "total", "done", "startedBy", "finishedAt", "failureReason"));
        var path = started.Headers.Location!.ToString()[org.Path("x")[..^1].Length..];
        Assert.Equal("imports/" + job.GetProperty("id"), path);
        Assert.Equal(0, (await (await org.GetAsync(path + "/rows")).JsonAsync("data")).GetArrayLength());

        await app.DrainAsync();
        var done = await (await org.GetAsync(path)).JsonAsync();
        Assert.Equal("completed 4 4", done.Shown("status", "total", "done"));
        Assert.Equal((1, 2, 1), (Count("invited"), Count("invalid"), Count("already_member")));
        var rows = (await (await org.GetAsync(path + "/rows")).JsonAsync("data")).EnumerateArray()
            .Select(r => r.Shown("row", "email", "outcome", "code", "pointer")).ToList();
        Assert.Equal(
            [
                "1 Ada@example.test invited  ", "2 no address invalid email_invalid /email",
                "3 bob@example.test invalid permission_unknown /permissions/0",
                $"4 {org.Created.Owner.Identifier} already_member already_member /email",
            ],
            rows);

        var row = (await (await org.GetAsync(path + "/rows?outcome=invited")).JsonAsync("data"))[0];
        var ada = await (await org.GetAsync($"invitations/{row.GetProperty("invitationId")}")).JsonAsync();
        Assert.Equal(row.GetProperty("memberId").GetString(), ada.GetProperty("memberId").GetString());
        Assert.Equal(
            """pending Ada Lovelace de Europe/Berlin read_only ["ingestion"] {"seat":"7"}""",
            ada.Shown("state", "firstName", "lastName", "locale", "timeZone", "role", "permissions", "metadata"));
        Assert.Equal(
            ["Ops", "Reader", "Production"], [.. ada.Named("groups"), .. ada.Named("roles"), .. ada.Named("levels")]);

        int Count(string outcome) => done.GetProperty("counts").GetProperty(outcome).GetInt32();
    }

    [Fact]
    public async Task People_are_imported_as_CSV_and_the_outcome_is_a_file_no_spreadsheet_executes()
    {
        var org = await app.CreateOrganizationAsync();
        var file =
            "email,firstName,metadata.team\r\nada@example.test,Ada,Blue\r\n\"=cmd|' /C "
                + "calc'!A0\",Eve,\r\n+1@example.test,Plus,\r\n@x,At,\r\n";
        var path = await ImportAsync(org, file);
        await app.DrainAsync();
        var download = await org.GetAsync(path + "/rows.csv");
        Assert.Equal("text/csv; charset=utf-8", download.Content.Headers.ContentType!.ToString());
        Assert.Equal($"{path["imports/".Length..]}.csv", download.Content.Headers.ContentDisposition!.FileName);
        var lines = (await download.Content.ReadAsStringAsync(Ct)).Split("\r\n");
        Assert.Equal("row,email,outcome,code,pointer,detail,memberId,invitationId", lines[0]);
        Assert.StartsWith("1,ada@example.test,invited,,,,mem_", lines[1], StringComparison.Ordinal);
        Assert.StartsWith(
            "2,\"'=cmd|' /C calc'!A0\",invalid,email_invalid,/email,", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("3,\"'+1@example.test\",invited,", lines[3], StringComparison.Ordinal);
        Assert.StartsWith("4,\"'@x\",invalid,", lines[4], StringComparison.Ordinal);
        Assert.Equal(6, lines.Length);
        Assert.Equal(
            2 + 1,
            (await (await org.GetAsync(path + "/rows.csv?outcome=invited")).Content.ReadAsStringAsync(Ct))
                .Split("\r\n").Length - 1);
        Assert.Equal("Blue", (await org.MemberAsync("ada@example.test")).Metadata["team"]);
    }

    [Fact]
    public async Task A_rehearsed_import_says_what_would_come_and_leaves_nobody()
    {
        var org = await app.CreateOrganizationAsync();
        var path = await ImportAsync(org, "email\nada@example.test\nx\n", query: "?dryRun=true");
        await app.DrainAsync();
        Assert.Equal(
            "completed True 2", (await (await org.GetAsync(path)).JsonAsync()).Shown("status", "dryRun", "done"));
        Assert.Equal(
            ["invited", "invalid"], (await (await org.GetAsync(path + "/rows")).JsonAsync()).Named("data", "outcome"));
        Assert.Single(await org.MembersAsync());
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task Without_mail_people_are_invited_and_no_link_is_out()
    {
        var org = await app.CreateOrganizationAsync();
        await ImportAsync(org, "email\nada@example.test\n", query: "?sendMail=false");
        await app.DrainAsync();
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync("ada@example.test")).Status);
        Assert.Empty(await org.OutboxAsync());
        await (await SendAsync(org, "email\nada@example.test\n", query: "?sendMail=perhaps"))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "parameter_invalid");
    }

    [Fact]
    public async Task A_repeated_import_is_one_job()
    {
        var org = await app.CreateOrganizationAsync();
        var (key, file) = (
            Guid.NewGuid().ToString(),
            "email\n"
                + string.Concat(Enumerable.Range(0, 3_000).Select(i => $"someone.number.{i}.of.many@example.test\n")));
        var answers = await AtOnceAsync(5, _ => SendAsync(org, file, idempotencyKey: key));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.Accepted, a.StatusCode));
        Assert.Single((await Task.WhenAll(answers.Select(a => a.Content.ReadAsStringAsync(Ct)))).Distinct());
        Assert.Single((await (await org.GetAsync("jobs")).JsonAsync("data")).EnumerateArray());
        await (await SendAsync(org, file + "more@example.test\n", idempotencyKey: key))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency_key_reused");
        Assert.Equal(3_000, (await (await org.GetAsync("jobs")).JsonAsync("data"))[0].GetProperty("total").GetInt32());
    }

    [Theory]
    [InlineData("application/xml")]
    [InlineData("text/plain")]
    [InlineData("application/vnd.ms-excel")]
    [InlineData("text/csv; charset=iso-8859-1")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData(null)]
    public async Task A_file_of_another_media_type_or_charset_is_refused(string? mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        await (await SendAsync(org, "email\nada@example.test\n", mediaType: mediaType))
            .RefusedAsync(HttpStatusCode.UnsupportedMediaType, "wrong_media_type");
        Assert.Empty((await (await org.GetAsync("jobs")).JsonAsync("data")).EnumerateArray());
    }

    [Theory]
    [InlineData("text/csv; charset=UTF-8")]
    [InlineData("text/csv; charset=\"utf-8\"; header=present")]
    [InlineData("TEXT/CSV")]
    public async Task A_media_type_may_be_written_in_any_way(string mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            HttpStatusCode.Accepted,
            (await SendAsync(org, "email\nada@example.test\n", mediaType: mediaType)).StatusCode);
    }

    // One says how long it is, the other does not; neither is taken in.
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task A_file_of_100_MB_is_refused(bool saysItsLength, bool repeatable)
    {
        var org = await app.CreateOrganizationAsync();
        const long length = 100 * 1024 * 1024;
        using var request = new HttpRequestMessage(HttpMethod.Post, org.Path("imports"));
        request.Content = new StreamContent(new JobSteps.Endless(
            "email,metadata.a\n", $"a@example.test,{new string('x', 1_000)}\n", length));
        request.Content.Headers.ContentType = new("text/csv");
        if (saysItsLength) request.Content.Headers.ContentLength = length;
        else request.Headers.TransferEncodingChunked = true;
        if (repeatable) request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        request.Headers.ExpectContinue = true;
        try
        {
            await (await org.Admin.SendAsync(request, Ct))
                .RefusedAsync(HttpStatusCode.RequestEntityTooLarge, "too_large");
        }
        catch (HttpRequestException e) when (e.InnerException is IOException)
        {
            // The server closes in the middle of what it does not read, and the client may be told nothing else.
        }

        Assert.Empty((await (await org.GetAsync("jobs")).JsonAsync("data")).EnumerateArray());
    }

    [Fact]
    public async Task A_cancelled_job_does_nothing_more()
    {
        var org = await app.CreateOrganizationAsync();
        var path = await ImportAsync(org, "email\nada@example.test\n");
        Assert.Equal("cancelled", await (await org.PostAsync(path + "/cancel")).TextAsync("status"));
        await app.DrainAsync();
        Assert.Equal("cancelled 1 0", (await (await org.GetAsync(path)).JsonAsync()).Shown("status", "total", "done"));
        Assert.Single(await org.MembersAsync());
        await (await org.PostAsync(path + "/cancel")).RefusedAsync(HttpStatusCode.Conflict, "job_ended");
    }

    [Fact]
    public async Task Invitations_of_a_filter_are_resent_and_revoked_by_jobs()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.MakeAsync("groups", new { name = "Ops" });
        foreach (var name in new[] { "ada", "adam", "bob" })
            await (await org.PostAsync(
                "invitations",
                new { email = name + "@example.test", groups = name is "bob" ? [] : new[] { "Ops" } })).JsonAsync();
        operated.Clock.Advance(TimeSpan.FromSeconds(1)); // those of one moment are not certainly made before

        var would = await (await org.PostAsync("invitations/resend?dryRun=true", new { email = "ADA" })).JsonAsync();
        Assert.Equal("resend True 2", would.Shown("kind", "dryRun", "total"));
        await app.DrainAsync();
        Assert.All((await org.MembersAsync()).Skip(1), m => Assert.Equal(1, m.Invitations[0].SentCount));

        var resend = await org.PostAsync(
            "invitations/resend", new { states = new[] { "pending" }, group = group["groups/".Length..] });
        Assert.Equal(HttpStatusCode.Accepted, resend.StatusCode);
        Assert.EndsWith(
            "/jobs/" + await resend.TextAsync("id"), resend.Headers.Location!.ToString(), StringComparison.Ordinal);
        await app.DrainAsync();
        Assert.Equal([2, 2, 1], (await org.MembersAsync()).Skip(1).Select(m => m.Invitations[0].SentCount));

        var revoke = await (await org.PostAsync("invitations/revoke", new { email = "bob" })).JsonAsync("id");
        await app.DrainAsync();
        var row = (await (await org.GetAsync($"jobs/{revoke}/rows")).JsonAsync("data"))[0];
        Assert.Equal("1 bob@example.test revoked", row.Shown("row", "email", "outcome"));
        Assert.Equal(
            [InvitationStatus.Pending, InvitationStatus.Pending, InvitationStatus.Revoked],
            (await org.MembersAsync()).Skip(1).Select(m => m.Invitations[0].Status));

        Assert.Equal(
            ["revoke", "resend", "resend"], (await (await org.GetAsync("jobs")).JsonAsync()).Named("data", "kind"));
        Assert.Empty((await (await org.GetAsync("imports")).JsonAsync("data")).EnumerateArray());
        var wrong = await (await org.PostAsync("invitations/revoke", """
            {"states":["accepted"],"group":"Ops","customRole":"x","sponsor":"mem_"}
            """)).RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(
            ["/customRole", "/group", "/sponsor"], wrong.Named("errors", "pointer").Order(StringComparer.Ordinal));
    }

    // A form that was sent empty, or a variable that was not set, is not "all of them".
    [Theory]
    [InlineData("{}")]
    [InlineData("""{"email":""}""")]
    [InlineData("""{"email":" "}""")]
    [InlineData("""{"states":[]}""")]
    [InlineData("""{"email":null,"states":null,"group":null}""")]
    [InlineData("""{"email":"","states":[]}""")]
    [InlineData("""{"all":false}""")]
    [InlineData("""{"all":null}""")]
    public async Task Nothing_said_is_not_all_of_them(string body)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "ada", "bob" })
            await (await org.PostAsync("invitations", new { email = NewEmail(name) })).JsonAsync();
        foreach (var what in new[] { "revoke", "resend", "endorse" })
        {
            var answer = await org.PostAsync($"invitations/{what}", body);
            await answer.RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        }

        await app.DrainAsync();
        Assert.Empty((await (await org.GetAsync("jobs")).JsonAsync("data")).EnumerateArray());
        var before = (await org.MembersAsync()).Skip(1).Select(m => m.Invitations[0]).ToList();
        Assert.All(before, i => Assert.Equal((InvitationStatus.Pending, 1), (i.Status, i.SentCount)));

        var all = await org.PostAsync("invitations/revoke", new { all = true });
        Assert.Equal(HttpStatusCode.Accepted, all.StatusCode);
        await app.DrainAsync();
        var after = (await org.MembersAsync()).Skip(1).Select(m => m.Invitations[0].Status);
        Assert.All(after, status => Assert.Equal(InvitationStatus.Revoked, status));
    }

    [Fact]
    public async Task What_a_job_may_do_is_asked_of_its_starter_as_it_goes_on()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(
            NewEmail("max"), row => row with { Permissions = ["user_management", "ingestion"] });
        using var content = new StringContent(
            "email,permissions\nada@example.test,ingestion\n", Encoding.UTF8, "text/csv");
        var job = await (await max.Client.PostAsync(org.Path("imports"), content, Ct)).TextAsync("id");
        await (await org.PatchAsync(
            "members/mem_" + ShortId.Of(max.Member.Id), new { permissions = new[] { "user_management" } })).JsonAsync();
        await app.DrainAsync();
        Assert.Equal(
            "forbidden more_than_you_hold",
            (await (await org.GetAsync($"imports/{job}/rows")).JsonAsync("data"))[0].Shown("outcome", "code"));
        Assert.Equal(2, (await org.MembersAsync()).Count);
    }

    private static async Task<string> ImportAsync(TestOrganization org, string file, string query = "")
    {
        var started = await SendAsync(org, file, query: query);
        await started.JsonAsync();
        return started.Headers.Location!.ToString()[org.Path("x")[..^1].Length..];
    }

    private static async Task<HttpResponseMessage> SendAsync(
        TestOrganization org, string file, string? mediaType = "text/csv", string query = "",
        string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, org.Path("imports") + query)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(file)),
        };
        if (mediaType is not null) request.Content.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        return await org.Admin.SendAsync(request, Ct);
    }
}
