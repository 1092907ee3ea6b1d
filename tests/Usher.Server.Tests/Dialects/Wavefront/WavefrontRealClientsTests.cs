using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>What public clients put on the wire, and what they read from it, as the reference lists it.</summary>
public sealed class WavefrontRealClientsTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bodies_in_chunks_without_a_length()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            200,
            await SendAsync(
                HttpMethod.Post, "user", """{ "emailAddress": "kim@example.com", "groups": [], "userGroups": [] }"""));
        Assert.Equal(200, await SendAsync(HttpMethod.Put, "user/kim@example.com", """{ "groups": ["ingestion"] }"""));
        Assert.Equal(
            200,
            await SendAsync(
                HttpMethod.Post, "user/kim@example.com/grant", "group=log_management",
                "application/x-www-form-urlencoded"));
        Assert.Equal(200, await SendAsync(HttpMethod.Post, "user/validateUsers", """["kim@example.com"]"""));
        Assert.Equal(
            ["ingestion", "log_management"],
            (await org.Admin.AskAsync("/user/kim@example.com").OkAsync()).Texts("groups"));

        async Task<int> SendAsync(HttpMethod method, string path, string body, string mediaType = "application/json")
        {
            using var request = new HttpRequestMessage(method, "/api/v2/" + path)
            {
                Content = new StringContent(body, Encoding.UTF8, mediaType),
            };
            request.Headers.TransferEncodingChunked = true;
            return (int)(await org.Admin.SendAsync(request, Ct)).StatusCode;
        }
    }

    [Theory]
    [InlineData("", "application/json")]
    [InlineData("{}", "application/json")]
    [InlineData("null", "text/plain")]
    public async Task A_JSON_content_type_and_any_body_on_GET_DELETE_and_POST_without_arguments(
        string body, string mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.ServiceAccountAsync("bot");
        foreach (var (method, path) in new[]
        {
            ("GET", "user"), ("GET", "user/kim@example.com"), ("GET", "user/kim@example.com/businessFunctions"),
            ("GET", "account"), ("GET", "account/user"), ("GET", "account/user/admin"),
            ("GET", "account/serviceaccount"), ("GET", "apitoken"),
            ("POST", "account/serviceaccount/sa::bot/deactivate"), ("POST", "account/serviceaccount/sa::bot/activate"),
            ("POST", "apitoken"), ("DELETE", "user/kim@example.com"), ("DELETE", "account/sa::bot"),
        })
        {
            using var request = new HttpRequestMessage(new(method), "/api/v2/" + path)
            {
                Content = new StringContent(body, Encoding.UTF8, mediaType),
            };
            await org.Admin.SendAsync(request, Ct).OkAsync();
        }
    }

    [Theory]
    [InlineData("null", "text/plain")]
    [InlineData("{}", "application/json")]
    [InlineData("", "application/json")]
    [InlineData("no JSON", "application/json")]
    public async Task Null_as_plain_text_on_grant_and_revoke_of_an_account(string body, string mediaType)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var granted = await org.Admin.SendAsync("/account/kim@example.com/grant/ingestion", body, mediaType).OkAsync();
        Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles"], granted.Names());
        Assert.Equal(["ingestion"], granted.Texts("groups"));
        Assert.Equal(
            "[]",
            (await org.Admin.SendAsync("/account/kim@example.com/revoke/ingestion", body, mediaType).OkAsync())
                .At("groups").GetRawText());
    }

    [Fact]
    public async Task Null_sets_an_empty_id_and_names_that_differ_only_in_case()
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await org.RoleAsync("Reader", "alerts_management");
        var made = await org.Admin.SendAsync("/user", """
            { "id": "", "emailAddress": "kim@example.com", "groups": [], "userGroups": null, "roles": null,
            "Roles": null, "Groups": ["user_management"] }
            """).OkAsync();
        Assert.Equal(("[]", "[]"), (made.At("groups").GetRawText(), made.At("roles").GetRawText()));
        await org.Admin.NameAsync("/account/kim@example.com/addRoles", $"{reader.Id}").OkAsync();
        var changed = await org.Admin.WriteAsync("/user/kim@example.com", """
            { "id": "", "identifier": "", "Roles": null, "Groups": ["user_management"], "UserGroups": [7] }
            """).OkAsync();
        Assert.Equal("[]", changed.At("groups").GetRawText());
        Assert.Equal(["Reader"], changed.Texts("roles", "name"));
    }

    [Fact]
    public async Task User_bodies_with_every_read_only_member_of_what_was_read()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var superset = JsonNode.Parse(
            (await org.Admin.WriteAsync("/user/kim@example.com", """{ "groups": ["ingestion"] }""").OkAsync())
                .GetRawText())!;
        superset["lastSuccessfulLogin"] = 7;
        superset["ingestionPolicies"] = new JsonArray();
        superset["groups"] = new JsonArray("log_management");
        Assert.Equal(
            ["log_management"],
            (await org.Admin.WriteAsync("/user/kim@example.com", superset.ToJsonString()).OkAsync()).Texts("groups"));
    }

    [Theory]
    [InlineData("pat+x@example.com", "user/pat+x@example.com")]
    [InlineData("pat+x@example.com", "user/pat%2Bx%40example.com")]
    [InlineData("pat+x@example.com", "account/pat+x@example.com")]
    [InlineData("pat+x@example.com", "account/user/PAT%2bx@example.com")]
    [InlineData("sa::bot", "account/sa::bot")]
    [InlineData("sa::bot", "account/sa%3A%3Abot")]
    [InlineData("sa::bot", "account/serviceaccount/sa%3A%3ABot")]
    [InlineData("sa::bot", "user/sa::bot")]
    public async Task Path_ids_bare_and_percent_encoded(string identifier, string path)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("pat+x@example.com");
        await org.ServiceAccountAsync("bot");
        var read = await org.Admin.GetAsync(Wire.Raw(app.Url, "/api/v2/" + path), Ct).OkAsync();
        Assert.Equal(
            identifier,
            read.TryGetProperty("response", out var response)
                ? response.TextAt("identifier")
                : read.TextAt("identifier"));
    }

    [Theory]
    [InlineData("a%2Fb@example.com")]
    [InlineData("sa::a%2fb")]
    [InlineData("..%2f..")]
    public async Task An_encoded_slash_in_a_path_id_is_only_an_unknown_id(string id)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in new[]
            {
                $"/user/{id}", $"/account/{id}", $"/account/user/{id}", $"/account/serviceaccount/{id}",
                $"/account/{id}/businessFunctions",
            })
            await org.Admin.GetAsync(Wire.Raw(app.Url, "/api/v2" + path), Ct).OkAsync(404);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("*/*")]
    [InlineData("application/json")]
    [InlineData("text/html")]
    public async Task No_User_Agent_and_any_Accept_and_never_a_406(string? accept)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in new[]
            {
                "user", "account", "account/user", "account/serviceaccount", "apitoken",
                $"user/{org.Created.Owner.Email}",
            })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v2/" + path);
            if (accept is not null) request.Headers.Accept.ParseAdd(accept);
            await org.Admin.SendAsync(request, Ct).OkAsync();
        }
    }

    [Fact]
    public async Task Results_are_exactly_OK_or_ERROR_and_required_members_never_null()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync("/account/serviceaccount", """{ "identifier": "sa::bot" }""").OkAsync();
        foreach (var answer in new[]
        {
            await org.Admin.SendAsync("/user", """{ "emailAddress": "kim@example.com" }""").OkAsync(),
            await org.Admin.AskAsync("/account").OkAsync(), await org.Admin.AskAsync("/account/user").OkAsync(),
            await org.Admin.AskAsync("/account/serviceaccount").OkAsync(),
            await org.Admin.NameAsync("/user/validateUsers", "kim@example.com", "x").OkAsync(),
            await org.Admin.NameAsync("/user/grant/ingestion", "kim@example.com").OkAsync(),
            await org.Admin.NameAsync("/user/deleteUsers", "kim@example.com").OkAsync(),
        })
        {
            Assert.Equal("OK", answer.TextAt("status/result"));
            Assert.DoesNotContain(":null", Wire.Compact(answer.GetRawText()), StringComparison.Ordinal);
        }

        Assert.Equal("ERROR", (await org.Admin.AskAsync("/user/kim@example.com").OkAsync(404)).TextAt("status/result"));
    }

    [Fact]
    public async Task Both_headers_carry_the_token_with_and_without_Bearer()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (name, value) in new[]
            {
                ("Authorization", "Bearer " + org.Key), ("X-AUTH-TOKEN", org.Key),
                ("X-AUTH-TOKEN", "Bearer " + org.Key),
            })
        {
            var client = app.CreateClient();
            client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
            await client.AskAsync("/account/user/admin").OkAsync();
        }
    }

    [Fact]
    public async Task A_client_that_reads_response_after_a_write_and_the_top_after_a_read_manages_a_users_life()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, dev) = (await org.GroupAsync(new("Ops")), await org.GroupAsync(new("Dev")));
        var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", org.Key);

        var made = (await client.SendAsync("/user?sendEmail=true", $$"""
            { "emailAddress": "kim@example.com", "groups": ["ingestion"], "userGroups": ["{{ops.Id}}"] }
            """).OkAsync()).At("response");
        Assert.Equal(("kim@example.com", org.Slug), (made.TextAt("identifier"), made.TextAt("customer")));
        Assert.Equal(["ingestion"], made.Texts("groups"));
        var read = await client.AskAsync("/user/kim@example.com").OkAsync();
        Assert.Contains(ops.Id.ToString(), read.Texts("userGroups", "id"));
        var changed = (await client.WriteAsync(
            "/user/kim@example.com", $$"""
                { "identifier": "kim@example.com", "customer": "{{org.Slug}}", "groups": ["log_management"],
                "userGroups": ["{{dev.Id}}"] }
                """).OkAsync()).At("response");
        Assert.Equal(["log_management"], changed.Texts("groups"));
        Assert.Equal(["Everyone", "Dev"], changed.Texts("userGroups", "name"));
        Assert.Equal(["log_management"], (await client.AskAsync("/user/kim@example.com").OkAsync()).Texts("groups"));
        JsonDocument.Parse(await (await client.EndAsync("/user/kim@example.com")).Content.ReadAsStringAsync(Ct));
        await client.AskAsync("/user/kim@example.com").OkAsync(404);
    }

    [Fact]
    public async Task A_client_made_from_the_documentation_finds_its_required_members_at_top_level_everywhere()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        const string Kim = "kim%40example.com"; // it encodes all that is no letter or digit
        var client = app.CreateClient();
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", org.Key);

        AssertUser(
            await client.SendAsync("/user", """{ "emailAddress": "kim@example.com", "groups": [], "userGroups": [] }""")
                .OkAsync());
        AssertUser(
            await client.SendAsync(
                "/user/invite",
                """[{ "emailAddress": "sam@example.com", "groups": [], "userGroups": [] }]""").OkAsync());
        AssertUser(await client.AskAsync("/user/" + Kim).OkAsync());
        AssertUser(await client.WriteAsync("/user/" + Kim, """{ "groups": ["ingestion"] }""").OkAsync());
        AssertUser(await client.SendFormAsync($"/user/{Kim}/grant", "group=log_management").OkAsync());
        AssertUser(await client.SendFormAsync($"/user/{Kim}/revoke", "group=log_management").OkAsync());
        AssertUser(
            await client.NameAsync("/user/grant/log_management", "kim@example.com", "sam@example.com").OkAsync());
        AssertUser(await client.NameAsync("/user/revoke/log_management", "kim@example.com").OkAsync());
        AssertUser(await client.NameAsync($"/user/{Kim}/addUserGroups", $"{ops.Id}").OkAsync());
        AssertUser(await client.NameAsync($"/user/{Kim}/removeUserGroups", $"{ops.Id}").OkAsync());
        AssertUser(await client.AskAsync($"/user/{Kim}/businessFunctions").OkAsync());
        AssertUser(await client.SendNothingAsync($"/account/{Kim}/grant/embedded_charts").OkAsync());
        AssertUser(await client.NameAsync($"/account/{Kim}/addRoles", $"{reader.Id}").OkAsync());
        AssertUser(await client.NameAsync($"/account/{Kim}/removeRoles", $"{reader.Id}").OkAsync());
        AssertUser(
            await client.SendAsync(
                "/account/user",
                """{ "emailAddress": "kim@example.com", "groups": [], "userGroups": [] }""").OkAsync());
        AssertUser(await client.AskAsync("/account/user/" + Kim).OkAsync());
        AssertUser(await client.WriteAsync("/account/user/" + Kim, "{}").OkAsync());
        foreach (var user in (await client.AskAsync("/user").OkAsync()).EnumerateArray()) AssertUser(user);
        AssertEnvelope(await client.NameAsync("/user/validateUsers", "kim@example.com").OkAsync());
        AssertEnvelope(await client.AskAsync("/account/user").OkAsync());
        AssertEnvelope(await client.AskAsync("/account/user/admin").OkAsync());
        AssertEnvelope(await client.AskAsync("/account/" + Kim).OkAsync());
        AssertEnvelope(await client.NameAsync("/user/deleteUsers", "kim@example.com").OkAsync());

        static void AssertUser(JsonElement user)
        {
            foreach (var name in new[] { "identifier", "customer" })
                Assert.Equal(JsonValueKind.String, user.At(name).ValueKind);
            foreach (var name in new[] { "groups", "userGroups" })
                Assert.Equal(JsonValueKind.Array, user.At(name).ValueKind);
            Assert.All(
                user.At("userGroups").EnumerateArray(), group => Assert.Equal(JsonValueKind.Object, group.ValueKind));
        }

        static void AssertEnvelope(JsonElement answer) => Assert.Equal(["status", "response"], answer.Names());
    }
}
