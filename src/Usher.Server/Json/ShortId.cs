using System.Buffers.Text;

namespace Usher.Server.Json;

/// <summary>A UUID in 22 characters of base64url.</summary>
public static class ShortId
{
    public static string Of(Guid id) => Base64Url.EncodeToString(id.ToByteArray(bigEndian: true));

    /// <summary>Null for any text that <see cref="Of"/> does not produce.</summary>
    public static Guid? Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[18];
        if (text.Length is not 22 || !Base64Url.IsValid(text)
                || !Base64Url.TryDecodeFromChars(text, bytes, out var length) || length is not 16)
            return null;
        var id = new Guid(bytes[..16], bigEndian: true);
        return Of(id) == text ? id : null;
    }
}
