using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Usher.Core.Guests;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>What the stories about Usher's own API are told in.</summary>
internal static class ApiSteps
{
    private static readonly JsonSerializerOptions Plain = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    extension(TestOrganization org)
    {
        public string Path(string path) => $"/usher/v1/organizations/{org.Slug}/{path}".TrimEnd('/');

        public Task<HttpResponseMessage> SendAsync(
            HttpMethod method, string path, object? body = null, string? ifMatch = null, string? idempotencyKey = null,
            HttpClient? by = null) =>
            (by ?? org.Admin).SendAsync(method, org.Path(path), body, ifMatch, idempotencyKey);

        public Task<HttpResponseMessage> GetAsync(string path, HttpClient? by = null) =>
            org.SendAsync(HttpMethod.Get, path, by: by);

        public Task<HttpResponseMessage> PostAsync(string path, object? body = null, HttpClient? by = null) =>
            org.SendAsync(HttpMethod.Post, path, body, by: by);

        public Task<HttpResponseMessage> PatchAsync(string path, object body, HttpClient? by = null) =>
            org.SendAsync(HttpMethod.Patch, path, body, by: by);

        public Task<HttpResponseMessage> DeleteAsync(string path, HttpClient? by = null) =>
            org.SendAsync(HttpMethod.Delete, path, by: by);

        /// <summary>Makes something, and says where it is: below the organization.</summary>
        public async Task<string> MakeAsync(string path, object body, HttpClient? by = null)
        {
            var made = await org.PostAsync(path, body, by);
            await made.JsonAsync();
            return made.Headers.Location!.ToString()[org.Path("x")[..^1].Length..];
        }

        /// <summary>All of a list, page by page of so many; no page is longer, and only the last has no next.</summary>
        public async Task<List<JsonElement>> PagesAsync(string path, int limit, HttpClient? by = null)
        {
            List<JsonElement> seen = [];
            var sign = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            for (string? after = ""; after is not null;)
            {
                var page = await (await org.GetAsync(
                    $"{path}{sign}limit={limit}{(after is "" ? "" : "&after=" + after)}", by)).JsonAsync();
                var data = page.GetProperty("data").EnumerateArray().ToList();
                after = page.GetProperty("next").GetString();
                Assert.True(
                    after is null ? data.Count <= limit : data.Count == limit, $"{data.Count} on a page of {limit}.");
                seen.AddRange(data);
            }

            return seen;
        }
    }

    extension(UsherApp app)
    {
        /// <summary>What the holder of a link sends.</summary>
        public async Task<HttpResponseMessage> GuestAsync(
            InvitationLink link, string what, object? body = null, string? session = null)
        {
            using var client = app.CreateClient();
            if (session is not null)
                client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
            return await client.SendAsync(
                HttpMethod.Post,
                $"/usher/v1/organizations/{link.OrganizationSlug}/invitations/"
                + $"inv_{ShortId.Of(link.InvitationId)}/{what}",
                body ?? new { code = link.Secret });
        }
    }

    extension(HttpClient client)
    {
        /// <summary>Sends a request; a body is an object to write as JSON, or text as it stands.</summary>
        public async Task<HttpResponseMessage> SendAsync(
            HttpMethod method, string path, object? body, string? ifMatch = null, string? idempotencyKey = null)
        {
            using var request = new HttpRequestMessage(method, path);
            if (body is not null)
                request.Content = new StringContent(
                    body as string ?? JsonSerializer.Serialize(body, Plain), Encoding.UTF8, "application/json");
            // or what is refused unread breaks the connection
            if (request.Content?.Headers.ContentLength > 1_000_000) request.Headers.ExpectContinue = true;
            if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
            if (idempotencyKey is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
            return await client.SendAsync(request, Ct);
        }
    }

    extension(HttpResponseMessage answer)
    {
        public async Task<JsonElement> JsonAsync(string? property = null)
        {
            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {text}");
            var json = JsonElement.Parse(text);
            return property is null ? json : json.GetProperty(property);
        }

        /// <summary>A text of the answer.</summary>
        public async Task<string> TextAsync(string property) => (await answer.JsonAsync(property)).GetString()!;

        /// <summary>It was done, and there is nothing to say.</summary>
        public async Task DoneAsync()
        {
            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True(answer.StatusCode is HttpStatusCode.NoContent && text is "", $"{answer.StatusCode}: {text}");
        }

        /// <summary>The problem that was answered; a null code asks for none in particular.</summary>
        public async Task<JsonElement> RefusedAsync(HttpStatusCode status, string? code)
        {
            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True(answer.StatusCode == status, $"{answer.StatusCode}: {text}");
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            var problem = JsonElement.Parse(text);
            if (code is not null) Assert.Equal(code, problem.GetProperty("code").GetString());
            return problem;
        }
    }

    extension(JsonElement json)
    {
        /// <summary>An object's texts, numbers and truths of these names, in their order.</summary>
        public string Shown(params IReadOnlyList<string> names) =>
            string.Join(' ', names.Select(n => json.GetProperty(n).ToString()));

        public IEnumerable<string> Texts(string property) =>
            json.GetProperty(property).EnumerateArray().Select(e => e.GetString()!);

        /// <summary>What each of an array calls itself.</summary>
        public IEnumerable<string> Named(string property, string name = "name") =>
            json.GetProperty(property).EnumerateArray().Select(e => e.GetProperty(name).GetString()!);
    }
}
