using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Usher.Core.Data;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;

namespace Usher.Server.Tests.Running;

/// <summary>
/// What clients are told while the database is away, and what they and the log know a failed request by.
/// </summary>
public sealed class OutageTests(UsherApp shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_the_database_is_away_every_surface_answers_503_in_its_own_form_and_then_works_again()
    {
        await using var database = await BreakableDatabase.CreateAsync();
        await using var app = await UsherApp.StartAsync(database.Settings, database: database.Database);
        var org = await app.CreateOrganizationAsync();
        var guests = new Guests(app);
        var email = Guests.NewEmail("ada");
        await guests.MakeAccountAsync(email);
        var visitor = new Visitor(app.CreateClient());
        var token = await visitor.OpenAsync("/sign-in");
        (string Name, string Value)[] form = [token, ("email", email), ("password", TestOrganization.Password)];

        await database.BreakAsync();
        await AssertConformityAsync(app, await InviteAsync(org, "/v1/users", "conformity"), "POST /v1/users");
        await AssertWavefrontAsync(
            app, await InviteAsync(org, "/api/v2/user/invite", "wavefront"), "POST /api/v2/user/invite");
        await AssertDeployHqAsync(app, await InviteAsync(org, "/users", "deployhq"), "POST /users");
        await AssertOwnAsync(
            app, await InviteAsync(org, org.Path("invitations"), "usher"),
            "POST /usher/v1/organizations/{organization}/invitations");
        await AssertPageAsync(app, await visitor.PostAsync("/sign-in", form), "POST /sign-in");
        // The path has a key in it, which the log must not have.
        var path = $"/api/v2/apitoken/{org.Key}?t={org.Key}";
        await AssertWavefrontAsync(
            app, await org.Admin.SendTextAsync(HttpMethod.Put, path, """{"tokenName":"x"}"""),
            "PUT /api/v2/apitoken/{id}");
        if (TestDatabase.IsPostgres) await AssertReadsAsync(app, org);

        await database.MendAsync();
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(app));
        Assert.Equal(HttpStatusCode.OK, (await InviteAsync(org, "/v1/users", "conformity")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await InviteAsync(org, "/api/v2/user/invite", "wavefront")).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await InviteAsync(org, "/users", "deployhq")).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await InviteAsync(org, org.Path("invitations"), "usher")).StatusCode);
        Assert.Equal(HttpStatusCode.SeeOther, (await visitor.PostAsync("/sign-in", form)).StatusCode);
        await app.Mail.WaitAsync("usher@outage.example"); // the workers go on by themselves, too
    }

    [FactIn(Runs.OnSqlite)]
    public async Task An_sqlite_file_that_is_gone_is_an_outage_and_is_not_replaced_by_an_empty_one()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var app = await UsherApp.StartAsync([], database: database, workers: false);
        var org = await app.CreateOrganizationAsync();
        string file = Path.Combine(database.Directory, "usher.db"), aside = file + ".aside";
        File.Move(file, aside);
        try
        {
            await AssertOwnAsync(
                app, await InviteAsync(org, org.Path("invitations"), "usher"),
                "POST /usher/v1/organizations/{organization}/invitations");
            Assert.False(File.Exists(file));
        }
        finally
        {
            File.Move(aside, file);
        }

        Assert.Equal(HttpStatusCode.Created, (await InviteAsync(org, org.Path("invitations"), "usher")).StatusCode);
    }

    [Fact]
    public async Task A_fault_of_the_server_has_the_same_request_id_in_the_answer_and_in_the_log()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        await app.QueryAsync(db => db.Database.ExecuteSqlRawAsync("DROP TABLE events", Ct));

        foreach (var (path, name) in new[]
            {
                ("/v1/users", "conformity"), ("/api/v2/user/invite", "wavefront"), ("/users", "deployhq"),
                (org.Path("invitations"), "usher"),
            })
        {
            var answer = await InviteAsync(org, path, name);
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
            var id = IdOf(answer);
            Assert.Contains(app.Log, line => line.Contains(" failed. Request " + id, StringComparison.Ordinal));
            if (name is "usher")
                Assert.Equal(
                    id,
                    (await answer.RefusedAsync(HttpStatusCode.InternalServerError, "internal_error"))
                        .GetProperty("requestId").GetString());
        }
    }

    [Theory]
    [InlineData("/v1/users")]
    [InlineData("/api/v2/user")]
    [InlineData("/api/nowhere")]
    [InlineData("/users")]
    [InlineData("/usher/v1/organizations")]
    [InlineData("/sign-in")]
    [InlineData("/nowhere")]
    [InlineData("/usher.css")]
    [InlineData("/health/live")]
    [InlineData("/openapi/v1.json")]
    public async Task Every_answer_has_a_request_id_of_its_own_whatever_the_client_sent(string path)
    {
        using var client = new HttpClient { BaseAddress = new(shared.Url) };
        client.DefaultRequestHeaders.Add("X-Request-Id", "mine");
        var ids = new[] { IdOf(await client.GetAsync(path, Ct)), IdOf(await client.GetAsync(path, Ct)) };
        Assert.NotEqual(ids[0], ids[1]);
        Assert.All(ids, id => Assert.True(Guid.TryParseExact(id, "N", out _), id));
    }

    public static TheoryData<string, Exception, bool> Exceptions => new()
    {
        { "no connection", new NpgsqlException("x", new SocketException((int)SocketError.ConnectionRefused)), true },
        { "an exhausted pool", new NpgsqlException("x", new TimeoutException()), true },
        {
            "wrapped by the framework",
            new InvalidOperationException("x", new DbUpdateException("x", new NpgsqlException("x", new IOException()))),
            true
        },
        { "shutting down", Postgres(PostgresErrorCodes.AdminShutdown), true },
        { "starting up", Postgres(PostgresErrorCodes.CannotConnectNow), true },
        { "a disk that is full", Postgres(PostgresErrorCodes.DiskFull), true },
        { "a standby", Postgres(PostgresErrorCodes.ReadOnlySqlTransaction), true },
        { "a wrong password", Postgres(PostgresErrorCodes.InvalidPassword), true },
        { "several hosts", new NpgsqlException("x", new AggregateException(new SocketException())), true },
        { "busy", new SqliteException("x", 5), true },
        { "unreadable", new DbUpdateException("x", new SqliteException("x", 14)), true },
        { "an input error", new SqliteException("x", 10, 266), true },
        { "a table that is missing", Postgres(PostgresErrorCodes.UndefinedTable), false },
        { "a value that is refused", Postgres(PostgresErrorCodes.CheckViolation), false },
        { "a wrong statement", new SqliteException("x", 1), false },
        { "a fault of the program", new InvalidOperationException("x", new FormatException("y")), false },
    };

    [Theory]
    [MemberData(nameof(Exceptions))]
    public void An_outage_is_told_from_a_fault_by_what_was_thrown(string what, Exception exception, bool outage) =>
        Assert.True(outage == Outage.Find(exception) is not null, what);

    private static PostgresException Postgres(string state) => new("x", "ERROR", "ERROR", state);

    private static async Task<HttpStatusCode> ReadyAsync(UsherApp app)
    {
        using var client = app.CreateClient();
        return (await client.GetAsync("/health/ready", Ct)).StatusCode;
    }

    private static Task<HttpResponseMessage> InviteAsync(TestOrganization org, string path, string name)
    {
        var email = $"{name}@outage.example";
        return name switch
        {
            "conformity" => org.Admin.PostTextAsync(path,
                $$$$"""
                {"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{{{{email}}}}",
                "accessList":[]}}}
                """, "application/vnd.api+json"),
            "wavefront" =>
                org.Admin.PostTextAsync(path, $$"""[{"emailAddress":"{{email}}","groups":[],"userGroups":[]}]"""),
            "deployhq" =>
                org.Admin.PostTextAsync(path, $$$"""{"user":{"first_name":"A","email_address":"{{{email}}}"}}"""),
            _ => org.Admin.PostTextAsync(path, $$"""{"email":"{{email}}"}"""),
        };
    }

    private static async Task AssertReadsAsync(UsherApp app, TestOrganization org)
    {
        await AssertConformityAsync(app, await org.Admin.GetAsync("/v1/users", Ct), "GET /v1/users");
        await AssertWavefrontAsync(app, await org.Admin.GetAsync("/api/v2/user", Ct), "GET /api/v2/user");
        await AssertDeployHqAsync(app, await org.Admin.GetAsync("/users", Ct), "GET /users");
        await AssertOwnAsync(app, await org.GetAsync("members"), "GET /usher/v1/organizations/{organization}/members");
        var visitor = new Visitor(app.CreateClient());
        visitor.SetCookie("usher_session", Usher.Core.Secret.Create(Usher.Core.Secret.SessionPrefix).Text);
        await AssertPageAsync(app, await visitor.GetAsync("/me"), "GET /me");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(app));
    }

    private static async Task AssertConformityAsync(UsherApp app, HttpResponseMessage answer, string route)
    {
        var body = await UnavailableAsync(app, answer, route);
        Assert.Equal("""{"errors":[{"status":503,"details":"Service Unavailable"}]}""", WithoutNulls(body));
    }

    private static async Task AssertWavefrontAsync(UsherApp app, HttpResponseMessage answer, string route)
    {
        var status = JsonElement.Parse(await UnavailableAsync(app, answer, route)).GetProperty("status");
        Assert.Equal(("ERROR", 503), (status.GetProperty("result").GetString(), status.GetProperty("code").GetInt32()));
    }

    private static async Task AssertDeployHqAsync(UsherApp app, HttpResponseMessage answer, string route) =>
        Assert.Equal(
            "service_unavailable",
            JsonElement.Parse(await UnavailableAsync(app, answer, route)).GetProperty("error_code").GetString());

    private static async Task AssertOwnAsync(UsherApp app, HttpResponseMessage answer, string route)
    {
        await UnavailableAsync(app, answer, route);
        var problem = await answer.RefusedAsync(HttpStatusCode.ServiceUnavailable, "unavailable");
        Assert.Equal(IdOf(answer), problem.GetProperty("requestId").GetString());
    }

    private static async Task AssertPageAsync(UsherApp app, HttpResponseMessage answer, string route)
    {
        var page = await UnavailableAsync(app, answer, route);
        Assert.Contains("Not available at the moment", page, StringComparison.Ordinal);
        Assert.Contains(IdOf(answer), page, StringComparison.Ordinal);
    }

    // What holds on every surface: the status, when to come back, and a line in the log with the answer's id.
    private static async Task<string> UnavailableAsync(UsherApp app, HttpResponseMessage answer, string route)
    {
        var body = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode is HttpStatusCode.ServiceUnavailable, $"{route}: {answer.StatusCode} {body}");
        Assert.Equal("5", Assert.Single(answer.Headers.GetValues("Retry-After")));
        var line = Assert.Single(
            app.Log,
            l =>
                l.Contains(IdOf(answer), StringComparison.Ordinal)
                    && l.Contains("was answered 503", StringComparison.Ordinal));
        Assert.StartsWith($"Error {route} was answered 503", line, StringComparison.Ordinal);
        return body;
    }

    private static string IdOf(HttpResponseMessage answer) => Assert.Single(answer.Headers.GetValues("X-Request-Id"));

    private static string WithoutNulls(string json) => json.Replace("\"source\":null,", "", StringComparison.Ordinal);
}
