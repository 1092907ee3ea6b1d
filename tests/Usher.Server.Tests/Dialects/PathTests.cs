using System.Net;
using Usher.Core.Guests;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>Clients write paths loosely. They are set right before routing, and nobody is redirected.</summary>
public sealed class PathTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/v1/users/")]
    [InlineData("GET", "/v1//users")]
    [InlineData("GET", "//v1///users//")]
    [InlineData("GET", "/v1//users/whoami")]
    [InlineData("GET", "/v1/users/whoami/")]
    [InlineData("GET", "/v1//api-keys/")]
    [InlineData("GET", "/v1/accounts/")]
    [InlineData("GET", "/api//users/")]
    [InlineData("GET", "/api/users/whoami")]
    [InlineData("GET", "/api/api-keys")]
    [InlineData("GET", "/api/accounts")]
    [InlineData("GET", "/V1/Users")]
    [InlineData("GET", "/api/v2/user/")]
    [InlineData("GET", "/api//v2//user")]
    [InlineData("GET", "/users/")]
    [InlineData("GET", "//users")]
    [InlineData("GET", "/users.json")]
    [InlineData("GET", "/users.JSON")]
    [InlineData("GET", "/users/.json")]
    [InlineData("POST", "/v1//users/")]
    [InlineData("POST", "/api/users")]
    [InlineData("POST", "/v1//accounts/")]
    [InlineData("POST", "/api/accounts/")]
    [InlineData("POST", "/api/v2//user/invite/")]
    [InlineData("POST", "/users/")]
    [InlineData("POST", "/users.json")]
    public async Task A_path_with_slashes_too_many_is_served_like_the_right_one(string method, string path)
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(new(method), Wire.Raw(app.Url, path));
        if (method is "POST")
            request.Content = new StringContent(
                BodyFor(path), new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

        var answer = await org.Admin.SendAsync(request, Ct);
        Assert.True(
            answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}");
    }

    [Theory]
    [InlineData("/v1/users.json", """{ "Message": "Not Found" }""")]
    [InlineData("/v1/accounts.json", """{ "Message": "Not Found" }""")]
    [InlineData(
        "/api/v2/user.json",
        """{ "status": { "result": "ERROR", "message": "There is nothing at this address.", "code": 404 } }""")]
    [InlineData("/users/x/.json/y", """
        { "status": "not_found", "error": "No such endpoint", "error_code": "invalid_api_method",
        "hint": "There is no such endpoint." }
        """)]
    public async Task The_suffix_is_DeployHqs_alone(string path, string body)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.GetAsync(path, Ct).AssertAsync(404, body);
    }

    [Fact]
    public async Task An_address_that_ends_like_the_suffix_keeps_its_end()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("pat@example.json", sendMail: false);

        Assert.Equal(
            "pat@example.json",
            (await org.Admin.GetAsync("/api/v2/user/pat@example.json/", Ct).OkAsync()).TextAt("identifier"));
    }

    [Fact]
    public async Task The_answer_to_a_loose_path_is_no_redirect()
    {
        var org = await app.CreateOrganizationAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Wire.Raw(app.Url, "/v1//users//"));
        request.Content = new StringContent(
            BodyFor("/v1/users"), new System.Net.Http.Headers.MediaTypeHeaderValue("application/vnd.api+json"));
        using var answer = await org.Admin.SendAsync(request, Ct);

        Assert.Equal((HttpStatusCode.OK, null), (answer.StatusCode, answer.Headers.Location));
        Assert.Equal("cora@acme.test", (await org.MembersAsync())[^1].Identifier);
    }

    private static string BodyFor(string path) => path switch
    {
        _ when path.Contains("accounts", StringComparison.Ordinal) =>
            """{ "data": { "attributes": { "name": "Billing" } } }""",
        _ when path.Contains("invite", StringComparison.Ordinal) => """[{ "emailAddress": "walt@acme.test" }]""",
        _ when path.StartsWith("/users", StringComparison.Ordinal) =>
            """{ "user": { "first_name": "Dana", "email_address": "dana@acme.test" } }""",
        _ => """
            { "data": { "attributes": { "firstName": "Cora", "lastName": "Clay", "role": "USER",
            "email": "cora@acme.test" } } }
            """,
    };
}
