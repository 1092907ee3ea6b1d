using Microsoft.AspNetCore.Diagnostics;
using Usher.Core;

namespace Usher.Server.Errors;

/// <summary>A refusal as an answer. Handlers never choose the format: the endpoint's surface does, or where no endpoint was found the path's.</summary>
public sealed class ErrorResult(params IReadOnlyList<Error> errors) : IResult
{
    // How long a client waits before it tries again. A failover of PostgreSQL takes some seconds.
    private const string RetryAfterSeconds = "5";

    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (errors[0].Kind is ErrorKind.Unavailable) httpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        // The exception middleware clears the endpoint and leaves it here.
        var endpoint = httpContext.GetEndpoint() ?? httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        var format = endpoint?.Metadata.GetMetadata<IErrorFormat>() ?? httpContext.RequestServices.GetRequiredService<Surfaces>().FormatOf(httpContext);
        return format.Write(errors).ExecuteAsync(httpContext);
    }
}

public static class ResultExtensions
{
    extension<T>(Result<T> result)
    {
        /// <summary>The value's answer, or the refusal's.</summary>
        public IResult ToHttp(Func<T, IResult> answer) => result.Match(answer, error => new ErrorResult(error));
    }
}
