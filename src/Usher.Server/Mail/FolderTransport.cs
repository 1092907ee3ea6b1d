using Microsoft.Extensions.Options;
using Usher.Server.Startup;

namespace Usher.Server.Mail;

/// <summary>
/// Writes each mail to a folder as <c>{id}.eml</c>; sending it again replaces the file. For trying Usher out, and for
/// programs that send the files themselves.
/// </summary>
internal sealed class FolderTransport : IMailTransport
{
    private const string Unfinished = ".tmp";

    private readonly string folder;

    public FolderTransport(
        IOptions<MailOptions> options, IOptions<ServerOptions> server, ILogger<FolderTransport> logger)
    {
        folder = Path.GetFullPath(
            options.Value.Folder is { Length: > 0 } given ? given : Path.Combine(server.Value.DataDirectory, "mail"));
        try
        {
            // Created only at the start: if a disk is unmounted later, sending must fail instead of writing below the
            // mount point.
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(
                    folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            DeleteUnfinished();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsValidationException(
                Options.DefaultName, typeof(MailOptions),
                [$"{MailOptions.Section}:Folder: cannot use the folder: {e.Message}"]);
        }

        PrivateFiles.WarnAboutFolder(folder, logger);
    }

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        var bytes = Mime.Bytes(mail);
        var path = Path.Combine(folder, $"{mail.Id:D}.eml");
        // A unique name, because two nodes may write the same mail.
        var unfinished = Path.Combine(folder, $".{mail.Id:D}.{Guid.NewGuid():N}{Unfinished}");
        try
        {
            var settings = new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous,
            };
            if (!OperatingSystem.IsWindows()) settings.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var file = new FileStream(unfinished, settings))
            {
                await file.WriteAsync(bytes, ct);
                file.Flush(flushToDisk: true); // a mail that is marked as sent must survive a power cut
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

    // Deletes unfinished files of a killed process, because each contains a valid link. If another node is writing one
    // at this moment, its mail is sent again.
    private void DeleteUnfinished()
    {
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles(".*" + Unfinished))
        {
            var name = file.Name.Split('.');
            if (name is ["", var mail, var own, _] && Guid.TryParseExact(mail, "D", out _)
                    && Guid.TryParseExact(own, "N", out _))
                TryDelete(file.FullName);
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
            // An earlier error matters more. Readers of the folder skip names that begin with a dot.
        }
    }
}
