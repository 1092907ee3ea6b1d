using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Limits;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Limits;

/// <summary>
/// Protects the routes that anyone may call: limits the size of their bodies, and refuses clients that have reached a
/// limit before the body is read. A route is such a route unless it requires authorization.
/// </summary>
internal static class GuestGate
{
    /// <summary>The longest body of a route without authorization.</summary>
    public const int MaxGuestBodyBytes = 64 * 1024;

    /// <summary>
    /// Applies a limit to a route. A client that has reached it is refused before its body is read.
    /// </summary>
    public static TBuilder LimitedBy<TBuilder>(this TBuilder route, GuessKind kind)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new Limited(kind));

    /// <summary>Adds the gate. It must come after routing and before anything reads a body.</summary>
    public static void UseGuestGate(this WebApplication app)
    {
        app.Use(async (http, next) =>
        {
            if (
                http.GetEndpoint() is { } endpoint && IsForGuests(endpoint) && !HttpMethods.IsGet(http.Request.Method)
                    && !HttpMethods.IsHead(http.Request.Method)
                && await RefusalAsync(http, endpoint) is { } refusal)
            {
                await new ErrorResult(refusal).ExecuteAsync(http);
                return;
            }

            await next(http);
        });
    }

    private static async Task<Error?> RefusalAsync(HttpContext http, Endpoint endpoint)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = Math.Min(size.MaxRequestBodySize ?? MaxGuestBodyBytes, MaxGuestBodyBytes);
        if (http.Request.ContentLength > MaxGuestBodyBytes) return HostErrors.TooLarge;
        if (endpoint.Metadata.GetMetadata<Limited>() is not { } limited) return null;

        var services = http.RequestServices;
        var client = await OfOperatorAsync(http, services.GetRequiredService<HttpRequestClient>().Of(http));
        return services.GetRequiredService<GuessLimits>().WaitOf(limited.Kind, client) is { } wait
            ? LimitErrors.TooMany with { RetryAfter = wait }
            : null;
    }

    private static bool IsForGuests(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
            || endpoint.Metadata.GetMetadata<IAuthorizeData>() is null;

    // A product's back end sends the attempts of many people from one IP address. An operator's key identifies it.
    private static async Task<RequestClient> OfOperatorAsync(HttpContext http, RequestClient client)
    {
        if (KeyAuthentication.SecretOf(http.Request) is not { } secret) return client;
        var callers = http.RequestServices.GetRequiredService<CallerService>();
        if (await callers.FindOperatorAsync(secret, http.RequestAborted) is not { } caller) return client;
        client = new($"operator {caller.KeyId:N}", IsCounted: false, client.Device);
        http.Features.Set(client);
        return client;
    }

    private sealed record Limited(GuessKind Kind);
}
