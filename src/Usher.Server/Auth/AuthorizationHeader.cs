namespace Usher.Server.Auth;

/// <summary>
/// Reads <c>Authorization</c> headers (RFC 9110): a scheme in any letter case, a space, and a token.
/// </summary>
internal static class AuthorizationHeader
{
    public const string ApiKey = "ApiKey";
    public const string Basic = "Basic";
    public const string Bearer = "Bearer";

    /// <summary>The token that a header has for a scheme; null when the header has another scheme.</summary>
    public static string? Read(string header, string scheme) =>
        header.Length > scheme.Length && header[scheme.Length] is ' '
            && header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
            ? header[(scheme.Length + 1)..].Trim()
            : null;

    /// <summary>The bearer token of a request; null without one, and where the header is sent twice.</summary>
    public static string? BearerOf(HttpRequest request) =>
        request.Headers.Authorization is [{ } header] ? Read(header, Bearer) : null;
}
