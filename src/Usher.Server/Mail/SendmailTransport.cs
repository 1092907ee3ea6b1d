using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>Pipes each mail to Sendmail, or to its replacement from another mail system.</summary>
internal sealed class SendmailTransport(IOptions<MailOptions> options) : IMailTransport
{
    // From sysexits.h: invalid input, unknown user, unknown host. All other codes are problems of the mail system.
    private const int DataError = 65, NoUser = 67, NoHost = 68;

    private const int MaxComplaint = 500;

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        var bytes = WithUnixLines(Mime.Bytes(mail));

        // The program is started without a shell. -i: a line with a single dot does not end the mail. -f: the address
        // for bounces. --: an address may begin with a hyphen.
        var start = new ProcessStartInfo(options.Value.Sendmail, ["-i", "-f", mail.From.Address, "--", mail.To])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var program = Start(start);
        try
        {
            var complaint = ReadStartAsync(program.StandardError, ct);
            var chatter = ReadStartAsync(program.StandardOutput, ct);
            await WriteAsync(program.StandardInput.BaseStream, bytes, ct);
            await program.WaitForExitAsync(ct);
            if (program.ExitCode is 0) return;

            // A background process of the program may keep the output open for long.
            var said = await Task.WhenAny(complaint, Task.Delay(TimeSpan.FromSeconds(1), ct)) == complaint
                ? (await complaint).Trim()
                : "";
            var (code, permanent) = (program.ExitCode, program.ExitCode is DataError or NoUser or NoHost);
            throw new MailException(
                $"sendmail {code}", $"The mail program ended with exit code {code}. {said}".Trim(), permanent);
        }
        catch (OperationCanceledException)
        {
            program.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new MailException(
                "sendmail start", $"The mail program could not be started: {e.Message}", permanent: false, e);
        }
    }

    private static async Task WriteAsync(Stream input, byte[] mail, CancellationToken ct)
    {
        try
        {
            await using (input) await input.WriteAsync(mail, ct);
        }
        catch (IOException)
        {
            // The program did not read all of its input. Its exit code says why.
        }
    }

    // Reads to the end, so that the program never blocks on its output, and keeps the beginning.
    private static async Task<string> ReadStartAsync(StreamReader output, CancellationToken ct)
    {
        var (text, block) = (new StringBuilder(), new char[1024]);
        while (await output.ReadAsync(block, ct) is > 0 and var read)
            text.Append(block, 0, Math.Min(read, MaxComplaint - text.Length));
        return text.ToString();
    }

    // Unix programs expect LF on their input. Replacing CRLF is safe, because no part is binary.
    private static byte[] WithUnixLines(byte[] mail) => [.. mail.Where(b => b is not (byte)'\r')];
}
