using System.Globalization;
using System.Text;

namespace Usher.Server.Mail;

/// <summary>
/// Names as mails show them. Whoever chooses one writes into a stranger's mail, under our address: it must stay a name.
/// </summary>
internal static class MailName
{
    private const int MaxLength = 80;
    private const char HairSpace = '\u200A';

    // What joins the parts of an address or a host, and what IDNA and browsers read as such: ideographic, full-width,
    // small and leader forms.
    private const string Joints = ".:/\\@\u3002\uFF0E\uFF61\uFE52\u2024\uFF1A\uFE55\uFF0F\uFF3C\uFE68\uFF20\uFE6B";

    /// <summary>
    /// One line of at most 80 characters in which no mail program finds anything to turn into a link. They do that on
    /// their own with <c>evil.example</c>, in plain text as in HTML; here a hair space follows the dot. It hardly
    /// shows, and being white space it ends a link for every one of them. A word joiner shows even less, but counts as
    /// part of a host name on Android, and IDNA takes it out again.
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
            // Names are well formed when stored; configuration, imports and later versions may think otherwise. Joiners
            // stay, for Persian and emoji.
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

        // Between two characters as a reader sees them.
        var end = 0;
        while (StringInfo.GetNextTextElementLength(text, end) is var next && end + next < MaxLength) end += next;
        return text[..end].TrimEnd() + "…";
    }
}
