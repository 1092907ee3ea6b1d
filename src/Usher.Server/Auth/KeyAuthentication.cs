using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Server.Errors;

namespace Usher.Server.Auth;

/// <summary>Errors for requests whose API key is missing or refused.</summary>
public static class KeyErrors
{
    public static readonly Error Missing = new(
        ErrorKind.Unauthenticated, "key_missing", "An API key is needed.");
    public static readonly Error Refused = new(
        ErrorKind.Unauthenticated, "key_refused", "This API key is unknown, revoked, expired or suspended.");
    public static readonly Error OfOperator = Refused with
    {
        Message = "An operator's key is valid only for Usher's own API.",
    };
    public static readonly Error ReadOnly = new(
        ErrorKind.Forbidden, "key_read_only", "This API key may only read.");
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "not_allowed", "You may not do this.");
}

/// <summary>
/// Authenticates API keys. Every API surface accepts four forms: <c>Authorization: ApiKey K</c>, <c>Authorization:
/// Bearer K</c>, <c>X-AUTH-TOKEN: K</c> and Basic <c>email:K</c>, where the address must be the member's own. The key
/// determines the organization.
/// </summary>
public sealed class KeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    CallerService callers)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "Key";

    // The principal only says that the caller is known; the caller itself is a feature of the request.
    private static readonly AuthenticateResult Known = AuthenticateResult.Success(new(
        new ClaimsPrincipal(new ClaimsIdentity(Scheme)), Scheme));

    private Error refusal = KeyErrors.Missing;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Read(Request) is not { } given) return AuthenticateResult.NoResult();
        refusal = KeyErrors.Refused;
        if ((
                await callers.FindAsync(given.Secret, Context.RequestAborted)
                    ?? await callers.FindOperatorAsync(given.Secret, Context.RequestAborted)) is not { } caller)
            return AuthenticateResult.Fail("refused");
        if (given.Name is { } name && !IsNameOf(caller, name)) return AuthenticateResult.Fail("refused");
        Context.Features.Set(caller);
        return Known;
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        new ErrorResult(refusal).ExecuteAsync(Context);

    private static bool IsNameOf(Caller caller, string name) =>
        string.Equals(caller.Identifier, name, StringComparison.OrdinalIgnoreCase)
        || (EmailAddress.TryCanonical(name, out var canonical) && canonical == caller.Identifier);

    /// <summary>
    /// The key of a request, in any of the four forms; null without one, and for a session token.
    /// </summary>
    internal static string? SecretOf(HttpRequest request) =>
        Read(request) is { Secret: { Length: > 0 } secret }
            && !secret.StartsWith(Core.Secret.SessionPrefix, StringComparison.Ordinal)
            ? secret
            : null;

    private static (string Secret, string? Name)? Read(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ } authorization, ..])
        {
            if ((AuthorizationHeader.Read(authorization, AuthorizationHeader.ApiKey)
                    ?? AuthorizationHeader.Read(authorization, AuthorizationHeader.Bearer)) is { } secret)
                return (secret, null);
            return AuthorizationHeader.Read(authorization, AuthorizationHeader.Basic) is { } pair
                ? ReadBasic(pair)
                : ("", null);
        }

        // Some clients send the same value as in Authorization, with its scheme.
        return request.Headers["X-AUTH-TOKEN"] is [{ } token, ..]
            ? (AuthorizationHeader.Read(token, AuthorizationHeader.Bearer) ?? token.Trim(), null)
            : null;
    }

    private static (string Secret, string? Name) ReadBasic(string value)
    {
        Span<byte> bytes = stackalloc byte[1024];
        if (value.Length > 1024 || !Convert.TryFromBase64String(value, bytes, out var length)) return ("", "");
        var text = Encoding.UTF8.GetString(bytes[..length]);
        // The last colon separates the key: names of service accounts contain colons, keys do not.
        var colon = text.LastIndexOf(':');
        return colon < 0 ? ("", "") : (text[(colon + 1)..], text[..colon]);
    }
}
