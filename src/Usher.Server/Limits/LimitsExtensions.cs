using Usher.Core.Data;
using Usher.Core.Limits;
using Usher.Server.Auth;
using Usher.Server.Pages;

namespace Usher.Server.Limits;

internal static class LimitsExtensions
{
    /// <summary>Registers the limits, and what identifies clients to them.</summary>
    public static void AddUsherLimits(this IServiceCollection services)
    {
        services.AddOptions<GuessLimitOptions>().BindConfiguration(GuessLimitOptions.Section)
            .Validate(
                limits => limits.AreValid,
                $"{GuessLimitOptions.Section}: every limit must be at least 1, every window 1 second to 1 day.")
            .ValidateOnStart();
        services.AddOptions<SearchOptions>().BindConfiguration(SearchOptions.Section)
            .Validate(
                search => search.IsValid,
                $"{SearchOptions.Section}:TimeLimit must be 10 milliseconds to 1 minute (00:00:00.010 to 00:01:00).")
            .ValidateOnStart();
        services.AddUsherProxies();
        services.AddSingleton<GuessLimits>();
        services.AddSingleton<GuestLimits>();
        services.AddSingleton<DeviceTokens>();
        services.AddSingleton<HttpRequestClient>();
        services.AddSingleton<IRequestClient>(s => s.GetRequiredService<HttpRequestClient>());
    }
}
