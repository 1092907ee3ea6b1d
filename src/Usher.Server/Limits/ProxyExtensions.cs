using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace Usher.Server.Limits;

/// <summary>Which proxies tell where a request comes from. Bound from <c>Usher:Proxy</c>.</summary>
public sealed class ProxyOptions
{
    public const string Section = "Usher:Proxy";

    /// <summary>The word for whoever connects by a Unix socket.</summary>
    public const string Socket = "unix";

    public const int MaxHops = 10;

    /// <summary>
    /// Gets the peers whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed: addresses, networks such
    /// as <c>10.0.0.0/8</c>, and <c>unix</c>. One setting with commas does as well as a list. The default is none.
    /// </summary>
    public IList<string> Trusted { get; } = [];

    /// <summary>
    /// Gets or sets how many entries of <c>X-Forwarded-For</c>, from the right, are believed at most: 1 to 10. The
    /// default is 1.
    /// </summary>
    public int Hops { get; set; } = 1;

    /// <summary>What is wrong with the settings, or null.</summary>
    internal string? Problem()
    {
        if (Hops is < 1 or > MaxHops) return $"{Section}:Hops must be 1 to {MaxHops}.";
        return Trusted.FirstOrDefault(t => t is not Socket && NetworkOf(t) is null) is { } wrong
            ? $"{Section}:Trusted: \"{wrong}\" is neither an address, nor a network such as 10.0.0.0/8, nor "
                + $"\"{Socket}\"."
            : null;
    }

    internal IEnumerable<System.Net.IPNetwork> Networks => Trusted.Select(NetworkOf).OfType<System.Net.IPNetwork>();

    // An IPv4 address written as IPv6 is the IPv4 address.
    private static System.Net.IPNetwork? NetworkOf(string text)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            // "10" and "10.1" are addresses to .NET; nobody means 0.0.0.10.
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
/// The addresses that trusted proxies tell. Only <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are read, and only
/// from a trusted peer; each entry counts only if the one to its right, or the peer, is trusted. <c>Forwarded</c>,
/// <c>X-Forwarded-Host</c> and <c>X-Forwarded-Prefix</c> are never read.
/// </summary>
internal static class ProxyExtensions
{
    public static void AddUsherProxies(this IServiceCollection services)
    {
        services.AddOptions<ProxyOptions>().BindConfiguration(ProxyOptions.Section)
            .Configure<IConfiguration>((proxies, configuration) =>
            {
                // A scalar is no list to the framework: it would be ignored, and everybody would be one client.
                var one = configuration[$"{ProxyOptions.Section}:{nameof(ProxyOptions.Trusted)}"] ?? "";
                foreach (var peer in one.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) proxies.Trusted.Add(peer);
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ProxyOptions>>(new Validator());
        // An environment variable of the framework would have it believe everybody.
        services.PostConfigure<ForwardedHeadersOptions>(forwarded =>
            forwarded.ForwardedHeaders = ForwardedHeaders.None);
    }

    /// <summary>First in the pipeline: whatever asks for the client's address asks after it.</summary>
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
        // The framework believes every peer without an address; here a socket must be trusted by name.
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
