using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Api.Http;

/// <summary>
/// Writes errors as RFC 9457 problem details, with a stable <c>code</c> and all faults of the input with JSON pointers.
/// </summary>
internal sealed class ProblemErrors(IOptions<ServerOptions> options) : IErrorFormat
{
    public const string MediaType = "application/problem+json";

    public IResult Write(IReadOnlyList<Error> errors)
    {
        var problem = Problem.Of(errors, options.Value.PublicUrl);
        var answer = RequestIds.Result(id => TypedResults.Json(
            problem.Status < StatusCodes.Status500InternalServerError ? problem : problem with { RequestId = id },
            ApiJson.Default.Problem, MediaType, problem.Status));
        return errors[0].Kind is ErrorKind.Unauthenticated ? new Challenge(answer) : answer;
    }

    private sealed class Challenge(IResult answer) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.WWWAuthenticate = "Bearer realm=\"Usher\"";
            return answer.ExecuteAsync(httpContext);
        }
    }
}

/// <summary>An error answer (RFC 9457).</summary>
internal sealed record Problem
{
    /// <summary>The URL that explains the code.</summary>
    public required string Type { get; init; }

    /// <summary>The kind of error.</summary>
    public required string Title { get; init; }

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>What is wrong, for people. The text may change.</summary>
    public required string Detail { get; init; }

    /// <summary>The error code, for programs. It is permanent.</summary>
    public required string Code { get; init; }

    /// <summary>All faults, where the input is invalid; at most 100.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Fault>? Errors { get; init; }

    /// <summary>With 500 and 503: the id of the request in the server's log.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RequestId { get; init; }

    /// <summary>Makes one problem of one or more errors; the first determines the status.</summary>
    /// <param name="errors">At least one error.</param>
    /// <param name="site">The server's base URL, for links.</param>
    internal static Problem Of(IReadOnlyList<Error> errors, string site)
    {
        var (first, all) = (errors[0], errors.SelectMany(e => e.Also.Prepend(e)).Take(FaultList.Max).ToList());
        return new()
        {
            Type = $"{site}/docs/errors#{first.Code}", Title = TitleOf(first.Kind), Status = first.StatusCode,
            Detail = first.Message, Code = first.Code,
            Errors = all.Exists(e => e.Field is not null) ? [.. all.Select(Fault.From)] : null,
        };
    }

    private static string TitleOf(ErrorKind kind) => kind switch
    {
        ErrorKind.Malformed => "Malformed request",
        ErrorKind.Unauthenticated => "Not authenticated",
        ErrorKind.Forbidden => "Not allowed",
        ErrorKind.NotFound => "Not found",
        ErrorKind.WrongMethod => "Method not allowed",
        ErrorKind.Conflict => "Conflict",
        ErrorKind.Outdated => "Version mismatch",
        ErrorKind.Gone => "No longer available",
        ErrorKind.TooLarge => "Request too large",
        ErrorKind.WrongMediaType => "Unsupported media type",
        ErrorKind.Invalid => "Invalid input",
        ErrorKind.TooMany => "Too many requests",
        ErrorKind.Unavailable => "Service unavailable",
        ErrorKind.Internal => "Internal server error",
    };
}

/// <summary>One fault of the input.</summary>
internal sealed record Fault
{
    public required string Code { get; init; }

    public required string Detail { get; init; }

    /// <summary>The position in the body as a JSON pointer (RFC 6901); "" is the whole body.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Pointer { get; init; }

    /// <summary>The name of the query parameter or header, where the fault is not in the body.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Parameter { get; init; }

    // Fields of the core are snake_case paths. A field with a leading question mark is a query parameter or header.
    internal static Fault From(Error error) => error.Field?.Text switch
    {
        null => new() { Code = error.Code, Detail = error.Message },
        ['?', .. var parameter] => new() { Code = error.Code, Detail = error.Message, Parameter = parameter },
        var field => new() { Code = error.Code, Detail = error.Message, Pointer = PointerOf(field) },
    };

    /// <summary>Converts a field of the core to a JSON pointer into our camelCase bodies.</summary>
    internal static string PointerOf(FieldPath field) => field.Text is "" ? "" : "/" + CamelCase(field.Text);

    private static string CamelCase(string field) =>
        string.Concat(field.Select((c, i) => i > 0 && field[i - 1] is '_' ? char.ToUpperInvariant(c) : c))
            .Replace("_", "", StringComparison.Ordinal);
}
