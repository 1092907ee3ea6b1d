using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Usher.Core;

/// <summary>
/// The canonical form of an e-mail address, which identifies members and users: trimmed, NFC, lower case, with the
/// domain in IDNA ASCII. Dots and plus tags are kept. Mail is sent to the canonical form, so that the proven address is
/// the one that received the mail.
/// </summary>
public static class EmailAddress
{
    /// <summary>RFC 5321: 64 octets before the at sign, 254 in total.</summary>
    public const int MaxLength = 254;

    private const int MaxLocalLength = 64;
    private const string AtomCharacters = "!#$%&'*+-/=?^_`{|}~.";

    /// <summary>
    /// Converts an address to its canonical form. Fails unless the text is one plain address with a dotted domain.
    /// Lists, display names, quoting, address literals, and control and format characters are not allowed.
    /// </summary>
    public static bool TryCanonical([NotNullWhen(true)] string? typed, [NotNullWhen(true)] out string? canonical)
    {
        canonical = null;
        if (typed is null || typed.Length > MaxLength + 64) return false;
        var text = typed.Trim(' ', '\t');
        if (text.Length is 0 || !Text.IsWellFormed(text)) return false;
        text = text.Normalize(NormalizationForm.FormC);

        var at = text.IndexOf('@', StringComparison.Ordinal);
        if (at < 1 || at != text.LastIndexOf('@')) return false;
        var local = text[..at].ToLowerInvariant().Normalize(NormalizationForm.FormC);
        if (!IsLocalPart(local) || !TryAsciiDomain(text[(at + 1)..], out var domain)) return false;

        var whole = $"{local}@{domain}";
        if (Encoding.UTF8.GetByteCount(whole) > MaxLength) return false;
        canonical = whole;
        return true;
    }

    /// <summary>The domain of a canonical address.</summary>
    public static string DomainOf(string canonical) => canonical[(canonical.LastIndexOf('@') + 1)..];

    // Letters without a lower-case form (such as a mathematical A or a dotted I) have no canonical form and are
    // refused.
    private static bool IsLocalPart(string local) =>
        Encoding.UTF8.GetByteCount(local) <= MaxLocalLength
        && local[0] is not '.' && local[^1] is not '.' && !local.Contains("..", StringComparison.Ordinal)
        && local.EnumerateRunes().All(rune => rune.IsAscii
            ? Rune.IsLetterOrDigit(rune) || AtomCharacters.Contains((char)rune.Value, StringComparison.Ordinal)
            : (Rune.IsLetterOrDigit(rune) && !Rune.IsUpper(rune))
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark
                       or UnicodeCategory.SpacingCombiningMark);

    private static bool TryAsciiDomain(string domain, [NotNullWhen(true)] out string? ascii)
    {
        ascii = null;
        if (domain.Length is 0) return false;
        try
        {
            ascii = new IdnMapping { UseStd3AsciiRules = true }.GetAscii(domain.ToLowerInvariant()).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return false;
        }

        var labels = ascii.Split('.');
        return labels.Length > 1
            && labels.All(l =>
                   l.Length is > 0 and < 64 && l[0] is not '-' && l[^1] is not '-'
                       && l.All(c => char.IsAsciiLetterOrDigit(c) || c is '-'))
            && !labels[^1].All(char.IsAsciiDigit);
    }
}
