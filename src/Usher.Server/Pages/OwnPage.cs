using Microsoft.Extensions.Options;

namespace Usher.Server.Pages;

/// <summary>
/// Whether a browser says that one of our own pages sent a form. Browsers set these headers themselves; no page can. A
/// form that they vouch for needs no token: several pages opened at once each set the cookie of their token, and only
/// the last one stays. Without the headers (an old browser) the token decides.
/// </summary>
internal static class OwnPage
{
    public static bool Sent(HttpContext http)
    {
        var headers = http.Request.Headers;
        // Left out on plain http, except on the machine itself.
        if (headers["Sec-Fetch-Site"] is [{ } site]) return site is "same-origin";
        return headers.Origin is [{ Length: > 0 } origin] && IsOurs(origin, http);
    }

    // By the public address; or by the host that the browser asked, for a server that is also reached under another
    // name.
    private static bool IsOurs(string origin, HttpContext http) =>
        string.Equals(
            origin, http.RequestServices.GetRequiredService<IOptions<ServerOptions>>().Value.PublicUrl,
            StringComparison.OrdinalIgnoreCase)
        || (Uri.TryCreate(origin, UriKind.Absolute, out var from)
            && string.Equals(from.Authority, http.Request.Host.Value, StringComparison.OrdinalIgnoreCase));
}
