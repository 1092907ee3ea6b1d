using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Usher.Server.Tests.Limits;

/// <summary>
/// Requests from different network addresses of this machine, and the settings under which they are counted.
/// </summary>
internal static class Clients
{
    /// <summary>The limits as they are by default; the other tests have none.</summary>
    public static Dictionary<string, string?> DefaultLimits => new()
    {
        ["Usher:GuestLimits:Passwords:PerClient"] = "30", ["Usher:GuestLimits:Passwords:PerSubject"] = "10",
        ["Usher:GuestLimits:Codes:PerClient"] = "120",
        ["Usher:GuestLimits:Codes:PerSubject"] = "30", ["Usher:GuestLimits:Mails:PerClient"] = "30",
        ["Usher:GuestLimits:Mails:PerSubject"] = "5",
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A client whose requests come from an address of their own.</summary>
    /// <param name="url">The server.</param>
    /// <param name="number">Which of some 60,000 addresses.</param>
    public static HttpClient At(string url, int number) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, UseCookies = false,
        ConnectCallback = async (context, ct) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(
                    new IPAddress([127, 0, (byte)(number / 250), (byte)(2 + (number % 250))]), 0));
                await socket.ConnectAsync(context.DnsEndPoint, ct);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new(url.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)),
    };

    /// <summary>Signs in by Usher's own API.</summary>
    public static async Task<HttpResponseMessage> SignInAsync(
        this HttpClient client, string email, string password, object? more = null)
    {
        var body = JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        (body["email"], body["password"]) = (email, password);
        return await client.PostAsync(
            new Uri("/usher/v1/sessions", UriKind.Relative),
            new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"), Ct);
    }

    /// <summary>A refusal's code.</summary>
    public static async Task<string?> CodeAsync(this HttpResponseMessage answer) =>
        JsonElement.Parse(await answer.Content.ReadAsStringAsync(Ct)).GetProperty("code").GetString();
}
