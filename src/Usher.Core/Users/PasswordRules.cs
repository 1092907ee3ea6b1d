using System.Globalization;
using System.Text;

namespace Usher.Core.Users;

/// <summary>
/// What a password must be: long, and not one of those that are tried first. No rules about kinds of characters (NIST
/// SP 800-63B advises against them).
/// </summary>
public static class PasswordRules
{
    public const int MinLength = 12;
    public const int MaxLength = 256;

    public static readonly Error TooShort = new(
        ErrorKind.Invalid, "password_too_short",
        $"Must be at least {MinLength} characters. A few words in a row are good.", "password");
    public static readonly Error TooLong = new(
        ErrorKind.Invalid, "password_too_long", $"Must be at most {MaxLength} characters.", "password");
    public static readonly Error TooCommon = new(
        ErrorKind.Invalid, "password_too_common",
        "This is a common password, which is easy to guess. Choose another one.",
        "password");

    private static readonly string[] Common =
    [
        "password", "passwort", "letmein", "welcome", "iloveyou", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1q2w3e4r5t",
        "1qaz2wsx3edc", "abcdefghijkl", "administrator",
        "changeme", "superman", "trustno", "football", "baseball", "princess", "sunshine", "dragon", "monkey", "master",
        "shadow", "secret", "admin", "login", "qwerty",
    ];

    /// <summary>
    /// The form of a password that is checked and hashed, so that every keyboard and operating system leads to the same
    /// one: other spaces become U+0020, the rest is NFC (RFC 8265, OpaqueString).
    /// </summary>
    /// <param name="password">As typed. Text with a lone surrogate has no such form and stays as it is.</param>
    public static string Prepare(string password)
    {
        if (Ascii.IsValid(password) || !IsUnicode(password)) return password;
        var spaced = string.Concat(password.Select(c =>
            char.GetUnicodeCategory(c) is UnicodeCategory.SpaceSeparator ? ' ' : c));
        return spaced.Normalize(NormalizationForm.FormC);
    }

    /// <summary>Null when it will do.</summary>
    /// <param name="password">As typed; never stored or logged. Its length is counted in Unicode characters after
    /// <see cref="Prepare"/>.</param>
    /// <param name="email">The account's canonical address, which is no password; null when the account has
    /// none.</param>
    public static Error? Check(string password, string? email)
    {
        password = Prepare(password);
        var length = password.EnumerateRunes().Count();
        if (length < MinLength) return TooShort;
        if (length > MaxLength) return TooLong;
        var plain = password.ToLowerInvariant();
        string[] own = email is null
            ? []
            : [email[..email.IndexOf('@', StringComparison.Ordinal)], EmailAddress.DomainOf(email)];
        var rest = Common.Concat(own)
            .Where(word => word.Length > 3)
                .Aggregate(plain, (text, word) => text.Replace(word, "", StringComparison.Ordinal));
        var letters = rest.Where(char.IsLetter).Distinct().Count();
        // What remains when the obvious is taken away: a run of digits or a few characters over and over is not a
        // password.
        return letters < 3 && (rest.Length < MinLength || plain.Distinct().Count() < 8 || IsRun(plain))
            ? TooCommon
            : null;
    }

    private static bool IsUnicode(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune)) return false;
            i += rune.Utf16SequenceLength;
        }

        return true;
    }

    private static bool IsRun(string text) =>
        text.Zip(text.Skip(1)).Count(pair => Math.Abs(pair.Second - pair.First) <= 1) > text.Length * 3 / 4;
}
