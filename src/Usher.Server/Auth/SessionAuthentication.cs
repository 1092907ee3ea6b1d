using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Core.Sessions;
using Usher.Server.Pages;

namespace Usher.Server.Auth;

/// <summary>
/// Authenticates browsers by the session cookie, with one read of the database per request and none without a cookie.
/// Redirects a browser that must sign in to the sign-in page.
/// </summary>
public sealed class SessionAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    SessionService sessions, SessionCookie cookie)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Session";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (cookie.Read(Request) is not { } secret || !Secret.IsWellFormed(secret, Secret.SessionPrefix))
            return AuthenticateResult.NoResult();
        if (await sessions.FindAsync(secret, Context.RequestAborted) is not { } user)
            return AuthenticateResult.Fail("The session has ended.");

        Context.Features.Set(user);
        var identity = new ClaimsIdentity(SchemeName);
        identity.AddClaim(new(ClaimTypes.NameIdentifier, user.UserId.ToString()));
        identity.AddClaim(new(ClaimTypes.Name, user.DisplayName));
        if (user.Email is not null) identity.AddClaim(new(ClaimTypes.Email, user.Email));
        return AuthenticateResult.Success(new(new(identity), new() { ExpiresUtc = user.ExpiresAt }, SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // A redirect loses a posted form, so only a page requested by GET or HEAD is returned to after signing in.
        var back = HttpMethods.IsGet(Request.Method) || HttpMethods.IsHead(Request.Method)
            ? $"{Request.Path}{Request.QueryString}"
            : null;
        return PageResults.SeeOther(LocalPath.SignIn(back)).ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        PageResults.Error(StatusCodes.Status403Forbidden, "You are signed in, but you do not have access to this page.")
            .ExecuteAsync(Context);
}

public static class SessionAuthenticationExtensions
{
    extension(HttpContext http)
    {
        /// <summary>The signed-in user's id, or null. The result is cached for the request.</summary>
        public async Task<Guid?> SignedInUserAsync()
        {
            var result = await http.AuthenticateAsync(SessionAuthentication.SchemeName);
            return result.Principal?.FindFirstValue(ClaimTypes.NameIdentifier) is { } id ? Guid.Parse(id) : null;
        }

        /// <summary>The browser's session, or null. The result is cached for the request.</summary>
        public async Task<SessionUser?> SessionAsync() =>
            await http.SignedInUserAsync() is null ? null : http.Features.Get<SessionUser>();

        /// <summary>The browser's user agent, by which people tell their sessions apart.</summary>
        public string? Device => http.Request.Headers.UserAgent is [{ Length: > 0 } agent, ..] ? agent : null;
    }
}
