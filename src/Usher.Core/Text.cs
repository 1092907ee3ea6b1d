using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Usher.Core;

/// <summary>Text that people type: names of persons, organizations, groups, resources.</summary>
public static partial class Text
{
    /// <summary>The longest name of anything, in characters.</summary>
    public const int MaxNameLength = 120;

    /// <summary>
    /// True when it has no control, format, private-use or unassigned character, no line break and no lone surrogate.
    /// </summary>
    /// <param name="text">What was typed.</param>
    /// <param name="joiners">Whether zero-width joiners may stand in it: names in Persian and some emoji need them,
    /// addresses never do.</param>
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
    /// Whether it may be a name: well formed and, as it is stored, 0 to <see cref="MaxNameLength"/> characters.
    /// </summary>
    public static bool IsName(string text) => IsWellFormed(text, joiners: true) && Name(text).Length <= MaxNameLength;

    /// <summary>The same for a name that there must be: 1 to <see cref="MaxNameLength"/> characters.</summary>
    public static bool IsFilledName(string text) => IsName(text) && Name(text).Length > 0;

    /// <summary>Whether it may describe something: well formed, 0 to 1,000 characters.</summary>
    public static bool IsDescription(string text) => text.Length <= 1_000 && IsWellFormed(text, joiners: true);

    /// <summary>Whether it may name a language: the form of BCP 47, 2 to 35 characters.</summary>
    public static bool IsLocale(string text) => text.Length is >= 2 and <= 35 && Locale().IsMatch(text);

    /// <summary>
    /// Whether it may be an entry of metadata: a name of 1 to 64 characters of A-Z a-z 0-9 _ . and -, a value of at
    /// most 1,000 characters.
    /// </summary>
    public static bool IsMetadata(string name, string value) => MetadataName().IsMatch(name) && IsDescription(value);

    /// <summary>How a name is stored.</summary>
    public static string Name(string text) => text.Trim().Normalize(NormalizationForm.FormC);

    /// <summary>How a name is compared: NFC, lower case.</summary>
    public static string Key(string text) => Name(text).ToLowerInvariant().Normalize(NormalizationForm.FormC);

    /// <summary>
    /// Orders keys as both databases do, by code point. Ordinal comparison differs beyond sixteen bits.
    /// </summary>
    public static Comparer<string> KeyOrder { get; } = Comparer<string>.Create((a, b) =>
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        return at == a.Length || at == b.Length ? a.Length - b.Length : Rank(a[at]) - Rank(b[at]);

        static int Rank(char c) => char.IsSurrogate(c) ? c + char.MaxValue : c;
    });

    /// <summary>Whether it names a time zone of the TZ database, such as <c>Europe/Berlin</c>.</summary>
    public static bool IsTimeZone(string text) =>
        text.Length is > 0 and <= 64 && IsWellFormed(text) && TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone)
            && zone.HasIanaId;

    /// <summary>A name as a part of addresses: 1 to 50 characters of a-z, 0-9 and inner hyphens.</summary>
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
