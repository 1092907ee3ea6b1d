using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Idempotency;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Server.Errors;

namespace Usher.Server.Api.Http;

/// <summary>What our own API's routes share: query parameters, dry runs and repetition.</summary>
internal static class ApiRoutes
{
    /// <summary>Declares the query parameters of a route; all others are refused.</summary>
    public static RouteHandlerBuilder Takes(
        this RouteHandlerBuilder route, params IReadOnlyList<QueryParameter> parameters) =>
        route.WithMetadata([.. parameters]);

    /// <summary>Declares a route as a paged list.</summary>
    public static RouteHandlerBuilder TakesPages(
        this RouteHandlerBuilder route, params IReadOnlyList<QueryParameter> filters) =>
        route.Takes([QueryParameter.Limit, QueryParameter.After, .. filters]);

    /// <summary>Adds <c>dryRun=true</c>: the request is checked and answered as usual, but changes nothing.</summary>
    public static RouteHandlerBuilder SupportsDryRun(this RouteHandlerBuilder route) =>
        route.Takes(QueryParameter.DryRun).AddEndpointFilter(RehearseAsync);

    /// <summary>
    /// Adds <c>Idempotency-Key</c>: a request is carried out once, however often it is sent with the same key. The
    /// handler answers through <see cref="Once"/>.
    /// </summary>
    public static RouteHandlerBuilder CanRepeat(this RouteHandlerBuilder route) =>
        route.WithMetadata(Repeatable.Instance).AddEndpointFilter(RepeatAsync);

    private static async ValueTask<object?> RehearseAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var query = (await ApiQuery.BindAsync(http))!;
        var dryRun = query.Flag("dryRun");
        if (query.Refusal is { } refusal) return refusal;
        http.RequestServices.GetRequiredService<Database>().IsDryRun = dryRun;
        return await next(context);
    }

    private static async ValueTask<object?> RepeatAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (http.Request.Headers["Idempotency-Key"] is not [{ } key, ..] given) return await next(context);
        if (given.Count > 1 || !IdempotencyService.IsKey(key)) return IdempotencyErrors.KeyInvalid.ToHttp();
        var caller = http.Features.Get<Caller>();
        var name = caller is not null
            ? $"{caller.Actor.Kind}:{caller.Actor.Id}"
            : http.Features.Get<SessionUser>() is { } person ? $"user:{person.UserId}" : "guest";
        var organization = caller?.Actor.OrganizationId ?? Organization.Installation;
        var request = new RepeatableRequest(organization, name, key, await KeptAnswers.HashAsync(http.Request));
        var answers = http.RequestServices.GetRequiredService<IdempotencyService>();
        if (await answers.FindAsync(caller?.Actor, request, http.RequestAborted) is { } before)
            return Once.ToResult(before);
        http.Features.Set(request);
        return await next(context);
    }

    internal sealed class Repeatable
    {
        public static readonly Repeatable Instance = new();
    }
}
