using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using Usher.Core;

namespace Usher.Server.Errors;

/// <summary>
/// A refusal as an answer. Handlers never choose the format: the endpoint's surface does, or where no endpoint was
/// found the path's.
/// </summary>
public sealed class ErrorResult(params IReadOnlyList<Error> errors) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        // The exception middleware clears the endpoint and leaves it here.
        var endpoint = httpContext.GetEndpoint() ?? httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        var format = endpoint?.Metadata.GetMetadata<IErrorFormat>()
            ?? httpContext.RequestServices.GetRequiredService<Surfaces>().FormatOf(httpContext);
        if (errors[0].RetryAfter is { } wait) httpContext.Response.Headers.RetryAfter = Seconds(wait);
        return format.Write(errors.Count > FaultList.Max ? [.. errors.Take(FaultList.Max)] : errors)
            .ExecuteAsync(httpContext);
    }

    /// <summary>A waiting time as Retry-After says it: whole seconds, at least 1.</summary>
    internal static string Seconds(TimeSpan wait) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds))}");
}

public static class ResultExtensions
{
    extension<T>(Result<T> result)
    {
        /// <summary>The value's answer, or the refusal's.</summary>
        public IResult ToHttp(Func<T, IResult> answer) => result.Match(answer, error => new ErrorResult(error));
    }
}
