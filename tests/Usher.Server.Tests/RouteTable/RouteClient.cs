using System.Text;
using System.Text.RegularExpressions;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable;

/// <summary>Sends requests to routes, with ids for the names of ids.</summary>
internal sealed partial class RouteClient(RouteWorld world)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Calls a route with the body of its row.</summary>
    public async Task<RouteCall> SendAsync(
        ApiRoute route, RouteRow row, Caller caller, string template, IReadOnlyDictionary<string, string> ids)
    {
        Dictionary<string, string> all = new(ids)
        {
            ["{new}"] = $"{Guid.NewGuid():N}@example.test", ["{name}"] = $"n{Guid.NewGuid():N}",
        };
        Dictionary<string, string> sent = [];
        using var request = new HttpRequestMessage(new(route.Method), Fill(template));
        if (!route.Reads) request.Content = new StringContent(Fill(row.Body), Encoding.UTF8, row.MediaType);
        using var answer = await SendAsync(request, caller);
        return new(
            template, answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct), sent,
            answer.Headers.WwwAuthenticate.ToString());

        string Fill(string text) => Token().Replace(text, found =>
            all.TryGetValue(found.Value, out var id) ? sent[found.Value] = id : found.Value);
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, Caller caller)
    {
        if (world.KeyOf(caller) is { } key) request.Headers.Add("X-AUTH-TOKEN", key);
        return world.Http.SendAsync(request, Ct);
    }

    /// <summary>A path as it stands, with ids for the names of ids that it contains.</summary>
    public Uri Raw(string template) => Wire.Raw(
        world.Http.BaseAddress!.GetLeftPart(UriPartial.Authority),
        Token().Replace(template, found => world.Ids.GetValueOrDefault(found.Value, found.Value)));

    [GeneratedRegex(@"\{[a-z.]+\}", RegexOptions.None, 1000)]
    private static partial Regex Token();
}
