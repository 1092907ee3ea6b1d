using System.Text.RegularExpressions;
using Usher.Server.Errors;

namespace Usher.Server.Pages;

/// <summary>
/// Mail gateways and click trackers write <c>%23</c> for the number sign of a mailed link. The code behind it then
/// comes as a part of the address. The browser is sent to the same page with the code behind a number sign again, so
/// that the page opens as usual and no later request has the code in its address. Before routing, whose log has the
/// path.
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
                    || Mended(request.Path, request.QueryString) is not { } address)
                return next(http);
            http.Response.StatusCode = StatusCodes.Status302Found;
            http.Response.Headers.Location = address;
            http.Response.Headers.CacheControl = "no-store";
            return Task.CompletedTask;
        });
    }

    /// <summary>The address as it was mailed; null where nothing is wrong with it.</summary>
    internal static string? Mended(PathString path, QueryString query)
    {
        var (written, asked) = (path.ToUriComponent(), query.ToUriComponent());
        if (InPath.Match(written) is { Success: true } split)
            return Local($"{split.Groups["before"]}{asked}#{Uri.UnescapeDataString(split.Groups["code"].Value)}");
        return InQuery.Match(asked) is { Success: true } found
            ? Local($"{written}{found.Groups["before"]}#{found.Groups["code"]}")
            : null;
    }

    private static string? Local(string address) => LocalPath.OrNull(address);

    // Written once, or written once more by the next gateway.
    [
        GeneratedRegex(
            "^(?<before>.*?)%(25)*23(?<code>[^/]*)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InPath { get; }

    [
        GeneratedRegex(
            "^(?<before>.*?)%(25)*23(?<code>us[a-z]_[A-Za-z0-9_-]{49})$", RegexOptions.ExplicitCapture,
            matchTimeoutMilliseconds: 1000)]
    private static partial Regex InQuery { get; }
}
