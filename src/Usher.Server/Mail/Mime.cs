using System.Net.Mail;
using System.Net.Mime;
using System.Text;

namespace Usher.Server.Mail;

/// <summary>A mail as MIME, written by System.Net.Mail.</summary>
internal static class Mime
{
    // RFC 5322: 998 characters between line ends.
    private const int MaxLine = 998;

    /// <exception cref="MailException">The recipient is no address: permanent.</exception>
    public static MailMessage Message(OutgoingMail mail)
    {
        if (!MailAddress.TryCreate(mail.To, out var to) || to.Address != mail.To)
            throw new MailException("address", "This is not an address that mail can be sent to.", permanent: true);

        var message = new MailMessage(mail.From, to) { Subject = mail.Subject, SubjectEncoding = Encoding.UTF8, HeadersEncoding = Encoding.UTF8 };
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
    public static async Task<byte[]> BytesAsync(OutgoingMail mail, CancellationToken ct)
    {
        // The only public way to MailMessage's own writer. The folder is this process's alone (mode 0700): the text holds a live link.
        var folder = Directory.CreateTempSubdirectory("usher-mail-");
        try
        {
            using (var message = Message(mail))
            using (var client = new SmtpClient())
            {
                client.DeliveryMethod = SmtpDeliveryMethod.SpecifiedPickupDirectory;
                (client.PickupDirectoryLocation, client.DeliveryFormat) = (folder.FullName, Format(mail));
                await client.SendMailAsync(message, ct);
            }

            return WithoutEnvelope(await File.ReadAllBytesAsync(folder.GetFiles().Single().FullName, ct));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // A pickup directory's own headers, X-Sender and X-Receiver and the lines they are folded into, come first.
    private static byte[] WithoutEnvelope(byte[] mail)
    {
        var start = 0;
        while (mail.AsSpan(start) is var rest && (rest.StartsWith("X-Sender:"u8) || rest.StartsWith("X-Receiver:"u8) || rest[0] is (byte)' ' or (byte)'\t'))
            start += rest.IndexOf((byte)'\n') + 1;
        return mail[start..];
    }

    private static AlternateView Part(string text, string type)
    {
        var view = AlternateView.CreateAlternateViewFromString(text.ReplaceLineEndings("\r\n"), Encoding.UTF8, type);

        // As it stands where that is allowed, so that a person who opens the file finds the link in one piece.
        var plain = Ascii.IsValid(text) && text.Split('\n').All(line => line.Length < MaxLine);
        view.TransferEncoding = plain ? TransferEncoding.SevenBit : TransferEncoding.QuotedPrintable;
        return view;
    }
}
