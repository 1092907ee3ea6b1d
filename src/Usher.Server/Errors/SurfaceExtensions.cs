namespace Usher.Server.Errors;

/// <summary>Opens surfaces, and keeps their error format where no endpoint answers.</summary>
public static class SurfaceExtensions
{
    /// <summary>
    /// Opens a group of routes under a prefix. Their errors, and those for unknown paths under the prefix, have the
    /// given format.
    /// </summary>
    /// <param name="app">The application.</param>
    /// <param name="prefix">The prefix, such as <c>/api/v2</c>. Each surface has its own.</param>
    /// <param name="format">The error format.</param>
    /// <param name="jsonSuffix">Whether clients may append <c>.json</c> to a path. The default is false.</param>
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
    internal static void UseTolerantPaths(this WebApplication app)
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
    internal static void UseSurfaceStatusPages(this WebApplication app) => app.UseStatusCodePages(context =>
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
