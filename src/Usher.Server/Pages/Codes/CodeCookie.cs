using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.DataProtection;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Codes;

/// <summary>A mailed link whose code was checked.</summary>
/// <param name="Slug">The organization; empty for a link without one.</param>
/// <param name="Id">The link's id.</param>
/// <param name="Secret">The code.</param>
/// <param name="Marked">A mark whose meaning the page defines.</param>
internal sealed record CheckedCode(string Slug, Guid Id, string Secret, bool Marked = false);

/// <summary>
/// Keeps the checked code of a mailed link in an encrypted cookie for half an hour, so that the code survives signing
/// in and is not part of the page. Each link has its own cookie, limited to the path of its page, so that several links
/// can be open at once.
/// </summary>
/// <param name="protection">Encrypts the cookie.</param>
/// <param name="site">The attributes of cookies.</param>
/// <param name="page">The path above the links' pages.</param>
/// <param name="cookie">The cookie's name.</param>
/// <param name="purpose">The purpose of the encryption, which separates the kinds of links.</param>
/// <param name="prefix">The prefix of the links' codes.</param>
internal abstract partial class CodeCookie(
    IDataProtectionProvider protection, SiteCookies site, string page, string cookie, string purpose, string prefix)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    private readonly string name = site.PathName(cookie);

    /// <summary>
    /// Finds the code in what was typed or pasted: with white space and line breaks, with text around it, or as part of
    /// the link.
    /// </summary>
    public static bool TryFind(string typed, string prefix, out string code)
    {
        var found = CodePattern.Matches(string.Concat(typed.Where(c => !char.IsWhiteSpace(c)))).Select(m => m.Value)
            .FirstOrDefault(c => c.StartsWith(prefix, StringComparison.Ordinal));
        code = found ?? "";
        return Secret.IsWellFormed(code, prefix);
    }

    /// <inheritdoc cref="TryFind(string, string, out string)"/>
    public bool TryFind(string typed, out string code) => TryFind(typed, prefix, out code);

    /// <summary>
    /// Reads the id in a page's path. Only the spelling that links use is accepted.
    /// </summary>
    public static bool TryParseId(string text, out Guid id) =>
        Guid.TryParseExact(text, "D", out id) && id.ToString("D") == text;

    /// <summary>The page's path, for the cookie and for redirects.</summary>
    public string PathOf(CheckedCode code) =>
        code.Slug is "" ? $"{page}/{code.Id}" : $"{page}/{Uri.EscapeDataString(code.Slug)}/{code.Id}";

    /// <summary>The checked code for this page; null if it is missing, expired or invalid.</summary>
    public CheckedCode? Read(HttpRequest request, string slug, string path)
    {
        if (!TryParseId(path, out var id) || request.Cookies[name] is not { Length: > 0 } value) return null;
        try
        {
            return ProtectorOf(slug, id).Unprotect(value) is [var mark, .. var code]
                ? new(slug, id, code, mark is '+')
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    public void Write(HttpResponse response, CheckedCode code)
    {
        var options = site.Options(PathOf(code));
        options.MaxAge = Lifetime;
        var value = ProtectorOf(code.Slug, code.Id).Protect($"{(code.Marked ? '+' : '-')}{code.Secret}", Lifetime);
        response.Cookies.Append(name, value, options);
    }

    public void Delete(HttpResponse response, CheckedCode code) =>
        response.Cookies.Delete(name, site.Options(PathOf(code)));

    // The encryption is bound to the link, so that a cookie copied to another link's path is invalid.
    private ITimeLimitedDataProtector ProtectorOf(string slug, Guid id) =>
        protection.CreateProtector(purpose, slug, id.ToString()).ToTimeLimitedDataProtector();

    [GeneratedRegex("us[a-z]_[A-Za-z0-9_-]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodePattern { get; }
}

/// <summary>The codes of invitations. The mark means that a new invitation was requested.</summary>
internal sealed class InvitationCodes(IDataProtectionProvider protection, SiteCookies site)
    : CodeCookie(protection, site, "/join", "usher_invitation", "Usher.CheckedCode", Secret.InvitationPrefix);

/// <summary>The codes of members' new addresses. The mark means that the address was confirmed just now.</summary>
internal sealed class AddressCodes(IDataProtectionProvider protection, SiteCookies site)
    : CodeCookie(protection, site, "/confirm", "usher_address", "Usher.CheckedConfirmation", Secret.AddressPrefix);

/// <summary>The codes of accounts' new addresses. The mark means that the address was confirmed just now.</summary>
internal sealed class OwnAddressCodes(IDataProtectionProvider protection, SiteCookies site)
    : CodeCookie(
        protection, site, "/confirm", "usher_own_address", "Usher.CheckedOwnConfirmation", Secret.AddressPrefix);

/// <summary>The codes of reset links. They have no mark.</summary>
internal sealed class ResetCodes(IDataProtectionProvider protection, SiteCookies site)
    : CodeCookie(protection, site, "/reset", "usher_reset", "Usher.CheckedReset", Secret.ResetPrefix);
