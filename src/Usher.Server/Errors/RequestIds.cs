namespace Usher.Server.Errors;

/// <summary>
/// The id of a request: a new UUID for each, in the header <c>X-Request-Id</c> of every answer and in every line that
/// the log has about a failed one. What a client sends in that header is not read.
/// </summary>
public static class RequestIds
{
    private const string Header = "X-Request-Id";

    /// <summary>Gives every request its id. First in the pipeline.</summary>
    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        http.TraceIdentifier = Guid.CreateVersion7().ToString("N");
        // When the answer starts, because the exception handler clears the headers.
        http.Response.OnStarting(static state =>
        {
            var http = (HttpContext)state;
            http.Response.Headers[Header] = http.TraceIdentifier;
            return Task.CompletedTask;
        }, http);
        return next(http);
    });

    /// <summary>An answer that shows the id of its request.</summary>
    public static IResult Result(Func<string, IResult> answer) => new WithId(answer);

    private sealed class WithId(Func<string, IResult> answer) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) =>
            answer(httpContext.TraceIdentifier).ExecuteAsync(httpContext);
    }
}
