using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;

namespace Usher.Server.Startup;

/// <summary>
/// The key that encrypts the Data Protection keys in the database. It is kept in a file of its own, so that a backup of
/// the database does not contain it.
/// </summary>
public sealed class MasterKey
{
    private const int Size = 32;
    private readonly byte[] key;

    private MasterKey(byte[] key) => this.key = key;

    /// <summary>
    /// Reads the file. With <paramref name="mayCreate"/>, creates it if it is missing, readable only by its owner.
    /// </summary>
    public static MasterKey Open(string file, bool mayCreate)
    {
        try
        {
            if (!File.Exists(file) && mayCreate)
            {
                using var stream = new FileStream(file, PrivateFiles.Opening(FileMode.CreateNew, FileAccess.Write));
                stream.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(
                    RandomNumberGenerator.GetBytes(Size))));
                stream.Flush(flushToDisk: true);
            }

            return new(
                Convert.FromBase64String(File.ReadAllText(file).Trim()) is { Length: Size } key
                    ? key
                    : throw new FormatException());
        }
        catch (FormatException)
        {
            throw new StartupException($"Usher:MasterKeyFile: {file} must contain {Size} bytes in base64.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"Usher:MasterKeyFile: {file} cannot be read: {e.Message}");
        }
    }

    public byte[] Wrap(ReadOnlySpan<byte> plain)
    {
        var sealedBytes = new byte[AesGcm.NonceByteSizes.MaxSize + AesGcm.TagByteSizes.MaxSize + plain.Length];
        var (nonce, tag, cipher) = Parts(sealedBytes);
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(nonce));
        using var aes = new AesGcm(key, AesGcm.TagByteSizes.MaxSize);
        aes.Encrypt(sealedBytes.AsSpan(nonce), plain, sealedBytes.AsSpan(cipher), sealedBytes.AsSpan(tag));
        return sealedBytes;
    }

    public byte[] Unwrap(byte[] sealedBytes)
    {
        var (nonce, tag, cipher) = Parts(sealedBytes);
        var plain = new byte[sealedBytes[cipher].Length];
        using var aes = new AesGcm(key, AesGcm.TagByteSizes.MaxSize);
        aes.Decrypt(sealedBytes.AsSpan(nonce), sealedBytes.AsSpan(cipher), sealedBytes.AsSpan(tag), plain);
        return plain;
    }

    /// <summary>Whether this key decrypts a Data Protection key from the database.</summary>
    /// <param name="xml">The element that Data Protection stored. One without an encrypted key, such as a revocation,
    /// counts as decrypted.</param>
    internal bool Opens(string xml)
    {
        try
        {
            foreach (var wrapped in XElement.Parse(xml).Descendants(MasterKeyEncryptor.Element))
                Unwrap(Convert.FromBase64String(wrapped.Value));
            return true;
        }
        catch (Exception e) when (e is CryptographicException or FormatException or ArgumentException)
        {
            return false;
        }
    }

    private static (Range Nonce, Range Tag, Range Cipher) Parts(byte[] bytes)
    {
        var (nonce, tag) = (AesGcm.NonceByteSizes.MaxSize, AesGcm.TagByteSizes.MaxSize);
        return (..nonce, nonce..(nonce + tag), (nonce + tag)..bytes.Length);
    }
}

internal sealed class MasterKeyEncryptor(MasterKey master) : IXmlEncryptor
{
    /// <summary>The name of the element that contains an encrypted key.</summary>
    public const string Element = "wrapped";

    public EncryptedXmlInfo Encrypt(XElement plaintextElement)
    {
        var wrapped = master.Wrap(System.Text.Encoding.UTF8.GetBytes(plaintextElement.ToString(
            SaveOptions.DisableFormatting)));
        return new(new XElement(Element, Convert.ToBase64String(wrapped)), typeof(MasterKeyDecryptor));
    }
}

internal sealed class MasterKeyDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement) =>
        XElement.Parse(
            System.Text.Encoding.UTF8.GetString(
                services.GetRequiredService<MasterKey>().Unwrap(Convert.FromBase64String(encryptedElement.Value))));
}
