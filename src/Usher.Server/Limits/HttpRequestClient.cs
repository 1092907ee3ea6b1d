using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Usher.Core.Limits;
using Usher.Server.Auth;

namespace Usher.Server.Limits;

/// <summary>
/// The client of the current request, by its IP address. Behind a trusted proxy it is the address that the proxy
/// reports; see <see cref="ProxyExtensions"/>.
/// </summary>
internal sealed class HttpRequestClient(IHttpContextAccessor accessor, DeviceTokens devices) : IRequestClient
{
    public RequestClient Current => accessor.HttpContext is { } http ? Of(http) : RequestClient.None;

    /// <summary>The client of a request.</summary>
    public RequestClient Of(HttpContext http)
    {
        if (http.Features.Get<RequestClient>() is { } known) return known;
        var client = new RequestClient(NameOf(http.Connection.RemoteIpAddress), Device: devices.Read(http.Request));
        http.Features.Set(client);
        return client;
    }

    /// <summary>The IPv4 address, also where it is mapped to IPv6; for IPv6 the /64 network.</summary>
    internal static string NameOf(IPAddress? address)
    {
        if (address is null) return "socket"; // a Unix socket without a trusted proxy's header
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6) return address.ToString();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return string.Create(CultureInfo.InvariantCulture, $"{new IPAddress(bytes)}/64");
    }
}
