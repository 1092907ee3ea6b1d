using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Extensions.DependencyInjection;
using Usher.Server.Errors;
using Usher.Server.Pages;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// One method of one route of an API surface, as the running server has it: tests made from these cover routes that
/// nobody thought of.
/// </summary>
/// <param name="Surface">The tag its surface gives it, such as <c>Wavefront</c>; <c>Usher</c> for Usher's own
/// API.</param>
/// <param name="Method">Such as <c>GET</c>.</param>
/// <param name="Pattern">Such as <c>/api/v2/user/{id}</c>.</param>
public sealed record ApiRoute(string Surface, string Method, string Pattern)
{
    private TemplateMatcher? matcher;
    private decimal precedence;

    /// <summary>One name for a route and its alias: Conformity's are served below <c>/v1</c> and <c>/api</c>.</summary>
    public string Name =>
        Surface is "Conformity" && Pattern.StartsWith("/api/", StringComparison.Ordinal)
            ? $"{Method} /v1/{Pattern["/api/".Length..]}"
            : $"{Method} {Pattern}";

    public bool Reads => Method is "GET" or "HEAD";

    /// <summary>
    /// All of a server, those of the pages and of its operation left out: only a surface says its errors in a format of
    /// its own.
    /// </summary>
    public static List<ApiRoute> Of(UsherApp app) =>
    [
        .. from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
           where endpoint.Metadata.GetMetadata<IErrorFormat>() is not (null or PageErrors)
           // The tags of Usher's own API are its nouns.
           let surface = endpoint.RoutePattern.RawText!.Trim('/').StartsWith("usher/", StringComparison.Ordinal)
               ? "Usher"
               : endpoint.Metadata.GetRequiredMetadata<ITagsMetadata>().Tags[0]
           from method in endpoint.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods
           let pattern = endpoint.RoutePattern
           orderby surface, pattern.RawText, method
           select new ApiRoute(surface, method, "/" + pattern.RawText!.Trim('/'))
           {
               matcher = new(new RouteTemplate(pattern), []), precedence = pattern.InboundPrecedence,
           },
    ];

    /// <summary>The route a request goes to, literal words before parameters, as routing does it.</summary>
    public static ApiRoute? Of(IEnumerable<ApiRoute> routes, string method, string path) => routes
        .Where(r => r.Method == method && r.matcher!.TryMatch(PathString.FromUriComponent(path.Split('?')[0]), []))
            .MinBy(r => r.precedence);

    public override string ToString() => $"{Method} {Pattern}";
}
