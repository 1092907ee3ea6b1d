using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Usher.Server.Tests.Dialects;

/// <summary>Answers as they went over the wire, made comparable.</summary>
internal static class Wire
{
    private static readonly JsonSerializerOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>JSON without blanks and needless escapes; members keep their order, and none comes twice.</summary>
    public static string Compact(string json) => JsonNode.Parse(json, documentOptions: Strict)!.ToJsonString(Relaxed);

    public static async Task<string> BodyAsync(this HttpResponseMessage answer) =>
        Compact(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

    /// <summary>The answer is exactly this, in the media type of the surface that was asked.</summary>
    public static async Task AssertAsync(this HttpResponseMessage answer, int status, string body)
    {
        Assert.Equal($"{status} {Compact(body)}", $"{(int)answer.StatusCode} {await answer.BodyAsync()}");
        Assert.Equal(MediaTypeOf(answer), answer.Content.Headers.ContentType?.ToString());
    }

    /// <summary>The same for what is asked for.</summary>
    public static async Task AssertAsync(this Task<HttpResponseMessage> asked, int status, string body) =>
        await (await asked).AssertAsync(status, body);

    /// <summary>The body of an answer that must be a success of this status.</summary>
    public static async Task<JsonElement> OkAsync(this Task<HttpResponseMessage> asked, int status = 200)
    {
        var answer = await asked;
        Assert.True(
            (int)answer.StatusCode == status,
            $"{(int)answer.StatusCode} "
            + $"{await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        Assert.Equal(MediaTypeOf(answer), answer.Content.Headers.ContentType?.ToString());
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(
            TestContext.Current.CancellationToken)).RootElement;
    }

    /// <summary>The member at a path such as <c>data/0/id</c>.</summary>
    public static JsonElement At(this JsonElement element, string path) =>
        path.Split('/').Aggregate(
            element,
            (e, part) =>
                int.TryParse(part, out var index) && e.ValueKind is JsonValueKind.Array
                    ? e[index]
                    : e.GetProperty(part));

    public static string? TextAt(this JsonElement element, string path) => element.At(path).GetString();

    /// <summary>Names of an object's members, in order.</summary>
    public static IEnumerable<string> Names(this JsonElement element) => element.EnumerateObject().Select(p => p.Name);

    /// <summary>
    /// A path as it is, without a client's tidying: doubled slashes, dots and percent sequences arrive as written.
    /// </summary>
    public static Uri Raw(string url, string path) =>
        new(url + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    private static string MediaTypeOf(HttpResponseMessage answer)
    {
        var path = answer.RequestMessage!.RequestUri!.AbsolutePath.ToLowerInvariant();
        return path.Split('/', StringSplitOptions.RemoveEmptyEntries) switch
        {
            ["api", "v2", ..] => "application/json",
            ["v1" or "api", ..] => "application/vnd.api+json",
            _ => "application/json; charset=utf-8",
        };
    }
}
