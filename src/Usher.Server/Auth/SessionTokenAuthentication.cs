using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Errors;

namespace Usher.Server.Auth;

/// <summary>
/// Authenticates a person's session sent as <c>Authorization: Bearer uss_…</c>, for Usher's own API. The cookie is
/// ignored: a header that browsers send automatically must not be enough to change an account.
/// </summary>
public sealed class SessionTokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    SessionService sessions)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "SessionToken";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (AuthorizationHeader.BearerOf(Request) is not { } token
                || !Secret.IsWellFormed(token, Secret.SessionPrefix))
            return AuthenticateResult.NoResult();
        if (await sessions.FindAsync(token, Context.RequestAborted) is not { } session)
            return AuthenticateResult.Fail("The session has ended.");
        Context.Features.Set(session);
        var identity = new ClaimsIdentity([new(ClaimTypes.NameIdentifier, session.UserId.ToString())], SchemeName);
        return AuthenticateResult.Success(new(new ClaimsPrincipal(identity), SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        new ErrorResult(AccountErrors.SessionRefused).ExecuteAsync(Context);
}
