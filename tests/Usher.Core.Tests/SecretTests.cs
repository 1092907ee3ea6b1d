using System.Security.Cryptography;

namespace Usher.Core.Tests;

public sealed class SecretTests
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    [Theory]
    [InlineData(Secret.ApiKeyPrefix)]
    [InlineData(Secret.InvitationPrefix)]
    [InlineData(Secret.SessionPrefix)]
    [InlineData(Secret.AddressPrefix)]
    public void A_secret_is_a_prefix_43_random_characters_and_6_check_characters(string prefix)
    {
        var (text, hash) = Secret.Create(prefix);
        Assert.StartsWith(prefix, text, StringComparison.Ordinal);
        Assert.Equal(4 + 43 + 6, text.Length);
        Assert.All(text[4..], c => Assert.Contains(c, Alphabet));
        Assert.True(Secret.IsWellFormed(text, prefix));
        Assert.Equal(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(text)), hash);
    }

    [Fact]
    public void A_secret_of_one_sort_is_none_of_another()
    {
        var (text, _) = Secret.Create(Secret.ApiKeyPrefix);
        Assert.False(Secret.IsWellFormed(text, Secret.InvitationPrefix));
        // the check characters know the prefix
        Assert.False(Secret.IsWellFormed(Secret.InvitationPrefix + text[4..], Secret.InvitationPrefix));
    }

    [Fact]
    public void No_two_are_alike()
    {
        var made = Enumerable.Range(0, 10_000).Select(_ => Secret.Create(Secret.ApiKeyPrefix).Text).ToHashSet();
        Assert.Equal(10_000, made.Count);
    }

    // Every position, every character that could stand there, and some that could not.
    [Fact]
    public void Every_change_of_one_character_is_noticed_without_asking_the_database()
    {
        var (text, _) = Secret.Create(Secret.InvitationPrefix);
        for (var i = 0; i < text.Length; i++)
            foreach (var other in (Alphabet + "=+/ \0é").Where(c => c != text[i]))
                Assert.False(Secret.IsWellFormed(text[..i] + other + text[(i + 1)..], Secret.InvitationPrefix));
    }

    [Fact]
    public void So_is_a_character_too_many_one_too_few_or_two_swapped()
    {
        var (text, _) = Secret.Create(Secret.InvitationPrefix);
        for (var i = 0; i < text.Length; i++)
        {
            Assert.False(Secret.IsWellFormed(text.Remove(i, 1), Secret.InvitationPrefix));
            Assert.False(Secret.IsWellFormed(text.Insert(i, "A"), Secret.InvitationPrefix));
            if (i + 1 < text.Length && text[i] != text[i + 1])
                Assert.False(Secret.IsWellFormed(
                    $"{text[..i]}{text[i + 1]}{text[i]}{text[(i + 2)..]}", Secret.InvitationPrefix));
        }

        string[] all = ["", "usi_", text[..^6], text + text, " " + text, text + "\n", text.ToUpperInvariant()];
        foreach (var odd in all)
            Assert.False(Secret.IsWellFormed(odd, Secret.InvitationPrefix));
    }
}
