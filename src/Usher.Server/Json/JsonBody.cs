using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Json;

/// <summary>
/// Reads JSON bodies without a schema, for the dialects, whose clients were written for other servers.
/// </summary>
public static class JsonBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = JsonBounds.MaxDepth };

    /// <summary>
    /// Reads the body as JSON; an empty body is undefined. The result is valid until the request ends. The error is
    /// <c>not_json</c>, <c>wrong_media_type</c> (a missing media type counts as JSON), or <c>too_many_values</c>; see
    /// <see cref="JsonBounds"/>.
    /// </summary>
    public static async Task<Result<JsonElement>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        var (buffer, length) = await ReadAllAsync(request, ct);
        var held = new Held(buffer);
        request.HttpContext.Response.RegisterForDispose(held);
        if (length is 0) return default(JsonElement);
        if (request.ContentType is { Length: > 0 } type && !IsJson(type)) return HostErrors.WrongMediaType;
        var body = buffer.AsMemory(0, length);
        // Some clients send a byte order mark.
        if (body.Span.StartsWith("\uFEFF"u8)) body = body[3..];
        if (Parse(body, held) is { } parsed) return parsed;
        JoinLines(body.Span);
        return Parse(body, held) ?? HostErrors.NotJson;
    }

    // Reads into a pooled array that is returned when the request ends: bodies are up to 4 MB, and many may arrive at
    // once.
    private static async Task<(byte[] Buffer, int Length)> ReadAllAsync(HttpRequest request, CancellationToken ct)
    {
        // Content-Length alone must not reserve much memory, since the body may never arrive.
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(request.ContentLength ?? 0, 4 * 1024, 64 * 1024));
        var length = 0;
        try
        {
            for (int read;
                length != request.ContentLength
                    && (read = await request.Body.ReadAsync(buffer.AsMemory(length), ct)) > 0;)
            {
                length += read;
                if (length < buffer.Length || length == request.ContentLength) continue;
                // Grow to the announced size at once, because every intermediate size would stay in the pool.
                var longer = ArrayPool<byte>.Shared.Rent((int)Math.Max(
                    buffer.Length * 2, Math.Min(request.ContentLength ?? 0, UsherBuilder.MaxBodyBytes)));
                buffer.AsSpan(0, length).CopyTo(longer);
                ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
                buffer = longer;
            }

            return (buffer, length);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
            throw;
        }
    }

    // Null: not JSON.
    private static Result<JsonElement>? Parse(ReadOnlyMemory<byte> body, Held held)
    {
        if (JsonBounds.Check(body.Span) is { } tooMany) return tooMany;
        try
        {
            var root = held.Keep(JsonDocument.Parse(body, Options)).RootElement;
            return NamesAreText(root) ? root : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // DeployHQ's documentation shows a curl command with a backslash at the end of every line inside the quotes. Pasted
    // unchanged, the backslashes become part of the body. Valid JSON never has a backslash before a line break.
    private static void JoinLines(Span<byte> body)
    {
        for (var i = 0; i + 1 < body.Length; i++)
            if (body[i] is (byte)'\\' && body[i + 1] is (byte)'\n') body[i] = (byte)' ';
    }

    private static bool IsJson(string contentType) => MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (
               type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase)
                   || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));

    // A name with half of a surrogate pair is not text, and comparing it throws. Only an escape can produce one.
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

    // Owns the buffer and the parsed documents until the request ends. The buffer is cleared: it may hold a password.
    private sealed class Held(byte[] buffer) : IDisposable
    {
        private readonly List<JsonDocument> documents = [];
        private int isOver;

        public JsonDocument Keep(JsonDocument document)
        {
            documents.Add(document);
            return document;
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isOver, 1) is not 0) return;
            foreach (var document in documents) document.Dispose();
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    extension(JsonElement element)
    {
        /// <summary>
        /// The property of an object; null where it is absent or null, and where this is not an object.
        /// </summary>
        public JsonElement? Member(string name) =>
            element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value)
                && value.ValueKind is not JsonValueKind.Null
                ? value
                : null;

        /// <summary>Whether the property exists, even as null.</summary>
        public bool Has(string name) =>
            element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out _);

        /// <summary>The value of a string; null for other kinds, and for text that is not valid Unicode.</summary>
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
