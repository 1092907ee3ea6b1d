using System.Net.Mail;

namespace Usher.Server.Mail;

/// <summary>How a mail leaves: a folder, an SMTP server, a program.</summary>
public interface IMailTransport
{
    /// <summary>
    /// Returns once the other side has taken responsibility for the mail. A repeat of one mail is harmless.
    /// </summary>
    /// <exception cref="MailException">It was not taken.</exception>
    /// <exception cref="OperationCanceledException">At once when cancelled, whatever the other side does; whether it
    /// has the mail is then unknown.</exception>
    Task SendAsync(OutgoingMail mail, CancellationToken ct);
}

/// <summary>A rendered mail to one person. Its texts hold a live link.</summary>
/// <param name="Id">The outbox message's: the same at every attempt.</param>
/// <param name="From">The sender, also of the envelope.</param>
/// <param name="To">One canonical address.</param>
/// <param name="Subject">One line.</param>
/// <param name="Text">The plain part, lines ending in LF.</param>
/// <param name="Html">The other part, a whole document.</param>
/// <param name="MessageId">With its angle brackets; the same at every attempt, so that a repeat can be
/// recognised.</param>
public sealed record OutgoingMail(
    Guid Id, MailAddress From, string To, string Subject, string Text, string Html, string MessageId)
{
    // A record would print address and link wherever it is interpolated.
    public override string ToString() => $"{nameof(OutgoingMail)} {Id}";
}

/// <summary>A mail was not taken.</summary>
/// <param name="code">For logs and statistics: names no person, such as <c>smtp 550</c>.</param>
/// <param name="message">What the other side said; may name the recipient.</param>
/// <param name="permanent">Whether the same mail would be refused again.</param>
/// <param name="inner">What was thrown.</param>
public sealed class MailException(string code, string message, bool permanent, Exception? inner = null)
    : Exception(message, inner)
{
    public string Code => code;

    public bool Permanent => permanent;
}
