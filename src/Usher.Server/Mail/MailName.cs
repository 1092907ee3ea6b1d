using System.Globalization;
using System.Text;

namespace Usher.Server.Mail;

/// <summary>
/// Makes names safe for mails. People choose names freely, and their names appear in mails to strangers under our
/// sender address, so a name must not become a link or more than one line.
/// </summary>
internal static class MailName
{
    private const int MaxLength = 80;
    private const char HairSpace = '\u200A';

    // Characters that join the parts of an address or a host name, and those that IDNA and browsers treat as such:
    // ideographic, full-width, small and leader forms.
    private const string Joints = ".:/\\@\u3002\uFF0E\uFF61\uFE52\u2024\uFF1A\uFE55\uFF0F\uFF3C\uFE68\uFF20\uFE6B";

    /// <summary>
    /// The name as one line of at most 80 characters that no mail program turns into a link. Mail programs link texts
    /// such as <c>evil.example</c>, in plain text as in HTML. A hair space after the dot prevents it: it hardly shows,
    /// and as white space it ends a link in every program. A word joiner would show even less, but Android treats it as
    /// part of a host name, and IDNA removes it.
    /// </summary>
    public static string Of(string? name)
    {
        var line = OneLine(name ?? "");
        var shown = new StringBuilder(line.Length + 8);
        for (var i = 0; i < line.Length; i++)
        {
            shown.Append(line[i]);
            if (Joints.Contains(line[i], StringComparison.Ordinal) && i + 1 < line.Length && line[i + 1] is not ' ')
                shown.Append(HairSpace);
        }

        return shown.ToString();
    }

    private static string OneLine(string name)
    {
        var line = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes())
        {
            // Stored names are well formed, but configuration, imports and later versions may differ. Joiners are kept
            // for Persian and emoji.
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format && rune.Value is not (0x200C or 0x200D))
                continue;
            var blank = Rune.IsWhiteSpace(rune)
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.PrivateUse
                       or UnicodeCategory.OtherNotAssigned;
            if (!blank) line.Append(rune.ToString());
            else if (line.Length > 0 && line[^1] is not ' ') line.Append(' ');
        }

        var text = line.ToString().TrimEnd();
        if (text.Length <= MaxLength) return text;

        // Cut between two characters as readers see them.
        var end = 0;
        while (StringInfo.GetNextTextElementLength(text, end) is var next && end + next < MaxLength) end += next;
        return text[..end].TrimEnd() + "…";
    }
}
