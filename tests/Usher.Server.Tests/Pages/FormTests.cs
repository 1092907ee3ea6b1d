using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

/// <summary>Forms that no page of ours sends, to every route that reads one.</summary>
public sealed class FormTests(UsherApp app)
{
    private const string Wavefront = "/api/v2/user/ada@example.test/grant";

    private static readonly string[] Routes = [
        "/sign-in", "/sign-in/link", "/sign-out", "/join/acme/1", "/confirm/acme/1", Wavefront,
    ];

    private static readonly (string Type, string Body, HttpStatusCode Status)[] Garbage =
    [
        ("multipart/form-data; boundary=x", "[[]]", HttpStatusCode.BadRequest),
        ("multipart/form-data", "--x\r\n\r\n--x--", HttpStatusCode.BadRequest),
        ("multipart/form-data; boundary=", "--\r\n", HttpStatusCode.BadRequest),
        ("multipart/form-data; boundary=" + new string('y', 200), "--y\r\n", HttpStatusCode.BadRequest),
        (
            "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end",
            HttpStatusCode.BadRequest),
        (
            "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: nonsense;;;=\r\n\r\na\r\n--x--\r\n",
            HttpStatusCode.BadRequest),
        ("multipart/form-data; boundary=x", "--x\r\nno colon\r\n\r\na\r\n--x--\r\n", HttpStatusCode.BadRequest),
        (
            "multipart/form-data; boundary=x", $"--x\r\nX-Long: {new string('a', 20_000)}\r\n\r\na\r\n--x--\r\n",
            HttpStatusCode.BadRequest),
        (
            "multipart/form-data; boundary=x",
            $"--x\r\n{string.Concat(Enumerable.Range(0, 100).Select(i => $"X-{i}: a\r\n"))}\r\na\r\n--x--\r\n",
            HttpStatusCode.BadRequest),
        (
            "application/x-www-form-urlencoded", string.Join('&', Enumerable.Range(0, 2_000).Select(i => $"a{i}=b")),
            HttpStatusCode.BadRequest),
        ("application/x-www-form-urlencoded", new string('k', 5_000) + "=b", HttpStatusCode.BadRequest),
        ("application/x-www-form-urlencoded", "a=" + new string('b', 100_000), HttpStatusCode.RequestEntityTooLarge),
        ("application/x-www-form-urlencoded; charset=utf-7", "email=ada", HttpStatusCode.BadRequest),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; "
                + "charset=utf-7\r\n\r\na\r\n--x--\r\n",
            HttpStatusCode.BadRequest),
        ("multipart/mixed; boundary=x", "--x\r\n\r\n--x--", HttpStatusCode.UnsupportedMediaType),
        ("text/plain", "email=ada", HttpStatusCode.UnsupportedMediaType),
        ("nonsense", "email=ada", HttpStatusCode.UnsupportedMediaType),
    ];

    // Forms, if odd ones: they are read, and refused for what is in them.
    private static readonly (string Type, string Body)[] Odd =
    [
        ("application/x-www-form-urlencoded", "%zz=%&&==&%00=%ff%fe"),
        ("application/x-www-form-urlencoded; charset=nonsense", "email=ada"),
        ("application/x-www-form-urlencoded", ""),
        ("multipart/form-data; boundary=x", "--x--\r\n"),
        ("multipart/form-data; boundary=x", ""),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"email\"; filename=\"../../x\"\r\n\r\na\r\n--x--\r\n"),
    ];

    public static TheoryData<string, int> Unreadable =>
        [.. from route in Routes from i in Enumerable.Range(0, Garbage.Length) select (route, i)];

    public static TheoryData<string, int> Readable =>
        [.. from route in Routes from i in Enumerable.Range(0, Odd.Length) select (route, i)];

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task What_is_no_form_is_refused_in_the_form_of_its_surface(string route, int garbage)
    {
        var (type, body, status) = Garbage[garbage];
        var answer = await PostAsync(route, type, body);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == status, $"{answer.StatusCode}: {text}");
        if (route is Wavefront)
            Assert.Equal(
                (int)status,
                System.Text.Json.JsonElement.Parse(text).GetProperty("status").GetProperty("code").GetInt32());
        else Assert.Contains($"Error {(int)status}", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readable))]
    public async Task A_form_with_anything_in_it_is_refused_for_what_is_in_it(string route, int odd)
    {
        var answer = await PostAsync(route, Odd[odd].Type, Odd[odd].Body);
        Assert.InRange((int)answer.StatusCode, 303, 499);
    }

    private async Task<HttpResponseMessage> PostAsync(string route, string type, string body)
    {
        using var client = route is Wavefront ? (await app.CreateOrganizationAsync()).Admin : app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, route)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)),
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (route is not Wavefront) request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));
        request.Headers.Add("Sec-Fetch-Site", "same-origin"); // or the missing token would be the first that is wrong
        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
