using Microsoft.AspNetCore.Diagnostics;
using Usher.Core.Data;

namespace Usher.Server.Errors;

/// <summary>
/// Answers an exception in the format of the surface. The client and the log get different texts with the same request
/// id.
/// </summary>
public sealed partial class UsherExceptionHandler(ILogger<UsherExceptionHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested) return true; // The client has closed the connection.
        var outage = Outage.Find(exception);
        var error = exception switch
        {
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => HostErrors.TooLarge,
            BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } =>
                HostErrors.WrongMediaType,
            BadHttpRequestException => HostErrors.Unreadable,
            _ => outage is null ? HostErrors.Internal : HostErrors.Unavailable,
        };

        // Since .NET 10 the framework does not log exceptions that a handler has handled.
        var (method, route, id) = (httpContext.Request.Method, RouteOf(httpContext), httpContext.TraceIdentifier);
        if (ReferenceEquals(error, HostErrors.Internal)) Log.Failed(logger, exception, method, route, id);
        else if (ReferenceEquals(error, HostErrors.Unavailable))
            Log.Unavailable(logger, method, route, id, outage!.Message);
        await new ErrorResult(error).ExecuteAsync(httpContext);
        return true;
    }

    // The route pattern is logged instead of the path, because a path may contain a secret: some APIs have a key in it,
    // and so may a mailed link that was mangled on its way.
    private static string RouteOf(HttpContext http) =>
        http.Features.Get<IExceptionHandlerFeature>()?.Endpoint is RouteEndpoint { RoutePattern.RawText: { } pattern }
            ? pattern.TrimEnd('/')
            : "(no route)";

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "{Method} {Route} failed. Request {RequestId}.")]
        public static partial void Failed(
            ILogger logger, Exception exception, string method, string route, string requestId);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error,
            Message =
                "{Method} {Route} was answered 503, because the database is not available: {Reason} Request "
                + "{RequestId}.")]
        public static partial void Unavailable(
            ILogger logger, string method, string route, string requestId, string reason);
    }
}
