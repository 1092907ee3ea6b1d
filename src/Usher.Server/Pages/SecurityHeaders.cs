using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Pages;

public static class SecurityHeaders
{
    // Pico draws its icons as data: images, which can neither contain scripts nor send requests. Some browsers apply
    // form-action to redirects after a form, so no redirect leaves the site: after joining, a page leads there.
    private const string Policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri "
            + "'none'; frame-ancestors 'none'";

    private const string Permissions =
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

    /// <summary>
    /// Sets the security headers of every answer: no-store on every API answer and page, and on pages a strict content
    /// security policy. A page may set its own policy. Must be first in the pipeline, so that error pages have the
    /// headers too.
    /// </summary>
    public static IApplicationBuilder UseUsherSecurityHeaders(this IApplicationBuilder app)
    {
        var https = app.ApplicationServices.GetRequiredService<SiteCookies>().Secure;
        var surfaces = app.ApplicationServices.GetRequiredService<Surfaces>();
        return app.Use((http, next) =>
        {
            // Set when the answer starts, because only then is it known whether it is a page, and because the exception
            // handler clears the headers.
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
                // With no-referrer, browsers would not tell us that a form comes from our own page; see OwnPage.
                headers["Referrer-Policy"] = "same-origin";
                headers.XFrameOptions = "DENY";
                headers.CacheControl = "no-store";
                return Task.CompletedTask;
            });
            return next(http);
        });
    }
}
