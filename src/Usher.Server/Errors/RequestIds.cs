namespace Usher.Server.Errors;

/// <summary>
/// Request ids: a new UUID for each request, sent in the header <c>X-Request-Id</c> of every answer and written in
/// every log line about a failed request. A client's own <c>X-Request-Id</c> is ignored.
/// </summary>
public static class RequestIds
{
    private const string Header = "X-Request-Id";

    /// <summary>Gives every request its id. Must be first in the pipeline.</summary>
    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        http.TraceIdentifier = Guid.CreateVersion7().ToString("N");
        // Set when the answer starts, because the exception handler clears the headers.
        http.Response.OnStarting(static state =>
        {
            var http = (HttpContext)state;
            http.Response.Headers[Header] = http.TraceIdentifier;
            return Task.CompletedTask;
        }, http);
        return next(http);
    });

    /// <summary>An answer that contains the id of its request.</summary>
    public static IResult Result(Func<string, IResult> answer) => new WithId(answer);

    private sealed class WithId(Func<string, IResult> answer) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) =>
            answer(httpContext.TraceIdentifier).ExecuteAsync(httpContext);
    }
}
