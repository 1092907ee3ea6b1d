using System.Net;
using System.Text;
using System.Text.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>What the stories about Usher's own API are told in.</summary>
internal static class ApiSteps
{
    private static readonly JsonSerializerOptions Plain = new();

    extension(TestOrganization org)
    {
        public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null, string? ifMatch = null, string? idempotencyKey = null, HttpClient? by = null) =>
            (by ?? org.Admin).SendAsync(method, $"/usher/v1/organizations/{org.Slug}/{path}".TrimEnd('/'), body, ifMatch, idempotencyKey);
    }

    extension(HttpClient client)
    {
        /// <summary>Sends a request; a body is an object to write as JSON, or text as it stands.</summary>
        public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, string? ifMatch = null, string? idempotencyKey = null)
        {
            using var request = new HttpRequestMessage(method, path);
            if (body is not null) request.Content = new StringContent(body as string ?? JsonSerializer.Serialize(body, Plain), Encoding.UTF8, "application/json");
            if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
            if (idempotencyKey is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
            return await client.SendAsync(request, TestContext.Current.CancellationToken);
        }
    }

    extension(HttpResponseMessage answer)
    {
        public async Task<JsonElement> JsonAsync(string? property = null)
        {
            var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {text}");
            var json = JsonElement.Parse(text);
            return property is null ? json : json.GetProperty(property);
        }

        /// <summary>The problem that was answered; a null code asks for none in particular.</summary>
        public async Task<JsonElement> RefusedAsync(HttpStatusCode status, string? code)
        {
            var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(answer.StatusCode == status, $"{answer.StatusCode}: {text}");
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            var problem = JsonElement.Parse(text);
            if (code is not null) Assert.Equal(code, problem.GetProperty("code").GetString());
            return problem;
        }
    }
}
