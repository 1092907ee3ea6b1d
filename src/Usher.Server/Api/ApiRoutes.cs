using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Idempotency;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Extension methods that our own API's routes share.</summary>
internal static class ApiRoutes
{
    /// <summary>Documents a route: summary, description and the type of a successful answer.</summary>
    public static RouteHandlerBuilder WithDocs<TAnswer>(
        this RouteHandlerBuilder route, string summary, string? description = null,
        int status = StatusCodes.Status200OK) =>
        route.WithDocs(summary, description).Produces<TAnswer>(status);

    /// <summary>Documents a route that answers 204 without a body.</summary>
    public static RouteHandlerBuilder WithDocsNoContent(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.WithDocs(summary, description).Produces(StatusCodes.Status204NoContent);

    private static RouteHandlerBuilder WithDocs(this RouteHandlerBuilder route, string summary, string? description) =>
        description is null ? route.WithSummary(summary) : route.WithSummary(summary).WithDescription(description);

    /// <summary>Documents a route that always answers 202 without a body.</summary>
    public static RouteHandlerBuilder WithDocsAccepted(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.WithDocs(summary, description).Produces(StatusCodes.Status202Accepted);

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
        route.Takes(QueryParameter.DryRun).AddEndpointFilter(async (context, next) =>
    {
        var http = context.HttpContext;
        var query = (await ApiQuery.BindAsync(http))!;
        var dryRun = query.Flag("dryRun");
        if (query.Refusal is { } refusal) return refusal;
        if (!dryRun) return await next(context);
        var answer = await http.RequestServices.GetRequiredService<UsherDb>()
            .RehearseAsync(() => KeptAnswers.TakeAsync(http, () => next(context)), http.RequestAborted);
        return new Kept(answer);
    });

    /// <summary>
    /// Adds <c>Idempotency-Key</c>: a request is carried out once, however often it is sent with the same key.
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

    /// <summary>Accepts a session as <c>Authorization: Bearer uss_…</c>; see <see cref="Session"/>.</summary>
    public static RouteHandlerBuilder TakesSession(this RouteHandlerBuilder route, bool needed = false) =>
        route.WithMetadata(new Session(needed));

    /// <summary>Metadata of a route that accepts a session.</summary>
    /// <param name="Needed">Whether requests without a session are refused.</param>
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
