using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Usher.Core;
using Usher.Core.Limits;
using Usher.Server.Errors;

namespace Usher.Server.Api.Http;

/// <summary>A single item as JSON, with an ETag where it can be edited.</summary>
internal sealed class Answer<T>(
    T body, int status = StatusCodes.Status200OK, string? tag = null, string? location = null) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var (request, response) = (httpContext.Request, httpContext.Response);
        if (tag is not null) response.Headers.ETag = $"\"{tag}\"";
        if (location is not null) response.Headers.Location = location;
        if (tag is not null && HttpMethods.IsGet(request.Method)
                && ETags.Read(request.Headers.IfNoneMatch, weak: true) is { } known && known.Contains(tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(
            response.Body, body, ApiJson.Strict.GetTypeInfo(typeof(T)), httpContext.RequestAborted);
    }
}

internal static class Answers
{
    public static IResult Ok<T>(T body, string? tag = null) => new Answer<T>(body, tag: tag);

    public static IResult Created<T>(T body, string location, string? tag = null) =>
        new Answer<T>(body, StatusCodes.Status201Created, tag, location);

    public static IResult Accepted<T>(T body, string location, string? tag = null) =>
        new Answer<T>(body, StatusCodes.Status202Accepted, tag, location);

    public static IResult NoContent { get; } = TypedResults.NoContent();

    /// <summary>The refusal of a client that has reached a limit.</summary>
    public static IResult TooMany(TimeSpan wait) => (LimitErrors.TooMany with { RetryAfter = wait }).ToHttp();

    extension(Error error)
    {
        public IResult ToHttp() => new ErrorResult(error);
    }
}

/// <summary>ETag, If-Match, If-None-Match (RFC 9110).</summary>
internal static class ETags
{
    /// <summary>The tags of a header; null where the header is absent or is <c>*</c>.</summary>
    public static IReadOnlyCollection<string>? Read(string? header, bool weak = false)
    {
        if (string.IsNullOrEmpty(header) || header.Trim() is "*") return null;
        // An unreadable header must match no version; treating it as absent would skip the check.
        return EntityTagHeaderValue.TryParseList([header], out var tags)
            ? [.. tags.Where(t => weak || !t.IsWeak).Select(t => t.Tag.ToString().Trim('"'))]
            : [];
    }

    extension(HttpRequest request)
    {
        /// <summary>The versions that the change may be applied to; see <see cref="Precondition"/>.</summary>
        public IReadOnlyCollection<string>? IfMatch => Read(request.Headers.IfMatch);
    }
}
