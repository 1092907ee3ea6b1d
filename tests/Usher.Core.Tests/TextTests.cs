using FsCheck.Fluent;

namespace Usher.Core.Tests;

public sealed class TextTests
{
    [Theory]
    [InlineData("")]
    [InlineData("Ada")]
    [InlineData("  Ada  ")]
    [InlineData("María-José O’Neill Ñ. 3rd")]
    [InlineData("王小明")]
    [InlineData("می‌خواهم")] // Persian, with its zero-width non-joiner
    [InlineData("👩‍👩‍👧")]
    [InlineData("<b>Ada</b> & \"Co\"")]
    public void Names_of_people_are_names(string text) => Assert.True(Text.IsName(text));

    [Theory]
    [InlineData("Ada\r\nBcc: eve@example.test")]
    [InlineData("Ada\n")]
    [InlineData("\tAda")]
    [InlineData("Ada\0")]
    [InlineData("Ada\u001b[31m")]
    [InlineData("Ada\u0085")]
    [InlineData("Ada\u2028Lovelace")]
    [InlineData("Ada\u202Eecalevol")]
    [InlineData("Ada\u200B")]
    [InlineData("Ada\uFEFF")]
    [InlineData("Ada\uE000")]
    [InlineData("Ada\u0378")]
    public void Control_format_private_and_unassigned_characters_are_in_no_name(string text) =>
        Assert.False(Text.IsName(text));

    [Fact]
    public void Half_a_character_is_in_no_name()
    {
        Assert.False(Text.IsName("Ada\uD800"));
        Assert.False(Text.IsName("\uDC00Ada"));
    }

    [Fact]
    public void Joiners_are_well_formed_only_where_they_are_allowed()
    {
        Assert.True(Text.IsWellFormed("a\u200Cb\u200D", joiners: true));
        Assert.False(Text.IsWellFormed("a\u200Cb"));
        Assert.False(Text.IsWellFormed("a\u200Db"));
    }

    [Fact]
    public void A_name_is_as_long_as_it_is_stored()
    {
        Assert.True(Text.IsName(new string('a', Text.MaxNameLength)));
        Assert.False(Text.IsName(new string('a', Text.MaxNameLength + 1)));
        Assert.True(Text.IsName("  " + new string('a', Text.MaxNameLength) + "  "));
        // one character each, which composed are two
        Assert.False(Text.IsName(new string('\u0958', Text.MaxNameLength)));
    }

    [Fact]
    public void Names_that_people_take_for_the_same_have_one_key()
    {
        Assert.Equal(Text.Key("Café"), Text.Key(" CAFE\u0301 "));
        Assert.Equal(Text.Key("kelvin"), Text.Key("\u212Aelvin"));
        Assert.NotEqual(Text.Key("cafe"), Text.Key("café"));
    }

    [Fact]
    public void A_stored_name_is_a_name_and_is_stored_as_it_is() =>
        Check.ForAll(
            Check.AnyText,
            typed =>
                !Text.IsName(typed)
                    || (Text.IsName(Text.Name(typed)) && Text.Name(Text.Name(typed)) == Text.Name(typed)));

    [Fact]
    public void A_names_key_is_its_own_key() =>
        Check.ForAll(Check.AnyText, typed => !Text.IsName(typed) || Text.Key(Text.Key(typed)) == Text.Key(typed));

    [Theory]
    [InlineData("Europe/Berlin")]
    [InlineData("America/Argentina/Buenos_Aires")]
    [InlineData("Etc/UTC")]
    [InlineData("UTC")]
    [InlineData("Etc/GMT+5")]
    public void Names_of_the_tz_database_are_time_zones(string zone) => Assert.True(Text.IsTimeZone(zone));

    [Theory]
    [InlineData("")]
    [InlineData("Berlin")]
    [InlineData("Europe/Nowhere")]
    [InlineData("W. Europe Standard Time")]
    [InlineData("../zoneinfo/Europe/Berlin")]
    [InlineData("/usr/share/zoneinfo/Europe/Berlin")]
    [InlineData("/etc/localtime")]
    [InlineData("zone.tab")]
    [InlineData("Europe/Berlin\0")]
    [InlineData("Europe/Berlin\n")]
    [InlineData("+02:00")]
    public void Nothing_else_is(string zone) => Assert.False(Text.IsTimeZone(zone));

    [Theory]
    [InlineData("Storefront", "storefront")]
    [InlineData("  Müller & Söhne GmbH ", "muller-sohne-gmbh")]
    [InlineData("--a--b--", "a-b")]
    [InlineData("王小明", "resource")]
    [InlineData("", "resource")]
    [InlineData(
        "A very long name that goes on and on until nobody reads it any more",
        "a-very-long-name-that-goes-on-and-on-until-nobody")]
    public void A_name_becomes_a_part_of_addresses(string name, string slug) => Assert.Equal(slug, Text.Slug(name));
}
