using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Usher.Core;
using Usher.Core.Limits;

namespace Usher.Server.Auth;

/// <summary>
/// A known device as a browser's cookie, or a product's back end, keeps it: encrypted text that opens nothing. It only
/// exempts from the code that is mailed while sign-ins for an address fail.
/// </summary>
public sealed class DeviceTokens(IDataProtectionProvider protection, SiteCookies site, TimeProvider clock)
{
    // Longer than any token: what is longer is not decrypted.
    private const int MaxLength = 1_000;

    private readonly IDataProtector protector = protection.CreateProtector("Usher.KnownDevice.v1");
    private readonly string name = site.HostName("usher_device");

    public string Of(KnownDevice device) =>
        protector.Protect(string.Create(
            CultureInfo.InvariantCulture,
            $"{device.UserId:N} {device.Id:N} {device.ExpiresAt.ToUnixTimeMilliseconds()} {device.Stamp}"));

    /// <summary>Null for what is not one of this installation's, or too old.</summary>
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
