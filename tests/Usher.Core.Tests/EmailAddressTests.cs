using System.Globalization;
using System.Text;
using FsCheck.Fluent;

namespace Usher.Core.Tests;

public sealed class EmailAddressTests
{
    [Theory]
    [InlineData("ada@example.test", "ada@example.test")]
    [InlineData("Ada.Lovelace@Example.TEST", "ada.lovelace@example.test")]
    [InlineData("\t ada@example.test ", "ada@example.test")]
    [InlineData("a.d.a+usher@example.test", "a.d.a+usher@example.test")]
    [InlineData("o'brien@example.test", "o'brien@example.test")]
    [InlineData("!#$%&'*+-/=?^_`{|}~@example.test", "!#$%&'*+-/=?^_`{|}~@example.test")]
    [InlineData("1@1.example", "1@1.example")]
    public void One_plain_address_is_trimmed_and_lowered_and_keeps_its_dots_and_tags(string typed, string canonical) =>
        Assert.Equal(canonical, Canonical(typed));

    [Theory]
    [InlineData("ada@bücher.example", "ada@xn--bcher-kva.example")]
    [InlineData("ada@BÜCHER.example", "ada@xn--bcher-kva.example")]
    [InlineData("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example")]
    [InlineData("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example")]
    [InlineData("ada@bücher。example", "ada@xn--bcher-kva.example")]
    [InlineData("ada@ｅｘａｍｐｌｅ.test", "ada@example.test")]
    [InlineData("ada@\u212Aelvin.example", "ada@kelvin.example")]
    [InlineData("ada@faß.example", "ada@xn--fa-hia.example")]
    public void All_ways_to_write_one_domain_are_one_address(string typed, string canonical) =>
        Assert.Equal(canonical, Canonical(typed));

    [Theory]
    [InlineData("\u212Aate@example.test", "kate@example.test")]
    [InlineData("\u212Bsa@example.test", "åsa@example.test")]
    [InlineData("A\u030Asa@example.test", "åsa@example.test")]
    [InlineData("Ǆ@example.test", "ǆ@example.test")]
    [InlineData("ǅ@example.test", "ǆ@example.test")]
    [InlineData("ΣΊΣΥΦΟΣ@example.test", "σίσυφοσ@example.test")]
    [InlineData("用户@example.test", "用户@example.test")]
    public void Letters_beyond_ascii_are_composed_and_lowered(string typed, string canonical) =>
        Assert.Equal(canonical, Canonical(typed));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("ada")]
    [InlineData("@example.test")]
    [InlineData("ada@")]
    [InlineData("ada@localhost")]
    [InlineData("ada@example.test.")]
    [InlineData("ada@.example.test")]
    [InlineData("ada@example..test")]
    [InlineData("ada@-example.test")]
    [InlineData("ada@example-.test")]
    [InlineData("ada@exam_ple.test")]
    [InlineData("ada@exam ple.test")]
    [InlineData("ada lovelace@example.test")]
    [InlineData(".ada@example.test")]
    [InlineData("ada.@example.test")]
    [InlineData("a..da@example.test")]
    [InlineData("ada@ada@example.test")]
    [InlineData("ada＠example.test")]
    public void What_is_no_address_is_refused(string? typed) => Assert.False(EmailAddress.TryCanonical(typed, out _));

    [Theory]
    [InlineData("ada@example.test,bob@example.test")]
    [InlineData("ada@example.test, bob")]
    [InlineData("ada,bob@example.test")]
    [InlineData("ada@example.test;bob@example.test")]
    [InlineData("ada@example.test bob@example.test")]
    [InlineData("Ada <ada@example.test>")]
    [InlineData("<ada@example.test>")]
    [InlineData("\"Ada\" <ada@example.test>")]
    [InlineData("ada@example.test (Ada)")]
    [InlineData("ada(comment)@example.test")]
    [InlineData("\"ada\"@example.test")]
    [InlineData("\"ada lovelace\"@example.test")]
    [InlineData("ada\\@x@example.test")]
    [InlineData("group:ada@example.test;")]
    [InlineData("[\"ada@example.test\"]")]
    [InlineData("mailto:ada@example.test")]
    [InlineData("@relay.example:ada@example.test")]
    public void Lists_display_names_comments_quoting_and_routes_are_refused(string typed) =>
        Assert.False(EmailAddress.TryCanonical(typed, out _));

    [Theory]
    [InlineData("ada@[127.0.0.1]")]
    [InlineData("ada@[IPv6:::1]")]
    [InlineData("ada@127.0.0.1")]
    [InlineData("ada@example.1")]
    [InlineData("ada@１２７.０.０.１")]
    [InlineData("ada@①②⑦.0.0.①")]
    public void Addresses_of_machines_are_refused(string typed) =>
        Assert.False(EmailAddress.TryCanonical(typed, out _));

    [Theory]
    [InlineData("ada@example.test\r\nBcc: eve@example.test")]
    [InlineData("ada\r\n@example.test")]
    [InlineData("\nada@example.test")]
    [InlineData("ada@example.test\n")]
    [InlineData("ada\0@example.test")]
    [InlineData("ada@example.test\0")]
    [InlineData("ada\u0085@example.test")]
    [InlineData("ada\u2028@example.test")]
    [InlineData("a\u200Bda@example.test")]
    [InlineData("a\u200Dda@example.test")]
    [InlineData("a\u00ADda@example.test")]
    [InlineData("ada@exam\u00ADple.test")]
    [InlineData("\u202Eada@example.test")]
    [InlineData("\uFEFFada@example.test")]
    [InlineData("a\u00A0da@example.test")]
    [InlineData("a\uE000da@example.test")]
    [InlineData("a\u0378da@example.test")]
    [InlineData("ada@example.test\uFFFF")]
    public void Control_format_and_unassigned_characters_are_refused(string typed) =>
        Assert.False(EmailAddress.TryCanonical(typed, out _));

    [Fact]
    public void Half_a_character_is_refused()
    {
        Assert.False(EmailAddress.TryCanonical("ada\uD800@example.test", out _));
        Assert.False(EmailAddress.TryCanonical("ada@\uDC00example.test", out _));
    }

    [Theory]
    [InlineData("İ@example.test")] // lower case of which would be two characters
    [InlineData("𝐀@example.test")] // looks like A and has no lower case
    [InlineData("Ⅷ½@example.test")]
    public void What_has_no_lower_case_form_is_refused(string typed) =>
        Assert.False(EmailAddress.TryCanonical(typed, out _));

    [Fact]
    public void Lengths_are_those_of_mail_64_before_the_at_sign_and_254_in_all()
    {
        Assert.True(EmailAddress.TryCanonical(new string('a', 64) + "@example.test", out _));
        Assert.False(EmailAddress.TryCanonical(new string('a', 65) + "@example.test", out _));
        Assert.True(EmailAddress.TryCanonical(new string('é', 32) + "@example.test", out _));
        Assert.False(EmailAddress.TryCanonical(new string('é', 33) + "@example.test", out _));

        var label = new string('d', 63);
        Assert.True(EmailAddress.TryCanonical($"ada@{label}.test", out _));
        Assert.False(EmailAddress.TryCanonical($"ada@d{label}.test", out _));
        var longest = $"ad@{label}.{label}.{label}.{label[..54]}.test";
        Assert.Equal(EmailAddress.MaxLength, longest.Length);
        Assert.True(EmailAddress.TryCanonical(longest, out _));
        Assert.False(EmailAddress.TryCanonical("a" + longest, out _));
        Assert.False(EmailAddress.TryCanonical(new string('a', 1_000_000), out _));
    }

    [Fact]
    public void The_canonical_form_of_a_canonical_form_is_itself() =>
        Check.ForAll(
            Check.AnyAddress,
            typed =>
                !EmailAddress.TryCanonical(typed, out var once)
                    || (EmailAddress.TryCanonical(once, out var twice) && twice == once));

    [Fact]
    public void A_canonical_form_has_one_at_sign_an_ascii_domain_and_nothing_upper_case_or_invisible() =>
        Check.ForAll(Check.AnyAddress, typed => !EmailAddress.TryCanonical(typed, out var canonical)
            || (canonical.Count(c => c is '@') is 1
                && EmailAddress.DomainOf(canonical).All(char.IsAscii)
                && canonical.IsNormalized(NormalizationForm.FormC)
                && canonical.EnumerateRunes().All(r => Rune.ToLowerInvariant(r) == r)
                && Encoding.UTF8.GetByteCount(canonical) <= EmailAddress.MaxLength
                && canonical.EnumerateRunes().All(r => Rune.GetUnicodeCategory(r) is not (
                    UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.Control
                        or UnicodeCategory.Format or UnicodeCategory.Surrogate
                    or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator))));

    [Fact]
    public void Letter_case_and_surrounding_spaces_never_matter() =>
        Check.ForAll(Check.AsciiAddress, typed =>
            Canonical(typed) == Canonical(typed.ToUpperInvariant()) && Canonical(typed) == Canonical($" {typed}\t"));

    [Fact]
    public void Some_of_the_generated_addresses_are_accepted() =>
        Assert.Contains(Check.AnyAddress.Sample(2_000, 30), typed => EmailAddress.TryCanonical(typed, out _));

    private static string? Canonical(string typed) =>
        EmailAddress.TryCanonical(typed, out var canonical) ? canonical : null;
}
