using Usher.Core.Limits;
using Usher.Server.Auth;
using Usher.Server.Pages;

namespace Usher.Server.Limits;

internal static class LimitsExtensions
{
    /// <summary>The limits on guests, and who is counted by them.</summary>
    public static void AddUsherLimits(this IServiceCollection services)
    {
        services.AddOptions<GuessLimitOptions>().BindConfiguration(GuessLimitOptions.Section)
            .Validate(limits => limits.AreValid, $"{GuessLimitOptions.Section}: every limit is at least 1, every window a second to a day.")
            .ValidateOnStart();
        services.AddSingleton<GuessLimits>();
        services.AddSingleton<GuestLimits>();
        services.AddSingleton<DeviceTokens>();
        services.AddSingleton<HttpRequestClient>();
        services.AddSingleton<IRequestClient>(s => s.GetRequiredService<HttpRequestClient>());
    }
}
