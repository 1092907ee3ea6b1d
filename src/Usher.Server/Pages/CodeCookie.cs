using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.DataProtection;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages;

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
internal sealed partial class CodeCookie(
    IDataProtectionProvider protection, SiteCookies site, string page, string cookie, string purpose)
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

    /// <summary>
    /// Reads the id in a page's path. Only the spelling that links use is accepted.
    /// </summary>
    public static bool TryParseId(string text, out Guid id) =>
        Guid.TryParseExact(text, "D", out id) && id.ToString("D") == text;

    /// <summary>The page's path, for the cookie and for redirects.</summary>
    /// <param name="page">The path above the links' pages.</param>
    /// <param name="slug">The organization; empty for a link without one.</param>
    /// <param name="id">The link's id.</param>
    public static string PathOf(string page, string slug, Guid id) =>
        slug is "" ? $"{page}/{id}" : $"{page}/{Uri.EscapeDataString(slug)}/{id}";

    /// <summary>The checked code for this page with its mark; null if it is missing, expired or invalid.</summary>
    public (string Code, bool Marked)? Read(HttpRequest request, string slug, Guid id)
    {
        if (request.Cookies[name] is not { Length: > 0 } value) return null;
        try
        {
            return ProtectorOf(slug, id).Unprotect(value) is [var mark, .. var code] ? (code, mark is '+') : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Stores a code, with a mark whose meaning the page defines.</summary>
    public void Write(HttpResponse response, string slug, Guid id, string code, bool marked)
    {
        var options = site.Options(PathOf(page, slug, id));
        options.MaxAge = Lifetime;
        response.Cookies.Append(
            name, ProtectorOf(slug, id).Protect($"{(marked ? '+' : '-')}{code}", Lifetime), options);
    }

    public void Delete(HttpResponse response, string slug, Guid id) =>
        response.Cookies.Delete(name, site.Options(PathOf(page, slug, id)));

    // The encryption is bound to the link, so that a cookie copied to another link's path is invalid.
    private ITimeLimitedDataProtector ProtectorOf(string slug, Guid id) =>
        protection.CreateProtector(purpose, slug, id.ToString()).ToTimeLimitedDataProtector();

    [GeneratedRegex("us[a-z]_[A-Za-z0-9_-]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodePattern { get; }
}
