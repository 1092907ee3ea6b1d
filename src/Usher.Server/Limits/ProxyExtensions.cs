using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace Usher.Server.Limits;

/// <summary>The trusted reverse proxies. Bound from <c>Usher:Proxy</c>.</summary>
public sealed class ProxyOptions
{
    public const string Section = "Usher:Proxy";

    /// <summary>The entry that trusts connections by a Unix socket.</summary>
    public const string Socket = "unix";

    public const int MaxHops = 10;

    /// <summary>
    /// Gets the proxies whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> headers are trusted: addresses,
    /// networks such as <c>10.0.0.0/8</c>, and <c>unix</c>. A single comma-separated value works too. The default is
    /// none.
    /// </summary>
    public IList<string> Trusted { get; } = [];

    /// <summary>
    /// Gets or sets how many entries of <c>X-Forwarded-For</c>, from the right, are trusted at most: 1 to 10. The
    /// default is 1.
    /// </summary>
    public int Hops { get; set; } = 1;

    /// <summary>Describes the first invalid setting; null when all are valid.</summary>
    internal string? Problem()
    {
        if (Hops is < 1 or > MaxHops) return $"{Section}:Hops must be 1 to {MaxHops}.";
        return Trusted.FirstOrDefault(t => t is not Socket && NetworkOf(t) is null) is { } wrong
            ? $"{Section}:Trusted: \"{wrong}\" is not valid. Use an address, a network such as 10.0.0.0/8, or "
                + $"\"{Socket}\"."
            : null;
    }

    internal IEnumerable<System.Net.IPNetwork> Networks => Trusted.Select(NetworkOf).OfType<System.Net.IPNetwork>();

    // An IPv4 address mapped to IPv6 is treated as the IPv4 address.
    private static System.Net.IPNetwork? NetworkOf(string text)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            // .NET parses "10" as 0.0.0.10 and "10.1" as 10.0.0.1. Such a value is a typing error.
            if (address.AddressFamily is System.Net.Sockets.AddressFamily.InterNetwork && address.ToString() != text)
                return null;
            if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
            return new(address, address.GetAddressBytes().Length * 8);
        }

        if (!System.Net.IPNetwork.TryParse(text, out var network)) return null;
        return network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= 96
            ? new(network.BaseAddress.MapToIPv4(), network.PrefixLength - 96)
            : network;
    }
}

/// <summary>
/// Reads the client's address from trusted proxies. Only <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are read,
/// and only from a trusted peer; an entry counts only if the entry to its right, or the peer, is trusted.
/// <c>Forwarded</c>, <c>X-Forwarded-Host</c> and <c>X-Forwarded-Prefix</c> are ignored.
/// </summary>
internal static class ProxyExtensions
{
    public static void AddUsherProxies(this IServiceCollection services)
    {
        services.AddOptions<ProxyOptions>().BindConfiguration(ProxyOptions.Section)
            .Configure<IConfiguration>((proxies, configuration) =>
            {
                // The binder ignores a single value for a list. All clients would then share the proxy's address.
                var one = configuration[$"{ProxyOptions.Section}:{nameof(ProxyOptions.Trusted)}"] ?? "";
                const StringSplitOptions split = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
                foreach (var peer in one.Split(',', split)) proxies.Trusted.Add(peer);
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ProxyOptions>>(new Validator());
        // Overrides ASPNETCORE_FORWARDEDHEADERS_ENABLED, which would trust every peer.
        services.PostConfigure<ForwardedHeadersOptions>(forwarded =>
            forwarded.ForwardedHeaders = ForwardedHeaders.None);
    }

    /// <summary>Must come early in the pipeline, before anything reads the client's address.</summary>
    public static void UseUsherProxies(this WebApplication app)
    {
        var proxies = app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value;
        if (proxies.Trusted is []) return;
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = proxies.Hops,
        };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var network in proxies.Networks) forwarded.KnownIPNetworks.Add(network);
        // The framework trusts every peer without an address; here a socket must be listed as trusted.
        var trustsSockets = proxies.Trusted.Contains(ProxyOptions.Socket);
        app.UseWhen(
            http => http.Connection.RemoteIpAddress is not null || trustsSockets,
            trusted => trusted.UseForwardedHeaders(forwarded));
    }

    private sealed class Validator : IValidateOptions<ProxyOptions>
    {
        public ValidateOptionsResult Validate(string? name, ProxyOptions options) =>
            options.Problem() is { } problem ? ValidateOptionsResult.Fail(problem) : ValidateOptionsResult.Success;
    }
}
