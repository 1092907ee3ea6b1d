using System.Net;
using System.Text.RegularExpressions;

namespace Usher.Server.Tests.Pages;

/// <summary>A browser reduced to cookies and forms: it follows nothing, so that a test sees every answer.</summary>
internal sealed partial class Visitor(HttpClient http)
{
    private readonly Dictionary<string, string> cookies = [];

    public IReadOnlyDictionary<string, string> Cookies => cookies;

    public void SetCookie(string name, string value) => cookies[name] = value;

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(new(HttpMethod.Get, path));

    /// <summary>Opens a page and posts one of its forms, with its token.</summary>
    public async Task<HttpResponseMessage> PostAsync(
        string page, string action, params (string Name, string Value)[] fields) =>
        await PostAsync(action, [await OpenAsync(page), .. fields]);

    /// <summary>Opens a page and gives the field that each of its forms sends along, its token.</summary>
    public async Task<(string Name, string Value)> OpenAsync(string page)
    {
        var html = await (await GetAsync(page)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var field = Token().Match(html);
        Assert.True(field.Success, $"The page {page} has no form: {html}");
        return ("__RequestVerificationToken", field.Groups["token"].Value);
    }

    /// <summary>Posts a form as it is given.</summary>
    public Task<HttpResponseMessage> PostAsync(string action, (string Name, string Value)[] fields) =>
        SendAsync(
            new(HttpMethod.Post, action)
            {
                Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value))),
            });

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        request.Headers.Add("Accept", "text/html");
        if (cookies.Count > 0)
            request.Headers.Add("Cookie", string.Join("; ", cookies.Select(c => $"{c.Key}={c.Value}")));
        var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        foreach (var set in response.Headers.TryGetValues("Set-Cookie", out var values) ? values : [])
        {
            var (name, value) = set.Split(';')[0].Split('=', 2) is [var n, var v] ? (n, v) : (set, "");
            if (value.Length is 0) cookies.Remove(name);
            else cookies[name] = value;
        }

        return response;
    }

    /// <summary>What a page says, without what differs from visit to visit.</summary>
    public static async Task<string> TextAsync(HttpResponseMessage response) =>
        Token().Replace(
            WebUtility.HtmlDecode(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)),
            "token");

    [GeneratedRegex(
        "name=\"__RequestVerificationToken\" value=\"(?<token>[^\"]*)\"", RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Token();
}
