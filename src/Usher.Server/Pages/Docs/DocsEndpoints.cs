namespace Usher.Server.Pages.Docs;

/// <summary>
/// The documentation of our own API as pages: its operations, and its error codes, to which the <c>type</c> of every
/// problem links.
/// </summary>
internal static class DocsEndpoints
{
    // Like the policy of all pages, but scripts may call this server, for the OpenAPI document and for trying calls.
    private const string Policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
            + "form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

    public static void MapDocs(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/docs", PagesExtensions.Read, (HttpContext http) =>
        {
            http.Response.OnStarting(() =>
            {
                http.Response.Headers.ContentSecurityPolicy = Policy;
                return Task.CompletedTask;
            });
            return PageResults.Page<DocsPage>(new { });
        });
        pages.MapMethods("/docs/errors", PagesExtensions.Read, () => PageResults.Page<ErrorsPage>(new { }));
    }
}
