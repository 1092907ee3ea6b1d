using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>
/// Sends each mail to an SMTP server, with STARTTLS and login as configured. Connections are kept open for some seconds
/// and reused for the next mails of the queue.
/// </summary>
internal sealed partial class SmtpTransport(IOptions<MailOptions> options, TimeProvider clock)
    : IMailTransport, IDisposable
{
    // Servers close idle connections, most of them after minutes.
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(20);

    private readonly ConcurrentQueue<(SmtpClient Client, DateTimeOffset Since)> idle = new();

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        try
        {
            if (Kept() is not { } kept || !await TrySendAsync(kept, mail, ct))
                await SendAsync(await ConnectAsync(ct), mail, ct);
        }
        catch (SmtpCommandException e)
        {
            throw new MailException($"smtp {(int)e.StatusCode}", e.Message, IsPermanent(e), e);
        }
        catch (Exception e) when (e is not (OperationCanceledException or MailException))
        {
            throw new MailException($"smtp {e.GetType().Name}", Describe(e), permanent: false, e);
        }
    }

    public void Dispose()
    {
        while (idle.TryDequeue(out var kept)) kept.Client.Dispose();
    }

    // The server may have closed the connection. Then the mail is sent on a new one; sending it twice is harmless.
    private async Task<bool> TrySendAsync(SmtpClient client, OutgoingMail mail, CancellationToken ct)
    {
        try
        {
            await SendAsync(client, mail, ct);
            return true;
        }
        catch (Exception e) when (
            e is IOException or ProtocolException
                or SmtpCommandException { StatusCode: SmtpStatusCode.ServiceNotAvailable })
        {
            return false;
        }
    }

    private async Task SendAsync(SmtpClient client, OutgoingMail mail, CancellationToken ct)
    {
        var usable = false;
        try
        {
            using var message = Mime.Message(mail);
            await client.SendAsync(Mime.Format(mail), message, ct);
            usable = true;
        }
        catch (SmtpCommandException e)
        {
            // The connection is ready for the next mail, unless the server is about to close it.
            usable = client.IsConnected && e.StatusCode is not SmtpStatusCode.ServiceNotAvailable;
            throw;
        }
        finally
        {
            if (usable) idle.Enqueue((client, clock.GetUtcNow()));
            else client.Dispose(); // closes the connection
        }
    }

    private SmtpClient? Kept()
    {
        while (idle.TryDequeue(out var kept))
        {
            if (kept.Client.IsConnected && clock.GetUtcNow() - kept.Since < KeptFor) return kept.Client;
            kept.Client.Dispose();
        }

        return null;
    }

    private async Task<SmtpClient> ConnectAsync(CancellationToken ct)
    {
        var server = options.Value.Smtp;
        var client = new SmtpClient { CheckCertificateRevocation = false };
        try
        {
            await client.ConnectAsync(
                await OpenAsync(server, ct), server.Host, server.Port,
                server.StartTls ? SecureSocketOptions.StartTls : SecureSocketOptions.None, ct);
            if (server.UserName is { Length: > 0 })
                await client.AuthenticateAsync(server.UserName, server.Password ?? "", ct);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    // Sends without delay. Otherwise the last part of each mail would wait until the server acknowledges the part
    // before it, which servers delay by 40 milliseconds and more.
    private static async Task<Socket> OpenAsync(SmtpOptions server, CancellationToken ct)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(server.Host, server.Port, ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Of the permanent errors, only 55x is about this mailbox or this mail (RFC 5321, 4.2.1). The others (502, 530,
    /// 535, …) are about the connection, which can be fixed within a day. X.7.Y (RFC 3463, "security or policy") does
    /// not count as permanent either, because relays also use it for clients without a login.
    /// </summary>
    private static bool IsPermanent(SmtpCommandException e) =>
        (int)e.StatusCode is >= 550 and <= 559 && !Policy().IsMatch(e.Message);

    private static string Describe(Exception e) =>
        e.InnerException is null ? e.Message : $"{e.Message} {e.GetBaseException().Message}";

    [GeneratedRegex(@"\b5\.7\.\d", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Policy();
}
