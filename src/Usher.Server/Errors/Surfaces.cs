using Usher.Core;
using Usher.Server.Pages;

namespace Usher.Server.Errors;

/// <summary>A prefix of paths with its own error format.</summary>
/// <param name="Prefix">The prefix, such as <c>/api/v2</c>.</param>
/// <param name="Format">The error format.</param>
/// <param name="JsonSuffix">Whether clients may append <c>.json</c> to a path.</param>
public sealed record Surface(string Prefix, IErrorFormat Format, bool JsonSuffix);

/// <summary>Finds the surface of a path: the one with the longest matching prefix.</summary>
public sealed class Surfaces
{
    private readonly List<Surface> surfaces = [];

    /// <summary>The error format for paths of no surface, for clients other than browsers.</summary>
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

/// <summary>Shows an error as a page.</summary>
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
    /// Opens a group of routes under a prefix. Their errors, and those for unknown paths under the prefix, have the
    /// given format.
    /// </summary>
    public static RouteGroupBuilder MapSurface(
        this WebApplication app, string prefix, IErrorFormat format, bool jsonSuffix = false)
    {
        app.Services.GetRequiredService<Surfaces>().Add(new(prefix, format, jsonSuffix));
        return app.MapGroup(prefix).WithMetadata(format);
    }

    /// <summary>
    /// Normalises paths before routing: removes doubled and trailing slashes and, where the surface allows it, a
    /// <c>.json</c> suffix. Clients of the foreign APIs send such paths. A redirect would lose the request's body.
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
    /// Gives the framework's error answers without a body (unknown route, wrong method, wrong media type) the error
    /// format of the surface.
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
