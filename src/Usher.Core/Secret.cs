using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Usher.Core;

/// <summary>
/// Makes and recognises secrets: a prefix, 32 random bytes in base64url, six check characters. Only the SHA-256 is ever
/// stored.
/// </summary>
public static class Secret
{
    public const string ApiKeyPrefix = "usk_";
    public const string InvitationPrefix = "usi_";
    public const string SessionPrefix = "uss_";
    public const string AddressPrefix = "usa_";
    public const string ResetPrefix = "usp_";

    private const int RandomBytes = 32;
    private const int CheckLength = 6;

    public static (string Text, byte[] Hash) Create(string prefix)
    {
        Span<byte> random = stackalloc byte[RandomBytes];
        RandomNumberGenerator.Fill(random);
        var body = prefix + Base64Url.EncodeToString(random);
        var text = body + Check(body);
        return (text, Hash(text));
    }

    public static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>
    /// Whether it has this prefix, length and check characters: a typing mistake is told apart from a wrong secret
    /// without asking the database.
    /// </summary>
    public static bool IsWellFormed(string text, string prefix)
    {
        var bodyLength = prefix.Length + Base64Url.GetEncodedLength(RandomBytes);
        return text.Length == bodyLength + CheckLength
            && text.StartsWith(prefix, StringComparison.Ordinal)
            && text.AsSpan(bodyLength).SequenceEqual(Check(text[..bodyLength]));
    }

    private static string Check(string body) => Base64Url.EncodeToString(Hash(body))[..CheckLength];
}
