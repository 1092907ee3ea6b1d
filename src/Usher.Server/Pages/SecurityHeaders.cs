using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Pages;

public static class SecurityHeaders
{
    // Pico draws its marks as data: images; they can carry neither script nor a request. Redirects after a form count
    // as its action in some browsers, so none of ours leaves the site: after joining, a page leads on to the product.
    private const string Policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri "
            + "'none'; frame-ancestors 'none'";

    private const string Permissions =
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

    /// <summary>
    /// Security headers on every answer, no-store on every answer of an API and on every page, and on pages a strict
    /// content security policy. A page that needs another policy sets its own. First in the pipeline, so that error
    /// pages have them too.
    /// </summary>
    public static IApplicationBuilder UseUsherSecurityHeaders(this IApplicationBuilder app)
    {
        var https = app.ApplicationServices.GetRequiredService<SiteCookies>().Secure;
        var surfaces = app.ApplicationServices.GetRequiredService<Surfaces>();
        return app.Use((http, next) =>
        {
            // When the answer starts, because only then is it known whether it is a page, and because the exception
            // handler clears headers.
            http.Response.OnStarting(() =>
            {
                var headers = http.Response.Headers;
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "no-referrer";
                headers["Cross-Origin-Opener-Policy"] = "same-origin";
                if (https) headers.StrictTransportSecurity = "max-age=31536000";
                if (surfaces.Of(http.Request.Path) is not null
                        || http.Response.StatusCode >= StatusCodes.Status400BadRequest)
                    headers.CacheControl = "no-store";
                if (http.Response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) is not true)
                    return Task.CompletedTask;

                headers.TryAdd("Content-Security-Policy", Policy);
                headers["Permissions-Policy"] = Permissions;
                // with no-referrer, browsers would hide from us that a form is our own; see OwnPage
                headers["Referrer-Policy"] = "same-origin";
                headers.XFrameOptions = "DENY";
                headers.CacheControl = "no-store";
                return Task.CompletedTask;
            });
            return next(http);
        });
    }
}
