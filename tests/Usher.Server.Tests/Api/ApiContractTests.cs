using System.Net;
using System.Text;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>That a test is told when an answer of Usher's own API is not as its document says.</summary>
public sealed class ApiContractTests(UsherApp app)
{
    private const string Invitations = "/usher/v1/organizations/acme/invitations";

    [Theory]
    [InlineData("GET", Invitations, 200, """{"data":[],"next":null}""", null)]
    [InlineData(
        "GET", Invitations, 200, """{"data":[],"next":null,"total":0}""",
        "must NOT have additional properties (total)")]
    [InlineData("GET", Invitations, 200, """{"data":[]}""", "must have required property 'next'")]
    [InlineData("GET", Invitations, 418, "{}", "status 418 is not documented")]
    [InlineData("GET", Invitations + "?colour=red", 200, """{"data":[],"next":null}""", "parameter colour was taken")]
    [InlineData("GET", "/usher/v1/nothing", 200, "{}", "there is no such operation")]
    [InlineData("POST", "/usher/v1/sessions", 201, """{"token":"uss_","expiresAt":"tomorrow"}""", "must match format")]
    public async Task What_is_not_documented_fails_the_test_that_got_it(
        string method, string path, int status, string body, string? complaint)
    {
        using var client = new HttpClient(ApiContract.Through(
            new Answering((HttpStatusCode)status, body), app.Url)) { BaseAddress = new(app.Url) };
        using var request = new HttpRequestMessage(new(method), path);
        var told = await Record.ExceptionAsync(() => client.SendAsync(request, TestContext.Current.CancellationToken));
        if (complaint is null) Assert.Null(told);
        else Assert.Contains(complaint, told?.Message, StringComparison.Ordinal);
    }

    // A server that answers always the same.
    private sealed class Answering(HttpStatusCode status, string body) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(
                new HttpResponseMessage(status)
                {
                    Content = new StringContent(body, Encoding.UTF8, "application/json"),
                });
    }
}
