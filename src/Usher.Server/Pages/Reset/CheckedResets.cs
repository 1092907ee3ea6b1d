using Microsoft.AspNetCore.DataProtection;
using Usher.Core.Users;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Reset;

/// <summary>The checked codes of reset links. See <see cref="CodeCookie"/>.</summary>
internal sealed class CheckedResets(IDataProtectionProvider protection, SiteCookies site)
{
    private const string Page = "/reset";

    private readonly CodeCookie cookie = new(protection, site, Page, "usher_reset", "Usher.CheckedReset");

    /// <inheritdoc cref="CodeCookie.TryFind"/>
    public static bool TryFind(string typed, out string code) =>
        CodeCookie.TryFind(typed, Secret.ResetPrefix, out code);

    /// <inheritdoc cref="CodeCookie.PathOf"/>
    public static string PathOf(PasswordResetLink link) => CodeCookie.PathOf(Page, "", link.Id);

    /// <summary>The link with its checked code; null if the code is missing, expired or invalid.</summary>
    public PasswordResetLink? Read(HttpRequest request, Guid id) =>
        cookie.Read(request, "", id) is { } read ? new(id, read.Code) : null;

    public void Write(HttpResponse response, PasswordResetLink link) =>
        cookie.Write(response, "", link.Id, link.Secret, marked: false);

    public void Delete(HttpResponse response, PasswordResetLink link) => cookie.Delete(response, "", link.Id);
}
