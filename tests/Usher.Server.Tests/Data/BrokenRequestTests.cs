using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Events;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// Clients that end their connection at any moment of a request that writes. Afterwards each request was carried out
/// as a whole or not at all, and the requests that follow notice nothing of it.
/// </summary>
public sealed class BrokenRequestTests
{
    [Fact]
    public async Task Writes_whose_clients_hang_up_are_done_as_a_whole_or_not_at_all_and_leave_nothing_to_others()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var (org, other) = (await LimitedAsync(app), await LimitedAsync(app));
        Writes writes = new(org, await GuestsAsync(org, 24), await MembersAsync(org, 6));
        var all = writes.Make(240);
        await Parallel.ForEachAsync(
            all.Index(), new ParallelOptions { MaxDegreeOfParallelism = 12, CancellationToken = Ct },
            async (write, _) => await SendAsync(app, write.Item, write.Index));
        await UntilQuietAsync(app, org);
        await AssertWholeAsync(org, writes, all);

        // The pool's contexts, those of the broken requests among them, serve everybody as before.
        await AtOnceAsync(32, i => AssertServedAsync(other, i));
        await other.AssertAgreesAsync();
        await AssertNothingIsHeldAsync(app);

        foreach (var write in all) await AssertRepeatedAsync(app, write);
        await AssertWholeAsync(org, writes, all);
        await AssertAllDoneAsync(org, all);
        Assert.DoesNotContain(app.Log, line => line.Contains(" failed. Request ", StringComparison.Ordinal));
    }

    private static async Task<TestOrganization> LimitedAsync(UsherApp app)
    {
        var org = await app.CreateOrganizationAsync();
        await app.WithAsync<OrganizationService, Core.Result<Organization>>(s =>
            s.SetSeatLimitAsync(org.System, 1_000, Ct));
        return org;
    }

    private static async Task<List<Core.Guests.InvitationLink>> GuestsAsync(TestOrganization org, int count)
    {
        List<Core.Guests.InvitationLink> links = [];
        for (var i = 0; i < count; i++)
        {
            var made = await org.PostAsync("invitations", new { email = NewEmail("guest"), delivery = "link" });
            var link = Secrets.Link().Match(await made.TextAsync("link"));
            links.Add(
                new(link.Groups["slug"].Value, Guid.Parse(link.Groups["id"].Value), link.Groups["secret"].Value));
        }

        return links;
    }

    private static async Task<List<Member>> MembersAsync(TestOrganization org, int count)
    {
        List<Member> members = [];
        for (var i = 0; i < count; i++) members.Add((await org.ActiveAsync(NewEmail("member"))).Member);
        return [.. (await org.MembersAsync()).Where(m => members.Exists(made => made.Id == m.Id))];
    }

    // One of four is left in peace, and must succeed.
    private static async Task SendAsync(UsherApp app, Write write, int index)
    {
        var patience = TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * 30);
        switch (index % 4)
        {
            case 0: await HangUpAsync(app, write, patience, ofBody: 1); return;
            case 1: await HangUpAsync(app, write, patience, ofBody: Random.Shared.NextDouble()); return;
            case 2: await CancelAsync(app, write, patience); return;
            default:
                using (var answer = await write.SendAsync(app, Ct)) await write.AssertDoneAsync(answer);
                return;
        }
    }

    private static async Task CancelAsync(UsherApp app, Write write, TimeSpan patience)
    {
        using var hangUp = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        hangUp.CancelAfter(patience);
        try
        {
            using var answer = await write.SendAsync(app, hangUp.Token);
            await write.AssertDoneAsync(answer);
        }
        catch (OperationCanceledException) when (!Ct.IsCancellationRequested)
        {
            // The client has gone.
        }
    }

    // Sends the head and a part of the body, waits, and resets the connection.
    private static async Task HangUpAsync(UsherApp app, Write write, TimeSpan patience, double ofBody)
    {
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(app.Url).Port, Ct);
        var (head, body) = write.Raw();
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Ct);
        await client.GetStream().WriteAsync(body.AsMemory(..(int)(body.Length * ofBody)), Ct);
        await Task.Delay(patience, Ct);
        client.LingerState = new(true, 0);
    }

    // Requests whose clients have gone may still be at work.
    private static async Task UntilQuietAsync(UsherApp app, TestOrganization org)
    {
        OrganizationDigest digest = new(app, org.Id);
        for (var same = 0; same < 3; same = await digest.IsUnchangedAsync() ? same + 1 : 0) await Task.Delay(100, Ct);
    }

    // Members, invitations, groups, search rows, events, mails and seats belong together, whatever was done.
    private static async Task AssertWholeAsync(TestOrganization org, Writes writes, List<Write> all)
    {
        await org.AssertAgreesAsync();
        await org.AssertEveryChangeHasItsEventAsync();
        var (events, outbox) = (await org.EventsAsync(), await org.OutboxAsync());
        var live = (await org.MembersAsync()).Where(m => m.IsLive).ToDictionary(m => m.Identifier);
        foreach (var write in all.Where(w => w.Email is not null))
        {
            var member = live.GetValueOrDefault(write.Email!);
            if (write.IsDryRun) Assert.Null(member);
            if (member is null) continue;
            var invitation = Assert.Single(member.Invitations);
            Assert.Equal(1, Count(EventTypes.MemberInvited, member.Id));
            Assert.Single(outbox, m => m.InvitationId == invitation.Id && m.Recipient == member.Email);
        }

        Assert.Equal(all.Count(w => w.Email is { } email && live.ContainsKey(email)), outbox.Count);
        foreach (var member in writes.Members)
            Assert.Equal(
                (await org.MemberAsync(member.Identifier)).Version - member.Version,
                Count(EventTypes.MemberUpdated, member.Id));
        await AssertJoinedAsync(org, events);

        int Count(string type, Guid subject) => events.Count(e => e.Type == type && e.SubjectId == subject);
    }

    // Whoever joined has an account, and whose invitation was accepted is active.
    private static async Task AssertJoinedAsync(TestOrganization org, List<UsherEvent> events)
    {
        var users = await org.App.QueryAsync(db => db.Users.Select(u => u.Id).ToListAsync(Ct));
        var people = (await org.MembersAsync()).Where(m =>
            m.Identifier.StartsWith("guest", StringComparison.Ordinal)).ToList();
        foreach (var member in people)
        {
            var accepted = member.Invitations.Exists(i => i.Status is Core.Invitations.InvitationStatus.Accepted);
            Assert.Equal(member.Status is MemberStatus.Active, accepted);
            Assert.Equal(accepted, member.UserId is { } user && users.Contains(user));
            Assert.Equal(accepted ? 1 : 0, events.Count(e =>
                e.Type is EventTypes.InvitationAccepted && member.Invitations.Exists(i => i.Id == e.SubjectId)));
        }
    }

    private static async Task<bool> AssertServedAsync(TestOrganization org, int i)
    {
        var email = NewEmail("bob");
        Assert.Equal(HttpStatusCode.Created, (await org.PostAsync("invitations", new { email })).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await org.PostAsync("groups", new { name = $"G{i}" })).StatusCode);
        var page = await (await org.GetAsync("invitations?email=" + Uri.EscapeDataString(email))).JsonAsync("data");
        Assert.Equal(email, page[0].GetProperty("email").GetString());
        return true;
    }

    // No connection has a transaction that nobody ends: it would hold locks, or old rows.
    private static async Task AssertNothingIsHeldAsync(UsherApp app)
    {
        if (TestDatabase.IsPostgres)
        {
            Assert.Equal(0, await app.QueryAsync(db => db.Database.SqlQueryRaw<int>(
                """
                SELECT count(*)::int AS "Value" FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'
                """).SingleAsync(Ct)));
            return;
        }

        // A checkpoint that may truncate the log waits for every reader of an old state.
        await app.QueryAsync(async db =>
        {
            await db.Database.OpenConnectionAsync(Ct);
            await using var command = db.Database.GetDbConnection().CreateCommand();
            command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
            await using var reader = await command.ExecuteReaderAsync(Ct);
            Assert.True(await reader.ReadAsync(Ct));
            Assert.Equal((0, 0), (reader.GetInt32(0), reader.GetInt32(1)));
            return true;
        });
    }

    // What is sent again is done once, and with an Idempotency-Key has the same answer however often it is sent.
    private static async Task AssertRepeatedAsync(UsherApp app, Write write)
    {
        using var again = await write.SendAsync(app, Ct);
        if (write.Key is null)
        {
            // Who is invited already is not invited again; DeployHQ says so with 422.
            var isThere = again.StatusCode is HttpStatusCode.Conflict
                || (again.StatusCode is HttpStatusCode.UnprocessableEntity && write.Email is not null);
            if (!isThere) await write.AssertDoneAsync(again);
            return;
        }

        await write.AssertDoneAsync(again);
        if (write.IsDryRun) return;
        using var third = await write.SendAsync(app, Ct);
        Assert.Equal(again.StatusCode, third.StatusCode);
        Assert.Equal(again.Headers.ETag, third.Headers.ETag);
        Assert.Equal(await again.Content.ReadAsStringAsync(Ct), await third.Content.ReadAsStringAsync(Ct));
    }

    private static async Task AssertAllDoneAsync(TestOrganization org, List<Write> all)
    {
        var members = (await org.MembersAsync()).Select(m => m.Identifier).ToList();
        var groups = await org.App.QueryAsync(db =>
            db.Groups.Where(g => g.OrganizationId == org.Id).Select(g => g.Name).ToListAsync(Ct));
        foreach (var write in all)
        {
            if (write.Email is { } email) Assert.Equal(write.IsDryRun ? 0 : 1, members.Count(m => m == email));
            if (write.Group is { } name) Assert.Equal(write.IsDryRun ? 0 : 1, groups.Count(g => g == name));
        }
    }

    /// <summary>A request that writes.</summary>
    private sealed record Write(HttpMethod Method, string Path, object Body, string? Token)
    {
        /// <summary>The Idempotency-Key.</summary>
        public string? Key { get; init; }

        public bool IsDryRun { get; init; }

        /// <summary>The address that it invites.</summary>
        public string? Email { get; init; }

        /// <summary>The group that it makes.</summary>
        public string? Group { get; init; }

        private string Target => Path + (IsDryRun ? "?dryRun=true" : "");

        public async Task<HttpResponseMessage> SendAsync(UsherApp app, CancellationToken ct)
        {
            using var client = app.CreateClient();
            using var request = new HttpRequestMessage(Method, Target)
            {
                Content = new StringContent(JsonSerializer.Serialize(Body), Encoding.UTF8, "application/json"),
            };
            if (Token is not null) request.Headers.Add("X-AUTH-TOKEN", Token);
            if (Key is not null) request.Headers.Add("Idempotency-Key", Key);
            return await client.SendAsync(request, ct);
        }

        public (string Head, byte[] Body) Raw()
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(Body);
            var head = $"{Method} {Target} HTTP/1.1\r\nHost: localhost\r\n"
                + "Content-Type: application/json; charset=utf-8\r\n" // as in SendAsync: it is part of the request
                + $"Content-Length: {body.Length}\r\n"
                + (Token is null ? "" : $"X-AUTH-TOKEN: {Token}\r\n")
                + (Key is null ? "" : $"Idempotency-Key: {Key}\r\n");
            return (head + "\r\n", body);
        }

        public async Task AssertDoneAsync(HttpResponseMessage answer) =>
            Assert.True(
                answer.IsSuccessStatusCode,
                $"{Method} {Target}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}");
    }

    /// <summary>Requests of all kinds to one organization.</summary>
    private sealed class Writes(
        TestOrganization org, List<Core.Guests.InvitationLink> guests, List<Member> members)
    {
        private int next;

        /// <summary>The members that requests change, as they were before.</summary>
        public List<Member> Members => members;

        public List<Write> Make(int count) => [.. Enumerable.Range(0, count).Select(_ => One())];

        private Write One()
        {
            var (i, email) = (next++, NewEmail("invited"));
            var key = i / 10 % 2 is 0 ? Guid.NewGuid().ToString() : null;
            return (i % 10) switch
            {
                0 or 1 => Invite(email) with { Key = key },
                2 => Invite(email) with { Key = key, IsDryRun = true },
                3 => new(HttpMethod.Post, "/users", DeployHq(email), org.Key) { Email = email },
                4 => new(HttpMethod.Post, "/api/v2/user/invite", Wavefront(email), org.Key) { Email = email },
                5 or 6 => Update(i),
                7 => Make($"Group {i}", i) with { Key = key },
                8 => Make($"Group {i}", i) with { Key = key, IsDryRun = true },
                _ => Accept(guests[i / 10 % guests.Count]),
            };
        }

        private Write Invite(string email) =>
            new(HttpMethod.Post, org.Path("invitations"), new { email, permissions = Permissions }, org.Key)
            {
                Email = email,
            };

        private static readonly string[] Permissions = ["ingestion", "log_management"];

        private static object DeployHq(string email) => new { user = new { first_name = "A", email_address = email } };

        private static object Wavefront(string email) => new[] { new { emailAddress = email, groups = Permissions } };

        private Write Update(int i) => new(
            HttpMethod.Patch, org.Path("members/mem_" + ShortId.Of(members[i % members.Count].Id)),
            new { firstName = $"Name {i}", permissions = Permissions[..(i % 3)] }, org.Key);

        private Write Make(string name, int i) => new(
            HttpMethod.Post, org.Path("groups"),
            new { name, members = new[] { members[i % members.Count].Identifier }, permissions = Permissions },
            org.Key)
        {
            Group = name,
        };

        private static Write Accept(Core.Guests.InvitationLink link) => new(
            HttpMethod.Post,
            $"/usher/v1/organizations/{link.OrganizationSlug}/invitations/inv_{ShortId.Of(link.InvitationId)}/accept",
            new { code = link.Secret, firstName = "A", lastName = "B", password = TestOrganization.Password }, null);
    }
}
