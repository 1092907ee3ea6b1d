using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Json;

/// <summary>Bodies of clients that were written for another server: read as they come, judged member by member.</summary>
public static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    /// <summary>The body as JSON, an empty one as undefined. Refused when it is no JSON, or of a media type that is none; without a media type it is taken for JSON.</summary>
    public static async Task<Result<JsonElement>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, ct);
        if (body.Length is 0) return default(JsonElement);
        if (request.ContentType is { Length: > 0 } type && !IsJson(type)) return HostErrors.WrongMediaType;
        return Parse(body.ToArray()) ?? Parse(JoinLines(body.ToArray())) ?? (Result<JsonElement>)HostErrors.NotJson;
    }

    private static JsonElement? Parse(byte[] body)
    {
        try
        {
            // Some clients begin with a byte order mark.
            var root = JsonElement.Parse(body.AsSpan(body.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0), Options);
            return NamesAreText(root) ? root : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // DeployHQ's page shows its curl line with a backslash at the end of every line, inside the quotes: pasted as it stands, they arrive. No JSON has one there.
    private static byte[] JoinLines(byte[] body)
    {
        for (var i = 0; i + 1 < body.Length; i++)
            if (body[i] is (byte)'\\' && body[i + 1] is (byte)'\n') body[i] = (byte)' ';
        return body;
    }

    private static bool IsJson(string contentType) => MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    // A name with half of a surrogate pair is no text, and comparing it with another throws. Only an escape can bring one in.
    private static bool NamesAreText(JsonElement document)
    {
        var raw = JsonMarshal.GetRawUtf8Value(document);
        if (raw.IndexOf("\\ud"u8) < 0 && raw.IndexOf("\\uD"u8) < 0) return true;
        var reader = new Utf8JsonReader(raw);
        try
        {
            while (reader.Read())
                if (reader is { TokenType: JsonTokenType.PropertyName, ValueIsEscaped: true }) reader.GetString();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    extension(JsonElement element)
    {
        /// <summary>A member of an object, where null counts as absent; null when there is none, or no object.</summary>
        public JsonElement? Member(string name) =>
            element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value : null;

        /// <summary>Whether a member is there at all, null included.</summary>
        public bool Has(string name) => element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out _);

        /// <summary>The text of a string; null for any other kind, and for text that is no Unicode.</summary>
        public string? Text
        {
            get
            {
                if (element.ValueKind is not JsonValueKind.String) return null;
                try
                {
                    return element.GetString();
                }
                catch (InvalidOperationException)
                {
                    return null; // a lone surrogate
                }
            }
        }

        public bool IsObject => element.ValueKind is JsonValueKind.Object;

        public bool IsArray => element.ValueKind is JsonValueKind.Array;
    }
}
