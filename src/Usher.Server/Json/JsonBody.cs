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
        var first = await request.BodyReader.ReadAtLeastAsync(1, ct);
        request.BodyReader.AdvanceTo(first.Buffer.Start);
        if (first.Buffer.IsEmpty) return default(JsonElement);
        if (request.ContentType is { Length: > 0 } type && !IsJson(type)) return HostErrors.WrongMediaType;
        try
        {
            using var document = await JsonDocument.ParseAsync(request.Body, Options, ct);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return HostErrors.NotJson;
        }
    }

    private static bool IsJson(string contentType) => MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

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
