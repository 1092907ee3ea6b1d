using System.Diagnostics;
using System.Text;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Jobs;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Jobs.JobSteps;

namespace Usher.Server.Tests.Jobs;

/// <summary>What a file of people may look like, and what is wrong with one.</summary>
public sealed class ImportReaderTests
{
    private static readonly Guid Known = Guid.Parse("0190a5b0-0000-7000-8000-000000000001");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [FactIn(Runs.Once)]
    public async Task A_csv_row_says_all_that_an_invitation_can()
    {
        var row = Assert.Single(await RowsAsync(
            "email,firstName,last_name,ROLE,permissions,groups,roles,levels,allResources,locale,Time_Zone,"
            + "metadata.Cost Center\n"
            + "ada@example.test,Ada,Lovelace,Power_User,ingestion; "
                + "log_management,Ops;grp_known,rol_known;Reader,production=full; "
                + "staging=read_only+deploy_all;res_known=none,TRUE,de,Europe/Berlin,42\n"));
        Assert.Null(row.Faults);
        Assert.Equal(
            ("ada@example.test", "Ada", "Lovelace", BuiltInRole.PowerUser, true, "de", "Europe/Berlin"),
            (row.Email, row.FirstName, row.LastName, row.Role, row.AllResources, row.Locale, row.TimeZone));
        Assert.Equal(["ingestion", "log_management"], row.Permissions);
        Assert.Equal(
            [("Ops", true, null), ("grp_known", false, Known)], row.Groups!.Select(g => (g.Text, g.ByName, g.Id)));
        Assert.Equal(
            [("rol_known", false, Known), ("Reader", true, (Guid?)null)],
            row.Roles!.Select(g => (g.Text, g.ByName, g.Id)));
        Assert.Equal(
            [
                ("production", AccessLevel.Full, ""), ("staging", AccessLevel.ReadOnly, "deploy_all"),
                ("res_known", AccessLevel.None, ""),
            ],
            row.Levels!.Select(l => (l.Resource.Text, l.Level, string.Join('+', l.Capabilities))));
        Assert.Equal(Known, row.Levels![2].Resource.Id);
        Assert.Equal("42", row.Metadata!["Cost Center"]);
    }

    [FactIn(Runs.Once)]
    public async Task A_json_row_says_the_same()
    {
        const string row = """
            {"email":"ada@example.test","first_name":"Ada","lastName":"Lovelace","role":"power_user",
             "permissions":["ingestion"],"groups":["Ops","grp_known"],"roles":[],
             "levels":[{"resource":"staging","level":"read_only","capabilities":["deploy_all"]},
             {"resource":"res_known","level":"full"}],
             "allResources":false,"locale":null,"timeZone":"Etc/UTC","metadata":{"Cost Center":"42"}}
            """;
        foreach (var body in new[] { $"[{row}]", $"{{\"rows\":[{row}]}}", $" \uFEFF".Trim() + $"[{row}] \n" })
        {
            var read = Assert.Single(await RowsAsync(body, ImportFormat.Json));
            Assert.Null(read.Faults);
            Assert.Equal(
                ("Ada", "Lovelace", BuiltInRole.PowerUser, false, null, "Etc/UTC"),
                (read.FirstName, read.LastName, read.Role, read.AllResources, read.Locale, read.TimeZone));
            Assert.Equal(["Ops", "grp_known"], read.Groups!.Select(g => g.Text));
            Assert.Empty(read.Roles!);
            Assert.Equal(
                [("staging", AccessLevel.ReadOnly, 1), ("res_known", AccessLevel.Full, 0)],
                read.Levels!.Select(l => (l.Resource.Text, l.Level, l.Capabilities.Count)));
            Assert.Equal("42", read.Metadata!["Cost Center"]);
        }
    }

    [TheoryIn(Runs.Once)]
    [InlineData(
        "email,firstName\r\nada@example.test,\"Ada \"\"the\"\" first, \r\nof all\"\r\nbob@example.test,Bob\r\n")]
    [InlineData(
        "\uFEFFemail,firstName\nada@example.test,\"Ada \"\"the\"\" first, \r\nof all\"\n\nbob@example.test,Bob")]
    [InlineData(
        "\uFEFF\"email\",\"firstName\"\n\"ada@example.test\",\"Ada \"\"the\"\" first, \r\nof "
        + "all\"\nbob@example.test,Bob\n")]
    public async Task Byte_order_mark_quotes_and_line_ends_are_read_as_rfc_4180_has_them(string csv)
    {
        var rows = await RowsAsync(csv);
        Assert.Equal(["ada@example.test", "bob@example.test"], rows.Select(r => r.Email));
        Assert.Equal(["Ada \"the\" first, \r\nof all", "Bob"], rows.Select(r => r.FirstName));
    }

    [FactIn(Runs.Once)]
    public async Task An_empty_cell_and_a_missing_one_say_nothing()
    {
        var rows = await RowsAsync(
            "email,firstName,permissions,groups,levels,allResources,timeZone\na@example.test,, ,,,,\nb@example.test\n");
        Assert.All(
            rows,
            r =>
                Assert.Null(
                    (object?)r.FirstName ?? r.Permissions ?? r.Groups ?? r.Levels ?? (object?)r.AllResources
                        ?? r.TimeZone ?? (object?)r.Faults));
    }

    [TheoryIn(Runs.Once)]
    [InlineData("", "import_empty")]
    [InlineData("email,firstName\n", "import_empty")]
    [InlineData("ada@example.test,Ada\nbob@example.test,Bob\n", "import_header_missing")]
    [InlineData("firstName,lastName\nAda,Lovelace\n", "import_header_missing")]
    [InlineData("email;firstName\nada@example.test;Ada\n", "import_header_missing")]
    [InlineData("email,nickname\nada@example.test,Ada\n", "import_column_unknown")]
    [InlineData("email,\nada@example.test,Ada\n", "import_column_unknown")]
    [InlineData("email,metadata.\nada@example.test,Ada\n", "import_column_unknown")]
    [InlineData("email,firstName,first_name\nada@example.test,Ada,Ada\n", "import_column_unknown")]
    [InlineData("email,metadata.a,Metadata.a\nada@example.test,1,2\n", "import_column_unknown")]
    [InlineData("email,firstName\nada@example.test,\"Ada\nbob@example.test,Bob\n", "import_malformed")]
    [InlineData("email,firstName\nada@example.test,\"Ada\"x\nbob@example.test,Bob\n", "import_malformed")]
    [InlineData("email,firstName\nada@example.test,A\"da\nbob@example.test,Bob\n", "import_malformed")]
    [InlineData("email,\"firstName\nada@example.test,Ada\n", "import_malformed")]
    public async Task A_bad_csv_file_is_refused_as_a_whole(string csv, string code) =>
        Assert.Equal(code, (await ReadAsync(csv)).Error?.Code);

    [TheoryIn(Runs.Once)]
    [InlineData("", "import_empty")]
    [InlineData("[]", "import_empty")]
    [InlineData("""{"rows":[]}""", "import_empty")]
    [InlineData("nonsense", "import_malformed")]
    [InlineData("""[{"email":"ada@example.test"},""", "import_malformed")]
    [InlineData("""[{"email":"ada@example.test"}""", "import_malformed")]
    [InlineData("""[{"email":"ada@example.test"}] []""", "import_malformed")]
    [InlineData("""{"rows":[{"email":"ada@example.test"}],"dryRun":true}""", "import_malformed")]
    [InlineData("""{"rows":{"email":"ada@example.test"}}""", "import_malformed")]
    [InlineData("\"text\"", "import_malformed")]
    public async Task A_bad_json_file_is_refused_as_a_whole(string json, string code) =>
        Assert.Equal(code, (await ReadAsync(json, ImportFormat.Json)).Error?.Code);

    [FactIn(Runs.Once)]
    public async Task The_refusal_names_the_row_or_the_column_and_the_columns_there_are()
    {
        var malformed = (await ReadAsync("email\na@example.test\nb@example.test\n\"c@example.test\n")).Error!;
        Assert.Equal("rows/3", malformed.Field);
        Assert.Contains("row 3", malformed.Message, StringComparison.Ordinal);
        var unknown = (await ReadAsync("email,nickname\nada@example.test,Ada\n")).Error!;
        Assert.Contains("nickname", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("firstName, lastName", unknown.Message, StringComparison.Ordinal);
        Assert.Equal(
            "rows/2",
            (await ReadAsync("""[{"email":"a@example.test"},{"email":x}]""", ImportFormat.Json)).Error!.Field);
    }

    [FactIn(Runs.Once)]
    public async Task Anything_but_utf_8_is_refused_as_a_whole()
    {
        const string csv = "email,firstName\nada@example.test,Zoë\n",
        json = """[{"email":"ada@example.test","firstName":"Zoë"}]""";
        foreach (var encoding in new[] { Encoding.Latin1, Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            Assert.Equal(
                "import_not_utf8",
                (await ReadAsync([.. encoding.Preamble, .. encoding.GetBytes(csv)], ImportFormat.Csv)).Error?.Code);
            Assert.Equal(
                "import_not_utf8",
                (await ReadAsync([.. encoding.Preamble, .. encoding.GetBytes(json)], ImportFormat.Json)).Error?.Code);
        }
    }

    [FactIn(Runs.Once)]
    public async Task A_bad_row_refuses_itself_alone()
    {
        var rows = await RowsAsync(
            $"""
            email,firstName,role,levels,allResources
            a@example.test,Ada,user,production=full,false
            b@example.test,Bob,user,production=full,false,more
            c@example.test,{new string('x', 1_000_000)},user,,
            d@example.test,Dan,god,production;staging=most;x=full+full,perhaps
            e@example.test,Eve,user,,

            """.ReplaceLineEndings("\n"));
        Assert.Equal(
            [null, "row_too_many_cells", "row_too_long", "role_unknown", null], rows.Select(r => r.Faults?[0].Code));
        Assert.Equal(
            ["role", "levels/0", "levels/1", "levels/2", "all_resources"], rows[3].Faults!.Select(f => f.Field));
    }

    [FactIn(Runs.Once)]
    public async Task A_bad_row_of_json_refuses_itself_alone()
    {
        var rows = await RowsAsync(
            $$$"""
            [{"email":"a@example.test"}, 7, {"email":["b@example.test"]},
             {"email":"c@example.test","groups":"Ops","permissions":["x",1]},
             {"email":"d@example.test","nick":"x"},
             {"email":"e@example.test","firstName":"\ud800"},
             {"email":"f@example.test","firstName":"{{{new string('x', 1_000_000)}}}"},
             {"email":"g@example.test","levels":[{"resource":"a","level":"most"},{"level":"full"},"b"]},
             {"email":"h@example.test","metadata":{"a":1}}, {"email":"i@example.test","allResources":"true"},
             {"email":"j@example.test"}]
            """, ImportFormat.Json);
        Assert.Equal(
            [
                null, "row_type_wrong", "row_type_wrong", "row_type_wrong", "row_field_unknown", "row_type_wrong",
                "row_too_long", "level_invalid", "row_type_wrong", "row_type_wrong", null,
            ],
            rows.Select(r => r.Faults?[0].Code));
        Assert.Equal(["permissions/1", "groups"], rows[3].Faults!.Select(f => f.Field).OrderDescending());
        Assert.Equal(["levels/0", "levels/1/resource", "levels/2"], rows[7].Faults!.Select(f => f.Field));
        Assert.Equal("metadata/a", rows[8].Faults![0].Field);
    }

    [FactIn(Runs.Once)]
    public async Task A_second_row_for_the_same_canonical_address_refuses_itself_and_names_the_first()
    {
        var rows = await RowsAsync("email\nada@example.test\nbob@example.test\n ADA@Example.Test\nada@example.test\n");
        Assert.Equal([null, null, "duplicate_row", "duplicate_row"], rows.Select(r => r.Faults?[0].Code));
        Assert.Contains("Row 1 ", rows[2].Faults![0].Detail, StringComparison.Ordinal);
    }

    [FactIn(Runs.Once)]
    public async Task Batches_have_five_hundred_rows_and_fifty_thousand_rows_are_the_most()
    {
        var file = (await ReadAsync("email\n" + string.Concat(Enumerable.Range(0, 50_000).Select(i =>
            $"p{i}@example.test\n")))).Value;
        Assert.Equal((50_000, 100), (file.Total, file.Batches.Count));
        Assert.Equal(
            Enumerable.Range(0, 100).Select(i => ((i * 500) + 1, 500)),
            file.Batches.Select(b => (b.FirstRow, b.Count)));
        Assert.Equal("p49999@example.test", file.Batches[^1].Read()[^1].Email);

        // One more, and whatever follows, is not even read.
        var endless = new Endless("email\n", "same@example.test\n", long.MaxValue);
        Assert.Equal("too_many_rows", (await ImportReader.ReadAsync(endless, ImportFormat.Csv, Ids, Ct)).Error?.Code);
        Assert.InRange(endless.Given, 50_001 * 18, (50_001 * 18) + 200_000);
    }

    [TheoryIn(Runs.Once)]
    [InlineData(ImportFormat.Csv, "email,firstName\n", "ada@example.test,")]
    [InlineData(ImportFormat.Json, "[", """{"email":"ada@example.test"},   """)]
    [InlineData(ImportFormat.Csv, "email,firstName\na@example.test,\"", "")]
    [InlineData(ImportFormat.Json, "[{\"email\":\"", "")]
    public async Task A_hundred_megabytes_are_refused_without_being_read_to_the_end_or_kept(
        ImportFormat format, string head, string row)
    {
        // Rows of some ten kilobytes, or, where the head opens a text that never ends, one without end.
        var filler = row.Length is 0
            ? new string('x', 8_192)
            : format is ImportFormat.Csv
            ? row + new string('x', 10_000) + "\n"
            : row.Replace(".test\"", $".test\",\"firstName\":\"{new string('x', 10_000)}\"", StringComparison.Ordinal);
        var body = new Endless(head, filler, 100 * 1024 * 1024);
        var (took, before) = (Stopwatch.StartNew(), GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal("too_large", (await ImportReader.ReadAsync(body, format, Ids, Ct)).Error?.Code);
        // a buffer's length more at most
        Assert.InRange(body.Given, ImportReader.MaxBytes, ImportReader.MaxBytes + (64 * 1024 * 1024 / 100 * 51));
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(20), $"It took {took.Elapsed}.");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1L << 30);
    }

    private static ImportIds Ids { get; } = new(
        t => t is "grp_known" ? Known : null, t => t is "rol_known" ? Known : null,
        t => t is "res_known" ? Known : null);

    private static Task<Result<ImportFile>> ReadAsync(string text, ImportFormat format = ImportFormat.Csv) =>
        ReadAsync(Encoding.UTF8.GetBytes(text), format);

    private static async Task<Result<ImportFile>> ReadAsync(byte[] bytes, ImportFormat format)
    {
        // In pieces of every size: where one ends must not matter.
        var whole = await ImportReader.ReadAsync(new MemoryStream(bytes), format, Ids, Ct);
        if (bytes.Length > 10_000) return whole;
        foreach (var piece in new[] { 1, 2, 7 })
        {
            var again = await ImportReader.ReadAsync(new Pieces(bytes, piece), format, Ids, Ct);
            Assert.Equal((whole.Error?.Code, whole.Error?.Field), (again.Error?.Code, again.Error?.Field));
            if (whole.Error is null) Assert.Equal(whole.Value.Batches, again.Value.Batches);
        }

        return whole;
    }

    private static async Task<List<ImportRow>> RowsAsync(string text, ImportFormat format = ImportFormat.Csv) =>
        [.. (await ReadAsync(text, format)).Value.Batches.SelectMany(b => b.Read())];

    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }
}
