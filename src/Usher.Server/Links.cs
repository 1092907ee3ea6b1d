using Microsoft.Extensions.Options;
using Usher.Core.Guests;

namespace Usher.Server;

/// <summary>
/// Builds the links in mails and answers. They start with <see cref="ServerOptions.PublicUrl"/>; the Host header of a
/// request is never used.
/// </summary>
public sealed class Links(IOptions<ServerOptions> options)
{
    private readonly string root = options.Value.PublicUrl.TrimEnd('/');

    /// <summary>The server's public host name, in ASCII.</summary>
    public string Host => new Uri(root).IdnHost;

    /// <summary>The page with a person's account and memberships.</summary>
    public string Me => $"{root}/me";

    /// <summary>
    /// The page to accept an invitation. The secret is the URL's fragment, which browsers do not send to servers.
    /// </summary>
    public string Join(string organizationSlug, Guid invitation, string secret) =>
        $"{root}/join/{organizationSlug}/{invitation:D}#{secret}";

    /// <inheritdoc cref="Join(string, Guid, string)"/>
    public string Join(Core.Guests.InvitationLink link) =>
        Join(link.OrganizationSlug, link.InvitationId, link.Secret);

    /// <summary>
    /// The page to confirm a member's new address. For the secret see <see cref="Join(string, Guid, string)"/>.
    /// </summary>
    public string Confirm(string organizationSlug, string change, string secret) =>
        $"{root}/confirm/{organizationSlug}/{change}#{secret}";

    /// <summary>
    /// The page to confirm the new address of an account. For the secret see <see cref="Join(string, Guid, string)"/>.
    /// </summary>
    public string ConfirmOwn(string change, string secret) => $"{root}/confirm/{change}#{secret}";

    /// <summary>The page to set a new password. For the secret see <see cref="Join(string, Guid, string)"/>.</summary>
    public string Reset(string reset, string secret, string? returnTo = null) =>
        $"{root}/reset/{reset}{(returnTo is null ? "" : $"?return={Uri.EscapeDataString(returnTo)}")}#{secret}";

    /// <summary>The page to request a reset link.</summary>
    public string Forgot => $"{root}/reset";
}
