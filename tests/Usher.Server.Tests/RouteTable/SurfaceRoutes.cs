using System.Net;
using System.Text.RegularExpressions;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable;

/// <summary>One API surface as the tests of the route table see it: a row for each of its routes, what fills the
/// parameters of a path, and what a refusal looks like.</summary>
public abstract partial class SurfaceRoutes
{
    /// <summary>The name that <see cref="ApiRoute.Surface"/> has.</summary>
    public abstract string Surface { get; }

    /// <summary>The media type of every answer with a body.</summary>
    public virtual string MediaType => "application/json";

    /// <summary>The media type of every refusal.</summary>
    public virtual string ErrorMediaType => MediaType;

    /// <summary>The status for ids that the caller's organization does not have.</summary>
    public virtual HttpStatusCode UnknownId => HttpStatusCode.NotFound;

    /// <summary>
    /// One line for each route, by <see cref="ApiRoute.Name"/>. In bodies, braces contain the name of an id, see
    /// <see cref="RouteWorld.Ids"/>; <c>{new}</c> is an address that no member has, <c>{name}</c> a new name.
    /// </summary>
    public abstract IReadOnlyDictionary<string, RouteRow> Rows { get; }

    /// <summary>
    /// How parameters are filled: by the first of these that the pattern begins with, once with each of its ids. The
    /// ids for several parameters in one pattern stand side by side.
    /// </summary>
    protected abstract IReadOnlyList<(string Prefix, string[] Ids)> Parameters { get; }

    /// <summary>The answers that a refusal may have, each as <see cref="Told"/> says it.</summary>
    public abstract IReadOnlyList<string> Expected(Refusal refusal, RouteRow row);

    /// <summary>What matters of a refusal: its status, its code, and the challenge where there must be one.</summary>
    public abstract string Told(RouteCall call);

    /// <summary>Whether the surface may answer so to a request that it does not expect.</summary>
    public virtual bool IsOwnAnswer(ApiRoute route, HttpStatusCode status, string? mediaType, string body)
    {
        System.Text.Json.JsonDocument.Parse(body).Dispose();
        return mediaType == ((int)status < 300 ? MediaType : ErrorMediaType);
    }

    /// <summary>The paths of a route, with the names of ids for its parameters.</summary>
    public IEnumerable<string> Templates(ApiRoute route)
    {
        var pattern = route.Pattern.Replace("{permission}", Permissions.UserManagement, StringComparison.Ordinal);
        if (!Parameter().IsMatch(pattern)) return [pattern];
        var name = route.Name[(route.Name.IndexOf(' ', StringComparison.Ordinal) + 1)..];
        var found = Parameters.FirstOrDefault(p => name.StartsWith(p.Prefix, StringComparison.Ordinal));
        Assert.True(found.Ids is not null, $"Nothing says how to fill the parameter of {route}.");
        return found.Ids.Select(ids =>
        {
            var each = new Queue<string>(ids.Split(' '));
            return Parameter().Replace(pattern, _ => each.Count > 1 ? each.Dequeue() : each.Peek());
        }).Distinct();
    }

    /// <summary>Fills every parameter with the same text, except the organization's.</summary>
    public static string FillAll(string pattern, string text) => Parameter().Replace(pattern, text);

    [GeneratedRegex(@"\{(?!organization\})[^}]+\}", RegexOptions.None, 1000)]
    private static partial Regex Parameter();
}
