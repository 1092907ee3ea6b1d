using Microsoft.Extensions.Options;

namespace Usher.Server.Pages;

/// <summary>
/// Tells by the browser's headers whether one of our own pages sent a form. Browsers set these headers themselves; no
/// page can. A form with them needs no antiforgery token: with several pages open, each page replaces the cookie for
/// the token, and only the last page's token stays valid. Without the headers (old browsers) the token decides.
/// </summary>
internal static class OwnPage
{
    public static bool Sent(HttpContext http)
    {
        var headers = http.Request.Headers;
        // Browsers omit Sec-Fetch-Site on plain HTTP, except for localhost.
        if (headers["Sec-Fetch-Site"] is [{ } site]) return site is "same-origin";
        return headers.Origin is [{ Length: > 0 } origin] && IsOurs(origin, http);
    }

    // The origin is the public URL, or that of the request's host, for a server that is also reached by another name.
    private static bool IsOurs(string origin, HttpContext http) =>
        string.Equals(
            origin, http.RequestServices.GetRequiredService<IOptions<ServerOptions>>().Value.PublicUrl,
            StringComparison.OrdinalIgnoreCase)
        || (Uri.TryCreate(origin, UriKind.Absolute, out var from)
            && string.Equals(from.Authority, http.Request.Host.Value, StringComparison.OrdinalIgnoreCase));
}
