using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// Refusals as RFC 9457 problem details, with a stable <c>code</c> and every fault of the input with its JSON pointer.
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

/// <summary>A refusal (RFC 9457).</summary>
internal sealed record Problem
{
    /// <summary>Where the code is explained.</summary>
    public required string Type { get; init; }

    /// <summary>What sort of refusal it is.</summary>
    public required string Title { get; init; }

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>What is wrong, for people; may be reworded.</summary>
    public required string Detail { get; init; }

    /// <summary>What programs compare; permanent.</summary>
    public required string Code { get; init; }

    /// <summary>The faults of the input, where it is the input that is wrong: at most 100.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Fault>? Errors { get; init; }

    /// <summary>With 500 and 503: the id of the request, by which the server's log tells what happened.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RequestId { get; init; }

    /// <summary>One or more refusals as one problem, led by the first.</summary>
    /// <param name="errors">At least one.</param>
    /// <param name="site">The server's address, for links.</param>
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
        ErrorKind.Malformed => "The request cannot be read",
        ErrorKind.Unauthenticated => "Nobody known is calling",
        ErrorKind.Forbidden => "Not allowed",
        ErrorKind.NotFound => "Not found",
        ErrorKind.WrongMethod => "Wrong method",
        ErrorKind.Conflict => "Not as things stand",
        ErrorKind.Outdated => "Changed meanwhile",
        ErrorKind.Gone => "Has ended",
        ErrorKind.TooLarge => "Too large",
        ErrorKind.WrongMediaType => "Wrong media type",
        ErrorKind.Invalid => "Invalid input",
        ErrorKind.TooMany => "Too many requests",
        ErrorKind.Unavailable => "Unavailable",
        ErrorKind.Internal => "A fault of the server",
    };
}

/// <summary>One thing wrong with the input.</summary>
internal sealed record Fault
{
    public required string Code { get; init; }

    public required string Detail { get; init; }

    /// <summary>Where in the body, as a JSON pointer (RFC 6901); "" is the whole.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Pointer { get; init; }

    /// <summary>Which parameter of the query, or which header, instead.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Parameter { get; init; }

    // The core's fields are snake_case paths; a parameter is told by its question mark.
    internal static Fault From(Error error) => error.Field switch
    {
        null => new() { Code = error.Code, Detail = error.Message },
        ['?', .. var parameter] => new() { Code = error.Code, Detail = error.Message, Parameter = parameter },
        var field => new() { Code = error.Code, Detail = error.Message, Pointer = PointerOf(field) },
    };

    /// <summary>A field of the core's as a pointer into a body of ours.</summary>
    internal static string PointerOf(string field) => field is "" ? "" : "/" + CamelCase(field);

    private static string CamelCase(string field) =>
        string.Concat(field.Select((c, i) => i > 0 && field[i - 1] is '_' ? char.ToUpperInvariant(c) : c))
            .Replace("_", "", StringComparison.Ordinal);
}
