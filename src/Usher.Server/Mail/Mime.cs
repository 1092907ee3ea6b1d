using System.Net.Mail;
using System.Text;
using MimeKit;
using ContentEncoding = MimeKit.ContentEncoding;
using MediaTypeNames = System.Net.Mime.MediaTypeNames;
using TransferEncoding = System.Net.Mime.TransferEncoding;

namespace Usher.Server.Mail;

/// <summary>A mail as MIME. Nothing is written to a disk: the text holds a live link.</summary>
internal static class Mime
{
    // RFC 5322: 998 characters between line ends.
    private const int MaxLine = 998;

    /// <summary>The mail for System.Net.Mail's own client.</summary>
    /// <exception cref="MailException">The recipient is no address: permanent.</exception>
    public static MailMessage Message(OutgoingMail mail)
    {
        var message = new MailMessage(mail.From, Recipient(mail)) { Subject = mail.Subject, SubjectEncoding = Encoding.UTF8, HeadersEncoding = Encoding.UTF8 };
        message.Headers.Add("Message-ID", mail.MessageId);
        message.Headers.Add("Auto-Submitted", "auto-generated");

        // The last part is the one a reader prefers.
        message.AlternateViews.Add(Part(mail.Text, MediaTypeNames.Text.Plain));
        message.AlternateViews.Add(Part(mail.Html, MediaTypeNames.Text.Html));
        return message;
    }

    /// <summary>An address outside ASCII needs a mail system that speaks SMTPUTF8; all others get what every mail system understands.</summary>
    public static SmtpDeliveryFormat Format(OutgoingMail mail) => Ascii.IsValid(mail.To) ? SmtpDeliveryFormat.SevenBit : SmtpDeliveryFormat.International;

    /// <summary>The mail as bytes, lines ending in CRLF.</summary>
    /// <exception cref="MailException">The recipient is no address: permanent.</exception>
    public static byte[] Bytes(OutgoingMail mail)
    {
        _ = Recipient(mail);
        using var message = new MimeMessage { Subject = mail.Subject };
        message.From.Add(new MailboxAddress(Encoding.UTF8, mail.From.DisplayName, mail.From.Address));
        message.To.Add(new MailboxAddress(Encoding.UTF8, null, mail.To));
        message.Headers.Replace(HeaderId.MessageId, mail.MessageId);
        message.Headers.Replace("Auto-Submitted", "auto-generated");
        message.Body = new MultipartAlternative(BodyPart("plain", mail.Text), BodyPart("html", mail.Html));

        using var bytes = new MemoryStream();
        var format = FormatOptions.Default.Clone();
        format.NewLineFormat = NewLineFormat.Dos;
        format.International = Format(mail) is SmtpDeliveryFormat.International;
        message.WriteTo(format, bytes);
        return bytes.ToArray();
    }

    private static MailAddress Recipient(OutgoingMail mail) => MailAddress.TryCreate(mail.To, out var to) && to.Address == mail.To
        ? to
        : throw new MailException("address", "This is not an address that mail can be sent to.", permanent: true);

    private static AlternateView Part(string text, string type)
    {
        var view = AlternateView.CreateAlternateViewFromString(text.ReplaceLineEndings("\r\n"), Encoding.UTF8, type);
        view.TransferEncoding = IsPlain(text) ? TransferEncoding.SevenBit : TransferEncoding.QuotedPrintable;
        return view;
    }

    private static TextPart BodyPart(string subtype, string text)
    {
        var part = new TextPart(subtype) { ContentTransferEncoding = IsPlain(text) ? ContentEncoding.SevenBit : ContentEncoding.QuotedPrintable };
        part.SetText(Encoding.UTF8, text.ReplaceLineEndings("\r\n"));
        return part;
    }

    // Such text is sent as it stands, so that a person who opens the file finds the link in one piece.
    private static bool IsPlain(string text) => Ascii.IsValid(text) && text.Split('\n').All(line => line.Length < MaxLine);
}
