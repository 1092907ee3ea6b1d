using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>
/// Puts each mail into a folder, as <c>{id}.eml</c>; a repeat replaces it. For trying Usher out, and for a program of one's own that sends what it finds.
/// </summary>
internal sealed class FolderTransport : IMailTransport
{
    private readonly string folder;

    public FolderTransport(IOptions<MailOptions> options, IOptions<ServerOptions> server)
    {
        folder = Path.GetFullPath(options.Value.Folder is { Length: > 0 } given ? given : Path.Combine(server.Value.DataDirectory, "mail"));
        try
        {
            // Made now, and never again while running: where a disk was unmounted, mail must fail and not go under the mount point.
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(MailOptions), [$"{MailOptions.Section}:Folder cannot be made: {e.Message}"]);
        }
    }

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        var bytes = await Mime.BytesAsync(mail, ct);
        var path = Path.Combine(folder, $"{mail.Id:D}.eml");
        var unfinished = Path.Combine(folder, $".{mail.Id:D}.{Guid.NewGuid():N}.tmp"); // of its own, should two nodes write one mail
        try
        {
            var settings = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
            if (!OperatingSystem.IsWindows()) settings.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var file = new FileStream(unfinished, settings))
            {
                await file.WriteAsync(bytes, ct);
                file.Flush(flushToDisk: true); // what is marked as sent survives a power cut
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MailException("folder", e.Message, permanent: false, e);
        }
        finally
        {
            TryDelete(unfinished);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What went wrong before matters more; a reader of the folder passes over names that begin with a dot.
        }
    }
}
