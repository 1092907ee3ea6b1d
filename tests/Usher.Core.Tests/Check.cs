using FsCheck;
using FsCheck.Fluent;

namespace Usher.Core.Tests;

/// <summary>Properties: what must hold for every value that a generator comes up with.</summary>
internal static class Check
{
    /// <summary>Text that is mostly what somebody could mean, with everything odd in between.</summary>
    public static Gen<string> AnyText { get; } = Gen.Frequency(
        (
            6,
            Gen.Elements(
                "a", "Z", "ada", "Lovelace", "0", "9", ".", "+", "-", "_", "'", " ", "@", "example", "test", "xn--",
                "..")),
        (2, Gen.Elements(
            "é", "e\u0301", "É", "Å", "\u212A", "\u212B", "İ", "ı", "ß", "ẞ", "ſ", "ﬁ", "Ǆ", "ǅ", "Σ", "ς", "ａ", "Ａ",
            "。", "＠", "\u0344", "\u0958", "日本", "𝐀", "𐐀", "𐐨")),
        (1, Gen.Elements(
            "\0", "\r\n", "\t", "\u00A0", "\u00AD", "\u200B", "\u200C", "\u200D", "\u202E", "\u2028", "\uFEFF",
            "\uE000", "\uFFFF", "\uD800", "\uDC00", "\u0378",
            "<", ">", "\"", ",", ";", "(", "[", "]", "\\", "%")),
        (1, Gen.Choose(0, 0xFFFF).Select(c => ((char)c).ToString()))).ListOf().Select(parts => string.Concat(parts));

    /// <summary>What looks like an address as often as not.</summary>
    public static Gen<string> AnyAddress { get; } =
        from local in AnyText
        from domain in Gen.OneOf(
            AnyText, AnyText.Select(t => t + ".example"),
            Gen.Elements("example.test", "BÜCHER.example", "xn--bcher-kva.Example", "日本.example", "ﬁ.example", "a.b"))
        select $"{local}@{domain}";

    /// <summary>The same in ASCII alone.</summary>
    public static Gen<string> AsciiAddress { get; } =
        from local in Gen.Elements("a", "Z", "ada", "Lovelace", "0", ".", "+", "-", "_", "'", " ", "@", "x").ListOf()
            .Select(parts => string.Concat(parts))
        from domain in Gen.Elements(
            "example.test", "Example.TEST", "XN--bcher-kva.Example", "xn--a", "a.b", "A.1", "a-.b", "-", "localhost")
        select $"{local}@{domain}";

    public static void ForAll<T>(Gen<T> values, Func<T, bool> holds, int count = 2_000) =>
        Prop.ForAll(values.ToArbitrary(), holds)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithQuietOnSuccess(true));
}
