using Microsoft.Extensions.Options;

namespace Usher.Server;

/// <summary>
/// The links that leave this server, in mails and in answers. Built from <see cref="ServerOptions.PublicUrl"/> alone:
/// what a request says of its host is never believed.
/// </summary>
public sealed class Links(IOptions<ServerOptions> options)
{
    private readonly string root = options.Value.PublicUrl.TrimEnd('/');

    /// <summary>The server's public host name, in ASCII.</summary>
    public string Host => new Uri(root).IdnHost;

    /// <summary>Where somebody sees his own places.</summary>
    public string Me => $"{root}/me";

    /// <summary>
    /// Where an invitation is accepted. The secret is behind the number sign: browsers send that part to nobody.
    /// </summary>
    public string Join(string organizationSlug, Guid invitation, string secret) =>
        $"{root}/join/{organizationSlug}/{invitation:D}#{secret}";

    /// <inheritdoc cref="Join(string, Guid, string)"/>
    public string Join(Core.Invitations.InvitationLink link) =>
        Join(link.OrganizationSlug, link.InvitationId, link.Secret);

    /// <summary>
    /// Where a member's new address is confirmed; the secret as in <see cref="Join(string, Guid, string)"/>.
    /// </summary>
    public string Confirm(string organizationSlug, string change, string secret) =>
        $"{root}/confirm/{organizationSlug}/{change}#{secret}";

    /// <summary>
    /// Where the new address of an account is confirmed; the secret as in <see cref="Join(string, Guid, string)"/>.
    /// </summary>
    public string ConfirmOwn(string change, string secret) => $"{root}/confirm/{change}#{secret}";

    /// <summary>Where a new password is set; the secret as in <see cref="Join(string, Guid, string)"/>.</summary>
    public string Reset(string reset, string secret, string? returnTo = null) =>
        $"{root}/reset/{reset}{(returnTo is null ? "" : $"?return={Uri.EscapeDataString(returnTo)}")}#{secret}";

    /// <summary>Where a reset link is asked for.</summary>
    public string Forgot => $"{root}/reset";
}
