namespace Usher.Server.Pages.Docs;

/// <summary>
/// Our own API as pages: its operations, and its refusals, to which every <c>type</c> of a problem leads.
/// </summary>
internal static class DocsEndpoints
{
    // As every page, but that it may ask this server: for the description, and for what a reader tries out.
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
