using Microsoft.Extensions.Options;
using Usher.Server.Startup;

namespace Usher.Server.Mail;

/// <summary>
/// Puts each mail into a folder, as <c>{id}.eml</c>; a repeat replaces it. For trying Usher out, and for a program of
/// one's own that sends what it finds.
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
            // Made now, and never again while running: where a disk was unmounted, mail must fail and not go under the
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
                [$"{MailOptions.Section}:Folder cannot be used: {e.Message}"]);
        }

        PrivateFiles.WarnAboutFolder(folder, logger);
    }

    public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
    {
        var bytes = Mime.Bytes(mail);
        var path = Path.Combine(folder, $"{mail.Id:D}.eml");
        // of its own, should two nodes write one mail
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

    // What a process that was killed left behind; each holds a live link. Should another node be writing one of them at
    // this moment, that mail is sent anew.
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
            // What went wrong before matters more; a reader of the folder passes over names that begin with a dot.
        }
    }
}
