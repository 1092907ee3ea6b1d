using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>
/// Lists without paging, from a server that runs as a process of its own, so that what it takes is its memory alone.
/// </summary>
public sealed class FlatMemoryTests
{
    private const int Few = 4_000;
    private const int Many = 100_000;
    private const string Key = "flat-memory-tests-key-0123456789-ABCDEF";

    // Measured: each of the first three adds 4 to 25 MiB; DeployHQ's, the smallest, 68 once its elements are held until
    // the last is read. The bodies alone are 50 MB and more.
    private const long Bound = 48 * 1024 * 1024;

    // One line per list. Each shows all persons, the newest last.
    private static readonly PersonsList[] Lists =
    [
        new("/v1/users"), new("/api/v2/user"), new("/users"), new("/api/v2/account/user"),
        // One team has them all, but for the owner; its members come from a single statement, which sees what was there
        // when it began.
        new("/teams") { Depth = 3, HasOwner = false, SeesWhoJoins = false },
    ];

    private sealed record PersonsList(string Path)
    {
        /// <summary>How deep the persons stand; null: in the body, or in a member of it.</summary>
        public int? Depth { get; init; }

        public bool HasOwner { get; init; } = true;

        public bool SeesWhoJoins { get; init; } = true;

        public override string ToString() => Path;
    }

    // As long as a name may be, so that holding all members, or all of an answer, would weigh.
    private static readonly string Name = new('n', 120);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lists_without_paging_answer_for_a_hundred_thousand_members_with_flat_memory()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var server = await ServerProcess.StartAsync(database, new()
        {
            ["Usher:Bootstrap:Organization:Name"] = "Acme", ["Usher:Bootstrap:Organization:Slug"] = "acme",
            ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
            ["Usher:Bootstrap:Owner:ApiKey"] = Key,
            // A heap that collects early: what is left then is what is held, and no slack hides it.
            ["DOTNET_gcServer"] = "0", ["DOTNET_GCgen0size"] = "1000000",
        });
        using var client = new HttpClient { BaseAddress = new(server.Url)
            , DefaultRequestHeaders = { { "X-AUTH-TOKEN", Key } } };
        await using var db = new UsherDb(Options(database));

        // Warm: every path run often enough to be compiled for good, over a few chunks.
        await SeedAsync(db, 1, Few);
        foreach (var list in Lists)
            for (var i = 0; i < 2; i++)
                Assert.Equal(list.HasOwner ? Few + 1 : Few, await ReadAsync(client, list, () => Task.CompletedTask));

        await SeedAsync(db, Few + 1, Many);
        var (level, listed) = (MemoryOf(server), Many + 1);
        foreach (var list in Lists)
        {
            var most = 0L;
            // Somebody who joins while the list is being read, behind all others, is in it: it was not made before its
            // first bytes left.
            var next = ++listed - 1;
            var read = await ReadAsync(
                client, list, () => SeedAsync(db, next, next), () => most = Math.Max(most, MemoryOf(server)));
            Assert.Equal(listed - (list.HasOwner ? 0 : 1) - (list.SeesWhoJoins ? 0 : 1), read);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{list} on top of {level >> 20} MiB: {(most - level) >> 20} MiB");
            Assert.True(most - level < Bound, $"{list} took {(most - level) >> 20} MiB on top of {level >> 20} MiB.");
        }
    }

    // Counts the elements of a list while it arrives, be it the body or a member of it.
    private static async Task<int> ReadAsync(
        HttpClient client, PersonsList list, Func<Task> atFirst, Action? sample = null)
    {
        using var answer = await client.GetAsync(list.Path, HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.True(
            answer.IsSuccessStatusCode && answer.Headers.TransferEncodingChunked is true,
            $"{list} answers {answer.StatusCode}, and not in chunks.");
        var reader = PipeReader.Create(await answer.Content.ReadAsStreamAsync(Ct), new(bufferSize: 64 * 1024));
        var (elements, depth, state) = (0, list.Depth ?? 2, new JsonReaderState());
        for (var part = 0; ; part++)
        {
            var read = await reader.ReadAsync(Ct);
            if (part is 0) await atFirst();
            if (part % 16 is 0) sample?.Invoke();
            reader.AdvanceTo(Count(read), read.Buffer.End);
            if (read.IsCompleted) return elements;
        }

        SequencePosition Count(ReadResult read)
        {
            var json = new Utf8JsonReader(read.Buffer, read.IsCompleted, state);
            while (json.Read())
            {
                if (json.TokenType is JsonTokenType.StartArray && json.CurrentDepth is 0) depth = list.Depth ?? 1;
                if (json.TokenType is JsonTokenType.StartObject && json.CurrentDepth == depth) elements++;
            }

            state = json.CurrentState;
            return json.Position;
        }
    }

    // The server's, read from outside it.
    private static long MemoryOf(ServerProcess server) => long.Parse(
        File.ReadLines($"/proc/{server.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2],
        CultureInfo.InvariantCulture) * 1024;

    private static DbContextOptions<UsherDb> Options(TestDatabase database)
    {
        var options = new DbContextOptionsBuilder<UsherDb>();
        _ = TestDatabase.IsPostgres
            ? options.UseUsherPostgres(database.ConnectionString)
            : options.UseUsherSqlite(database.ConnectionString);
        return options.Options;
    }

    // Copies of the owner made by the database itself, plain users with a permission and a group each: whatever columns
    // there are, they hold what a row must.
    private static async Task SeedAsync(UsherDb db, int from, int to)
    {
        var uuid = TestDatabase.IsPostgres
            ? "CAST('ffffffffffffffff' || lpad(to_hex({0}), 16, '0') AS uuid)"
            : "unhex('ffffffffffffffff' || printf('%016x', {0}))";
        var id = string.Format(CultureInfo.InvariantCulture, uuid, "i");
        // Kept apart, or a planner without statistics looks for the owner once per number.
        var numbers =
            $"WITH RECURSIVE numbers(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM numbers WHERE i < {to}), m AS "
                + $"MATERIALIZED (SELECT * FROM members WHERE role = 'admin') ";
        var email = "'m' || substr('000000' || i, -6) || '@acme.test'";
        if (TestDatabase.IsPostgres) email = "'m' || lpad(CAST(i AS text), 6, '0') || '@acme.test'";
        var target = TestDatabase.IsPostgres ? "replace(CAST(g.id AS text), '-', '')" : "lower(hex(g.id))";

        List<string> commands =
        [
            numbers + Copy<Member>(db, "numbers CROSS JOIN m", new()
            {
                ["id"] = id, ["first_name"] = $"'{Name}'", ["last_name"] = $"'{Name}'", ["number"] = "1000000 + i",
                ["identifier"] = email, ["email"] = email, ["role"] = "'user'", ["user_id"] = "NULL",
                ["grants"] = $"(SELECT 'p:ingestion g:' || {target} FROM groups AS g WHERE g.name_key = 'ops')",
            }),
            numbers + $"""
                INSERT INTO member_grants (organization_id, kind, target, member_id)
                SELECT m.organization_id, 'permission', 'ingestion', {id} FROM numbers CROSS JOIN m
                """,
            numbers + $"""
                INSERT INTO member_grants (organization_id, kind, target, member_id)
                SELECT m.organization_id, 'group', {target}, {id}
                FROM numbers CROSS JOIN m CROSS JOIN groups AS g WHERE g.name_key = 'ops'
                """,
        ];
        if (to > from) commands.Add("ANALYZE");
        if (from is 1)
        {
            commands.Insert(0, Copy<Group>(db, "groups AS m WHERE m.system_kind = 'everyone'", new()
            {
                ["id"] = string.Format(CultureInfo.InvariantCulture, uuid, "1"), ["name"] = "'Ops'",
                ["name_key"] = "'ops'", ["system_kind"] = "'none'",
            }));
        }

        await using var transaction = await db.Database.BeginTransactionAsync(Ct);
        foreach (var command in commands) await db.Database.ExecuteSqlRawAsync(command, Ct);
        await transaction.CommitAsync(Ct);
    }

    private static string Copy<T>(UsherDb db, string from, Dictionary<string, string> but)
    {
        IEntityType type = db.Model.FindEntityType(typeof(T))!;
        List<string> columns = [.. type.GetProperties().Select(p => p.GetColumnName())];
        return $"INSERT INTO {type.GetTableName()} ({string.Join(", ", columns)}) SELECT "
            + $"{string.Join(", ", columns.Select(c => but.GetValueOrDefault(c, "m." + c)))} FROM {from}";
    }
}
