using System.Text;
using System.Text.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>How these tests speak to the API, below <c>/api/v2</c>.</summary>
internal static class WavefrontSteps
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    extension(HttpClient client)
    {
        public Task<HttpResponseMessage> AskAsync(string path) => client.GetAsync("/api/v2" + path, Ct);

        public Task<HttpResponseMessage> SendAsync(string path, string body, string mediaType = "application/json") =>
            client.PostTextAsync("/api/v2" + path, body, mediaType);

        /// <summary>A body that is an array of identifiers or ids.</summary>
        public Task<HttpResponseMessage> NameAsync(string path, params string[] ids) =>
            client.SendAsync(path, JsonSerializer.Serialize(ids));

        public Task<HttpResponseMessage> SendNothingAsync(string path) => client.PostAsync("/api/v2" + path, null, Ct);

        public Task<HttpResponseMessage> SendFormAsync(string path, string form) =>
            client.SendAsync(path, form, "application/x-www-form-urlencoded");

        public Task<HttpResponseMessage> WriteAsync(string path, string body) =>
            client.PutAsync("/api/v2" + path, new StringContent(body, Encoding.UTF8, "application/json"), Ct);

        public Task<HttpResponseMessage> EndAsync(string path) => client.DeleteAsync("/api/v2" + path, Ct);

        /// <summary>The user as he is looked at, exactly.</summary>
        public async Task<string> UserAsync(string id) =>
            Wire.Compact((await client.AskAsync("/user/" + id).OkAsync()).GetRawText());
    }

    /// <summary>Refused with this status, and this message in the envelope.</summary>
    public static Task RefusedAsync(this Task<HttpResponseMessage> asked, int status, string message) =>
        asked.AssertAsync(
            status, JsonSerializer.Serialize(new { status = new { result = "ERROR", message, code = status } }));

    /// <summary>The texts of an array.</summary>
    public static IEnumerable<string> Texts(this JsonElement element, string path, string? member = null) =>
        element.At(path).EnumerateArray().Select(e => (member is null ? e : e.At(member)).GetString()!);

    /// <summary>What the status of an answer says.</summary>
    public static (string? Result, string? Message, int Code) Status(this JsonElement element) =>
        (element.TextAt("status/result"), element.TextAt("status/message"), element.At("status/code").GetInt32());

    /// <summary>A user without <c>status</c> and <c>response</c>.</summary>
    public static string Top(this JsonElement superset)
    {
        var members = from member in superset.EnumerateObject()
                      where member.Name is not ("status" or "response")
                      select $"\"{member.Name}\":{Wire.Compact(member.Value.GetRawText())}";
        return $"{{{string.Join(',', members)}}}";
    }
}
