using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Sample;
using Usher.Server.Dialects;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>
/// A dialect of another project, added by one line, is a surface like the others. The project refers to nothing of the
/// server that is not public.
/// </summary>
public sealed class SampleDialectTests : IAsyncLifetime
{
    private UsherApp app = null!;
    private TestOrganization org = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        app = await StartAsync([]);
        org = await app.CreateOrganizationAsync();
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Fact]
    public async Task It_invites_a_person_who_joins_by_the_mailed_link()
    {
        var answer = await PostAsync("""{ "mail": "Ada@Example.test", "first": "Ada", "last": "Lovelace" }""");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var person = await JsonAsync(answer);
        Assert.Equal("ada@example.test", person.GetProperty("mail").GetString());
        Assert.Equal("Ada Lovelace", person.GetProperty("name").GetString());
        Assert.True(person.GetProperty("waiting").GetBoolean());
        Assert.NotNull(await app.Mail.LinkToAsync("ada@example.test"));

        await RefusedAsync(
            await PostAsync("""{ "mail": "ada@example.test" }"""), HttpStatusCode.Conflict, "already_invited", "mail");
    }

    [Theory]
    [InlineData("POST", "/sample/people", "{", 400, "not_json", null)]
    [InlineData("POST", "/sample/people", "[]", 422, "mail_missing", "mail")]
    [InlineData("POST", "/sample/people", """{ "mail": 7 }""", 422, "mail_missing", "mail")]
    [InlineData("POST", "/sample/people", """{ "mail": "no address" }""", 422, "email_invalid", "mail")]
    [InlineData("POST", "/sample/people/", """{ "mail": "no address" }""", 422, "email_invalid", "mail")]
    [InlineData("POST", "/sample/persons", "{}", 404, "route_not_found", null)]
    [InlineData("POST", "/sample", "{}", 404, "route_not_found", null)]
    [InlineData("DELETE", "/sample/people", null, 405, "wrong_method", null)]
    public async Task Every_refusal_has_its_error_format(
        string method, string path, string? body, int status, string problem, string? at)
    {
        using var request = new HttpRequestMessage(new(method), path) { Content = body is null ? null : Json(body) };
        await RefusedAsync(await org.Admin.SendAsync(request, Ct), (HttpStatusCode)status, problem, at);
        Assert.Equal(1, await app.QueryAsync(db => db.Members.CountAsync(m => m.OrganizationId == org.Id, Ct)));
    }

    [Fact]
    public async Task So_have_the_refusals_of_authentication_and_authorization()
    {
        using var stranger = app.CreateClient();
        await RefusedAsync(
            await stranger.PostAsync("/sample/people", Json("{}"), Ct), HttpStatusCode.Unauthorized, "key_missing");
        await RefusedAsync(
            await org.ClientOf("nonsense").PostAsync("/sample/people", Json("{}"), Ct), HttpStatusCode.Unauthorized,
            "key_refused");
        var member = await org.JoinAsync("max@example.test");
        await RefusedAsync(
            await member.Client.PostAsync("/sample/people", Json("{}"), Ct), HttpStatusCode.Forbidden, "not_allowed");
    }

    [Fact]
    public async Task The_other_dialects_are_there_too_and_it_is_not_in_our_own_document()
    {
        foreach (var path in new[] { "/v1/users", "/api/v2/user", "/users" })
            await org.Admin.GetAsync(path, Ct).OkAsync();
        Assert.DoesNotContain(
            "/sample", await org.Admin.GetStringAsync("/openapi/v1.json", Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Switched_off_it_is_not_there()
    {
        await using var off = await StartAsync(new() { ["Usher:Dialects:Sample:Enabled"] = "false" });
        var other = await off.CreateOrganizationAsync();
        var answer = await other.Admin.PostAsync("/sample/people", Json("""{ "mail": "ada@example.test" }"""), Ct);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.DoesNotContain("route_not_found", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        await other.Admin.GetAsync("/v1/users", Ct).OkAsync();
    }

    [Fact]
    public async Task A_wrong_setting_of_it_stops_the_start_and_is_named()
    {
        var stopped = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            StartAsync(new() { ["Usher:Dialects:Sample:Enabled"] = "perhaps" }));
        Assert.Contains("Usher:Dialects:Sample:Enabled", stopped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_dialects_of_one_name_are_refused()
    {
        var stopped = await Assert.ThrowsAsync<InvalidOperationException>(() => UsherApp.StartAsync(
            [], services: services => services.AddDialect(new SampleDialect())
                .AddDialect(new SampleDialect())));
        Assert.Equal("Two dialects are called Sample.", stopped.Message);
    }

    private static Task<UsherApp> StartAsync(Dictionary<string, string?> settings) => UsherApp.StartAsync(
        settings, services: services => services.AddDialect(new SampleDialect()));

    private Task<HttpResponseMessage> PostAsync(string body) => org.Admin.PostAsync("/sample/people", Json(body), Ct);

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) =>
        JsonElement.Parse(await answer.Content.ReadAsStringAsync(Ct));

    private static async Task RefusedAsync(
        HttpResponseMessage answer, HttpStatusCode status, string problem, string? at = null)
    {
        Assert.Equal(status, answer.StatusCode);
        var body = await JsonAsync(answer);
        Assert.Equal(problem, body.GetProperty("problem").GetString());
        Assert.NotEqual("", body.GetProperty("text").GetString());
        Assert.Equal(at, body.TryGetProperty("at", out var given) ? given.GetString() : null);
    }
}
