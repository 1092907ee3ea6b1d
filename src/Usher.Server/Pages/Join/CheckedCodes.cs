using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.DataProtection;
using Usher.Core.Invitations;
using Usher.Server.Auth;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Pages.Join;

/// <summary>An invitation's code that was checked, as the browser carries it from page to page.</summary>
/// <param name="Link">The invitation, with the code.</param>
/// <param name="Asked">Whether its holder has asked for a new invitation meanwhile.</param>
internal sealed record CheckedCode(InvitationLink Link, bool Asked);

/// <summary>
/// Keeps a checked code in an encrypted cookie for half an hour, so that it survives signing in and need not stand in the page. Each invitation has its own
/// cookie, sent to its own join page alone: several can be open side by side.
/// </summary>
internal sealed partial class CheckedCodes(IDataProtectionProvider protection, SiteCookies site)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    private readonly string name = site.PathName("usher_invitation");

    /// <summary>Finds the code in what was typed or pasted: with white space and line breaks in it, with text around it, or the whole link.</summary>
    public static bool TryFind(string typed, out string code)
    {
        code = CodePattern.Match(string.Concat(typed.Where(c => !char.IsWhiteSpace(c)))).Value;
        return Secret.IsWellFormed(code, Secret.InvitationPrefix);
    }

    /// <summary>The join page's path, as the cookie knows it and as every redirect writes it.</summary>
    public static string PathOf(string slug, Guid invitation) => $"/join/{Uri.EscapeDataString(slug)}/{invitation}";

    /// <summary>The checked code for this page, or null: none, too old, or not one of ours.</summary>
    public CheckedCode? Read(HttpRequest request, string slug, string invitation)
    {
        if (!Guid.TryParse(invitation, out var id) || request.Cookies[name] is not { Length: > 0 } value) return null;
        try
        {
            return ProtectorOf(slug, id).Unprotect(value) is [var asked, .. var secret] ? new(new(slug, id, secret), asked is '+') : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    public void Write(HttpResponse response, CheckedCode code)
    {
        var (slug, id, secret) = code.Link;
        var options = site.Options(PathOf(slug, id));
        options.MaxAge = Lifetime;
        response.Cookies.Append(name, ProtectorOf(slug, id).Protect($"{(code.Asked ? '+' : '-')}{secret}", Lifetime), options);
    }

    public void Delete(HttpResponse response, InvitationLink link) => response.Cookies.Delete(name, site.Options(PathOf(link.OrganizationSlug, link.InvitationId)));

    // Bound to its invitation: copied to another's page, it is not one of ours.
    private ITimeLimitedDataProtector ProtectorOf(string slug, Guid invitation) =>
        protection.CreateProtector("Usher.CheckedCode", slug, invitation.ToString()).ToTimeLimitedDataProtector();

    [GeneratedRegex("usi_[A-Za-z0-9_-]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodePattern { get; }
}
