using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Usher.Core;

/// <summary>
/// Creates and recognizes secrets: a prefix, 32 random bytes in base64url and six check characters. Only the SHA-256 is
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
    /// Whether a text has the given prefix, the right length and valid check characters. This detects typing mistakes
    /// without a database query.
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
