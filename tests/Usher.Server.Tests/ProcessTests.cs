using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Mail;

namespace Usher.Server.Tests;

/// <summary>The server as an operator has it: a process that starts, stops, is killed, and comes back.</summary>
public sealed class ProcessTests
{
    private const string Key = "process-tests-key-0123456789-ABCDEFGH";

    private static Dictionary<string, string?> Bootstrap(params (string Key, string Value)[] more)
    {
        Dictionary<string, string?> settings = new()
        {
            ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
            ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
            ["Usher:Bootstrap:Owner:ApiKey"] = Key,
        };
        foreach (var (key, value) in more) settings[key] = value;
        return settings;
    }

    private static HttpClient ClientOf(ServerProcess server)
    {
        var client = new HttpClient { BaseAddress = new(server.Url) };
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", Key);
        return client;
    }

    private static Task<HttpResponseMessage> InviteAsync(HttpClient client, string email) =>
        client.PostTextAsync("/users", $$$"""{"user":{"first_name":"Ada","email_address":"{{{email}}}"}}""");

    [Fact]
    public async Task An_acknowledged_invitation_survives_kill_9_at_any_point_and_its_mail_arrives()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var sink = await SmtpSink.StartAsync("0");
        var settings = Bootstrap(
            ("Usher:Mail:Transport", "smtp"), ("Usher:Mail:Smtp:Host", "127.0.0.1"),
            ("Usher:Mail:Smtp:Port", $"{sink.Port}"), ("Usher:Mail:Smtp:StartTls", "false"));

        // The kill falls before, into and behind each step of claiming, rendering, sending and marking.
        List<string> acknowledged = [];
        int[] delays = TestRun.IsLong ? [0, 3, 10, 25, 50, 100, 200, 400] : [0, 25, 200];
        foreach (var delay in delays)
        {
            await using var server = await ServerProcess.StartAsync(database, settings);
            using var client = ClientOf(server);
            for (var i = 0; i < 3; i++)
            {
                var email = $"kill{delay}-{i}@acme.test";
                if ((await InviteAsync(client, email)).StatusCode is HttpStatusCode.Created) acknowledged.Add(email);
            }

            await Task.Delay(delay, TestContext.Current.CancellationToken);
            await server.KillAsync();
        }

        Assert.Equal(3 * delays.Length, acknowledged.Count);
        await using var survivor = await ServerProcess.StartAsync(database, settings);
        Assert.Superset(acknowledged.ToHashSet(), await ListedAsync(survivor));

        Dictionary<string, HashSet<string>> messageIds = [];
        while (!acknowledged.TrueForAll(messageIds.ContainsKey))
        {
            // On PostgreSQL, a claim that a killed node held is free again after a minute.
            var message = await sink.NextMessageAsync(TimeSpan.FromSeconds(100));
            var to = message.GetProperty("to")[0].GetProperty("address").GetString()!;
            if (!messageIds.TryGetValue(to, out var ids)) messageIds[to] = ids = [];
            ids.Add(message.GetProperty("messageId").GetString()!);
        }

        Assert.All(messageIds.Values, ids => Assert.Single(ids)); // twice perhaps, but then the same message
    }

    // Those who invite at the same time share a commit: who was answered is stored, whichever of them the end comes to.
    [Fact]
    public async Task Whoever_was_answered_is_stored_when_the_server_is_killed_with_many_invitations_in_flight()
    {
        await using var database = await TestDatabase.CreateAsync();
        var settings = Bootstrap();
        ConcurrentBag<string> acknowledged = [];
        foreach (var delay in new[] { 0, 7, 40 })
        {
            await using var server = await ServerProcess.StartAsync(database, settings);
            var before = acknowledged.Count;
            var killed = Task.Run(async () =>
            {
                await WaitForAsync(() => acknowledged.Count >= before + 20);
                await Task.Delay(delay, TestContext.Current.CancellationToken);
                await server.KillAsync();
            }, TestContext.Current.CancellationToken);
            await Task.WhenAll(Enumerable.Range(0, 16).Select(i =>
                InviteUntilGoneAsync(server, $"flight{delay}-{i}", acknowledged)));
            await killed;
        }

        await using var survivor = await ServerProcess.StartAsync(database, settings);
        Assert.Superset(acknowledged.ToHashSet(), await ListedAsync(survivor));
    }

    // On PostgreSQL the disk is that of its server.
    [FactIn(Runs.OnSqlite)]
    public async Task A_full_disk_refuses_what_it_cannot_keep_and_loses_nothing_that_was_answered()
    {
        await using var database = await TestDatabase.CreateAsync();
        var settings = Bootstrap();
        ConcurrentBag<string> acknowledged = [];
        await using (var server = await ServerProcess.StartAsync(database, settings, largestFile: 3_000))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
                InviteUntilGoneAsync(server, $"full{i}", acknowledged)));
            Assert.NotEmpty(acknowledged);
            Assert.Superset(acknowledged.ToHashSet(), await ListedAsync(server)); // it goes on reading
            await server.KillAsync();
        }

        await using var survivor = await ServerProcess.StartAsync(database, settings);
        Assert.Superset(acknowledged.ToHashSet(), await ListedAsync(survivor));
        using var client = ClientOf(survivor);
        Assert.Equal(HttpStatusCode.Created, (await InviteAsync(client, "room-again@acme.test")).StatusCode);
    }

    // Invites one after another until that is refused, or nobody answers any more.
    private static async Task InviteUntilGoneAsync(
        ServerProcess server, string name, ConcurrentBag<string> acknowledged)
    {
        using var client = ClientOf(server);
        try
        {
            for (var i = 0; i < 5_000; i++)
            {
                using var answer = await InviteAsync(client, $"{name}-{i}@acme.test");
                if (answer.StatusCode is not HttpStatusCode.Created) return;
                acknowledged.Add($"{name}-{i}@acme.test");
            }
        }
        catch (HttpRequestException)
        {
            // It was killed.
        }
    }

    private static async Task<HashSet<string>> ListedAsync(ServerProcess server)
    {
        using var client = ClientOf(server);
        return (await (await client.GetAsync("/users", TestContext.Current.CancellationToken)).JsonAsync())
            .EnumerateArray().Select(u => u.GetProperty("email_address").GetString()!).ToHashSet();
    }

    [Fact]
    public async Task A_mail_server_that_is_down_delays_mail_and_loses_none_and_no_invite_waits_for_it()
    {
        await using var database = await TestDatabase.CreateAsync();
        var port = ServerProcess.FreePort();
        var settings = Bootstrap(
            ("Usher:Mail:Transport", "smtp"), ("Usher:Mail:Smtp:Host", "127.0.0.1"),
            ("Usher:Mail:Smtp:Port", $"{port}"), ("Usher:Mail:Smtp:StartTls", "false"));
        await using var server = await ServerProcess.StartAsync(database, settings);
        using var client = ClientOf(server);
        string[] people = [.. Enumerable.Range(0, 5).Select(i => $"down{i}@acme.test")];
        foreach (var person in people)
            Assert.Equal(HttpStatusCode.Created, (await InviteAsync(client, person)).StatusCode);
        await WaitForAsync(() =>
            server.Output.Any(line => line.Contains("will be retried", StringComparison.Ordinal)));

        await using var sink = await SmtpSink.StartAsync($"{port}");
        HashSet<string> arrived = [];
        while (arrived.Count < people.Length)
            arrived.Add(
                (await sink.NextMessageAsync(TimeSpan.FromSeconds(60))).GetProperty("to")[0].GetProperty("address")
                    .GetString()!);
        Assert.Equal(people.Order(), arrived.Order());
    }

    [Fact]
    public async Task Termination_lets_the_running_request_finish()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.StartAsync(database, Bootstrap());
        using var socket = new TcpClient();
        var url = new Uri(server.Url);
        await socket.ConnectAsync(url.Host, url.Port, TestContext.Current.CancellationToken);
        await using var stream = socket.GetStream();
        const string body = """{"user":{"first_name":"Late","email_address":"late@acme.test"}}""";
        await stream.WriteAsync(
            System.Text.Encoding.ASCII.GetBytes(
                $"POST /users HTTP/1.1\r\nHost: {url.Authority}\r\nX-AUTH-TOKEN: {Key}\r\nContent-Type: "
                + $"application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body[..20]}"),
            TestContext.Current.CancellationToken);
        await Task.Delay(300, TestContext.Current.CancellationToken);
        var stopping = server.StopAsync();
        await Task.Delay(300, TestContext.Current.CancellationToken);
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(body[20..]), TestContext.Current.CancellationToken);
        var answer = await new StreamReader(stream).ReadToEndAsync(TestContext.Current.CancellationToken);
        await stopping;

        Assert.StartsWith("HTTP/1.1 201", answer, StringComparison.Ordinal);
        Assert.Equal(0, server.ExitCode);
    }

    [Theory]
    [InlineData("Usher:PublicUrl", "ftp://nowhere")]
    [InlineData("Usher:PublicUrl", "http://host/path")]
    [InlineData("Usher:Database:Provider", "oracle")]
    [InlineData("Usher:Invitations:Lifetime", "00:10:00")]
    [InlineData("Usher:Invitations:Lifetime", "a week")]
    [InlineData("Usher:Mail:Transport", "pigeon")]
    [InlineData("Usher:Mail:From", "nobody")]
    [InlineData("Usher:Mail:Smtp:Port", "eighty")]
    [InlineData("Usher:Access:Permissions:0", "Not Allowed")]
    [InlineData("Usher:Dialects:Wavefront:Enabled", "perhaps")]
    [InlineData("Usher:Bootstrap:Organization:Slug", "Not A Slug")]
    [InlineData("Usher:Bootstrap:Owner:Email", "nobody")]
    [InlineData("Usher:Bootstrap:Owner:ApiKey", "short")]
    [InlineData("Usher:Bootstrap:Owner:Password", "short")]
    [InlineData("Usher:Passwords:HashIterations", "0")]
    public async Task A_wrong_setting_stops_the_start_with_one_line_that_names_it(string setting, string value)
    {
        await using var database = await TestDatabase.CreateAsync();
        var start = await FailedStart.RunAsync(database, Bootstrap((setting, value)));
        AssertNamed(setting, start.ExitCode, start.Errors, start.Output);
    }

    // One for each place that finds a wrong setting: the options, their binding, the preparation.
    [Theory]
    [InlineData("Usher:PublicUrl", "ftp://nowhere")]
    [InlineData("Usher:Mail:Smtp:Port", "eighty")]
    [InlineData("Usher:Bootstrap:Owner:ApiKey", "short")]
    public async Task A_wrong_setting_ends_the_process_with_one_line_on_standard_error(string setting, string value)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.RunToEndAsync(database, Bootstrap((setting, value)));
        AssertNamed(setting, server.ExitCode, server.Errors, server.Output);
    }

    private static void AssertNamed(
        string setting, int exitCode, IEnumerable<string> errors, IReadOnlyCollection<string> output)
    {
        var line = Assert.Single(errors);
        Assert.StartsWith("usher: ", line, StringComparison.Ordinal);
        Assert.Contains(setting.Replace(":0", "", StringComparison.Ordinal), line, StringComparison.Ordinal);
        Assert.DoesNotContain(output, l => l.Contains("   at ", StringComparison.Ordinal));
        Assert.Equal(1, exitCode);
    }

    [Fact]
    public async Task A_second_server_is_refused_on_one_sqlite_directory_and_welcome_on_one_postgresql()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var first = await ServerProcess.StartAsync(database, Bootstrap());
        if (TestDatabase.IsPostgres)
        {
            await using var node = await ServerProcess.StartAsync(database, Bootstrap());
            Assert.Equal(HttpStatusCode.Created, (await InviteAsync(ClientOf(node), "second@acme.test")).StatusCode);
            Assert.Equal(
                2,
                (await (await ClientOf(first).GetAsync("/users", TestContext.Current.CancellationToken)).JsonAsync())
                    .GetArrayLength());
            return;
        }

        await using var second = await ServerProcess.RunToEndAsync(database, Bootstrap());
        Assert.Contains(
            "Usher:DataDirectory", Assert.Single(second.Output, l => l.StartsWith("usher: ", StringComparison.Ordinal)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_ready_when_the_database_answers()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.StartAsync(database, []);
        using var client = new HttpClient { BaseAddress = new(server.Url) };
        Assert.Equal(
            HttpStatusCode.OK,
            (await client.GetAsync("/health/live", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(
            HttpStatusCode.OK,
            (await client.GetAsync("/health/ready", TestContext.Current.CancellationToken)).StatusCode);
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        var patience = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), "It did not happen within a minute.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
