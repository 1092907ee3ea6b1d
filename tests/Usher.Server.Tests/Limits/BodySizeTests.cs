using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Usher.Server.Limits;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

/// <summary>How long a body may be, and that this is judged before it is read.</summary>
public sealed class BodySizeTests(UsherApp app)
{
    private const int Limit = GuestGate.MaxGuestBodyBytes;

    private static readonly string Nowhere = $"/usher/v1/organizations/acme/invitations/inv_{new string('A', 22)}";

    public static TheoryData<string> GuestRoutes =>
        ["/usher/v1/sessions", $"{Nowhere}/check", $"{Nowhere}/accept", $"{Nowhere}/decline", $"{Nowhere}/request"];

    public static TheoryData<string> Pages =>
        ["/sign-in", "/sign-in/link", "/sign-out", $"/join/acme/{Guid.Empty}", $"/confirm/acme/{Guid.Empty}"];

    [Theory]
    [MemberData(nameof(GuestRoutes))]
    public async Task A_guest_route_of_the_api_refuses_a_body_above_64_KiB_as_a_problem(string path)
    {
        foreach (var chunked in new[] { false, true })
        {
            var answer = await SendAsync(
                path, Padded("""{"code":"x","email":"a@example.test","password":"x"}""", Limit + 1), "application/json",
                chunked);
            Assert.Equal(413, answer.Status);
            Assert.Contains("\"code\":\"too_large\"", answer.Body, StringComparison.Ordinal);
        }

        var within = await SendAsync(path, Padded("{}", Limit), "application/json", chunked: false);
        Assert.Equal(422, within.Status);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task A_form_above_64_KiB_is_refused_with_a_page(string path)
    {
        foreach (var chunked in new[] { false, true })
        {
            var answer = await SendAsync(
                path, $"email={new string('a', Limit)}", "application/x-www-form-urlencoded", chunked);
            Assert.Equal(413, answer.Status);
            Assert.Contains("<html", answer.Body, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task A_route_with_authorization_takes_longer_bodies()
    {
        var org = await app.CreateOrganizationAsync();
        var padded = Padded(JsonSerializer.Serialize(new { email = NewEmail("ada") }), 2 * 1024 * 1024);
        Assert.Equal(HttpStatusCode.Created, (await org.PostAsync("invitations", padded)).StatusCode);
    }

    [Fact]
    public async Task A_client_that_has_had_enough_is_refused_before_its_body_is_read()
    {
        await using var own = await UsherApp.StartAsync(
            new() { ["Usher:GuestLimits:Passwords:PerClient"] = "1" }, workers: false);
        using (var client = own.CreateClient())
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.SignInAsync(NewEmail("ada"), "wrong")).StatusCode);

        // The body is announced and never sent.
        var (head, _) = await RawAsync(
            own.Url,
            "POST /usher/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
            + "60000\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 429", head, StringComparison.Ordinal);
        Assert.Contains("Retry-After:", head, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", head, StringComparison.Ordinal);

        (head, _) =
            await RawAsync(
                own.Url,
                "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: "
                + "application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 429", head, StringComparison.Ordinal);
        Assert.Contains("text/html", head, StringComparison.Ordinal);
    }

    private async Task<(int Status, string Body)> SendAsync(string path, string body, string mediaType, bool chunked)
    {
        using var client = new HttpClient { BaseAddress = new(app.Url) };
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, mediaType),
        };
        request.Headers.ExpectContinue = true; // what is refused unread would break the connection
        request.Headers.TransferEncodingChunked = chunked;
        using var answer = await client.SendAsync(request, Ct);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct));
    }

    private static string Padded(string json, int length) => json + new string(' ', length - json.Length);

    private static async Task<(string Head, string Body)> RawAsync(string url, string request)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new Uri(url).Host, new Uri(url).Port, Ct);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request), Ct);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        time.CancelAfter(TimeSpan.FromSeconds(10));
        var (read, buffer) = (new StringBuilder(), new byte[8192]);
        while (!read.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await socket.ReceiveAsync(buffer, time.Token);
            if (count is 0) break;
            read.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }

        return read.ToString().Split("\r\n\r\n", 2) is [var head, var rest] ? (head, rest) : (read.ToString(), "");
    }
}
