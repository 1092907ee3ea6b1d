using System.Text;
using Usher.Core.Users;

namespace Usher.Core.Tests.Users;

public sealed class PasswordRulesTests
{
    private const string Email = "marie.curie@radium.example";

    [Theory]
    [InlineData("correct horse battery staple")]
    [InlineData("seven small grey herons")]
    [InlineData("Tr0ub4dor&3 is short")]
    [InlineData("8f3kq0x7z1mn")]
    [InlineData("пароль из слов")]
    [InlineData("my password is a whole sentence")]
    [InlineData("marie.curie likes polonium")]
    public void A_few_words_or_something_random_will_do(string password) =>
        Assert.Null(PasswordRules.Check(password, Email));

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("elevenchars")]
    public void Less_than_twelve_characters_are_too_short(string password) =>
        Assert.Equal(PasswordRules.TooShort, PasswordRules.Check(password, Email));

    [Fact]
    public void More_than_256_characters_are_too_long()
    {
        var sentence = string.Concat(Enumerable.Repeat("correct horse battery staple, ", 10));
        Assert.Null(PasswordRules.Check(sentence[..PasswordRules.MaxLength], Email));
        Assert.Equal(PasswordRules.TooLong, PasswordRules.Check(sentence[..(PasswordRules.MaxLength + 1)], Email));
    }

    [Fact]
    public void Characters_are_counted_as_people_see_them_and_not_by_how_a_keyboard_sends_them()
    {
        var eleven = "ä ö ü é ñ å"; // 11 characters, 17 when every accent is sent by itself
        Assert.Equal(PasswordRules.TooShort, PasswordRules.Check(eleven.Normalize(NormalizationForm.FormD), Email));
        Assert.Equal(PasswordRules.TooShort, PasswordRules.Check("🦊🐻🐼🐨🐯🦁", Email)); // 6 characters, 12 in UTF-16
        var longest = string.Concat(Enumerable.Repeat("grüße, ", 37))[..PasswordRules.MaxLength];
        Assert.Null(PasswordRules.Check(longest.Normalize(NormalizationForm.FormD), Email));
        Assert.Equal(
            PasswordRules.TooLong, PasswordRules.Check((longest + "ü").Normalize(NormalizationForm.FormD), Email));
    }

    [Theory]
    [InlineData("pa\u0308sswo\u0308rd mit Umlaut", "pässwörd mit Umlaut")]
    [InlineData("one\u00A0two\u3000three", "one two three")]
    [InlineData("\uD55C\uAE00 비밀번호 네 단어", "한글 비밀번호 네 단어")]
    [InlineData("plain ascii stays", "plain ascii stays")]
    [InlineData("a lone \uD800 ü surrogate", "a lone \uD800 ü surrogate")]
    public void One_password_has_one_form_however_it_was_typed(string typed, string prepared) =>
        Assert.Equal(prepared, PasswordRules.Prepare(typed));

    [Fact]
    public void An_account_without_an_address_has_the_same_rules() =>
        Assert.Null(PasswordRules.Check("correct horse battery staple", email: null));

    [Theory]
    [InlineData("passwordpassword")]
    [InlineData("Password1234")]
    [InlineData("PASSWORD2026!")]
    [InlineData("administrator")]
    [InlineData("qwertyuiop12")]
    [InlineData("letmeinletmein")]
    [InlineData("welcome123456")]
    [InlineData("123456789012")]
    [InlineData("111111111111")]
    [InlineData("aaaaaaaaaaaa")]
    [InlineData("abababababab")]
    [InlineData("            ")]
    [InlineData("marie.curie1")]
    [InlineData("marie.curie2026")]
    [InlineData("radium.example")]
    public void What_is_tried_first_is_too_common(string password) =>
        Assert.Equal(PasswordRules.TooCommon, PasswordRules.Check(password, Email));

    [Fact]
    public void No_refusal_repeats_what_was_typed() =>
        Assert.All(
            new[] { "elevenchars", "passwordpassword", new string('x', 300) },
            typed =>
                Assert.DoesNotContain(
                    typed, PasswordRules.Check(typed, Email)!.Message, StringComparison.OrdinalIgnoreCase));
}
