using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Searches: the same answers on both databases, for every key.</summary>
public sealed class WavefrontSearchTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_found_is_a_model_of_its_own_in_a_page()
    {
        var org = await app.CreateOrganizationAsync();
        var kim = await org.ActiveAsync("Kim+x@example.com", r => r with { Permissions = ["ingestion"] });
        await app.QueryAsync(db =>
            db.Members.Where(m => m.Id == kim.Member.Id).ExecuteUpdateAsync(
                set => set.SetProperty(m => m.LastSignInAt, DateTimeOffset.FromUnixTimeMilliseconds(1718000000000)),
                Ct));
        await org.Admin.PostTextAsync("/api/v2/search/user", """
            { "query": [{ "key": "id", "value": "kim", "matchingMethod": "STARTSWITH" }], "limit": 10 }
            """).AssertAsync(200, $$"""
            { "status": { "result": "OK", "message": "", "code": 200 }, "response": { "items": [
              { "id": "Kim+x@example.com", "identifier": "Kim+x@example.com",
                "escapedIdentifier": "Kim%2Bx%40example.com", "customer": "{{org.Slug}}", "self": false,
                "groups": ["ingestion"], "userGroups": ["{{await org.EveryoneAsync()}}"], "unitedRoles": [],
                  "unitedPermissions": ["ingestion"], "lastSuccessfulLogin": 1718000000000 }],
              "offset": 0, "limit": 10, "totalItems": 1, "moreItems": false, "sort": { "ascending": true,
                "field": "id", "default": true } } }
            """);
    }

    [Theory]
    [InlineData("user")]
    [InlineData("account")]
    [InlineData("serviceaccount")]
    [InlineData("usergroup")]
    [InlineData("role")]
    public async Task A_search_with_too_many_values_is_refused_before_it_begins(string what)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (conditions, values, status) in new[]
            {
                (50, 20, 400), (51, 1, 400), (1, 101, 400), (2, 51, 400), (50, 2, 200), (1, 100, 200),
            })
        {
            var value = JsonSerializer.Serialize(Enumerable.Range(0, values).Select(i => $"nobody{i}"));
            var one = $$"""
                {"key":"{{(what is "usergroup" or "role" ? "name" : "identifier")}}","values":{{value}},
                "matchingMethod":"CONTAINS"}
                """;
            var answer = await org.Admin.PostTextAsync(
                $"/api/v2/search/{what}", $$"""{"query":[{{string.Join(',', Enumerable.Repeat(one, conditions))}}]}""");
            Assert.Equal(status, (int)answer.StatusCode);
        }

        var tooLong = await org.Admin.PostTextAsync(
            $"/api/v2/search/{what}", $$"""{"query":[{"key":"id","value":"{{new string('x', 1_001)}}"}]}""");
        Assert.Equal(HttpStatusCode.BadRequest, tooLong.StatusCode);
    }

    [Fact]
    public async Task A_search_that_takes_too_long_is_stopped_in_the_database()
    {
        await using var own = await UsherApp.StartAsync(
            new() { ["Usher:Search:TimeLimit"] = "00:00:00.010" }, workers: false);
        var org = await own.CreateOrganizationAsync();
        var now = TimeProvider.System.Now();
        var members = Enumerable.Range(0, 3_000).Select(i => new Member
        {
            OrganizationId = org.Id, Id = Uuid.Create(now), Number = 1_000_000
                + i, Identifier = $"m{i}@example.test", Email = $"m{i}@example.test", FirstName = "Ada",
            Kind = MemberKind.Person, Status = MemberStatus.Active, CreatedAt = now,
        }).ToList();
        foreach (var member in members) member.Give(BuiltInRole.User, org.System, now);
        await own.WriteAsync(unit => { unit.AddRange(members); return Task.FromResult(true); }, Ct);

        var texts = JsonSerializer.Serialize(Enumerable.Range(0, 100).Select(i => $"nothing{i}"));
        var search = $$"""{"query":[{"key":"freetext","values":{{texts}},"negated":true}]}""";
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var answer = await org.Admin.PostTextAsync("/api/v2/search/user", search);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("took too long", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);

        // The connection is as good as before.
        Assert.Equal(HttpStatusCode.OK, (await org.Admin.GetAsync("/v1/users/whoami", Ct)).StatusCode);
    }

    [Fact]
    public async Task An_account_and_a_service_account_found_are_the_models_of_their_own_paths()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "alerts_management");
        var bot = await org.ServiceAccountAsync("bot");
        var ops = await org.GroupAsync(
            new("Ops") { Roles = [Reference.To(role.Id)], Members = [new(Id: bot.Member.Id)] });
        var account = (await FindAsync(org, "account", """
            { "query": [{ "key": "identifier", "value": "sa::", "matchingMethod": "STARTSWITH" }] }
            """)).At("items/0");
        Assert.Equal(
            ["identifier", "groups", "userGroups", "roles", "unitedRoles", "unitedPermissions"], account.Names());
        Assert.Equal(
            ("sa::bot", ops.Id.ToString(), role.Id.ToString(), "alerts_management"),
            (
                account.TextAt("identifier"), account.TextAt("userGroups/1"), account.TextAt("unitedRoles/0"),
                account.TextAt("unitedPermissions/0")));

        var service = (await FindAsync(org, "serviceaccount", "{}")).At("items/0");
        Assert.Equal(
            [
                "identifier", "active", "description", "groups", "userGroups", "roles", "tokens", "unitedRoles",
                "unitedPermissions",
            ],
            service.Names().Where(n => n is not "lastUsed"));
        Assert.Equal(
            ("Service Accounts", "Ops", "Reader"),
            (
                service.TextAt("userGroups/0/name"), service.TextAt("userGroups/1/name"),
                service.TextAt("userGroups/1/roles/0/name")));
        Assert.Equal(
            ("test", "sa::bot", "SERVICE_ACCOUNT"),
            (
                service.TextAt("tokens/0/tokenName"), service.TextAt("tokens/0/account"),
                service.TextAt("tokens/0/accountType")));
        Assert.DoesNotContain(bot.Key, service.GetRawText(), StringComparison.Ordinal);
        var owner = (await FindAsync(
            org, "account",
            $$"""{ "query": [{ "key": "identifier", "value": "{{org.Created.Owner.Identifier}}" }] }""")).At("items/0");
        Assert.Equal(
            Permissions.BuiltIn.Order(StringComparer.Ordinal),
            owner.At("unitedPermissions").EnumerateArray().Select(p => p.GetString()!));
    }

    [Fact]
    public async Task Every_key_of_members_is_searched_by_every_method()
    {
        var org = await app.CreateOrganizationAsync();
        var (direct, grouped) = (
            await org.RoleAsync("Direct", "alerts_management"), await org.RoleAsync("Grouped", "ingestion"));
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(grouped.Id)] });
        await org.ActiveAsync("ann@a.example", r => r with { Permissions = ["embedded_charts"] });
        await org.ActiveAsync(
            "ben@b.example",
            r => r with { Roles = [Reference.To(direct.Id)], FirstName = "Benjamin", LastName = "Moo" });
        var cat = await org.ActiveAsync("cat+x@a.example", r => r with { Groups = [Reference.To(ops.Id)] });
        var bot = await org.ServiceAccountAsync("bot");
        await org.ServiceAccountAsync("idle");
        await app.QueryAsync(db =>
            db.Members.Where(m => m.Id == cat.Member.Id).ExecuteUpdateAsync(
                set =>
                    set.SetProperty(m => m.LastSignInAt, DateTimeOffset.FromUnixTimeMilliseconds(1718000000123))
                        .SetProperty(m => m.SsoId, "Cat7"),
                Ct));
        await app.QueryAsync(db =>
            db.Members.Where(m => m.Id == bot.Member.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.Description, "Deploys things"), Ct));
        await app.QueryAsync(db =>
            db.Members.Where(m => m.Identifier == "sa::idle" && m.OrganizationId == org.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Suspended), Ct));
        var keyId = await app.QueryAsync(db =>
            db.ApiKeys.Where(k => k.MemberId == bot.Member.Id).Select(k => k.Id).SingleAsync(Ct));
        await app.QueryAsync(db =>
            db.ApiKeys.Where(k => k.MemberId == bot.Member.Id).ExecuteUpdateAsync(
                set => set.SetProperty(k => k.LastUsedAt, DateTimeOffset.FromUnixTimeMilliseconds(1718000000456)), Ct));
        var (everyone, owner) = (await org.EveryoneAsync(), "owner");
        (string Kind, string Key, string Method, string Value, string Found)[] cases =
        [
            ("user", "identifier", "CONTAINS", "@A.EXAMPLE", "ann cat"), ("user", "id", "STARTSWITH", "BE", "ben"),
            ("user", "identifier", "EXACT", "Ann@A.example", "ann"), ("user", "identifier", "EXACT", "ann", ""),
            ("user", "escapedIdentifier", "EXACT", "cat%2Bx%40a.example", "cat"),
            ("user", "escapedIdentifier", "CONTAINS", "%40b", "ben"),
            ("user", "freetext", "CONTAINS", "MOO", "ben"), ("user", "freetext", "STARTSWITH", "benja", "ben"),
            ("user", "freetext", "EXACT", "moo", "ben"),
            ("user", "groups", "CONTAINS", "charts", "ann"), ("user", "groups", "STARTSWITH", "embedded", "ann"),
            ("user", "groups", "EXACT", "embedded", ""),
            ("user", "userGroups", "EXACT", ops.Id.ToString(), "cat"),
            ("user", "userGroups", "CONTAINS", ops.Id.ToString()[3..], "cat"),
            ("user", "userGroups", "STARTSWITH", ops.Id.ToString().ToUpperInvariant()[..20], "cat"),
            ("user", "userGroups", "EXACT", "ops", "cat"),
            ("user", "userGroups", "EXACT", everyone.ToString(), "ann ben cat owner"),
            ("user", "userGroups", "EXACT", Guid.NewGuid().ToString(), ""),
            ("user", "roles", "EXACT", direct.Id.ToString(), "ben"), ("user", "roles", "CONTAINS", "irec", "ben"),
            ("user", "roles", "EXACT", grouped.Id.ToString(), ""),
            ("user", "unitedRoles", "EXACT", grouped.Id.ToString(), "cat"),
            ("user", "unitedRoles", "STARTSWITH", direct.Id.ToString()[..30], "ben"),
            ("user", "unitedPermissions", "EXACT", "alerts_management", "ben owner"),
            ("user", "unitedPermissions", "STARTSWITH", "inges", "cat owner"),
            ("user", "unitedPermissions", "CONTAINS", "nonsense", ""),
            ("user", "lastSuccessfulLogin", "EXACT", "1718000000123", "cat"),
            ("user", "lastSuccessfulLogin", "STARTSWITH", "1718", "cat"),
            ("user", "lastSuccessfulLogin", "CONTAINS", "0123", "cat"),
            ("user", "ssoId", "EXACT", "cat7", "cat"), ("user", "customer", "EXACT", org.Slug, "ann ben cat owner"),
            ("user", "customer", "EXACT", "other", ""),
            ("user", "self", "EXACT", "true", owner), ("user", "self", "EXACT", "false", "ann ben cat"),
            ("user", "self", "CONTAINS", "e", "ann ben cat owner"), ("user", "self", "EXACT", "maybe", ""),
            ("user", "identifier", "TAGPATH", "cat+x@a", "cat"),
            ("user", "identifier", "TAGPATH", "cat+x@a.example", "cat"), ("user", "identifier", "TAGPATH", "cat", ""),
            ("account", "identifier", "CONTAINS", "n", "ann ben owner"),
            ("account", "id", "STARTSWITH", "sa::", "bot idle"),
            ("account", "unitedPermissions", "EXACT", "ingestion", "cat owner"),
            ("account", "userGroups", "EXACT", "Service Accounts", "bot idle"),
            ("account", "groups", "EXACT", "embedded_charts", "ann"),
            ("serviceaccount", "identifier", "EXACT", "sa::bot", "bot"),
            ("serviceaccount", "active", "EXACT", "true", "bot"),
            ("serviceaccount", "active", "STARTSWITH", "f", "idle"),
            ("serviceaccount", "description", "CONTAINS", "DEPLOYS", "bot"),
            ("serviceaccount", "freetext", "CONTAINS", "things", "bot"),
            ("serviceaccount", "tokens", "EXACT", keyId.ToString(), "bot"),
            ("serviceaccount", "tokens", "STARTSWITH", "te", "bot idle"),
            ("serviceaccount", "lastUsed", "EXACT", "1718000000456", "bot"),
            ("user", "identifier", "CONTAINS", "%", ""), ("user", "identifier", "CONTAINS", "'", ""),
            ("user", "freetext", "CONTAINS", "\\u0000", ""), ("user", "freetext", "EXACT", "{0}", ""),
        ];
        foreach (var (kind, key, method, value, found) in cases)
        {
            foreach (var (term, negated) in new[]
                {
                    ($"\"value\": \"{value}\"", false),
                    ($"\"values\": [\"{value}\", \"no such thing\"], \"value\": \"ignored\"", false),
                    ($"\"value\": \"{value}\"", true),
                })
            {
                var page = await FindAsync(org, kind, $$"""
                    { "query": [{ "key": "{{key}}", "matchingMethod": "{{method}}",
                    "negated": {{(negated ? "true" : "false")}}, {{term}} }] }
                    """);
                string[] all = [
                    .. (
                        kind switch
                        {
                            "user" => "ann ben cat owner", "account" => "ann ben cat owner bot idle", _ => "bot idle",
                        }).Split(' ')];
                var expected = (negated ? all.Except(found.Split(' ')) : all.Intersect(found.Split(' ')))
                    .Order(StringComparer.Ordinal);
                var shown = page.At("items").EnumerateArray().Select(i => Short(i.TextAt("identifier")!))
                    .Order(StringComparer.Ordinal);
                Assert.Equal(
                    $"{kind} {key} {method} {value} {negated}: {string.Join(' ', expected)}",
                    $"{kind} {key} {method} {value} {negated}: {string.Join(' ', shown)}");
            }
        }
    }

    [Fact]
    public async Task Every_key_of_groups_and_roles_is_searched()
    {
        var org = await app.CreateOrganizationAsync();
        var (reader, writer) = (
            await org.RoleAsync("Reader", "alerts_management"),
            await org.RoleAsync("Writer", "ingestion", "log_management"));
        var kim = await org.InviteAsync(
            "Kim@example.com", r => r with { Roles = [Reference.To(writer.Id)] }, sendMail: false);
        var ops = await org.GroupAsync(
            new("Ops") { Description = "On call", Roles = [Reference.To(reader.Id)], Members = [new(Id: kim.Id)] });
        await org.GroupAsync(new("Ops too"));
        await org.GroupAsync(new("Everyone else"));
        await org.ServiceAccountAsync("bot");
        (string Kind, string Key, string Method, string Value, string Found)[] cases =
        [
            ("usergroup", "name", "EXACT", "Everyone", "Everyone"),
            ("usergroup", "name", "STARTSWITH", "everyone", "Everyone|Everyone else"),
            ("usergroup", "name", "CONTAINS", "OPS", "Ops|Ops too"),
            ("usergroup", "id", "EXACT", ops.Id.ToString(), "Ops"),
            ("usergroup", "description", "CONTAINS", "call", "Ops"),
            ("usergroup", "freetext", "CONTAINS", "call", "Ops"),
            ("usergroup", "roles", "EXACT", reader.Id.ToString(), "Ops"),
            ("usergroup", "roles", "EXACT", "reader", "Ops"), ("usergroup", "roles", "EXACT", writer.Id.ToString(), ""),
            ("usergroup", "users", "EXACT", "kim@example.com", "Everyone|Ops"),
            ("usergroup", "users", "CONTAINS", "im@ex", "Everyone|Ops"),
            ("usergroup", "users", "STARTSWITH", "sa::", "Service Accounts"),
            ("usergroup", "users", "EXACT", "nobody@example.com", ""),
            ("usergroup", "userCount", "EXACT", "2", "Everyone"), ("usergroup", "roleCount", "EXACT", "1", "Ops"),
            ("usergroup", "customer", "EXACT", org.Slug, "Everyone|Everyone else|Ops|Ops too|Service Accounts"),
            ("usergroup", "createdEpochMillis", "EXACT", "1", ""),
            ("usergroup", "properties", "EXACT", "nameEditable", "Everyone else|Ops|Ops too"),
            ("usergroup", "name", "TAGPATH", "Ops", "Ops"),
            ("role", "name", "EXACT", "reader", "Reader"), ("role", "id", "EXACT", writer.Id.ToString(), "Writer"),
            ("role", "permissions", "EXACT", "ingestion", "Writer"),
            ("role", "permissions", "CONTAINS", "management", "Reader|Writer"),
            ("role", "restrictedPermissions", "CONTAINS", "", ""),
            ("role", "sampleLinkedGroups", "EXACT", ops.Id.ToString(), "Reader"),
            ("role", "sampleLinkedAccounts", "EXACT", "KIM@example.com", "Writer"),
            ("role", "linkedAccountsCount", "EXACT", "1", "Writer"),
            ("role", "linkedGroupsCount", "EXACT", "1", "Reader"),
            ("role", "lastUpdatedAccountId", "EXACT", "usher", "Reader|Writer"),
            ("role", "description", "CONTAINS", "x", ""),
            (
                "role", "lastUpdatedMs", "STARTSWITH", $"{reader.UpdatedAt.ToUnixTimeMilliseconds() / 10_000_000}",
                "Reader|Writer"),
            ("role", "createdEpochMillis", "EXACT", "1", ""),
            ("role", "customer", "EXACT", org.Slug, "Reader|Writer"),
            ("role", "properties", "EXACT", "deletable", "Reader|Writer"),
            ("role", "freetext", "CONTAINS", "rite", "Writer"),
        ];
        foreach (var (kind, key, method, value, found) in cases)
        {
            foreach (var negated in new[] { "false", "true" })
            {
                var page = await FindAsync(org, kind, $$"""
                    { "query": [{ "key": "{{key}}", "matchingMethod": "{{method}}", "negated": {{negated}},
                    "value": "{{value}}" }] }
                    """);
                string[] all = kind is "role"
                    ? ["Reader", "Writer"]
                    : ["Everyone", "Everyone else", "Ops", "Ops too", "Service Accounts"];
                var expected = negated is "true" ? all.Except(found.Split('|')) : all.Intersect(found.Split('|'));
                var shown = page.At("items").EnumerateArray().Select(i => i.TextAt("name")!)
                    .Order(StringComparer.Ordinal);
                Assert.Equal(
                    $"{kind} {key} {method} {value} {negated}: {string.Join('|', expected)}",
                    $"{kind} {key} {method} {value} {negated}: {string.Join('|', shown)}");
            }
        }
    }

    [Fact]
    public async Task Conditions_are_anded_and_a_condition_without_a_method_means_contains()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "ann@a.example", "ben@a.example", "ann@b.example" })
            await org.InviteAsync(name, sendMail: false);
        var page = await FindAsync(org, "user", """
            { "query": [{ "key": "id", "value": "ann" }, { "key": "identifier", "value": "@a", "matchingMethod": null },
            { "key": "self", "value": false }] }
            """);
        Assert.Equal(["ann@a.example"], page.At("items").EnumerateArray().Select(i => i.TextAt("identifier")!));
    }

    [Theory]
    [InlineData("user")]
    [InlineData("account")]
    [InlineData("serviceaccount")]
    [InlineData("usergroup")]
    [InlineData("role")]
    public async Task All_of_the_body_may_be_left_out(string kind)
    {
        var org = await app.CreateOrganizationAsync();
        await org.RoleAsync("R");
        await org.ServiceAccountAsync("bot");
        foreach (var body in new[]
            {
                "{}", "", "null", """{ "query": null, "limit": null, "offset": null, "sort": null }""",
                """{ "query": [], "sort": { "ascending": false, "field": "default", "default": true }, "junk": 1 }""",
            })
            Assert.True((await FindAsync(org, kind, body)).At("totalItems").GetInt32() > 0);
    }

    [Theory]
    [InlineData("""[]""", "The body must be a JSON object")]
    [InlineData("""{ "query": {} }""", "query must be an array of conditions")]
    [InlineData("""{ "query": ["x"] }""", "A condition of query needs a key")]
    [InlineData("""{ "query": [{ "value": "x" }] }""", "A condition of query needs a key")]
    [InlineData("""{ "query": [{ "key": "name" }] }""", "The condition on name needs a value, or an array of values")]
    [InlineData(
        """{ "query": [{ "key": "name", "values": ["a", {}] }] }""",
        "The condition on name needs a value, or an array of values")]
    [InlineData(
        """{ "query": [{ "key": "id", "value": "x", "matchingMethod": "FUZZY" }] }""",
        "matchingMethod must be CONTAINS, STARTSWITH, EXACT or TAGPATH")]
    [InlineData("""{ "query": [{ "key": "nonsense", "value": "x" }] }""", "There is nothing to search by nonsense")]
    [InlineData("""{ "sort": { "field": "nonsense" } }""", "There is nothing to sort by nonsense")]
    [InlineData("""{ "sort": "name" }""", "sort must be an object with a field")]
    [InlineData("""{ "limit": 0 }""", "limit must be a number of 1 to 1000")]
    [InlineData("""{ "limit": 1001 }""", "limit must be a number of 1 to 1000")]
    [InlineData("""{ "limit": "10" }""", "limit must be a number of 1 to 1000")]
    [InlineData("""{ "offset": -1 }""", "offset must be a number of at least 0")]
    public async Task What_cannot_be_searched_is_a_400_that_says_what(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var kind in new[] { "user", "account", "serviceaccount", "usergroup", "role" })
            await org.Admin.PostTextAsync($"/api/v2/search/{kind}", body)
                .AssertAsync(400, $$"""{ "status": { "result": "ERROR", "message": "{{message}}", "code": 400 } }""");
    }

    [Fact]
    public async Task A_hundred_values_in_all_are_searched_and_more_are_a_400()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("v99@example.com", sendMail: false);
        string Body(int count, string key, string method, int terms = 1) => JsonSerializer.Serialize(new
        {
            query = Enumerable.Repeat(
                new
                {
                    key, matchingMethod = method,
                    values = Enumerable.Range(100 - count, count).Select(i => $"v{i}@example.com"),
                },
                terms),
        });
        foreach (var method in new[] { "EXACT", "CONTAINS", "STARTSWITH", "TAGPATH" })
            foreach (var key in new[] { "identifier", "freetext" })
                Assert.Equal(1, (await FindAsync(org, "user", Body(100, key, method))).At("totalItems").GetInt32());
        Assert.Equal(
            1, (await FindAsync(org, "user", Body(50, "identifier", "EXACT", terms: 2))).At("totalItems").GetInt32());
        foreach (var body in new[] { Body(101, "identifier", "EXACT"), Body(51, "identifier", "EXACT", terms: 2) })
            Assert.Equal(
                HttpStatusCode.BadRequest, (await org.Admin.PostTextAsync("/api/v2/search/user", body)).StatusCode);
    }

    [Theory]
    [InlineData("id", true)]
    [InlineData("identifier", false)]
    [InlineData("lastSuccessfulLogin", true)]
    [InlineData("lastSuccessfulLogin", false)]
    public async Task Paging_through_meets_everybody_once_in_order(string field, bool ascending)
    {
        var org = await app.CreateOrganizationAsync();
        await org.TryInviteAsync(
            [
                .. Enumerable.Range(0, 25)
                    .Select(i => new NewInvitation($"m{i:00}@example.com") { Permissions = [], Groups = [] })],
            how: Steps.RefuseSecond with { SendMail = false });
        List<string> met = [];
        for (var offset = 0; ; offset += 7)
        {
            var page = await FindAsync(org, "user", $$"""
                { "offset": {{offset}}, "limit": 7, "sort": { "field": "{{field}}",
                "ascending": {{(ascending ? "true" : "false")}} } }
                """);
            met.AddRange(page.At("items").EnumerateArray().Select(i => i.TextAt("identifier")!));
            Assert.Equal((26, offset + 7 < 26), (page.At("totalItems").GetInt32(), page.At("moreItems").GetBoolean()));
            Assert.Equal(
                (field, ascending, false),
                (
                    page.TextAt("sort/field"), page.At("sort/ascending").GetBoolean(),
                    page.At("sort/default").GetBoolean()));
            if (!page.At("moreItems").GetBoolean()) break;
        }

        Assert.Equal(26, met.Distinct().Count());
        Assert.Equal(26, met.Count);
        if (field is "lastSuccessfulLogin") return;
        var sorted = met.Order(StringComparer.Ordinal).ToList();
        Assert.Equal(ascending ? sorted : [.. Enumerable.Reverse(sorted)], met);
    }

    [Fact]
    public async Task Groups_and_roles_are_sorted_by_what_they_show()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "b", "C", "a" })
        {
            await org.GroupAsync(new(name));
            await org.RoleAsync(name);
        }

        Assert.Equal(
            "Service Accounts|Everyone|C|b|a",
            await NamesAsync("usergroup", """{ "sort": { "field": "name", "ascending": false } }"""));
        Assert.Equal(
            "Everyone|Service Accounts|a|b|C",
            await NamesAsync("usergroup", """{ "sort": { "field": "userCount", "ascending": false } }"""));
        Assert.Equal(
            "C|b", await NamesAsync("role", """{ "sort": { "field": "name", "ascending": false }, "limit": 2 }"""));
        var made = (await FindAsync(
            org, "role", """{ "sort": { "field": "createdEpochMillis", "ascending": false } }"""))
            .At("items").EnumerateArray().Select(i => i.At("createdEpochMillis").GetInt64()).ToList();
        Assert.Equal(made.OrderDescending(), made);

        async Task<string> NamesAsync(string kind, string body) =>
            string.Join(
                '|', (await FindAsync(org, kind, body)).At("items").EnumerateArray().Select(i => i.TextAt("name")!));
    }

    [Fact]
    public async Task Searching_takes_user_management()
    {
        var org = await app.CreateOrganizationAsync();
        var pat = await org.ActiveAsync("pat@example.com");
        foreach (var kind in new[] { "user", "account", "serviceaccount", "usergroup", "role" })
            Assert.Equal(
                HttpStatusCode.Forbidden, (await pat.Client.PostTextAsync($"/api/v2/search/{kind}", "{}")).StatusCode);
    }

    private static string Short(string identifier) =>
        identifier.Replace("sa::", "", StringComparison.Ordinal).Split('@', '+')[0];

    private static async Task<JsonElement> FindAsync(TestOrganization org, string kind, string body) =>
        (await org.Admin.PostTextAsync($"/api/v2/search/{kind}", body).OkAsync()).At("response");
}
