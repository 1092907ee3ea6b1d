using System.Net;
using System.Net.Mail;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>Hands each mail to a mail server, with STARTTLS and login as configured.</summary>
internal sealed partial class SmtpTransport(IOptions<MailOptions> options) : IMailTransport
{
    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        var server = options.Value.Smtp;
        using var message = Mime.Message(mail);
        using var client = new SmtpClient(server.Host, server.Port) { EnableSsl = server.StartTls, DeliveryFormat = Mime.Format(mail) };
        if (server.UserName is { Length: > 0 }) client.Credentials = new NetworkCredential(server.UserName, server.Password);
        try
        {
            // SmtpClient waits for the server's last word on a thread, deaf to any token (read in .NET 10.0). Leaving disposes of it, which hangs up.
            await Task.Run(() => client.SendMailAsync(message, CancellationToken.None), ct).WaitAsync(ct);
        }
        catch (SmtpException e)
        {
            throw new MailException($"smtp {(int)e.StatusCode}", Describe(e), IsPermanent(e), e);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new MailException($"smtp {e.GetType().Name}", Describe(e), permanent: false, e);
        }
    }

    /// <summary>
    /// RFC 5321, 4.2.1: of the permanent refusals only 55x speak of this mailbox or this mail; the others (502, 530, 535, …) of how we talk to the server,
    /// which can be put right within the day. Neither is X.7.Y (RFC 3463, "security or policy") held against the recipient: it is also what a relay
    /// says to a login that failed, because SmtpClient goes on without one.
    /// </summary>
    private static bool IsPermanent(SmtpException e) => (int)e.StatusCode is >= 550 and <= 559 && !Policy().IsMatch(e.Message);

    // "Failure sending mail." alone helps nobody.
    private static string Describe(Exception e) => e.InnerException is null ? e.Message : $"{e.Message} {e.GetBaseException().Message}";

    [GeneratedRegex(@"\b5\.7\.\d", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Policy();
}
