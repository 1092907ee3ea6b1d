using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Usher.Core;
using Usher.Core.Limits;

namespace Usher.Server.Auth;

/// <summary>
/// Encrypted tokens for known devices, kept in a browser's cookie or by a product's back end. A token grants no access;
/// it only exempts the device from the mailed code that is required after many failed sign-ins for an address.
/// </summary>
public sealed class DeviceTokens(IDataProtectionProvider protection, SiteCookies site, TimeProvider clock)
{
    // Longer tokens cannot be valid and are not decrypted.
    private const int MaxLength = 1_000;

    private readonly IDataProtector protector = protection.CreateProtector("Usher.KnownDevice.v1");
    private readonly string name = site.HostName("usher_device");

    public string Of(KnownDevice device) =>
        protector.Protect(string.Create(
            CultureInfo.InvariantCulture,
            $"{device.UserId:N} {device.Id:N} {device.ExpiresAt.ToUnixTimeMilliseconds()} {device.Stamp}"));

    /// <summary>Null for a token that was not issued by this installation or has expired.</summary>
    public KnownDevice? Read(string? token)
    {
        if (token is not { Length: > 0 and <= MaxLength }) return null;
        try
        {
            if (protector.Unprotect(token).Split(' ', 4) is not [var user, var id, var ends, var stamp]) return null;
            var device = new KnownDevice(
                Guid.ParseExact(user, "N"), stamp, Guid.ParseExact(id, "N"),
                DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(ends, CultureInfo.InvariantCulture)));
            return device.ExpiresAt > clock.Now() ? device : null;
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            return null;
        }
    }

    public KnownDevice? Read(HttpRequest request) => Read(request.Cookies[name]);

    public void Write(HttpResponse response, KnownDevice device)
    {
        var options = site.Options("/");
        options.MaxAge = KnownDevice.Lifetime;
        response.Cookies.Append(name, Of(device), options);
    }
}
