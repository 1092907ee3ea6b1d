using Microsoft.AspNetCore.DataProtection;
using Usher.Core.Users;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Confirm;

/// <summary>A change of address whose code was checked, as stored in the browser's cookie.</summary>
/// <param name="Link">The change, with the code.</param>
/// <param name="Confirmed">Whether it was confirmed in this browser just now.</param>
internal sealed record CheckedConfirmation(AddressChangeLink Link, bool Confirmed);

/// <summary>The checked codes of changes of address. See <see cref="CodeCookie"/>.</summary>
internal sealed class CheckedConfirmations(IDataProtectionProvider protection, SiteCookies site)
{
    private const string Page = "/confirm";

    private readonly CodeCookie cookie = new(protection, site, Page, "usher_address", "Usher.CheckedConfirmation");

    /// <inheritdoc cref="CodeCookie.TryFind"/>
    public static bool TryFind(string typed, out string code) =>
        CodeCookie.TryFind(typed, Secret.AddressPrefix, out code);

    /// <inheritdoc cref="CodeCookie.PathOf"/>
    public static string PathOf(AddressChangeLink link) =>
        CodeCookie.PathOf(Page, link.OrganizationSlug, link.ChangeId);

    /// <summary>The checked code for this page; null if it is missing, expired or invalid.</summary>
    public CheckedConfirmation? Read(HttpRequest request, string slug, string change) =>
        CodeCookie.TryParseId(change, out var id) && cookie.Read(request, slug, id) is { } read
            ? new(new(slug, id, read.Code), read.Marked)
            : null;

    public void Write(HttpResponse response, CheckedConfirmation code) =>
        cookie.Write(response, code.Link.OrganizationSlug, code.Link.ChangeId, code.Link.Secret, code.Confirmed);

    public void Delete(HttpResponse response, AddressChangeLink link) =>
        cookie.Delete(response, link.OrganizationSlug, link.ChangeId);
}
