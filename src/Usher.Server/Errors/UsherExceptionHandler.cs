using Microsoft.AspNetCore.Diagnostics;

namespace Usher.Server.Errors;

/// <summary>Turns what was thrown into an answer of the right surface. What the client reads and what the log keeps are different texts.</summary>
public sealed partial class UsherExceptionHandler(ILogger<UsherExceptionHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested) return true; // Nobody is listening any more.
        var error = exception switch
        {
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => HostErrors.TooLarge,
            BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } => HostErrors.WrongMediaType,
            BadHttpRequestException => HostErrors.Unreadable,
            _ => HostErrors.Internal,
        };

        // Since .NET 10 the framework no longer logs what a handler has handled.
        if (ReferenceEquals(error, HostErrors.Internal)) Log.Failed(logger, exception, httpContext.Request.Method, httpContext.TraceIdentifier);
        await new ErrorResult(error).ExecuteAsync(httpContext);
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "A {Method} request failed ({TraceId}).")]
        public static partial void Failed(ILogger logger, Exception exception, string method, string traceId);
    }
}
