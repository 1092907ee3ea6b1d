using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Usher.Core.ApiKeys;
using Usher.Core.Sessions;

namespace Usher.Server.Auth;

internal static class AuthExtensions
{
    /// <summary>
    /// Registers authentication by key and session, the policies, and the caller as a parameter of handlers:
    /// <see cref="Caller"/>, its actor, or <see cref="SessionUser"/>.
    /// </summary>
    public static void AddUsherAuthentication(this IServiceCollection services)
    {
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(KeyAuthentication.Scheme, null)
            .AddScheme<AuthenticationSchemeOptions, SessionTokenAuthentication>(
                SessionTokenAuthentication.SchemeName, null)
            .AddScheme<AuthenticationSchemeOptions, SessionAuthentication>(SessionAuthentication.SchemeName, null);
        services.AddUsherPolicies();
        services.AddHttpContextAccessor();
        services.AddScoped(FeatureOf<Caller>);
        services.AddScoped(FeatureOf<SessionUser>);
        services.AddScoped(s => s.GetRequiredService<Caller>().Actor);
    }

    private static T FeatureOf<T>(IServiceProvider services)
        where T : class =>
        services.GetRequiredService<IHttpContextAccessor>().HttpContext!.Features.GetRequiredFeature<T>();
}
