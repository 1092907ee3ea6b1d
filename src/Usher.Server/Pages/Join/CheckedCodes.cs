using Microsoft.AspNetCore.DataProtection;
using Usher.Core.Guests;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Join;

/// <summary>An invitation's code that was checked, as stored in the browser's cookie.</summary>
/// <param name="Link">The invitation, with the code.</param>
/// <param name="Asked">Whether a new invitation has been requested with it.</param>
internal sealed record CheckedCode(InvitationLink Link, bool Asked);

/// <summary>The checked codes of invitations. See <see cref="CodeCookie"/>.</summary>
internal sealed class CheckedCodes(IDataProtectionProvider protection, SiteCookies site)
{
    private const string Page = "/join";

    private readonly CodeCookie cookie = new(protection, site, Page, "usher_invitation", "Usher.CheckedCode");

    /// <inheritdoc cref="CodeCookie.TryFind"/>
    public static bool TryFind(string typed, out string code) =>
        CodeCookie.TryFind(typed, Secret.InvitationPrefix, out code);

    /// <inheritdoc cref="CodeCookie.PathOf"/>
    public static string PathOf(string slug, Guid invitation) => CodeCookie.PathOf(Page, slug, invitation);

    /// <summary>The checked code for this page; null if it is missing, expired or invalid.</summary>
    public CheckedCode? Read(HttpRequest request, string slug, string invitation) =>
        CodeCookie.TryParseId(invitation, out var id) && cookie.Read(request, slug, id) is { } read
            ? new(new(slug, id, read.Code), read.Marked)
            : null;

    public void Write(HttpResponse response, CheckedCode code) =>
        cookie.Write(response, code.Link.OrganizationSlug, code.Link.InvitationId, code.Link.Secret, code.Asked);

    public void Delete(HttpResponse response, InvitationLink link) =>
        cookie.Delete(response, link.OrganizationSlug, link.InvitationId);
}
