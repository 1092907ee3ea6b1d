using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Guests;
using Usher.Core.Roles;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>
/// Whatever comes in at a route, it is answered in the route's own format with the status its reference names, never as
/// a fault of the server, and nothing is stored or mailed.
/// </summary>
public sealed class BadInputTests(UsherApp app, BadInputTests.QuietOrganization quiet)
    : IClassFixture<BadInputTests.QuietOrganization>
{
    private const int Mebibyte = 1024 * 1024;
    private const int Limit = 4 * Mebibyte;

    // What a test writes for text that is too long to be written.
    private const string OneMebibyte = "<1 MiB>";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, Route> Routes = new()
    {
        ["Conformity invite"] = new(
            "/v1/users", """{"data":{"attributes":{""", "}}}", ("firstName", "\"Mara\""), ("lastName", "\"Lind\""),
            ("role", "\"USER\""), ("email", "\"mara@acme.test\"")),
        ["Conformity account"] = new("/v1/accounts", """{"data":{"attributes":{""", "}}}", ("name", "\"Billing\"")),
        ["Wavefront invite"] = new("/api/v2/user/invite", "[{", "}]", ("emailAddress", "\"sam@example.com\"")),
        ["DeployHQ invite"] = new(
            "/users", """{"user":{""", "}}", ("first_name", "\"Noor\""), ("email_address", "\"noor@acme.test\"")),
    };

    // JSON that is no text.
    private static readonly string[] NoText =
        [
            "7", "-1.5e300", "true", "[]", """["a@b.example"]""", "{}", """{"a":"a@b.example"}""", """ "\ud800" """,
            """ "a\udfff@b.example" """,
        ];

    // As good as not given, the first not even that.
    private static readonly string?[] Absent = [null, "null", "\"\"", "\" \"", "\"\\t\\r\\n\""];

    private static readonly string[] NoName = Quoted(
        OneMebibyte, "a\\u0000", "\\u0000", "a\\r\\nBcc: b@c.example", "a\\nb", "a\\rb", "a\\u001bb", "a\\u202eb",
        "a\\u2028b", "a\\ue000b");

    private static readonly string[] NoAddress = Quoted(
        "a", "@", "a@", "@b.example", "a@b", "a b@c.example", "a@b@c.example", ".a@b.example", "a..b@c.example",
        "a@-b.example", "a@b..example", "a@127.0.0.1", "sa::bot",
        "a@b.example,c@d.example", "a@b.example, c@d.example", "a@b.example;c@d.example", "a@b.example c@d.example",
        "A <a@b.example>", "<a@b.example>", """\"A\" <a@b.example>""", "a@b.example (A)", "mailto:a@b.example",
        """\"a b\"@c.example""", "a@[127.0.0.1]",
        "a@b.example\\r\\nBcc: c@d.example", "a@b.example\\n", "\\u0000a@b.example", "a@b.example\\u0000",
        "a\\u0000@b.example", "a\\u200b@b.example", "a@b\\u202e.example",
        $"{OneMebibyte}@b.example", $"a@{OneMebibyte}.example");

    public static TheoryData<string, string, string?, int, string> Members()
    {
        TheoryData<string, string, string?, int, string> rows = [];

        foreach (var (member, label) in new[] { ("firstName", "First name"), ("lastName", "Last name") })
        {
            foreach (var value in Absent.Concat(NoText)) Conformity("invite", member, value, $"{label} is required");
            foreach (var value in NoName) Conformity("invite", member, value, $"{label} is invalid");
        }

        foreach (var value in Absent.Concat(NoText)) Conformity("invite", "email", value, "Email is required");
        foreach (var value in NoAddress) Conformity("invite", "email", value, "Email is invalid");
        foreach (var value in new[] { null, "null" }) Conformity("invite", "role", value, "Role is required");
        foreach (var value in NoText.Concat(["\"\"", "\"USER \"", "\"USER\\u0000\"", $"\"{OneMebibyte}\""]))
            Conformity("invite", "role", value, "Role is invalid");
        foreach (var value in new[] { "7", "true", "{}", "\"FULL\"", $"\"{OneMebibyte}\"" })
            Conformity("invite", "accessList", value, "Access list is invalid");
        foreach (var value in new[] { "7", "null", "[]", "{}", "\"a\"" })
        {
            rows.Add(
                "Conformity invite", "accessList", $"[{value}]", 422,
                Faults(("accessList/0/account", "Account is required"), ("accessList/0/level", "Level is invalid")));
        }

        foreach (var value in NoText.Concat(["null", "\"\""]))
            rows.Add(
                "Conformity invite", "accessList", $$"""[{"account":{{value}},"level":"FULL"}]""", 422,
                Faults(("accessList/0/account", "Account is required")));
        foreach (var value in new[] { $"\"{OneMebibyte}\"", """ "\u0000" """, """ "a\r\nb" """, """ "../x" """ })
            rows.Add(
                "Conformity invite", "accessList", $$"""[{"account":{{value}},"level":"FULL"}]""", 422,
                Faults(("accessList/0/account", "Account not found")));
        foreach (var value in NoText.Concat(["null", "\"\"", "\"full\"", "\"READ_ONLY\"", $"\"{OneMebibyte}\""]))
            rows.Add(
                "Conformity invite", "accessList", $$"""[{"account":"a","level":{{value}}}]""", 422,
                Faults(("accessList/0/level", "Level is invalid")));

        foreach (var value in Absent.Concat(NoText)) Conformity("account", "name", value, "Name is required");
        foreach (var value in NoName) Conformity("account", "name", value, "Name is invalid");
        foreach (var value in NoText) Conformity("account", "environment", value, "Environment is invalid");
        foreach (var value in NoName)
            rows.Add(
                "Conformity account", "environment", value, 422,
                Faults(("", "Attributes must be at most 1,000 characters each, without control characters.")));

        foreach (var value in NoText.Concat([null, "null", "\"\""]))
            Wavefront("emailAddress", value, "emailAddress is required");
        foreach (var value in NoAddress.Concat(["\" \""]))
            Wavefront(
                "emailAddress", value,
                $"{Cut(JsonSerializer.Deserialize<string>(Long(value))!)} is not an e-mail address");
        foreach (var value in new[]
            {
                "7", "true", "{}", "\"ingestion\"", "[7]", "[null]", "[true]", "[[]]", "[{}]", """["\ud800"]""",
                """["ingestion", 7]""",
            })
        {
            Wavefront("groups", value, "groups must be an array of permission names");
            Wavefront("userGroups", value, "userGroups must be an array of group ids");
            Wavefront("roles", value, "roles must be an array of role ids");
        }

        Wavefront("groups", $"[\"{OneMebibyte}\"]", $"There is no permission {new string('x', 64)}….");
        Wavefront("groups", """["ingestion\u0000"]""", "There is no permission ingestion\0.");

        foreach (var value in Absent)
        {
            DeployHq("first_name", value, "can't be blank");
            DeployHq("email_address", value, "can't be blank");
        }

        foreach (var value in NoText)
            foreach (var member in new[] { "first_name", "last_name", "email_address", "time_zone" })
                DeployHq(member, value, "is invalid");
        foreach (var value in NoName)
        {
            DeployHq("first_name", value, "is invalid");
            DeployHq("last_name", value, "is invalid");
            DeployHq("time_zone", value, "is not included in the list");
        }

        foreach (var value in NoAddress) DeployHq("email_address", value, "is invalid");
        foreach (var value in new[] { "\"../../etc/passwd\"", "\"/etc/localtime\"", "\"UTC+1\"" })
            DeployHq("time_zone", value, "is not included in the list");
        string[] noFlag = [
            "7", "[]", "[true]", "{}", "null", "\"\"", """ "\ud800" """, """ "1\u0000" """, $"\"{OneMebibyte}\"",
        ];
        foreach (var flag in new[]
            {
                "account_administrator", "can_manage_users", "can_manage_billing", "can_create_projects",
                "can_manage_agents", "all_projects_allowed",
            })
            foreach (var value in noFlag) DeployHq(flag, value, "is not included in the list");
        return rows;

        void Conformity(string route, string member, string? value, string details) =>
            rows.Add("Conformity " + route, member, value, 422, Faults((member, details)));

        void Wavefront(string member, string? value, string message) =>
            rows.Add("Wavefront invite", member, value, 400, Envelope(400, message));

        void DeployHq(string member, string? value, string text) =>
            rows.Add("DeployHQ invite", member, value, 422, $$"""{"{{member}}":["{{text}}"]}""");
    }

    [Theory]
    [MemberData(nameof(Members))]
    public async Task A_member_that_cannot_be_accepted_is_told(
        string route, string member, string? value, int status, string expected) =>
        await quiet.AssertUnchangedAsync(async () =>
            await PostAsync(Routes[route].Path, Routes[route].With(member, value)).AssertAsync(status, expected));

    public static TheoryData<string, string, int, string> Bodies()
    {
        TheoryData<string, string, int, string> rows = [];
        string[] noJson =
        [
            "{", "]", "nope", "{\"data\":}", "[1,]", "{'a':1}", "{} {}", "{\"a\":\"", "{\"a\":1}\0", "// a\n{}",
            "{/**/}", "NaN", "+1", "01", "\"\t\"", "'", " ",
            "<xml/>", "a=b&c=d", "\uFEFF\uFEFF{}", "<10,000 [>", "<10,000 {>",
        ];
        foreach (var route in Routes.Keys)
        {
            foreach (var body in noJson) rows.Add(route, body, 400, NotJson(route));
            foreach (var body in new[] { "", "null", "7", "true", "\"a\"", $"\"{OneMebibyte}\"" })
                rows.Add(route, body, WrongKind(route).Status, WrongKind(route).Answer);
        }

        foreach (var route in new[] { "Conformity invite", "Conformity account" })
        {
            foreach (var value in new[] { "null", "7", "[]", "\"a\"" })
            {
                rows.Add(route, $$"""{"data":{{value}}}""", 422, WrongKind(route).Answer);
                rows.Add(
                    route, $$"""{"data":{"attributes":{{value}}} }""", 422, Faults(("", "Attributes are required")));
            }

            string[] bodies = ["[]", "{}", """{"Data":{"attributes":{}}}""", """[{"data":{"attributes":{}}}]"""];
            foreach (var body in bodies) rows.Add(route, body, 422, WrongKind(route).Answer);
            foreach (var body in new[] { """{"data":{}}""", """{"data":{"Attributes":{}}}""" })
                rows.Add(route, body, 422, Faults(("", "Attributes are required")));
        }

        foreach (var body in new[] { "{}", "[]", """{"emailAddress":"sam@example.com"}""" })
            rows.Add("Wavefront invite", body, 400, WrongKind("Wavefront invite").Answer);
        foreach (var body in new[]
        {
            "[{}]", "[null]", "[7]", "[[]]", "[\"sam@example.com\"]", """[{"emailAddress":"sam@example.com"}, null]""",
            """[{"EmailAddress":"sam@example.com"}]""",
        })
            rows.Add("Wavefront invite", body, 400, Envelope(400, "emailAddress is required"));
        foreach (var body in new[]
        {
            "{}", "[]", """{"user":null}""", """{"user":7}""", """{"user":[]}""", """{"user":"a"}""",
            """{"User":{"first_name":"Noor","email_address":"noor@acme.test"}}""",
        })
            rows.Add("DeployHQ invite", body, 400, WrongKind("DeployHQ invite").Answer);
        return rows;
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_body_that_is_not_what_the_route_reads_is_told(
        string route, string body, int status, string expected) =>
        await quiet.AssertUnchangedAsync(async () =>
            await PostAsync(Routes[route].Path, Deep(body)).AssertAsync(status, expected));

    public static TheoryData<string, string, int, string> NoUtf8() => new()
    {
        { "Conformity invite", "firstName", 422, Faults(("firstName", "First name is required")) },
        { "Conformity account", "name", 422, Faults(("name", "Name is required")) },
        { "Wavefront invite", "emailAddress", 400, Envelope(400, "emailAddress is required") },
        { "DeployHQ invite", "first_name", 422, """{"first_name":["is invalid"]}""" },
    };

    [Theory]
    [MemberData(nameof(NoUtf8))]
    public async Task Bytes_that_are_no_UTF_8_are_no_text(string route, string member, int status, string expected)
    {
        var (path, good) = (Routes[route].Path, Routes[route].Good);
        byte[] broken = [
            .. Encoding.UTF8.GetBytes(Routes[route].With(member, "\"a§\"")).Select(b => b is 0xC2 ? (byte)0xFF : b)];
        await quiet.AssertUnchangedAsync(async () =>
        {
            await SendAsync(path, broken, "application/json").AssertAsync(status, expected);
            foreach (var encoding in new[] { Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32 })
                await SendAsync(path, [.. encoding.GetPreamble(), .. encoding.GetBytes(good)], "application/json")
                    .AssertAsync(400, NotJson(route));
        });
    }

    // A name that is no Unicode cannot be compared with ours, wherever it stands. Paired, or in a value that nobody
    // reads, the same escapes are fine.
    [Theory]
    [InlineData("Conformity invite", """
        {"data":{"attributes":{"firstName":"Mara","lastName":"Lind","role":"USER","email":"mara@acme.test"}},"\ud800":1}
        """)]
    [InlineData("Conformity invite", """
        {"data":{"attributes":{"firstName":"Mara","lastName":"Lind","role":"USER","email":"mara@acme.test"},"\udfff":1}}
        """)]
    [InlineData("Conformity invite", """
        {"data":{"attributes":{"firstName":"Mara","lastName":"Lind","role":"USER","email":"mara@acme.test",
        "\ud800 and on":1}}}
        """)]
    [InlineData("Conformity account", """{"data":{"attributes":{"name":"Billing","\ud800":1}}}""")]
    [InlineData("Wavefront invite", """[{"emailAddress":"sam@example.com","\ud800":1}]""")]
    [InlineData("DeployHQ invite", """{"user":{"first_name":"Noor","email_address":"noor@acme.test","\ud800":1}}""")]
    [InlineData("DeployHQ invite", """{"user":{"first_name":"Noor","email_address":"noor@acme.test"},"\ud800":1}""")]
    public async Task A_member_whose_name_is_no_text_is_told(string route, string body) =>
        await quiet.AssertUnchangedAsync(async () =>
            await PostAsync(Routes[route].Path, body).AssertAsync(400, NotJson(route)));

    [Theory]
    [InlineData("Conformity invite")]
    [InlineData("Conformity account")]
    [InlineData("Wavefront invite")]
    [InlineData("DeployHQ invite")]
    public async Task Escaped_names_and_a_value_that_is_no_text_are_fine_where_nobody_reads_them(string route)
    {
        var org = await app.CreateOrganizationAsync();
        var body = Routes[route].With("\\uD83D\\uDE00", """ "\ud800" """);
        Assert.True((await org.Admin.PostTextAsync(Routes[route].Path, body)).IsSuccessStatusCode);
    }

    public static TheoryData<string, string> MediaTypes() => new MatrixTheoryData<string, string>(
        Routes.Keys,
        [
            "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/xml",
            "text/html; charset=utf-8", "application/jsonp",
            "application/octet-stream", "json", "*/*", ";",
        ]);

    [Theory]
    [MemberData(nameof(MediaTypes))]
    public async Task A_media_type_that_is_no_JSON_is_told(string route, string mediaType)
    {
        var good = Encoding.UTF8.GetBytes(Routes[route].Good);
        await quiet.AssertUnchangedAsync(async () =>
            await SendAsync(Routes[route].Path, good, mediaType)
                .AssertAsync(415, OfHost(route, 415, "The body must be JSON.")));
    }

    [Theory]
    [InlineData("Conformity invite")]
    [InlineData("Conformity account")]
    [InlineData("Wavefront invite")]
    [InlineData("DeployHQ invite")]
    public async Task A_body_above_the_limit_is_told(string route)
    {
        var body = Encoding.UTF8.GetBytes(Routes[route].Good);
        await quiet.AssertUnchangedAsync(async () =>
        {
            foreach (var length in new[] { Limit + 1, 5 * Mebibyte })
            {
                await SendAsync(Routes[route].Path, Padded(body, length), "application/json", wait: true)
                    .AssertAsync(413, OfHost(route, 413, "The body is larger than the limit."));
            }
        });
    }

    [Fact]
    public async Task A_body_of_exactly_the_limit_is_read()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var route in Routes.Values)
        {
            using var content = new ByteArrayContent(Padded(Encoding.UTF8.GetBytes(route.Good), Limit));
            content.Headers.ContentType = new("application/json");
            Assert.True((await org.Admin.PostAsync(route.Path, content, Ct)).IsSuccessStatusCode);
        }
    }

    [Theory]
    [InlineData("GET", "/v1", "Conformity")]
    [InlineData("GET", "/v1/nothing", "Conformity")]
    [InlineData("POST", "/v1/users/whoami/x", "Conformity")]
    [InlineData("GET", "/v1/users/a/b", "Conformity")]
    [InlineData("GET", "/api", "Conformity")]
    [InlineData("GET", "/api/v1/users", "Conformity")]
    [InlineData("GET", "/api/v22/user", "Conformity")]
    [InlineData("GET", "/api/v2", "Wavefront")]
    [InlineData("GET", "/api/v2/nothing", "Wavefront")]
    [InlineData("POST", "/api/v2/user/a/b/c", "Wavefront")]
    [InlineData("GET", "/users/a/b", "DeployHQ")]
    [InlineData("POST", "/users/a/resend_invitation/b", "DeployHQ")]
    [InlineData("GET", "/nothing", "DeployHQ")]
    [InlineData("GET", "/v1nothing", "DeployHQ")]
    public async Task An_unknown_path_is_told_in_the_words_of_its_prefix(string method, string path, string surface)
    {
        using var request = new HttpRequestMessage(new(method), path);
        await quiet.Admin.SendAsync(request, Ct).AssertAsync(404, surface switch
        {
            "Conformity" => """{"Message":"Not Found"}""",
            "Wavefront" => Envelope(404, "There is nothing at this address."),
            _ => """
                {"status":"not_found","error":"No such endpoint","error_code":"invalid_api_method",
                "hint":"There is no such endpoint."}
                """,
        });
    }

    [Theory]
    [InlineData("PUT", "/v1/users", null)]
    [InlineData("DELETE", "/v1/users", null)]
    [InlineData("BREW", "/v1/users/whoami", null)]
    [InlineData("POST", "/v1/api-keys", null)]
    [InlineData("DELETE", "/api/accounts", null)]
    [InlineData("OPTIONS", "/api/users", null)]
    [InlineData("PATCH", "/api/v2/user", "GET")]
    [InlineData("PATCH", "/api/v2/user/pat@example.com", "GET")]
    [InlineData("BREW", "/api/v2/user/invite", "POST")]
    [InlineData("PUT", "/users", null)]
    [InlineData("DELETE", "/users.json", null)]
    [InlineData("GET", "/users/1/resend_invitation", null)]
    [InlineData("BREW", "/users/1", null)]
    public async Task A_wrong_method_is_a_405_where_the_reference_says_so_and_else_no_such_route(
        string method, string path, string? allowed)
    {
        using var request = new HttpRequestMessage(new(method), path);
        using var answer = await quiet.Admin.SendAsync(request, Ct);
        await (path.Split('/')[1] switch
        {
            "api" when path.StartsWith("/api/v2", StringComparison.Ordinal) =>
                answer.AssertAsync(405, Envelope(405, "This address does not support that method.")),
            "v1" or "api" => answer.AssertAsync(404, """{"Message":"Not Found"}"""),
            _ => answer.AssertAsync(
                404, """
                    {"status":"not_found","error":"No such endpoint","error_code":"invalid_api_method",
                    "hint":"This endpoint does not take that method."}
                    """),
        });
        if (allowed is not null) Assert.Contains(allowed, answer.Content.Headers.Allow);
    }

    public static TheoryData<string, string> Ids() => new MatrixTheoryData<string, string>(
        ["/v1/users/{id}", "/v1/api-keys/{id}", "/api/v2/user/{id}", "/users/{id}", "/users/{id}/resend_invitation"],
        [
            "%0d%0a", "a%0d%0aSet-Cookie:%20a=b", "%ff", "%c0%af", "%ed%a0%80", "%fe%ff%01", "%", "%zz", "%u0041",
            "%7f", "%09", "%20", "%e2%80%ae", "%5c",
            "..%2f..%2fetc%2fpasswd", "'%20OR%201=1--", "%22", "%3cscript%3e", ";", "a;b=c", "%25", "%2500",
            "<6,000 x>", "<2,000 %20>", "%f0%a0%ae%b7", "null", "undefined",
            "%7B%7D", "*", "~", "$where", "0x10", "1.0", "NaN",
        ]);

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task An_id_that_nothing_can_have_is_not_found(string path, string id)
    {
        var spaces = string.Concat(Enumerable.Repeat("%20", 2_000));
        var written = id.Replace("<6,000 x>", new('x', 6_000), StringComparison.Ordinal)
            .Replace("<2,000 %20>", spaces, StringComparison.Ordinal);
        var method = path.EndsWith("resend_invitation", StringComparison.Ordinal) ? HttpMethod.Post : HttpMethod.Get;
        using var request = new HttpRequestMessage(
            method, Wire.Raw(app.Url, path.Replace("{id}", written, StringComparison.Ordinal)));
        await quiet.AssertUnchangedAsync(async () =>
        {
            using var answer = await quiet.Admin.SendAsync(request, Ct);
            switch (path)
            {
                case "/v1/users/{id}": await answer.AssertAsync(422, Faults(("", "No such user"))); break;
                case "/v1/api-keys/{id}": await answer.AssertAsync(422, Faults(("", "No such API key"))); break;
                case "/api/v2/user/{id}":
                    var status = (await Task.FromResult(answer).OkAsync(404)).At("status");
                    Assert.Equal(("ERROR", 404), (status.TextAt("result"), status.At("code").GetInt32()));
                    Assert.Matches("(?s)^User with id .{1,255} does not exist$", status.TextAt("message"));
                    break;
                default:
                    await answer.AssertAsync(404, """
                        {"status":"not_found","error":"Record not found","error_code":"record_not_found",
                          "hint":"There is no such record in this account."}
                        """);
                    break;
            }
        });
    }

    // The web server itself refuses these, before there is a route: no body, and no fault.
    [Theory]
    [InlineData("/v1/users/%00", 400)]
    [InlineData("/api/v2/user/a%00@b.example", 400)]
    [InlineData("/users/%00", 400)]
    [InlineData("/users/<10,000 x>", 414)]
    [InlineData("/api/v2/user/<10,000 x>", 414)]
    public async Task A_path_that_is_none_is_refused_by_the_web_server(string path, int status)
    {
        var written = path.Replace("<10,000 x>", new('x', 10_000), StringComparison.Ordinal);
        using var answer = await quiet.Admin.GetAsync(Wire.Raw(app.Url, written), Ct);
        Assert.Equal((status, ""), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct)));
    }

    [Theory]
    [InlineData("/v1/users/%2e%2e/%2e%2e/users")]
    [InlineData("/v1/../users")]
    public async Task Dots_lead_to_the_surface_they_lead_to(string path) =>
        Assert.StartsWith(
            "[{\"id\":", await (await quiet.Admin.GetAsync(Wire.Raw(app.Url, path), Ct)).BodyAsync(),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("GET", "/v1/users")]
    [InlineData("GET", "/v1/users/whoami")]
    [InlineData("GET", "/v1/api-keys")]
    [InlineData("GET", "/v1/accounts")]
    [InlineData("GET", "/api/v2/user")]
    [InlineData("GET", "/users")]
    public async Task A_body_where_none_belongs_is_not_looked_at(string method, string path)
    {
        foreach (var (body, mediaType) in new[]
            {
                ("{}", "application/json"), ("no JSON", "application/vnd.api+json"), ("null", "text/plain"),
            })
        {
            using var request = new HttpRequestMessage(new(method), path)
            {
                Content = new StringContent(body, Encoding.UTF8, mediaType),
            };
            Assert.Equal(HttpStatusCode.OK, (await quiet.Admin.SendAsync(request, Ct)).StatusCode);
        }
    }

    private static string NotJson(string route) => route.Split(' ')[0] switch
    {
        "Conformity" => """{"errors":[{"status":400,"details":"Invalid JSON"}]}""",
        "Wavefront" => Envelope(400, "The body is not valid JSON."),
        _ => """
            {"status":400,"error":"Invalid JSON","error_code":"invalid_json","hint":"The body must be a JSON object."}
            """,
    };

    private static (int Status, string Answer) WrongKind(string route) => route.Split(' ')[0] switch
    {
        "Conformity" =>
            (422, """{"errors":[{"status":422,"source":{"pointer":"/data"},"details":"Attributes are required"}]}"""),
        "Wavefront" => (400, Envelope(400, "The body must be a JSON array of users.")),
        _ => (400, """
            {"status":400,"error":"param is missing or the value is empty: user","error_code":"parameter_missing",
            "hint":"Wrap the members in it."}
            """),
    };

    // The refusals of the host, which each surface words in its own form.
    private static string OfHost(string route, int status, string message) => route.Split(' ')[0] switch
    {
        "Conformity" => $$"""{"errors":[{"status":{{status}},"details":"{{message}}"}]}""",
        "Wavefront" => Envelope(status, message),
        _ when status is 413 => """
            {"status":413,"error":"Request too large","error_code":"request_too_large","hint":"Send a smaller body."}
            """,
        _ => """
            {"status":415,"error":"Unsupported media type","error_code":"unsupported_media_type",
            "hint":"Send the body as application/json."}
            """,
    };

    private static string Faults(params (string Member, string Details)[] faults) => JsonSerializer.Serialize(
        new
        {
            errors = faults.Select(f =>
                new
                {
                    status = 422, source = new { pointer = $"/data/attributes/{f.Member}".TrimEnd('/') },
                    details = f.Details,
                }),
        });

    private static string Envelope(int code, string message) =>
        JsonSerializer.Serialize(new { status = new { result = "ERROR", message, code } });

    private static string[] Quoted(params IEnumerable<string> texts) => [.. texts.Select(t => $"\"{t}\"")];

    private static string Cut(string text) => text.Length > 255 ? text[..255] : text;

    private static string Long(string text) => text.Replace(OneMebibyte, new('x', Mebibyte), StringComparison.Ordinal);

    private static string Deep(string body) => body switch
    {
        "<10,000 [>" => new('[', 10_000),
        "<10,000 {>" => string.Concat(Enumerable.Repeat("{\"a\":", 10_000)),
        _ => body,
    };

    private static byte[] Padded(byte[] body, int length)
    {
        var padded = new byte[length];
        padded.AsSpan().Fill((byte)' ');
        body.CopyTo(padded, 0);
        return padded;
    }

    private Task<HttpResponseMessage> PostAsync(string path, string body) =>
        SendAsync(path, Encoding.UTF8.GetBytes(Long(body)), "application/json");

    // With "wait" the body is sent only when the server asks for it, which it does not when it is too long.
    private async Task<HttpResponseMessage> SendAsync(string path, byte[] body, string mediaType, bool wait = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        Assert.True(request.Content.Headers.TryAddWithoutValidation("Content-Type", mediaType));
        request.Headers.ExpectContinue = wait;
        return await quiet.Admin.SendAsync(request, Ct);
    }

    private sealed record Route(string Path, string Open, string Close, params (string Name, string Value)[] Members)
    {
        /// <summary>A body that is accepted.</summary>
        public string Good => With("", null);

        /// <summary>The same but for one member: another value for it, or for null none.</summary>
        public string With(string member, string? value)
        {
            var members = Members.Where(m => m.Name != member).Concat(value is null ? [] : [(member, value)]);
            return Open + string.Join(',', members.Select(m => $"\"{m.Item1}\":{m.Item2}")) + Close;
        }
    }

    /// <summary>An organization in which nothing may happen.</summary>
    public sealed class QuietOrganization(UsherApp app) : IAsyncLifetime
    {
        private TestOrganization organization = null!;

        public HttpClient Admin => organization.Admin;

        public async ValueTask InitializeAsync() => organization = await app.CreateOrganizationAsync();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public async Task AssertUnchangedAsync(Func<Task> act)
        {
            var before = await CountAsync();
            await act();
            Assert.Equal(before, await CountAsync());
        }

        private Task<(int Members, int Invitations, int Mails, int Events, int Resources)> CountAsync() =>
            app.QueryAsync(async db =>
        {
            var id = organization.Id;
            var counts = await db.Organizations.Where(o => o.Id == id).Select(o => new
            {
                Members = db.Members.Count(m => m.OrganizationId == id),
                Invitations = db.Invitations.Count(i => i.OrganizationId == id),
                Mails = db.OutboxMessages.Count(m => m.OrganizationId == id),
                Events = db.Events.Count(e => e.OrganizationId == id),
                Resources = db.Resources.Count(r => r.OrganizationId == id),
            }).SingleAsync(Ct);
            return (counts.Members, counts.Invitations, counts.Mails, counts.Events, counts.Resources);
        });
    }
}
