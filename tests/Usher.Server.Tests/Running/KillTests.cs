using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Mail;

namespace Usher.Server.Tests.Running;

/// <summary>The server is killed while it works, again and again.</summary>
public sealed class KillTests
{
    private const string Key = "kill-tests-key-0123456789-ABCDEFGHIJKL";
    private const int Clients = 16;

    private static readonly int Kills = TestRun.IsLong ? 20 : 5;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static Dictionary<string, string?> Settings => new()
    {
        ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
        ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
        ["Usher:Bootstrap:Owner:ApiKey"] = Key, ["Logging:LogLevel:Default"] = "Warning",
        ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",
    };

    [Fact]
    public async Task What_was_acknowledged_on_any_surface_is_there_after_the_kills_with_invitation_mail_and_event()
    {
        await using var database = await TestDatabase.CreateAsync();
        ConcurrentBag<string> acknowledged = [];
        for (var kill = 0; kill < Kills; kill++)
        {
            await using var server = await ServerProcess.StartAsync(database, Settings);
            var before = acknowledged.Count;
            var clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(i =>
                InviteUntilGoneAsync(server, i, $"k{kill}-c{i}", acknowledged)));
            await WaitAsync(() => acknowledged.Count >= before + Clients);
            await Task.Delay(kill * 140 / Kills, Ct); // somewhere else each time
            await server.KillAsync();
            await clients;
        }

        await using (await ServerProcess.StartAsync(database, Settings)) await AssertThereAsync(database, acknowledged);
    }

    [Fact]
    public async Task A_server_that_is_killed_while_it_sends_repeats_some_mails_and_loses_none()
    {
        const int people = 400;
        await using var database = await TestDatabase.CreateAsync();
        await using var sink = await SmtpSink.StartAsync();
        Dictionary<string, string?> settings = new(Settings)
        {
            ["Usher:Mail:Transport"] = "smtp", ["Usher:Mail:Smtp:Host"] = "127.0.0.1",
            ["Usher:Mail:Smtp:Port"] = $"{sink.Port}", ["Usher:Mail:Smtp:StartTls"] = "false",
        };
        Dictionary<string, string?> arrived = []; // the Message-ID by recipient
        await using (var server = await ServerProcess.StartAsync(database, settings))
        {
            using var http = new HttpClient { BaseAddress = new(server.Url) };
            http.DefaultRequestHeaders.Add("X-AUTH-TOKEN", Key);
            var rows = Enumerable.Range(0, people).Select(i =>
                $$"""{"emailAddress":"p{{i}}@acme.test","groups":[],"userGroups":[]}""");
            using var answer = await http.PostTextAsync("/api/v2/user/invite", $"[{string.Join(',', rows)}]");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            while (arrived.Count < 60) await TakeAsync();
            await server.KillAsync();
        }

        await EndClaimsAsync(database);
        await using (var server = await ServerProcess.StartAsync(database, settings))
        {
            while (arrived.Count < people) await TakeAsync();
            await server.StopAsync();
        }

        // A mail that was sent twice may still wait for its second result.
        await using var db = Open(database);
        Assert.DoesNotContain(
            await db.OutboxMessages.AsNoTracking().ToListAsync(Ct), m => m.State is OutboxState.Abandoned);

        async Task TakeAsync()
        {
            var mail = await sink.NextMessageAsync(TimeSpan.FromSeconds(60));
            var (to, id) = (
                mail.GetProperty("to")[0].GetProperty("address").GetString()!,
                mail.GetProperty("messageId").GetString());
            if (to is "owner@acme.test") return;
            if (!arrived.TryAdd(to, id)) Assert.Equal(arrived[to], id);
        }
    }

    // As if the minute that claims last were over.
    private static async Task EndClaimsAsync(TestDatabase database)
    {
        await using var db = Open(database);
        await db.OutboxMessages.ExecuteUpdateAsync(set => set.SetProperty(m => m.NextAttemptAt, m => m.CreatedAt), Ct);
    }

    private static UsherDb Open(TestDatabase database)
    {
        var options = new DbContextOptionsBuilder<UsherDb>();
        _ = TestDatabase.IsPostgres
            ? options.UseUsherPostgres(database.ConnectionString)
            : options.UseUsherSqlite(database.ConnectionString);
        return new(options.Options);
    }

    private static async Task AssertThereAsync(TestDatabase database, IReadOnlyCollection<string> acknowledged)
    {
        await using var db = Open(database);
        var members = await db.Members.AsNoTracking().Include(m => m.Invitations)
            .Where(m => m.Status == MemberStatus.Invited).ToListAsync(Ct);
        Assert.Equal(members.Count, members.Select(m => m.Identifier).Distinct().Count());
        var mailed = await db.OutboxMessages.Select(m => m.Recipient).ToListAsync(Ct);
        Assert.Equal(mailed.Count, mailed.Distinct().Count());
        var events = await db.Events.Where(e => e.Type == EventTypes.MemberInvited).Select(e => e.SubjectId)
            .ToListAsync(Ct);

        Assert.Empty(acknowledged.Except(members.Select(m => m.Identifier)));
        Assert.Empty(members.Where(m => m.Invitations is not [{ Status: InvitationStatus.Pending }]).Select(m =>
            m.Identifier));
        Assert.Empty(members.Select(m => m.Identifier).Except(mailed));
        Assert.Empty(members.Where(m => !events.Contains(m.Id)).Select(m => m.Identifier));
        Assert.True(acknowledged.Count >= Kills * Clients);
    }

    private static async Task InviteUntilGoneAsync(
        ServerProcess server, int client, string name, ConcurrentBag<string> acknowledged)
    {
        using var http = new HttpClient { BaseAddress = new(server.Url) };
        http.DefaultRequestHeaders.Add("X-AUTH-TOKEN", Key);
        try
        {
            for (var i = 0; ; i++)
            {
                var email = $"{name}-{i}@acme.test";
                using var answer = await InviteAsync(http, client % 3, email);
                Assert.True(
                    answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Created,
                    $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync(Ct)}");
                acknowledged.Add(email);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // The server was killed.
        }
    }

    private static Task<HttpResponseMessage> InviteAsync(HttpClient http, int surface, string email) => surface switch
    {
        0 => http.PostTextAsync(
            "/v1/users",
            $$$$"""
            {"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{{{{email}}}}",
                "accessList":[]}}}
            """,
            "application/vnd.api+json"),
        1 =>
            http.PostTextAsync(
                "/api/v2/user/invite", $$"""[{"emailAddress":"{{email}}","groups":[],"userGroups":[]}]"""),
        _ => http.PostTextAsync("/users", $$$"""{"user":{"first_name":"A","email_address":"{{{email}}}"}}"""),
    };

    private static async Task WaitAsync(Func<bool> condition)
    {
        var patience = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), "It did not happen within a minute.");
            await Task.Delay(10, Ct);
        }
    }
}
