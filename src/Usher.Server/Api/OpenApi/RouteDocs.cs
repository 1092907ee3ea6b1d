namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Describes routes for the OpenAPI document. A route says by these calls what it does; the document guesses nothing.
/// What a route also does while it runs, such as <c>CanRepeat()</c>, is in <see cref="Http.ApiRoutes"/>.
/// </summary>
internal static class RouteDocs
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

    /// <summary>Documents a route that always answers 202 without a body.</summary>
    public static RouteHandlerBuilder WithDocsAccepted(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.WithDocs(summary, description).Produces(StatusCodes.Status202Accepted);

    /// <summary>Documents a route that answers a CSV file.</summary>
    public static RouteHandlerBuilder WithDocsCsv(
        this RouteHandlerBuilder route, string summary, string? description = null) =>
        route.WithDocs(summary, description).Produces(StatusCodes.Status200OK, contentType: "text/csv");

    /// <summary>
    /// The answer has an <c>ETag</c>, as of <see cref="Http.Answer{T}"/>. A GET with it also takes
    /// <c>If-None-Match</c>.
    /// </summary>
    public static TBuilder AnswersETag<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(RouteTrait.AnswersETag);

    /// <summary>The handler reads <c>If-Match</c> and refuses to change another version.</summary>
    public static TBuilder TakesIfMatch<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(RouteTrait.TakesIfMatch);

    /// <summary>The path names something that may not exist.</summary>
    public static TBuilder CanBeNotFound<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(RouteTrait.CanBeNotFound);

    /// <summary>The path names something that may have ended: an invitation or a link.</summary>
    public static TBuilder CanBeGone<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(RouteTrait.CanBeGone);

    /// <summary>
    /// The route takes a session as <c>Authorization: Bearer uss_…</c>; see <see cref="SessionUse"/>.
    /// </summary>
    public static TBuilder TakesSession<TBuilder>(this TBuilder route, bool needed = false)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new SessionUse(needed));

    private static RouteHandlerBuilder WithDocs(this RouteHandlerBuilder route, string summary, string? description) =>
        description is null ? route.WithSummary(summary) : route.WithSummary(summary).WithDescription(description);
}

/// <summary>Metadata of a route: what it does beyond its answer.</summary>
internal enum RouteTrait
{
    AnswersETag,
    TakesIfMatch,
    CanBeNotFound,
    CanBeGone,
}

/// <summary>Metadata of a route that takes a session.</summary>
/// <param name="Needed">Whether requests without a session are refused.</param>
internal sealed record SessionUse(bool Needed);
