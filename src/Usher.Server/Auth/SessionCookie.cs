using Microsoft.Extensions.Options;
using Usher.Core.Sessions;

namespace Usher.Server.Auth;

/// <summary>The browser's half of a session: a cookie that is the secret and nothing else.</summary>
public sealed class SessionCookie(SiteCookies site, DeviceTokens devices)
{
    // Browsers keep a cookie for 400 days at most. When the session ends is for its row alone to say; the cookie only
    // has to outlive it.
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
/// How every cookie of the pages is set. Whether the site is HTTPS is told by its public address alone, never by a
/// request.
/// </summary>
public sealed class SiteCookies(IOptions<ServerOptions> options)
{
    public bool Secure { get; } = options.Value.PublicUrl.StartsWith("https:", StringComparison.OrdinalIgnoreCase);

    /// <summary>The name of a cookie for all paths, with the prefix that keeps sibling hosts from setting it.</summary>
    public string HostName(string name) => Secure ? $"__Host-{name}" : name;

    /// <summary>The name of a cookie for some paths.</summary>
    public string PathName(string name) => Secure ? $"__Secure-{name}" : name;

    public CookieOptions Options(string path) =>
        new() { Path = path, HttpOnly = true, Secure = Secure, SameSite = SameSiteMode.Lax, IsEssential = true };
}
