using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.OpenApi;
using Usher.Server.Api.Http;
using Usher.Server.Errors;

namespace Usher.Server.Api.OpenApi;

/// <summary>Writes the operations of one document from the metadata of their routes.</summary>
internal sealed class ApiOperations
{
    private readonly OpenApiDocument document;
    private readonly ApiBodies bodies;
    private readonly ApiRefusals refusals;

    public ApiOperations(OpenApiDocument document, XmlDocs docs)
    {
        var schemas = new ApiSchemas(document, docs);
        (this.document, bodies, refusals) = (document, new(schemas), new(document, schemas, docs));
    }

    /// <summary>Completes the operation that the framework has made of a route.</summary>
    /// <exception cref="InvalidOperationException">The route has no name, or declares no successful answer.</exception>
    public void Write(ApiDescription description)
    {
        var path = "/" + description.RelativePath!.TrimEnd('/');
        var operation = document.Paths[path].Operations![new(description.HttpMethod!)];
        var route = RouteFacts.Of(description);
        operation.OperationId = route.Name;
        operation.Description = operation.Description?.Trim() ?? operation.Summary + ".";
        operation.Security = Security(route);
        operation.Parameters =
        [
            .. RoutePatternFactory.Parse(path).Parameters.Select(p => ApiParameters.InPath(p.Name)),
            .. route.Query.Select(bodies.Parameter),
        ];
        if (route.CanRepeat) operation.Parameters.Add(ApiParameters.IdempotencyKey);
        if (route.Is(RouteTrait.TakesIfMatch)) operation.Parameters.Add(ApiParameters.IfMatch);
        if (route.IsCached) operation.Parameters.Add(ApiParameters.IfNoneMatch);
        operation.RequestBody = route.Body is null ? null : bodies.Request(route.Body);
        operation.Responses = [];
        foreach (var success in route.Successes)
            operation.Responses[$"{success.StatusCode}"] = bodies.Success(success, route.Is(RouteTrait.AnswersETag));
        if (route.IsCached) operation.Responses["304"] = new OpenApiResponse { Description = "Not changed." };
        foreach (var error in ApiRefusals.Of(route))
            operation.Responses[$"{error.StatusCode}"] = refusals.Of(error);
    }

    private List<OpenApiSecurityRequirement> Security(RouteFacts route) =>
        route.NeedsKey ? [Needs("bearer"), Needs("header"), Needs("basic")]
        : route.Session is null ? [[]]
        : route.Session.Needed ? [Needs("session")]
        : [[], Needs("session")];

    private OpenApiSecurityRequirement Needs(string scheme) => new() { [new(scheme, document)] = [] };
}

/// <summary>What the metadata of one route says.</summary>
internal sealed record RouteFacts(string Name, bool Reads, IReadOnlyList<object> Metadata)
{
    public SessionUse? Session { get; } = Metadata.OfType<SessionUse>().LastOrDefault();

    public IAcceptsMetadata? Body { get; } = Metadata.OfType<IAcceptsMetadata>().LastOrDefault();

    public IReadOnlyList<QueryParameter> Query { get; } = [.. Metadata.OfType<QueryParameter>()];

    public IReadOnlyList<IProducesResponseTypeMetadata> Answers { get; } =
        [.. Metadata.OfType<IProducesResponseTypeMetadata>()];

    public IEnumerable<IProducesResponseTypeMetadata> Successes => Answers.Where(a => a.StatusCode is >= 200 and < 300);

    /// <summary>Whether the route needs an API key; otherwise it takes a session, or anyone may call it.</summary>
    public bool NeedsKey =>
        Session is null && Metadata.OfType<IAuthorizeData>().Any() && !Metadata.OfType<IAllowAnonymous>().Any();

    public bool CanRepeat => Metadata.OfType<ApiRoutes.Repeatable>().Any();

    public bool IsCached => Reads && Is(RouteTrait.AnswersETag);

    public bool Is(RouteTrait trait) => Metadata.OfType<RouteTrait>().Contains(trait);

    /// <exception cref="InvalidOperationException">The route has no name, or declares no successful answer.</exception>
    public static RouteFacts Of(ApiDescription description)
    {
        var (method, metadata) = (description.HttpMethod!, description.ActionDescriptor.EndpointMetadata);
        var name = metadata.OfType<IEndpointNameMetadata>().LastOrDefault()?.EndpointName
            ?? throw new InvalidOperationException($"{method} {description.RelativePath} has no name (WithName).");
        var facts = new RouteFacts(name, method is "GET" or "HEAD", [.. metadata]);
        return facts.Successes.Any()
            ? facts
            : throw new InvalidOperationException($"{name} declares no successful answer (WithDocs).");
    }
}
