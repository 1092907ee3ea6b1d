using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;
using Group = Usher.Core.Groups.Group;

namespace Usher.Server.Tests;

/// <summary>
/// What somebody who means harm would try. What is refused inside the core is in Rules/: GrantingTests,
/// TakingAwayTests, JoiningTests, KnownAndUnknownTests, ExpiryTests.
/// </summary>
public sealed partial class SecurityTests(UsherApp app)
{
    [Fact]
    public async Task Tokens_mutated_byte_by_byte_are_refused()
    {
        var org = await app.CreateOrganizationAsync();
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        var session = (await org.JoinedAsync(NewEmail("bob"))).Joined.Session!.Secret;
        using var client = app.CreateClient();
        for (var i = 0; i < link.Secret.Length; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/users")
            {
                Headers = { { "X-AUTH-TOKEN", Mutated(org.Key, i) } },
            };
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.SendAsync(request, Ct)).StatusCode);
            Assert.Equal(
                OfferState.Unknown, (await app.LookAsync(link with { Secret = Mutated(link.Secret, i) })).State);
            Assert.Null(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(Mutated(session, i), Ct)));
        }

        var id = link.InvitationId.ToByteArray(bigEndian: true);
        for (var i = 0; i < 16; i++)
        {
            byte[] other = [.. id];
            other[i] ^= 1;
            Assert.Equal(
                OfferState.Unknown,
                (await app.LookAsync(link with { InvitationId = new(other, bigEndian: true) })).State);
        }

        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
    }

    // Check characters are no secret: anybody can work them out for a secret of his own making.
    [Fact]
    public async Task Tokens_made_up_with_the_right_check_characters_are_refused()
    {
        var org = await app.CreateOrganizationAsync();
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        var (forgedLink, forgedKey, forgedSession) = (
            Forge(link.Secret), Forge(org.Key), Forge(Secret.Create(Secret.SessionPrefix).Text));
        Assert.True(
            Secret.IsWellFormed(forgedLink, Secret.InvitationPrefix)
                && Secret.IsWellFormed(forgedSession, Secret.SessionPrefix));
        Assert.Equal(OfferState.Unknown, (await app.LookAsync(link with { Secret = forgedLink })).State);
        Assert.Null(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(forgedSession, Ct)));
        using var client = org.ClientOf(forgedKey);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/users", Ct)).StatusCode);
    }

    [Fact]
    public async Task Hostile_host_and_forwarding_headers_leave_links_unchanged()
    {
        var org = await app.CreateOrganizationAsync();
        var emails = new[] { NewEmail("ada"), NewEmail("bob"), NewEmail("eve") };
        var requests = new[]
        {
            ("/v1/users", $$$$"""
                {"data":{"attributes":{"firstName":"A","lastName":"L","role":"USER","email":"{{{{emails[0]}}}}"}}}
                """),
            ("/api/v2/user/invite", $$"""[{"emailAddress":"{{emails[1]}}"}]"""),
            ("/users", $$$"""{"user":{"first_name":"A","email_address":"{{{emails[2]}}}"}}"""),
        };
        foreach (var (path, body) in requests)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path)
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            request.Headers.Host = "evil.example";
            foreach (var (name, value) in new[]
            {
                ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Prefix", "/evil.example"), ("X-Forwarded-For", "203.0.113.1"),
                ("X-Forwarded-Port", "666"), ("Forwarded", "host=evil.example;proto=https"),
                ("X-Original-Host", "evil.example"), ("X-Host", "evil.example"),
                ("X-HTTP-Host-Override", "evil.example"), ("X-Original-URL", "/evil.example"),
            }) request.Headers.TryAddWithoutValidation(name, value);
            var answer = await org.Admin.SendAsync(request, Ct);
            Assert.True(answer.IsSuccessStatusCode);
            Assert.DoesNotContain(
                "evil", await answer.Content.ReadAsStringAsync(Ct), StringComparison.OrdinalIgnoreCase);
        }

        foreach (var email in emails)
        {
            var mail = (await app.Mail.WaitAsync(email))[0];
            Assert.DoesNotContain("evil", mail.Text + mail.Html + mail.MessageId, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(org.Slug, mail.Link.OrganizationSlug);
            Assert.All(
                Url().Matches(mail.Text + mail.Html),
                url => Assert.StartsWith("http://localhost:8080/", url.Value, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Head_and_get_of_every_link_in_a_mail_twice_then_accept_works()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        await org.TryInviteAsync(email);
        var mail = (await app.Mail.WaitAsync(email))[0];
        var links = Url().Matches(mail.Text + " " + WebUtility.HtmlDecode(mail.Html)).Select(m => new Uri(m.Value))
            .Distinct().ToList();
        Assert.Contains(links, l => l.AbsolutePath.StartsWith("/join/", StringComparison.Ordinal));
        var before = await org.InvitationAsync(mail.Link);
        foreach (var link in links)
        {
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get, HttpMethod.Head, HttpMethod.Get })
            {
                using var client = app.CreateClient();
                var answer = await client.SendAsync(new(method, link.PathAndQuery), Ct);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Assert.DoesNotContain(
                    mail.Link.Secret, await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
            }
        }

        Assert.Equal(before.Version, (await org.InvitationAsync(mail.Link)).Version);
        Assert.Null((await app.JoinAsync(mail.Link)).Error);
    }

    [Theory]
    [InlineData("""["@@"]""")]
    [InlineData("""{"email":"@@"}""")]
    [InlineData("""{"$ne":null}""")]
    [InlineData("12")]
    [InlineData("true")]
    [InlineData("\"@@,eve@evil.example\"")]
    [InlineData("\"@@;eve@evil.example\"")]
    [InlineData("\"eve@evil.example @@\"")]
    [InlineData("\"Ada <@@>\"")]
    [InlineData("\"<@@>\"")]
    [InlineData("\"@@\\r\\nBcc: eve@evil.example\"")]
    [InlineData("\"@@\\nBcc: eve@evil.example\"")]
    [InlineData("\"@@%0d%0aBcc:eve@evil.example\"")]
    [InlineData("\"@@\\u0000\"")]
    [InlineData("\"\\u202e@@\"")]
    public async Task Arrays_objects_lists_line_breaks_and_display_names_where_an_address_belongs_are_refused(
        string value)
    {
        var org = await app.CreateOrganizationAsync();
        var email = value.Replace("@@", NewEmail("ada"), StringComparison.Ordinal);
        var answers = new[]
        {
            await org.Admin.PostTextAsync(
                "/v1/users",
                $$$$"""{"data":{"attributes":{"firstName":"A","lastName":"L","role":"USER","email":{{{{email}}}}}}}"""),
            await org.Admin.PostTextAsync("/api/v2/user/invite", $$"""[{"emailAddress":{{email}}}]"""),
            await org.Admin.PostTextAsync("/users", $$$"""{"user":{"first_name":"A","email_address":{{{email}}}}}"""),
        };
        Assert.All(answers, a => Assert.InRange((int)a.StatusCode, 400, 422));
        Assert.Single(await org.MembersAsync());
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task A_user_manager_cannot_become_an_administrator_by_any_path()
    {
        var org = await app.CreateOrganizationAsync();
        var (admins, boss) = (await org.CreateGroupAsync(new("Admins") { IsAdmin = true }), NewEmail("boss"));
        var pending = (await org.TryInviteAsync(boss, row => row with { Role = BuiltInRole.Admin })).Value.Member;
        var robot = await org.ServiceAccountAsync();
        await app.ChangeAsync(
            async db =>
                (await db.Members.SingleAsync(m => m.Id == robot.Id, Ct))
                    .Give(BuiltInRole.Admin, org.System, robot.CreatedAt));
        var accomplice = await org.JoinedAsync(
            NewEmail("accomplice"), row => row with { Permissions = [Permissions.UserManagement] });
        var max = await org.JoinedAsync(
            NewEmail("max"),
            row =>
                row with
                {
                    Permissions = [
                        Permissions.UserManagement, Permissions.TokenManagement, Permissions.ResourceCreation,
                    ],
                });
        var mine = NewEmail("mine");
        await org.TryInviteAsync(mine, by: await org.ActorAsync(max.Member)); // somebody of his own making

        foreach (var (actor, client) in new[]
            {
                (await org.ActorAsync(max.Member), max.Client),
                (await org.ActorAsync(accomplice.Member), accomplice.Client),
            })
        {
            // As an administrator, or in their group: new, himself, his own pending guest, a pending administrator.
            foreach (var email in new[]
                {
                    NewEmail("new"), actor.Id == max.Member.Id ? max.Member.Identifier : accomplice.Member.Identifier,
                    mine, boss,
                })
            {
                foreach (var how in new[]
                    {
                        Refresh, RefuseSecond,
                        RefuseSecond with { OnPending = OnPending.Skip, OnActive = OnActive.Skip },
                    })
                {
                    await org.TryInviteAsync(email, row => row with { Role = BuiltInRole.Admin }, by: actor, how: how);
                    await org.TryInviteAsync(
                        email, row => row with { Groups = [Reference.To(admins.Id)] }, by: actor, how: how);
                }

                await client.PostTextAsync(
                    "/users",
                    $$$"""{"user":{"first_name":"A","email_address":"{{{email}}}","account_administrator":true}}""");
                await client.PostTextAsync("/v1/users", $$$$"""
                    {"data":{"attributes":{"firstName":"A","lastName":"L","role":"ADMIN","email":"{{{{email}}}}"}}}
                    """);
                await client.PostTextAsync(
                    "/api/v2/user/invite", $$"""[{"emailAddress":"{{email}}","userGroups":["{{admins.Id}}"]}]""");
            }

            // By an administrator's link, key, or his service account's; by taking his place; by a group or role of his
            // own.
            Assert.NotNull((await org.ResendAsync(actor, pending)).Error);
            foreach (var id in new[] { org.Created.Owner.Id, robot.Id, pending.Id })
                Assert.NotNull((await org.CreateKeyAsync(actor, id)).Error);
            foreach (var id in new[] { org.Created.Owner.Id, robot.Id, pending.Id })
                Assert.NotNull((await org.RemoveAsync(actor, id)).Error);
            Assert.NotNull(
                (await app.WithAsync<GroupService, Result<GroupView>>(s =>
                    s.CreateAsync(actor, new("Mine") { IsAdmin = true, IsDefault = true }, new(), Ct))).Error);
            Assert.Equal(
                HttpStatusCode.NotFound,
                (await client.PostTextAsync($"/users/{Guid.NewGuid()}/resend_invitation", "")).StatusCode);
            Assert.Equal(
                HttpStatusCode.Forbidden,
                (await client.PostTextAsync($"/users/{pending.Id}/resend_invitation", "")).StatusCode);
            Assert.False((await client.GetAsync("/v1/users", Ct)).IsSuccessStatusCode); // administrators' only
        }

        var administrators = await app.QueryAsync(async db =>
        {
            var ids = await db.Members.Where(m => m.OrganizationId == org.Id && m.Status != MemberStatus.Removed)
                .Select(m => m.Id).ToListAsync(Ct);
            var graph = await AccessGraph.ReadAsync(db, new(org.Id) { MemberIds = ids }, Ct);
            return graph!.Members.Where(m => graph.Of(m).IsAdmin).Select(m => m.Id).ToHashSet();
        });
        Assert.Equal(new[] { org.Created.Owner.Id, pending.Id, robot.Id }.ToHashSet(), administrators);
        Assert.Equal(pending.Version, (await org.MemberAsync(boss)).Version);
    }

    [Fact]
    public async Task No_secret_can_be_read_back_from_the_database()
    {
        await using var quiet = await UsherApp.StartAsync([], workers: false);
        var org = await quiet.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var invited = await org.TryInviteAsync(NewEmail("bob"));
        Assert.Null(invited.Error);
        var mailed = await quiet.QueryAsync(
            async db =>
                (await db.OutboxMessages.AsNoTracking().SingleAsync(m => m.OrganizationId == org.Id, Ct)).Secret!);
        var (_, link) = await org.GuestAsync(NewEmail("eve"));
        await quiet.SignInAsync(ada.Member.Identifier, "a password typed into the wrong field");
        var address = await quiet.AskAsync(await org.ActorAsync(ada.Member), NewEmail("ada"));
        string[] secrets =
        [
            org.Key, org.Created.OwnerLink!.Secret, ada.Key, ada.Joined.Session!.Secret, TestOrganization.Password,
            "a password typed into the wrong field", link.Secret, address.Secret,
            quiet.Services.GetRequiredService<OutboxSecrets>().Reveal(mailed),
        ];

        // Every column of every table, as text and as bytes.
        var tables = await quiet.QueryAsync(db =>
            Task.FromResult(
                db.Model.GetEntityTypes().Select(e => e.GetTableName()).OfType<string>().Distinct().ToList()));
        Assert.Contains("outbox_messages", tables);
        var values = 0;
        foreach (var table in tables)
        {
            await foreach (var value in ValuesAsync(quiet, table))
            {
                values++;
                var bytes = value as byte[]
                    ?? Encoding.UTF8.GetBytes(
                           Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!);
                Assert.All(secrets, secret => AssertNotIn(bytes, secret, table));
            }
        }

        Assert.True(values > 200, $"{values} values");
        if (TestDatabase.IsPostgres) return;

        // And the very files, freed pages and write-ahead log included.
        var file = await quiet.QueryAsync(db =>
            Task.FromResult(new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource));
        foreach (var path in new[] { file, file + "-wal" })
        {
            await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[stream.Length];
            await stream.ReadExactlyAsync(bytes, Ct);
            Assert.All(secrets, secret => AssertNotIn(bytes, secret, path));
        }
    }

    // Each server of these tests looks for such secrets in its log at its end. Here they are used on purpose.
    [Fact]
    public async Task No_secret_is_in_any_log()
    {
        const string mistyped = "a password typed into the wrong field";
        await using var own = await UsherApp.StartAsync(new() { ["Logging:LogLevel:Usher"] = "Trace" });
        var org = await own.CreateOrganizationAsync();
        var email = NewEmail("ada");
        await org.TryInviteAsync(email);
        var mail = (await own.Mail.WaitAsync(email))[0];
        var (link, path) = (mail.Link, $"/join/{mail.Link.OrganizationSlug}/{mail.Link.InvitationId}");
        var visitor = new Visitor(own.CreateClient());
        await visitor.GetAsync($"{path}%23{link.Secret}");
        await visitor.PostAsync(path, path, ("step", "check"), ("code", link.Secret));
        (string, string)[] person = [("first_name", "Ada"), ("last_name", ""), ("password", TestOrganization.Password)];
        var joined = await visitor.PostAsync(path, path, [("step", "join"), .. person]);
        Assert.Equal("/me", joined.Headers.Location?.OriginalString);
        var stranger = new Visitor(own.CreateClient());
        await stranger.PostAsync("/sign-in", "/sign-in", ("email", mistyped), ("password", mistyped));
        await stranger.PostAsync("/sign-in", "/sign-in", ("email", email), ("password", mistyped));
        await stranger.PostAsync("/reset", "/reset", ("email", email));
        var reset = Secrets.Reset().Match((await own.Mail.WaitAsync(email, 2))[1].Text);
        await stranger.GetAsync($"/reset/{reset.Groups["id"].Value}%23{reset.Groups["secret"].Value}");
        var key = (await org.CreateKeyAsync(org.System, org.Created.Owner.Id)).Value.Secret;
        foreach (var used in new[] { key, key + "x" })
        {
            using var client = org.ClientOf(used);
            await client.GetAsync("/v1/users/whoami", Ct);
            await client.SendTextAsync(HttpMethod.Put, $"/api/v2/apitoken/{used}?token={used}", """{"tokenName":""}""");
            await client.GetAsync($"/nowhere/{used}", Ct);
        }

        Assert.NotEmpty(own.Log);
        string[] secrets =
        [
            link.Secret, reset.Groups["secret"].Value, key, visitor.Cookies["usher_session"], TestOrganization.Password,
            mistyped,
        ];
        foreach (var line in own.Log)
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, line, StringComparison.Ordinal));
    }

    private static async IAsyncEnumerable<object> ValuesAsync(UsherApp app, string table)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<Usher.Core.Data.UsherDb>();
        await db.Database.OpenConnectionAsync(Ct);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"SELECT * FROM \"{table}\"";
        await using var reader = await command.ExecuteReaderAsync(Ct);
        while (await reader.ReadAsync(Ct))
            for (var i = 0; i < reader.FieldCount; i++)
                if (!await reader.IsDBNullAsync(i, Ct)) yield return reader.GetValue(i);
    }

    private static void AssertNotIn(byte[] bytes, string secret, string where)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        byte[][] forms = [
            plain, Encoding.Unicode.GetBytes(secret), Encoding.ASCII.GetBytes(Convert.ToBase64String(plain)),
            Encoding.ASCII.GetBytes(Convert.ToHexString(plain)),
        ];
        foreach (var form in forms)
            Assert.True(bytes.AsSpan().IndexOf(form) < 0, where);
    }

    private static string Mutated(string secret, int at) =>
        $"{secret[..at]}{(secret[at] is 'x' ? 'y' : 'x')}{secret[(at + 1)..]}";

    // The same prefix, other random bytes, the check characters that belong to them.
    private static string Forge(string secret)
    {
        var body = secret[..4] + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return body + Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(body)))[..6];
    }

    [GeneratedRegex("""https?://[^\s"'<>)]+""", RegexOptions.None, 1000)]
    private static partial Regex Url();
}
