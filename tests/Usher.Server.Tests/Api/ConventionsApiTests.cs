using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Idempotency;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>What docs/api.md says holds for all calls, for all calls.</summary>
public sealed partial class ConventionsApiTests(OperatedApp operated) : IClassFixture<OperatedApp>, IAsyncLifetime
{
    private readonly UsherApp app = operated.App;

    // Nothing that another test has left waits for a worker.
    public async ValueTask InitializeAsync() => await app.DrainAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Every_list_shows_each_thing_once_whatever_the_size_of_its_pages()
    {
        var scene = await SceneAsync();
        foreach (var list in Lists(scene))
        {
            var all = (await scene.Org.PagesAsync(list, 1_000)).ConvertAll(e => e.ToString());
            Assert.True(all.Count >= 3, $"{list} has only {all.Count}.");
            foreach (var limit in new[] { 1, 2, 3 })
                Assert.Equal(all, (await scene.Org.PagesAsync(list, limit)).Select(e => e.ToString()));
        }
    }

    [Fact]
    public async Task Every_list_is_in_the_test_above()
    {
        var scene = await SceneAsync();
        string[] known = [.. Lists(scene).Select(l => Pattern().Replace(l.Split('?')[0], "{}"))];
        var lists = Endpoints().Where(e => e.Metadata.GetOrderedMetadata<QueryParameter>().Any(p => p.Name is "after"))
            .Select(e => Pattern().Replace(e.RoutePattern.RawText!.Trim('/'), "{}"));
        Assert.Equal(
            [
                "organizations/{}",
                .. known.Distinct().Select(k => "organizations/{}/" + k).Order(StringComparer.Ordinal),
            ],
            lists.Select(l => l["usher/v1/".Length..]).Select(l => l is "organizations" ? "organizations/{}" : l)
                .Order(StringComparer.Ordinal).Distinct());
    }

    [Fact]
    public async Task What_a_list_cannot_take_is_refused_with_the_parameters_name()
    {
        var scene = await SceneAsync();
        foreach (var list in Lists(scene))
        {
            var sign = list.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            foreach (var (query, code, parameter) in new[]
            {
                ("limit=0", "parameter_invalid", "limit"), ("limit=1001", "parameter_invalid", "limit"),
                ("limit=x", "parameter_invalid", "limit"), ("limit=1&limit=2", "parameter_invalid", "limit"),
                ("after=x", "parameter_invalid", "after"),
                (
                    "after=" + Convert.ToBase64String("wrong\nAAAAAAAAAAAAAAAAAAAAAA\n"u8).TrimEnd('='),
                    "parameter_invalid", "after"),
                ("colour=red", "parameter_unknown", "colour"),
                ("Limit=1", "parameter_unknown", "Limit"), ("after=%00", "parameter_invalid", "after"),
            })
            {
                var problem = await (await scene.Org.GetAsync(list + sign + query))
                    .RefusedAsync(HttpStatusCode.UnprocessableEntity, code);
                Assert.Contains(
                    problem.GetProperty("errors").EnumerateArray(),
                    e => e.GetProperty("parameter").GetString() == parameter);
            }
        }

        var two = await (await scene.Org.GetAsync("members?limit=0&sort=size&colour=red"))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(["colour", "limit", "sort"], two.Named("errors", "parameter").Order(StringComparer.Ordinal));
        var next = await (await scene.Org.GetAsync("members?limit=1&sort=email")).TextAsync("next");
        await (await scene.Org.GetAsync("members?sort=-email&after=" + next))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "parameter_invalid");
    }

    [Fact]
    public async Task Everything_that_can_be_edited_is_edited_only_as_it_was_read()
    {
        var scene = await SceneAsync();
        foreach (var (method, path, body, by) in Edits(scene))
        {
            var read = await scene.Org.GetAsync(scene.Shown(path), by: by);
            var tag = read.Headers.ETag?.Tag ?? throw new InvalidOperationException($"{path} has no tag.");
            Assert.Equal(HttpStatusCode.NotModified, (await GetAsync(path, tag, by)).StatusCode);
            Assert.Equal(HttpStatusCode.NotModified, (await GetAsync(path, "\"x\", W/" + tag, by)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await GetAsync(path, "\"x\"", by)).StatusCode);
            foreach (var other in new[] { "\"x\"", "W/" + tag, "nonsense", "\"1000000\", \"x\"" })
                await (await scene.Org.SendAsync(method, path, body, ifMatch: other, by: by))
                    .RefusedAsync(HttpStatusCode.PreconditionFailed, "version_mismatch");
            Assert.Equal(tag, (await scene.Org.GetAsync(scene.Shown(path), by: by)).Headers.ETag!.Tag);

            var edited = await scene.Org.SendAsync(method, path, body, ifMatch: $"\"x\", {tag}", by: by);
            Assert.True(
                edited.IsSuccessStatusCode,
                $"{method} {path}: {edited.StatusCode} {await edited.Content.ReadAsStringAsync(Ct)}");
            if (method == HttpMethod.Delete) continue;
            var after = await scene.Org.GetAsync(scene.Shown(path), by: by);
            // A place in a group, and a role held, are the member's: the group and the role are as they were.
            if (path.EndsWith("/members", StringComparison.Ordinal)) Assert.Equal(tag, after.Headers.ETag!.Tag);
            else Assert.NotEqual(tag, after.Headers.ETag!.Tag);
            if (edited.Headers.ETag is { } said && !path.EndsWith("/link", StringComparison.Ordinal))
                Assert.Equal((said.Tag, method, path), (after.Headers.ETag.Tag, method, path));
        }

        async Task<HttpResponseMessage> GetAsync(string path, string tag, HttpClient? by)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, scene.Org.Path(scene.Shown(path)));
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            return await (by ?? scene.Org.Admin).SendAsync(request, Ct);
        }
    }

    // The test above sends If-Match to each of them.
    [Fact]
    public async Task The_routes_that_take_If_Match_are_those_that_edit()
    {
        var scene = await SceneAsync();
        var edits = Edits(scene).Select(edit => NameOf(Endpoint(edit.Method, edit.Path)!, edit.Method.Method));
        var declared = Endpoints().Where(e => e.Metadata.OfType<RouteTrait>()
                .Contains(RouteTrait.TakesIfMatch))
            .Select(e => NameOf(e, e.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods[0]));
        Assert.Equal(edits.Distinct().Order(StringComparer.Ordinal), declared.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Whatever_is_rehearsed_is_answered_as_if_done_and_leaves_every_row_as_it_was()
    {
        var scene = await SceneAsync();
        var digest = new OrganizationDigest(app, scene.Org.Id);
        HashSet<string> rehearsed = [];
        foreach (var (method, path, body, by) in Edits(scene).Concat(Makes))
        {
            if (Endpoint(method, path) is not { } endpoint
                    || !endpoint.Metadata.GetOrderedMetadata<QueryParameter>().Contains(QueryParameter.DryRun))
                continue;
            await digest.IsUnchangedAsync();
            if (path is "") await (await scene.Org.PostAsync("suspend", by: operated.Operator)).JsonAsync();
            await digest.IsUnchangedAsync();
            var answer = await scene.Org.SendAsync(method, path + "?dryRun=true", body, by: by);
            Assert.True(
                answer.IsSuccessStatusCode,
                $"{method} {path}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}");
            Assert.True(await digest.IsUnchangedAsync(), $"{method} {path} changed something.");
            await (await scene.Org.SendAsync(method, path + "?dryRun=perhaps", body, by: by))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "parameter_invalid");
            await (await scene.Org.SendAsync(method, path + "?dry=true", body, by: by))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "parameter_unknown");
            await (await scene.Org.SendAsync(method, path + "?dryRun=true", body, by: app.CreateClient()))
                .RefusedAsync(HttpStatusCode.Unauthorized, "key_missing");

            // With a key for repeating nothing is kept either.
            if (method == HttpMethod.Post)
                Assert.True(
                    (await scene.Org.SendAsync(
                        method, path + "?dryRun=true", body, idempotencyKey: Guid.NewGuid().ToString(),
                        by: by)).IsSuccessStatusCode);
            Assert.True(await digest.IsUnchangedAsync(), $"{method} {path} changed something.");
            if (path is "") await (await scene.Org.PostAsync("resume", by: operated.Operator)).JsonAsync();
            rehearsed.Add(NameOf(endpoint, method.Method));
        }

        Assert.Equal(
            Endpoints().Where(e => e.Metadata.GetOrderedMetadata<QueryParameter>().Contains(QueryParameter.DryRun))
                .Select(e => NameOf(e, e.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods[0]))
                .Order(StringComparer.Ordinal),
            rehearsed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_POST_can_be_repeated()
    {
        var posts = Endpoints()
            .Where(e => e.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods.Contains("POST")).ToList();
        Assert.True(posts.Count > 20);
        Assert.Empty(posts.Where(e => e.Metadata.GetMetadata<ApiRoutes.Repeatable>() is null).Select(e =>
            e.RoutePattern.RawText));
    }

    [Fact]
    public async Task A_repetition_gets_the_first_answer_byte_for_byte_and_nothing_is_done_again()
    {
        var scene = await SceneAsync();
        foreach (var (method, path, body, by) in Makes.Concat(Edits(scene))
                .Where(e => e.Method == HttpMethod.Post && !e.Path.EndsWith("/revoke", StringComparison.Ordinal)))
        {
            var key = Guid.NewGuid().ToString();
            var answers = await AtOnceAsync(
                4, _ => scene.Org.SendAsync(method, path, body, idempotencyKey: key, by: by));
            var digest = new OrganizationDigest(app, scene.Org.Id);
            await digest.IsUnchangedAsync();
            answers = [.. answers, await scene.Org.SendAsync(method, path, body, idempotencyKey: key, by: by)];
            Assert.True(
                answers[0].IsSuccessStatusCode,
                $"{method} {path}: {answers[0].StatusCode} {await answers[0].Content.ReadAsStringAsync(Ct)}");
            Assert.Single(
                (await Task.WhenAll(answers.Select(
                    async a =>
                        $"{a.StatusCode} {a.Headers.ETag} {a.Headers.Location} {a.Headers.CacheControl} "
                        + $"{a.Content.Headers.ContentType} {await a.Content.ReadAsStringAsync(Ct)}"))).Distinct());
            await (await scene.Org.SendAsync(method, path, """{"more":1}""", idempotencyKey: key, by: by))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency_key_reused");
            Assert.True(await digest.IsUnchangedAsync(), $"{path} was done again.");
        }
    }

    [Theory]
    [InlineData("123456789012345")]
    [InlineData("1234567890 123456")]
    [InlineData("1234567890\u00e4123456")]
    [InlineData("long")]
    [InlineData("two")]
    public async Task A_key_for_repeating_that_is_none_is_refused(string key)
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, org.Path("groups"))
        {
            Content = new StringContent("""{"name":"A"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation(
            "Idempotency-Key",
            key switch
            {
                "long" => [new string('x', 256)], "two" => ["1234567890123456", "1234567890123457"], _ => new[] { key },
            });
        using var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        using var client = new HttpClient(handler)
        {
            BaseAddress = new(app.Url), DefaultRequestHeaders = { { "X-AUTH-TOKEN", org.Key } },
        };
        await (await client.SendAsync(request, Ct)).RefusedAsync(HttpStatusCode.BadRequest, "idempotency_key_invalid");
    }

    [Fact]
    public async Task A_refusal_is_judged_anew_an_answer_is_kept_for_a_day_and_for_its_caller_alone()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = ["user_management"] });
        var key = Guid.NewGuid().ToString();
        var path = await org.MakeAsync("groups", new { name = "Ops" });
        await (await SendAsync()).RefusedAsync(HttpStatusCode.Conflict, "name_taken");
        await (await org.DeleteAsync(path)).DoneAsync();
        Assert.Equal(HttpStatusCode.Created, (await SendAsync()).StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await SendAsync()).StatusCode);
        await (await org.SendAsync(
            HttpMethod.Post, "groups", new { name = "Ops" }, idempotencyKey: key,
            by: max.Client)).RefusedAsync(HttpStatusCode.Conflict, "name_taken");
        operated.Clock.Advance(IdempotencyService.Lifetime);
        await (await SendAsync()).RefusedAsync(HttpStatusCode.Conflict, "name_taken");

        Task<HttpResponseMessage> SendAsync() =>
            org.SendAsync(HttpMethod.Post, "groups", new { name = "Ops" }, idempotencyKey: key);
    }

    [Theory]
    [InlineData("link")]
    [InlineData("secret")]
    public async Task A_repetition_gives_a_link_or_a_key_only_to_a_caller_who_would_be_given_it_today(string told)
    {
        var org = await app.CreateOrganizationAsync();
        string[] held = [Permissions.UserManagement, Permissions.TokenManagement, "ingestion"];
        var max = await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = held });
        var bob = await org.ActiveAsync(NewEmail("bob"), row => row with { Permissions = ["ingestion"] });
        var key = Guid.NewGuid().ToString();
        object body = told is "link"
            ? new { email = NewEmail("ada"), permissions = new[] { "ingestion" }, delivery = "link" }
            : new { name = "ci", member = "mem_" + ShortId.Of(bob.Member.Id) };
        var first = await (await RepeatAsync()).TextAsync(told);
        Assert.Equal(first, await (await RepeatAsync()).TextAsync(told));

        await HoldsAsync(held[..2]);
        await (await RepeatAsync()).RefusedAsync(HttpStatusCode.Forbidden, "member_not_covered");
        await HoldsAsync();
        await (await RepeatAsync()).RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        await HoldsAsync(held);
        Assert.Equal(first, await (await RepeatAsync()).TextAsync(told));
        Assert.Null((await org.RemoveAsync(org.Owner, max.Member.Id)).Error);
        await (await RepeatAsync()).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");

        Task<HttpResponseMessage> RepeatAsync() => org.SendAsync(
            HttpMethod.Post, told is "link" ? "invitations" : "api-keys", body, idempotencyKey: key, by: max.Client);
        async Task HoldsAsync(params string[] permissions)
        {
            var change = new MemberChange { Permissions = SetChange.To<string>(permissions) };
            Assert.Null((await org.UpdateAsync(org.Owner, max.Member.Id, change)).Error);
        }
    }

    [Fact]
    public async Task What_is_kept_of_an_answer_shows_neither_its_secret_nor_the_key()
    {
        var org = await app.CreateOrganizationAsync();
        var key = "secret-" + Guid.NewGuid();
        var secret = await (await org.SendAsync(HttpMethod.Post, "api-keys", new { name = "ci" }, idempotencyKey: key))
            .TextAsync("secret");
        var link = await (await org.SendAsync(
            HttpMethod.Post, "invitations", new { email = NewEmail("ada"), delivery = "link" },
            idempotencyKey: key + "2")).TextAsync("link");
        var kept = await app.QueryAsync(db =>
            db.IdempotencyRecords.AsNoTracking().Where(r => r.OrganizationId == org.Id).ToListAsync(Ct));
        Assert.Equal(2, kept.Count);
        Assert.All(kept, record =>
        {
            foreach (var told in new[]
                {
                    secret, link[(link.IndexOf('#', StringComparison.Ordinal) + 1)..], key, "usk_", "usi_", "Created",
                    "apiKey",
                })
            foreach (var bytes in new[] { record.Answer, record.KeyHash, record.RequestHash })
                Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(told)));
        });

        // Nor does the key itself, hashed, open it: it is hashed together with who calls.
        Assert.All(
            kept,
            record =>
                Assert.NotEqual(
                    System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(key)), record.KeyHash));
    }

    [Fact]
    public async Task Instants_are_in_UTC_with_milliseconds_and_are_taken_with_any_offset()
    {
        var scene = await SceneAsync();
        foreach (var path in Lists(scene).Append("").Append("settings"))
        {
            var text = await (await scene.Org.GetAsync(path)).Content.ReadAsStringAsync(Ct);
            Assert.DoesNotMatch(
                new Regex(
                    "\"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?![0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z\")", RegexOptions.None,
                    TimeSpan.FromSeconds(1)),
                text);
        }

        var ends = operated.Clock.GetUtcNow().AddDays(3);
        var east = ends.ToOffset(TimeSpan.FromHours(5.5))
            .ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", System.Globalization.CultureInfo.InvariantCulture);
        var made = await (await scene.Org.PostAsync("invitations", new { email = NewEmail("ada"), expiresAt = east }))
            .JsonAsync("invitation");
        Assert.Equal(
            ends.UtcDateTime.ToString(
                "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture),
            made.GetProperty("expiresAt").GetString());
        foreach (var wrong in new[] { east[..^6], east[..10], "tomorrow", "2026-13-01T00:00:00Z", "" })
            await (await scene.Org.PostAsync("invitations", new { email = NewEmail("ada"), expiresAt = wrong }))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "value_invalid");
    }

    [Fact]
    public async Task Whatever_is_not_there_is_said_in_problem_details()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var path in new[]
            {
                "/usher/v1", "/usher/v1/nothing", org.Path("nothing"), org.Path("members/mem_x/nothing"),
            })
            await (await org.Admin.SendAsync(HttpMethod.Get, path, null))
                .RefusedAsync(HttpStatusCode.NotFound, "route_not_found");
        foreach (var (method, path, allowed) in new[]
            {
                (HttpMethod.Put, "members", "GET"), (HttpMethod.Delete, "groups", "GET, POST"),
                (HttpMethod.Post, "members/mem_x", "DELETE, GET, PATCH"), (HttpMethod.Get, "access/check", "POST"),
            })
        {
            var refused = await org.SendAsync(method, path);
            await refused.RefusedAsync(HttpStatusCode.MethodNotAllowed, "wrong_method");
            Assert.Equal(allowed, string.Join(", ", refused.Content.Headers.Allow.Order(StringComparer.Ordinal)));
        }
    }

    [Fact]
    public async Task Who_is_not_known_is_told_what_to_bring()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (client, code) in new[]
            {
                (app.CreateClient(), "key_missing"), (org.ClientOf("nonsense"), "key_refused"),
                (org.ClientOf(OperatedApp.Key + "x"), "key_refused"),
            })
        {
            var refused = await org.GetAsync("members", by: client);
            await refused.RefusedAsync(HttpStatusCode.Unauthorized, code);
            Assert.Equal("Bearer realm=\"Usher\"", refused.Headers.WwwAuthenticate.ToString());
        }

        // Whether an organization exists is nobody's business but its own.
        await (await app.CreateClient().SendAsync(HttpMethod.Get, "/usher/v1/organizations/nowhere", null))
            .RefusedAsync(HttpStatusCode.Unauthorized, "key_missing");
    }

    [Fact]
    public async Task A_body_is_JSON_whatever_it_calls_itself_and_nothing_else()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            HttpStatusCode.Created,
            (await org.Admin.PostTextAsync(
                org.Path("groups"), """{"name":"A"}""", "application/merge-patch+json")).StatusCode);
        await (await org.Admin.PostTextAsync(org.Path("groups"), "name=A", "application/x-www-form-urlencoded"))
            .RefusedAsync(HttpStatusCode.UnsupportedMediaType, "wrong_media_type");
        await (await org.PostAsync("groups", """{"name":"A",}""")).RefusedAsync(HttpStatusCode.BadRequest, "not_json");
        foreach (var body in new[] { "[]", "7", "null", "\"name\"" })
            await (await org.PostAsync("groups", body))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "value_invalid");
        await (await org.PostAsync("groups")).RefusedAsync(HttpStatusCode.UnprocessableEntity, "property_missing");
    }

    // Three and more of everything.
    private async Task<Scene> SceneAsync()
    {
        var org = await app.CreateOrganizationAsync();
        List<string> members = [];
        var job = "";
        for (var i = 0; i < 4; i++)
        {
            members.Add(
                (await org.ActiveAsync(
                    NewEmail($"p{i}"), row => row with { Role = Core.Access.BuiltInRole.ReadOnly })).Member.Identifier);
            await org.MakeAsync("service-accounts", new { name = $"bot{i}" });
            await org.MakeAsync("roles", new { name = $"Role {i}" });
            await org.MakeAsync("invitations", new { email = NewEmail($"i{i}") });
            job = await org.MakeAsync("imports", """{"rows":[{"email":"x"},{"email":"y"},{"email":"z"}]}""");
        }

        await app.DrainAsync();
        return new(
            org, await org.MakeAsync("groups", new { name = "Ops", members }),
            await org.MakeAsync("roles", new { name = "Reader" }),
            await org.MakeAsync("service-accounts", new { name = "bot" }),
            await org.MakeAsync("invitations", new { email = NewEmail("ada") }),
            await org.MakeAsync("invitations", new { email = NewEmail("bob") }),
            await org.MakeAsync("api-keys", new { name = "ci" }),
            "members/mem_" + ShortId.Of((await org.MemberAsync(members[0])).Id), "members/mem_"
                + ShortId.Of((await org.MemberAsync(members[1])).Id), job);
    }

    private static string[] Lists(Scene s) =>
    [
        "members", "members?sort=-created", "members?sort=email", "members?sort=-email&kind=person", "service-accounts",
        "service-accounts?sort=-email", "groups", s.Group
            + "/members", "roles", "resources", "api-keys",
        "invitations", "invitations?sort=expires", "invitations?sort=-expires", "invitations?sort=email&state=pending",
        "imports", "jobs", s.Job
            + "/rows",
        s.Job.Replace("imports", "jobs", StringComparison.Ordinal)
            + "/rows?outcome=invalid", "resources/production/access",
    ];

    // What edits or ends something, each after what it needs.
    private IEnumerable<Edit> Edits(Scene s) =>
    [
        new(HttpMethod.Patch, "settings", new { name = "Renamed" }),
        new(HttpMethod.Patch, s.Invitation, new { firstName = "Ada" }),
        new(HttpMethod.Post, s.Invitation + "/resend", new { }),
        // by the sponsor of today it would change nothing
        new(HttpMethod.Post, s.Invitation + "/endorse", new { }, operated.Operator),
        new(HttpMethod.Post, s.Invitation + "/link", new { }), new(HttpMethod.Post, s.Other + "/revoke", new { }),
        new(HttpMethod.Patch, s.Member, new { firstName = "New" }), new(HttpMethod.Delete, s.Leaver, null),
        new(HttpMethod.Patch, s.Account, new { description = "new" }),
        new(HttpMethod.Patch, s.Group, new { description = "new" }),
        new(HttpMethod.Post, s.Group + "/members", new { remove = new[] { s.Member["members/".Length..] } }),
        new(HttpMethod.Patch, s.Role, new { description = "new" }),
        new(HttpMethod.Post, s.Role + "/members", new { add = new[] { s.Account["service-accounts/".Length..] } }),
        new(
            HttpMethod.Put, "resources/staging/access/" + s.Account["service-accounts/".Length..],
            new { level = "full" }),
        new(HttpMethod.Put, "resources/staging/access/" + s.Group["groups/".Length..], new { level = "full" }),
        new(HttpMethod.Delete, "resources/staging/access/" + s.Group["groups/".Length..], null),
        new(HttpMethod.Patch, "resources/sandbox", new { name = "Playground" }),
        new(HttpMethod.Delete, "resources/sandbox", null),
        new(HttpMethod.Patch, s.Key, new { name = "new" }), new(HttpMethod.Delete, s.Key, null),
        new(HttpMethod.Delete, s.Role, null), new(HttpMethod.Delete, s.Group, null),
        new(HttpMethod.Delete, s.Account, null),
        new(HttpMethod.Post, "suspend", new { }, operated.Operator),
        new(HttpMethod.Post, "resume", new { }, operated.Operator),
        new(HttpMethod.Post, "suspend", new { }, operated.Operator),
        new(HttpMethod.Delete, "", null, operated.Operator),
    ];

    private static readonly Edit[] Makes =
    [
        new(HttpMethod.Post, "invitations", new { email = "new@example.test" }),
        new(HttpMethod.Post, "service-accounts", new { name = "new-bot" }),
        new(HttpMethod.Post, "groups", new { name = "New" }),
        new(HttpMethod.Post, "roles", new { name = "New" }), new(HttpMethod.Post, "resources", new { name = "New" }),
        new(HttpMethod.Post, "api-keys", new { name = "new" }),
        new(HttpMethod.Post, "access/check", new { permission = "ingestion" }),
        new(HttpMethod.Post, "imports", """{"rows":[{"email":"one@example.test"}]}"""),
        new(HttpMethod.Post, "invitations/resend", new { email = "nobody" }),
    ];

    private IEnumerable<RouteEndpoint> Endpoints() =>
        app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.Trim('/').StartsWith("usher/v1/", StringComparison.Ordinal));

    private RouteEndpoint? Endpoint(HttpMethod method, string path) =>
        ApiRoute.Of(
            ApiRoute.Of(app), method.Method, "/usher/v1/organizations/x" + (path is "" ? "" : "/" + path)) is { } route
        ? Endpoints().Single(e =>
            "/" + e.RoutePattern.RawText!.Trim('/') == route.Pattern
                && e.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods.Contains(route.Method)) : null;

    private static string NameOf(RouteEndpoint endpoint, string method) => $"{method} {endpoint.RoutePattern.RawText}";

    [GeneratedRegex(@"\{[^}]*\}|[a-z]{3}_[A-Za-z0-9_-]{22}|(?<=resources/)production", RegexOptions.None, 1000)]
    private static partial Regex Pattern();

    private sealed record Edit(HttpMethod Method, string Path, object? Body, HttpClient? By = null);

    /// <param name="Job">An import whose rows have come to something.</param>
    private sealed record Scene(
        TestOrganization Org, string Group, string Role, string Account, string Invitation, string Other, string Key,
        string Member, string Leaver, string Job)
    {
        /// <summary>Where that is shown which a call edits.</summary>
        public string Shown(string path) => path switch
        {
            "suspend" or "resume" => "",
            _ when path.StartsWith("resources/staging/access/", StringComparison.Ordinal)
                && path.Split('/')[^1] is var holder =>
                holder.StartsWith("grp_", StringComparison.Ordinal) ? "groups/" + holder : "members/" + holder,
            _ when path.Split('/') is [var list, var id, "resend" or "endorse" or "link" or "revoke" or "members"] =>
                $"{list}/{id}",
            _ => path,
        };
    }
}
