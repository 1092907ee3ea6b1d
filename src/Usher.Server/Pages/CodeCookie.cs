using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.DataProtection;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages;

/// <summary>
/// Keeps the checked code of a mailed link in an encrypted cookie for half an hour, so that it survives signing in and
/// need not stand in the page. Each link has its own cookie, sent to its own page alone: several can be open side by
/// side.
/// </summary>
/// <param name="protection">Encrypts it.</param>
/// <param name="site">How cookies are set.</param>
/// <param name="page">The path that the links' pages are below.</param>
/// <param name="cookie">The cookie's name.</param>
/// <param name="purpose">Keeps the cookies of one sort of link from being taken for another's.</param>
internal sealed partial class CodeCookie(
    IDataProtectionProvider protection, SiteCookies site, string page, string cookie, string purpose)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    private readonly string name = site.PathName(cookie);

    /// <summary>
    /// Finds the code in what was typed or pasted: with white space and line breaks in it, with text around it, or the
    /// whole link.
    /// </summary>
    public static bool TryFind(string typed, string prefix, out string code)
    {
        var found = CodePattern.Matches(string.Concat(typed.Where(c => !char.IsWhiteSpace(c)))).Select(m => m.Value)
            .FirstOrDefault(c => c.StartsWith(prefix, StringComparison.Ordinal));
        code = found ?? "";
        return Secret.IsWellFormed(code, prefix);
    }

    /// <summary>
    /// Reads the id in a page's path. It has one spelling, the one in links; any other names nothing.
    /// </summary>
    public static bool TryParseId(string text, out Guid id) =>
        Guid.TryParseExact(text, "D", out id) && id.ToString("D") == text;

    /// <summary>The page's path, as the cookie knows it and as every redirect writes it.</summary>
    /// <param name="page">The path that the links' pages are below.</param>
    /// <param name="slug">The organization; empty for a link that belongs to none.</param>
    /// <param name="id">The link's id.</param>
    public static string PathOf(string page, string slug, Guid id) =>
        slug is "" ? $"{page}/{id}" : $"{page}/{Uri.EscapeDataString(slug)}/{id}";

    /// <summary>The checked code for this page with its mark, or null: none, too old, or not one of ours.</summary>
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

    /// <summary>Keeps a code, with one mark that the page may make of it.</summary>
    public void Write(HttpResponse response, string slug, Guid id, string code, bool marked)
    {
        var options = site.Options(PathOf(page, slug, id));
        options.MaxAge = Lifetime;
        response.Cookies.Append(
            name, ProtectorOf(slug, id).Protect($"{(marked ? '+' : '-')}{code}", Lifetime), options);
    }

    public void Delete(HttpResponse response, string slug, Guid id) =>
        response.Cookies.Delete(name, site.Options(PathOf(page, slug, id)));

    // Bound to its link: copied to another's page, it is not one of ours.
    private ITimeLimitedDataProtector ProtectorOf(string slug, Guid id) =>
        protection.CreateProtector(purpose, slug, id.ToString()).ToTimeLimitedDataProtector();

    [GeneratedRegex("us[a-z]_[A-Za-z0-9_-]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodePattern { get; }
}
