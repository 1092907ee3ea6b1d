using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using Usher.Core;

namespace Usher.Server.Errors;

/// <summary>
/// Answers with an error. The format is that of the endpoint's surface, or, where no endpoint matched, that of the
/// path's surface. Handlers do not choose it.
/// </summary>
public sealed class ErrorResult(params IReadOnlyList<Error> errors) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        // The exception middleware clears the endpoint and keeps it in this feature.
        var endpoint = httpContext.GetEndpoint() ?? httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        var format = endpoint?.Metadata.GetMetadata<IErrorFormat>()
            ?? httpContext.RequestServices.GetRequiredService<Surfaces>().FormatOf(httpContext);
        if (errors[0].RetryAfter is { } wait) httpContext.Response.Headers.RetryAfter = Seconds(wait);
        return format.Write(errors.Count > FaultList.Max ? [.. errors.Take(FaultList.Max)] : errors)
            .ExecuteAsync(httpContext);
    }

    /// <summary>Formats a Retry-After header: whole seconds, at least 1.</summary>
    internal static string Seconds(TimeSpan wait) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds))}");
}

public static class ResultExtensions
{
    extension<T>(Result<T> result)
    {
        /// <summary>The answer for the value, or an <see cref="ErrorResult"/>.</summary>
        public IResult ToHttp(Func<T, IResult> answer) => result.Match(answer, error => new ErrorResult(error));
    }
}
