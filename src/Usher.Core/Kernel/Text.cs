using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Usher.Core;

/// <summary>Validates and normalizes text entered by people, such as names.</summary>
public static partial class Text
{
    /// <summary>The maximum length of a name, in characters.</summary>
    public const int MaxNameLength = 120;

    /// <summary>
    /// Whether a text has no control, format, private-use or unassigned characters, no line breaks and no lone
    /// surrogates.
    /// </summary>
    /// <param name="text">The text as it was entered.</param>
    /// <param name="joiners">Whether zero-width joiners are allowed. Persian names and some emoji need them; addresses
    /// must not contain them.</param>
    public static bool IsWellFormed(string text, bool joiners = false)
    {
        for (var i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune)) return false;
            if (
                !(joiners && rune.Value is 0x200C or 0x200D)
                    && Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
                           or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
                    or UnicodeCategory.ParagraphSeparator) return false;
            i += rune.Utf16SequenceLength;
        }

        return true;
    }

    /// <summary>
    /// Whether a text is a valid name, possibly empty: well-formed and, when normalized, 0 to
    /// <see cref="MaxNameLength"/> characters.
    /// </summary>
    public static bool IsName(string text) => IsWellFormed(text, joiners: true) && Name(text).Length <= MaxNameLength;

    /// <summary>Whether a text is a valid name and not empty: 1 to <see cref="MaxNameLength"/> characters.</summary>
    public static bool IsFilledName(string text) => IsName(text) && Name(text).Length > 0;

    /// <summary>Whether a text is a valid description: well-formed, 0 to 1,000 characters.</summary>
    public static bool IsDescription(string text) => text.Length <= 1_000 && IsWellFormed(text, joiners: true);

    /// <summary>Whether a text has the form of a BCP 47 language tag, 2 to 35 characters.</summary>
    public static bool IsLocale(string text) => text.Length is >= 2 and <= 35 && Locale().IsMatch(text);

    /// <summary>
    /// Whether a metadata entry is valid: a name of 1 to 64 characters of A-Z a-z 0-9 _ . and -, and a value of at most
    /// 1,000 characters.
    /// </summary>
    public static bool IsMetadata(string name, string value) => MetadataName().IsMatch(name) && IsDescription(value);

    /// <summary>The stored form of a name: trimmed, NFC.</summary>
    public static string Name(string text) => text.Trim().Normalize(NormalizationForm.FormC);

    /// <summary>The first 64 characters, so that an error cannot carry arbitrary text of its caller.</summary>
    public static string Excerpt(string text) => text.Length > 64 ? text[..64] + "…" : text;

    /// <summary>The form in which names are compared: trimmed, lower case, NFC.</summary>
    public static string Key(string text) => Name(text).ToLowerInvariant().Normalize(NormalizationForm.FormC);

    /// <summary>
    /// Orders keys by code point, as both databases do. Ordinal comparison by UTF-16 code unit differs above U+FFFF.
    /// </summary>
    public static Comparer<string> KeyOrder { get; } = Comparer<string>.Create((a, b) =>
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        return at == a.Length || at == b.Length ? a.Length - b.Length : Rank(a[at]) - Rank(b[at]);

        static int Rank(char c) => char.IsSurrogate(c) ? c + char.MaxValue : c;
    });

    /// <summary>Whether a text is a time zone of the TZ database, such as <c>Europe/Berlin</c>.</summary>
    public static bool IsTimeZone(string text) =>
        text.Length is > 0 and <= 64 && IsWellFormed(text) && TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone)
            && zone.HasIanaId;

    /// <summary>Derives a URL part from a name: 1 to 50 characters of a-z, 0-9 and inner hyphens.</summary>
    public static string Slug(string name)
    {
        var slug = new StringBuilder();
        foreach (var c in Key(name).Normalize(NormalizationForm.FormD))
        {
            if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)) slug.Append(c);
            else if (CharUnicodeInfo.GetUnicodeCategory(c) is not UnicodeCategory.NonSpacingMark
                    && slug is { Length: > 0 } && slug[^1] is not '-')
                slug.Append('-');
        }

        var text = slug.ToString(0, Math.Min(slug.Length, 50)).Trim('-');
        return text.Length > 0 ? text : "resource";
    }

    [GeneratedRegex("^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Locale();

    [GeneratedRegex("^[A-Za-z0-9_.-]{1,64}$", RegexOptions.None, 1000)]
    private static partial Regex MetadataName();
}
