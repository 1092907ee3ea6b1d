using Microsoft.AspNetCore.DataProtection;
using Usher.Core.Users;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Confirm;

/// <summary>The checked codes of new addresses of accounts. See <see cref="CodeCookie"/>.</summary>
internal sealed class CheckedOwnConfirmations(IDataProtectionProvider protection, SiteCookies site)
{
    private const string Page = "/confirm";

    private readonly CodeCookie cookie = new(
        protection, site, Page, "usher_own_address", "Usher.CheckedOwnConfirmation");

    /// <inheritdoc cref="CodeCookie.PathOf"/>
    public static string PathOf(UserAddressLink link) => CodeCookie.PathOf(Page, "", link.Id);

    /// <summary>
    /// The link with its checked code, and whether it was confirmed in this browser just now; null if the code is
    /// missing, expired or invalid.
    /// </summary>
    public (UserAddressLink Link, bool Confirmed)? Read(HttpRequest request, Guid id) =>
        cookie.Read(request, "", id) is { } read ? (new(id, read.Code), read.Marked) : null;

    public void Write(HttpResponse response, UserAddressLink link, bool confirmed) =>
        cookie.Write(response, "", link.Id, link.Secret, confirmed);

    public void Delete(HttpResponse response, UserAddressLink link) => cookie.Delete(response, "", link.Id);

    /// <inheritdoc cref="CodeCookie.TryFind"/>
    public static bool TryFind(string typed, out string code) =>
        CodeCookie.TryFind(typed, Secret.AddressPrefix, out code);
}
