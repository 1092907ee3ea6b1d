using Usher.Core;
using Usher.Server.Pages;

namespace Usher.Server.Errors;

/// <summary>A prefix of paths with its own error format.</summary>
/// <param name="Prefix">The prefix, such as <c>/api/v2</c>.</param>
/// <param name="Format">The error format.</param>
/// <param name="JsonSuffix">Whether clients may append <c>.json</c> to a path.</param>
internal sealed record Surface(string Prefix, IErrorFormat Format, bool JsonSuffix);

/// <summary>Finds the surface of a path: the one with the longest matching prefix.</summary>
internal sealed class Surfaces
{
    private readonly List<Surface> surfaces = [];

    /// <summary>The error format for paths of no surface, for clients other than browsers.</summary>
    public IErrorFormat Fallback { get; set; } = new PlainErrors();

    /// <exception cref="InvalidOperationException">The prefix already belongs to a surface.</exception>
    public void Add(Surface surface)
    {
        if (surfaces.Exists(s => s.Prefix.Equals(surface.Prefix, StringComparison.OrdinalIgnoreCase)))
            throw new InvalidOperationException($"Two surfaces have the prefix {surface.Prefix}.");
        surfaces.Add(surface);
    }

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
