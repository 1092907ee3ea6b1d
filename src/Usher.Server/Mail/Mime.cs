using System.Net.Mail;
using System.Text;
using MimeKit;
using ContentEncoding = MimeKit.ContentEncoding;

namespace Usher.Server.Mail;

/// <summary>Builds MIME messages. Nothing is written to a file, because the text contains a valid link.</summary>
internal static class Mime
{
    // RFC 5322 allows 998 characters in a line.
    private const int MaxLine = 998;

    /// <summary>Builds the message, for every transport.</summary>
    /// <exception cref="MailException">The recipient is not a valid address; permanent.</exception>
    public static MimeMessage Message(OutgoingMail mail)
    {
        if (!MailAddress.TryCreate(mail.To, out var to) || to.Address != mail.To)
            throw new MailException("address", "The recipient's address is not valid.", permanent: true);
        var message = new MimeMessage { Subject = mail.Subject };
        message.From.Add(new MailboxAddress(Encoding.UTF8, mail.From.DisplayName, mail.From.Address));
        message.To.Add(new MailboxAddress(Encoding.UTF8, null, mail.To));
        message.Headers.Replace(HeaderId.MessageId, mail.MessageId);
        message.Headers.Replace("Auto-Submitted", "auto-generated");
        // Mail programs prefer the last part that they support.
        message.Body = new MultipartAlternative(Part("plain", mail.Text), Part("html", mail.Html));
        return message;
    }

    /// <summary>
    /// The format of a mail. An address outside ASCII needs a mail system with SMTPUTF8; all other mails use what every
    /// mail system supports.
    /// </summary>
    public static FormatOptions Format(OutgoingMail mail)
    {
        var format = FormatOptions.Default.Clone();
        format.NewLineFormat = NewLineFormat.Dos;
        format.International = !Ascii.IsValid(mail.To);
        return format;
    }

    /// <summary>The message as bytes, with CRLF as line ending.</summary>
    /// <exception cref="MailException">The recipient is not a valid address; permanent.</exception>
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

    // Plain text is sent unencoded, so that the link is in one piece for a person who opens the file.
    private static bool IsPlain(string text) =>
        Ascii.IsValid(text) && text.Split('\n').All(line => line.Length < MaxLine);
}
