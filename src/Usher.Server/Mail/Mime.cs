using System.Net.Mail;
using System.Text;
using MimeKit;
using ContentEncoding = MimeKit.ContentEncoding;

namespace Usher.Server.Mail;

/// <summary>A mail as MIME. Nothing is written to a disk: the text holds a live link.</summary>
internal static class Mime
{
    // RFC 5322: 998 characters between line ends.
    private const int MaxLine = 998;

    /// <summary>The mail, for every transport.</summary>
    /// <exception cref="MailException">The recipient is no address: permanent.</exception>
    public static MimeMessage Message(OutgoingMail mail)
    {
        if (!MailAddress.TryCreate(mail.To, out var to) || to.Address != mail.To)
            throw new MailException("address", "This is not an address that mail can be sent to.", permanent: true);
        var message = new MimeMessage { Subject = mail.Subject };
        message.From.Add(new MailboxAddress(Encoding.UTF8, mail.From.DisplayName, mail.From.Address));
        message.To.Add(new MailboxAddress(Encoding.UTF8, null, mail.To));
        message.Headers.Replace(HeaderId.MessageId, mail.MessageId);
        message.Headers.Replace("Auto-Submitted", "auto-generated");
        // The last part is the one a reader prefers.
        message.Body = new MultipartAlternative(Part("plain", mail.Text), Part("html", mail.Html));
        return message;
    }

    /// <summary>
    /// An address outside ASCII needs a mail system that speaks SMTPUTF8; all others get what every mail system
    /// understands.
    /// </summary>
    public static FormatOptions Format(OutgoingMail mail)
    {
        var format = FormatOptions.Default.Clone();
        format.NewLineFormat = NewLineFormat.Dos;
        format.International = !Ascii.IsValid(mail.To);
        return format;
    }

    /// <summary>The mail as bytes, lines ending in CRLF.</summary>
    /// <exception cref="MailException">The recipient is no address: permanent.</exception>
    public static byte[] Bytes(OutgoingMail mail)
    {
        using var message = Message(mail);
        using var bytes = new MemoryStream();
        message.WriteTo(Format(mail), bytes);
        return bytes.ToArray();
    }

    private static TextPart Part(string subtype, string text)
    {
        var part = new TextPart(subtype)
        {
            ContentTransferEncoding = IsPlain(text) ? ContentEncoding.SevenBit : ContentEncoding.QuotedPrintable,
        };
        part.SetText(Encoding.UTF8, text.ReplaceLineEndings("\r\n"));
        return part;
    }

    // Such text is sent as it stands, so that a person who opens the file finds the link in one piece.
    private static bool IsPlain(string text) =>
        Ascii.IsValid(text) && text.Split('\n').All(line => line.Length < MaxLine);
}
