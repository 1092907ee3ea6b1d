using Microsoft.Extensions.Options;
using Usher.Core.Sessions;

namespace Usher.Server.Auth;

/// <summary>The session cookie. Its value is the session's secret.</summary>
public sealed class SessionCookie(SiteCookies site, DeviceTokens devices)
{
    // The longest that browsers allow. The session's row determines when the session ends; the cookie must outlive it.
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400);

    private readonly string name = site.HostName("usher_session");

    public string? Read(HttpRequest request) => request.Cookies[name];

    public void Write(HttpResponse response, SignedIn session)
    {
        var options = site.Options("/");
        options.MaxAge = Lifetime;
        response.Cookies.Append(name, session.Secret, options);
        if (session.Device is { } device) devices.Write(response, device);
    }

    public void Delete(HttpResponse response) => response.Cookies.Delete(name, site.Options("/"));
}

/// <summary>
/// The attributes of all cookies of the pages. Whether they are Secure depends only on the configured public URL, never
/// on the request.
/// </summary>
public sealed class SiteCookies(IOptions<ServerOptions> options)
{
    public bool Secure { get; } = options.Value.PublicUrl.StartsWith("https:", StringComparison.OrdinalIgnoreCase);

    /// <summary>The name of a cookie for all paths, with the prefix that keeps sibling hosts from setting it.</summary>
    public string HostName(string name) => Secure ? $"__Host-{name}" : name;

    /// <summary>The name of a cookie for certain paths.</summary>
    public string PathName(string name) => Secure ? $"__Secure-{name}" : name;

    public CookieOptions Options(string path) =>
        new() { Path = path, HttpOnly = true, Secure = Secure, SameSite = SameSiteMode.Lax, IsEssential = true };
}
