using System.Text.RegularExpressions;
using Usher.Server.Errors;

namespace Usher.Server.Pages;

/// <summary>
/// Repairs mailed links in which a mail gateway or click tracker has encoded the number sign as <c>%23</c>, so that the
/// code arrives as a part of the URL. The browser is redirected to the same page with the code as fragment. The page
/// then opens as usual, and no later request has the code in its URL. This runs before routing, which logs the path.
/// </summary>
internal static partial class MailedLinks
{
    public static void UseMailedLinks(this WebApplication app)
    {
        var surfaces = app.Services.GetRequiredService<Surfaces>();
        app.Use((http, next) =>
        {
            var request = http.Request;
            var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
            if (!reads || surfaces.Of(request.Path) is not null
                    || Repaired(request.Path, request.QueryString) is not { } address)
                return next(http);
            http.Response.StatusCode = StatusCodes.Status302Found;
            http.Response.Headers.Location = address;
            http.Response.Headers.CacheControl = "no-store";
            return Task.CompletedTask;
        });
    }

    /// <summary>The repaired URL; null where nothing is wrong.</summary>
    internal static string? Repaired(PathString path, QueryString query)
    {
        var (written, asked) = (path.ToUriComponent(), query.ToUriComponent());
        if (InPath.Match(written) is { Success: true } split)
            return Local($"{split.Groups["before"]}{asked}#{Uri.UnescapeDataString(split.Groups["code"].Value)}");
        return InQuery.Match(asked) is { Success: true } found
            ? Local($"{written}{found.Groups["before"]}#{found.Groups["code"]}")
            : null;
    }

    private static string? Local(string address) => LocalPath.OrNull(address);

    // The number sign may have been encoded more than once.
    [GeneratedRegex(
        "^(?<before>.*?)%(25)*23(?<code>[^/]*)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InPath { get; }

    [GeneratedRegex(
        "^(?<before>.*?)%(25)*23(?<code>us[a-z]_[A-Za-z0-9_-]{49})$", RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex InQuery { get; }
}
