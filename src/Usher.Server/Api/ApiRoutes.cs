using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Idempotency;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>What our own routes have in common.</summary>
internal static class ApiRoutes
{
    /// <summary>Documents a route: what it is called, what it does, and what it answers when all is well.</summary>
    public static RouteHandlerBuilder Says<TAnswer>(
        this RouteHandlerBuilder route, string summary, string? description = null,
        int status = StatusCodes.Status200OK) =>
        route.Says(summary, description).Produces<TAnswer>(status);

    /// <summary>The same for one that answers without a body.</summary>
    public static RouteHandlerBuilder SaysNothing(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.Says(summary, description).Produces(StatusCodes.Status204NoContent);

    private static RouteHandlerBuilder Says(this RouteHandlerBuilder route, string summary, string? description) =>
        description is null ? route.WithSummary(summary) : route.WithSummary(summary).WithDescription(description);

    /// <summary>The same for one that answers 202 without a body, whatever comes of it.</summary>
    public static RouteHandlerBuilder SaysAccepted(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.Says(summary, description).Produces(StatusCodes.Status202Accepted);

    /// <summary>The parameters of its query; any other is refused.</summary>
    public static RouteHandlerBuilder Takes(
        this RouteHandlerBuilder route, params IReadOnlyList<QueryParameter> parameters) =>
        route.WithMetadata([.. parameters]);

    /// <summary>A list in pages.</summary>
    public static RouteHandlerBuilder TakesPages(
        this RouteHandlerBuilder route, params IReadOnlyList<QueryParameter> filters) =>
        route.Takes([QueryParameter.Limit, QueryParameter.After, .. filters]);

    /// <summary>It can be rehearsed: with <c>dryRun=true</c> it is answered as if it were done.</summary>
    public static RouteHandlerBuilder CanRehearse(this RouteHandlerBuilder route) =>
        route.Takes(QueryParameter.DryRun).AddEndpointFilter(async (context, next) =>
    {
        var http = context.HttpContext;
        var query = (await ApiQuery.BindAsync(http))!;
        var rehearse = query.Flag("dryRun");
        if (query.Refusal is { } refusal) return refusal;
        if (!rehearse) return await next(context);
        var answer = await http.RequestServices.GetRequiredService<UsherDb>()
            .RehearseAsync(() => KeptAnswers.TakeAsync(http, () => next(context)), http.RequestAborted);
        return new Kept(answer);
    });

    /// <summary>
    /// It can be repeated: with an <c>Idempotency-Key</c> it is carried out once, however often it comes.
    /// </summary>
    public static RouteHandlerBuilder CanRepeat(this RouteHandlerBuilder route) =>
        route.WithMetadata(Repeatable.Instance).AddEndpointFilter(async (context, next) =>
    {
        var http = context.HttpContext;
        if (http.Request.Headers["Idempotency-Key"] is not [{ } key, ..] given) return await next(context);
        if (given.Count > 1 || !IdempotencyService.IsKey(key)) return IdempotencyErrors.KeyInvalid.ToHttp();
        var caller = http.Features.Get<Caller>();
        var name = caller is not null
            ? $"{caller.Actor.Kind}:{caller.Actor.Id}"
            : http.Features.Get<SessionUser>() is { } person
            ? $"user:{person.UserId}"
            : "guest";
        var request = new RepeatableRequest(
            caller?.Actor.OrganizationId ?? Organization.Installation, name, key,
            await KeptAnswers.HashAsync(http.Request));
        var once = await http.RequestServices.GetRequiredService<IdempotencyService>().OnceAsync(
            caller?.Actor, request, () => KeptAnswers.TakeAsync(http, () => next(context)), http.RequestAborted);
        return once.Match<IResult>(answer => new Kept(answer), error => error.ToHttp());
    });

    /// <summary>It asks whose session came as <c>Authorization: Bearer uss_…</c>; see <see cref="Session"/>.</summary>
    public static RouteHandlerBuilder TakesSession(this RouteHandlerBuilder route, bool needed = false) =>
        route.WithMetadata(new Session(needed));

    /// <summary>That a route goes by a session.</summary>
    /// <param name="Needed">Whether it is refused without one.</param>
    internal sealed record Session(bool Needed);

    internal sealed class Repeatable
    {
        public static readonly Repeatable Instance = new();
    }

    private sealed class Kept(KeptAnswer answer) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = answer.Status;
            foreach (var (name, value) in answer.Headers) response.Headers[name] = value;
            if (answer.Body.Length > 0) await response.Body.WriteAsync(answer.Body, httpContext.RequestAborted);
        }
    }
}
