using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>
/// Hands each mail to a mail server, with STARTTLS and login as configured. Connections are kept for some seconds, so
/// that a queue that drains pays for each of them once.
/// </summary>
internal sealed partial class SmtpTransport(IOptions<MailOptions> options, TimeProvider clock) : IMailTransport,
IDisposable
{
    // Servers hang up after a while; most wait minutes.
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

    // The server may have hung up meanwhile: then the mail goes by a new connection. A repeat of one mail is harmless.
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
        var sent = false;
        try
        {
            using var message = Mime.Message(mail);
            await client.SendAsync(Mime.Format(mail), message, ct);
            sent = true;
        }
        finally
        {
            if (sent) idle.Enqueue((client, clock.GetUtcNow()));
            else client.Dispose(); // hangs up
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
                server.Host, server.Port, server.StartTls ? SecureSocketOptions.StartTls : SecureSocketOptions.None,
                ct);
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

    /// <summary>
    /// RFC 5321, 4.2.1: of the permanent refusals only 55x speak of this mailbox or this mail; the others (502, 530,
    /// 535, …) of how the server is talked to, which can be put right within the day. Neither is X.7.Y (RFC 3463,
    /// "security or policy") held against the recipient: it is also what a relay says to a client without a login.
    /// </summary>
    private static bool IsPermanent(SmtpCommandException e) =>
        (int)e.StatusCode is >= 550 and <= 559 && !Policy().IsMatch(e.Message);

    private static string Describe(Exception e) =>
        e.InnerException is null ? e.Message : $"{e.Message} {e.GetBaseException().Message}";

    [GeneratedRegex(@"\b5\.7\.\d", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Policy();
}
