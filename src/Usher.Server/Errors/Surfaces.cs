using Usher.Core;
using Usher.Server.Pages;

namespace Usher.Server.Errors;

/// <summary>A prefix of paths with its way of saying errors.</summary>
/// <param name="Prefix">Such as <c>/api/v2</c>.</param>
/// <param name="Format">Its errors.</param>
/// <param name="JsonSuffix">Whether clients may put <c>.json</c> behind a path.</param>
public sealed record Surface(string Prefix, IErrorFormat Format, bool JsonSuffix);

/// <summary>Which surface a path belongs to: the one with the longest prefix.</summary>
public sealed class Surfaces
{
    private readonly List<Surface> surfaces = [];

    /// <summary>Answers for paths of no surface, when it is no browser that asks.</summary>
    public IErrorFormat Fallback { get; set; } = new PlainErrors();

    public void Add(Surface surface) => surfaces.Add(surface);

    public Surface? Of(PathString path) =>
        surfaces.Where(s => path.StartsWithSegments(s.Prefix, StringComparison.OrdinalIgnoreCase))
            .MaxBy(s => s.Prefix.Length);

    public IErrorFormat FormatOf(HttpContext http) =>
        Of(http.Request.Path)?.Format ?? (IsNavigation(http.Request) ? PageErrors.Instance : Fallback);

    private static bool IsNavigation(HttpRequest request) =>
        request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
            || request.Headers["Sec-Fetch-Mode"] == "navigate";

    private sealed class PlainErrors : IErrorFormat
    {
        public IResult Write(IReadOnlyList<Error> errors) => RequestIds.Result(id =>
            TypedResults.Problem(
                errors[0].Message, statusCode: errors[0].StatusCode, extensions: Extensions(errors[0], id)));

        private static Dictionary<string, object?> Extensions(Error error, string id) =>
            error.StatusCode >= StatusCodes.Status500InternalServerError ? new() { ["requestId"] = id } : [];
    }
}

/// <summary>Refusals as a page.</summary>
internal sealed class PageErrors : IErrorFormat
{
    public static readonly PageErrors Instance = new();

    public IResult Write(IReadOnlyList<Error> errors) => errors[0] switch
    {
        { RetryAfter: { } wait } error when error.Is(HostErrors.TooMany) => PageResults.TooMany(wait),
        var error => PageResults.Error(error.StatusCode, error.Message),
    };
}

public static class SurfaceExtensions
{
    /// <summary>
    /// Opens a group of routes under a prefix whose errors are said in one format, by the routes and by the one
    /// fallback after routing alike.
    /// </summary>
    public static RouteGroupBuilder MapSurface(
        this WebApplication app, string prefix, IErrorFormat format, bool jsonSuffix = false)
    {
        app.Services.GetRequiredService<Surfaces>().Add(new(prefix, format, jsonSuffix));
        return app.MapGroup(prefix).WithMetadata(format);
    }

    /// <summary>
    /// Clients of these APIs write paths loosely: doubled and trailing slashes, <c>.json</c>. Such paths are set right
    /// before routing, without a redirect, which would lose a body.
    /// </summary>
    public static void UseTolerantPaths(this WebApplication app)
    {
        var surfaces = app.Services.GetRequiredService<Surfaces>();
        app.Use((http, next) =>
        {
            var path = http.Request.Path.Value ?? "";
            if (path.Contains("//", StringComparison.Ordinal) || path.EndsWith('/')
                    || path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            {
                var tidy = "/" + string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries));
                var bare = tidy.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? tidy[..^".json".Length] : tidy;
                if (surfaces.Of(bare) is { } surface) http.Request.Path = surface.JsonSuffix ? bare : tidy;
            }

            return next(http);
        });
    }

    /// <summary>
    /// Gives every empty refusal of the framework (no such route, wrong method, wrong media type) the body of its
    /// surface.
    /// </summary>
    public static void UseSurfaceStatusPages(this WebApplication app) => app.UseStatusCodePages(context =>
    {
        var http = context.HttpContext;
        var allow = http.Response.Headers.Allow;
        var error = http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => HostErrors.RouteNotFound,
            StatusCodes.Status405MethodNotAllowed => HostErrors.WrongMethod,
            StatusCodes.Status413PayloadTooLarge => HostErrors.TooLarge,
            StatusCodes.Status415UnsupportedMediaType => HostErrors.WrongMediaType,
            StatusCodes.Status429TooManyRequests => HostErrors.TooMany,
            StatusCodes.Status503ServiceUnavailable => HostErrors.Unavailable,
            >= 500 => HostErrors.Internal,
            _ => HostErrors.Unreadable,
        };
        http.Response.Headers.Allow = allow;
        return new ErrorResult(error).ExecuteAsync(http);
    });
}
