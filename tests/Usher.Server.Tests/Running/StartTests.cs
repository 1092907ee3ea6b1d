using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Running;

/// <summary>
/// Starting the server as an operator does: several nodes at once, with the wrong key, on a taken port, in a folder
/// that others can read.
/// </summary>
public sealed class StartTests
{
    private const string Key = "start-tests-key-0123456789-ABCDEFGHIJK";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static Dictionary<string, string?> Bootstrap => new()
    {
        ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
        ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
        ["Usher:Bootstrap:Owner:ApiKey"] = Key, ["Usher:Operator:ApiKey"] = "operator-" + Key,
    };

    // On SQLite one server has the directory for itself.
    [TheoryIn(Runs.OnPostgres)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Nodes_that_start_at_once_on_an_empty_database_all_start_and_make_one_organization(int nodes)
    {
        await using var database = await TestDatabase.CreateAsync();
        var servers = await Task.WhenAll(Enumerable.Range(0, nodes).Select(_ =>
            ServerProcess.StartAsync(database, Bootstrap)));
        try
        {
            await AssertOneOrganizationAsync(servers);
            Assert.Single(
                servers,
                s => s.Output.Any(line => line.Contains("Created the organization Acme", StringComparison.Ordinal)));
            Assert.All(servers, s => Assert.DoesNotContain(s.Output, line =>
                line.StartsWith("fail", StringComparison.Ordinal) || line.StartsWith("crit", StringComparison.Ordinal)
                    || line.StartsWith("warn", StringComparison.Ordinal)));
        }
        finally
        {
            foreach (var server in servers) await server.DisposeAsync();
        }
    }

    [FactIn(Runs.OnPostgres)]
    public async Task Nodes_that_start_at_once_make_the_database_where_there_is_none()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.DropAsync();
        var servers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ =>
            ServerProcess.StartAsync(database, Bootstrap)));
        try
        {
            await AssertOneOrganizationAsync(servers);
        }
        finally
        {
            foreach (var server in servers) await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_node_whose_master_key_does_not_open_the_keys_of_the_database_refuses_to_start_and_says_why()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using (var server = await ServerProcess.StartAsync(database, Bootstrap)) await server.StopAsync();
        var file = Path.Combine(database.Directory, "master.key");
        var right = await File.ReadAllTextAsync(file, Ct);

        await File.WriteAllTextAsync(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)), Ct);
        for (var start = 0; start < 2; start++)
            await AssertRefusedAsync(
                database, Bootstrap, $"Usher:MasterKeyFile: {file} does not decrypt the keys in this database");

        File.Delete(file);
        await AssertRefusedAsync(database, Bootstrap, $"Usher:MasterKeyFile: {file} is missing");
        Assert.False(File.Exists(file));

        await File.WriteAllTextAsync(file, right, Ct);
        await using var again = await ServerProcess.StartAsync(database, Bootstrap);
    }

    private static UnixFileMode ModeOf(string file) =>
        OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(file);

    [FactIn(Runs.Once)]
    public async Task A_taken_port_ends_the_start_with_one_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.RunToEndAsync(database, new() { ["ASPNETCORE_URLS"] = address });
        AssertOneLine(server.ExitCode, server.Errors, server.Output, address, "already in use");
    }

    [TheoryIn(Runs.Once)]
    [InlineData("http://192.0.2.1:8080", "192.0.2.1")] // of no interface
    [InlineData("http://unix:/nowhere/usher.sock", "/nowhere/usher.sock")]
    [InlineData("127.0.0.1:8080", "127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:99999", "99999")]
    [InlineData("ftp://127.0.0.1:8080", "ftp")]
    public async Task An_address_that_cannot_be_listened_on_ends_the_start_with_one_line(
        string address, string named)
    {
        await using var database = await TestDatabase.CreateAsync();
        var start = await FailedStart.RunAsync(database, new() { ["urls"] = address });
        AssertOneLine(start.ExitCode, start.Errors, start.Output, named);
    }

    [FactIn(Runs.Once)]
    public async Task A_port_that_only_the_system_may_use_ends_the_start_with_one_line()
    {
        if (!OperatingSystem.IsLinux()) return;
        await using var database = await TestDatabase.CreateAsync();
        var settings = new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:81" };
        await using var server = await ServerProcess.RunToEndAsync(
            database, settings, withoutPrivileges: Environment.IsPrivilegedProcess);
        AssertOneLine(server.ExitCode, server.Errors, server.Output, "ermission denied");
    }

    [Fact]
    public async Task In_a_folder_that_others_can_read_every_file_is_the_servers_alone_and_a_warning_names_the_folder()
    {
        await using var database = await TestDatabase.CreateAsync();
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode open =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead
            | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        const UnixFileMode readable =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        var mail = Path.Combine(database.Directory, "mail");
        Directory.CreateDirectory(mail);
        foreach (var folder in new[] { database.Directory, mail }) File.SetUnixFileMode(folder, open);
        foreach (var name in new[] { "usher.db", "usher.lock" }.Where(_ => !TestDatabase.IsPostgres))
        {
            await File.WriteAllBytesAsync(Path.Combine(database.Directory, name), [], Ct);
            File.SetUnixFileMode(Path.Combine(database.Directory, name), readable);
        }

        await using var server = await ServerProcess.StartAsync(database, Bootstrap);
        using var client = ClientOf(server);
        Assert.Equal(
            HttpStatusCode.Created,
            (await client.PostTextAsync(
                "/users", """{"user":{"first_name":"A","email_address":"ada@acme.test"}}""")).StatusCode);
        await new MailFolder(mail).WaitAsync("ada@acme.test");

        if (OperatingSystem.IsWindows()) return;
        string[] made = TestDatabase.IsPostgres
            ? []
            : ["usher.db", "usher.db-wal", "usher.db-shm", "usher.lock", "master.key"];
        Assert.All(made.Select(name => Path.Combine(database.Directory, name)).Concat(Directory.EnumerateFiles(mail)),
            file => Assert.Equal((file, UnixFileMode.UserRead | UnixFileMode.UserWrite), (file, ModeOf(file))));
        foreach (var folder in TestDatabase.IsPostgres ? [mail] : new[] { database.Directory, mail })
            Assert.Contains(
                server.Output,
                line => line.Contains($"the folder {folder}: its mode is 0755", StringComparison.Ordinal));
    }

    private static HttpClient ClientOf(ServerProcess server)
    {
        var client = new HttpClient { BaseAddress = new(server.Url) };
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", Key);
        return client;
    }

    private static async Task AssertOneOrganizationAsync(IEnumerable<ServerProcess> servers)
    {
        List<string> ids = [];
        foreach (var server in servers)
        {
            using var client = new HttpClient { BaseAddress = new(server.Url) };
            client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", "operator-" + Key);
            var list = await (await client.GetAsync("/usher/v1/organizations", Ct)).JsonAsync();
            ids.Add(Assert.Single(list.GetProperty("data").EnumerateArray()).GetProperty("id").GetString()!);
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/ready", Ct)).StatusCode);
        }

        Assert.Single(ids.Distinct());
    }

    private static async Task AssertRefusedAsync(
        TestDatabase database, Dictionary<string, string?> settings, string said)
    {
        await using var server = await ServerProcess.RunToEndAsync(database, settings);
        AssertOneLine(server.ExitCode, server.Errors, server.Output, said);
    }

    private static void AssertOneLine(
        int exitCode, IEnumerable<string> errors, IReadOnlyCollection<string> output, params string[] said)
    {
        Assert.Equal(1, exitCode);
        var line = Assert.Single(errors);
        Assert.StartsWith("usher: ", line, StringComparison.Ordinal);
        Assert.All(said, part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.DoesNotContain(
            output,
            l => l.Contains("   at ", StringComparison.Ordinal) || l.Contains("Exception", StringComparison.Ordinal));
    }
}
