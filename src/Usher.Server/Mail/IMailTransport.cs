using System.Net.Mail;

namespace Usher.Server.Mail;

/// <summary>Sends mails: to a folder, an SMTP server or a program.</summary>
public interface IMailTransport
{
    /// <summary>
    /// Returns once the other side has accepted the mail. Sending the same mail again is harmless.
    /// </summary>
    /// <exception cref="MailException">The mail was not accepted.</exception>
    /// <exception cref="OperationCanceledException">Thrown at once when cancelled. The other side may or may not have
    /// accepted the mail.</exception>
    Task SendAsync(OutgoingMail mail, CancellationToken ct);
}

/// <summary>A rendered mail to one person. Its texts contain a valid link.</summary>
/// <param name="Id">The id of the outbox message, the same for every attempt.</param>
/// <param name="From">The sender, also of the envelope.</param>
/// <param name="To">One canonical address.</param>
/// <param name="Subject">One line.</param>
/// <param name="Text">The plain text, with LF as line ending.</param>
/// <param name="Html">The HTML document.</param>
/// <param name="MessageId">The Message-ID with its angle brackets, the same for every attempt, so that duplicates can
/// be recognised.</param>
public sealed record OutgoingMail(
    Guid Id, MailAddress From, string To, string Subject, string Text, string Html, string MessageId)
{
    // The generated method would print the address and the link.
    public override string ToString() => $"{nameof(OutgoingMail)} {Id}";
}

/// <summary>A mail was not accepted.</summary>
/// <param name="code">A code for logs and statistics without personal data, such as <c>smtp 550</c>.</param>
/// <param name="message">The other side's message, which may contain the recipient's address.</param>
/// <param name="permanent">Whether sending the same mail again would fail too.</param>
/// <param name="inner">The original exception.</param>
public sealed class MailException(string code, string message, bool permanent, Exception? inner = null)
    : Exception(message, inner)
{
    public string Code => code;

    public bool Permanent => permanent;
}
