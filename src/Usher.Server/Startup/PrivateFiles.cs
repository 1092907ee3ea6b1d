namespace Usher.Server.Startup;

/// <summary>
/// Files that only the server's account may read. On Windows, where the folder's permissions apply, this does nothing.
/// </summary>
internal static partial class PrivateFiles
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute;

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The options to open a file. A new file gets the mode 0600, whatever the umask is.</summary>
    public static FileStreamOptions Opening(
        System.IO.FileMode mode, FileAccess access, FileShare share = FileShare.Read)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share };
        if (!OperatingSystem.IsWindows() && mode is not System.IO.FileMode.Open) options.UnixCreateMode = FileMode;
        return options;
    }

    /// <summary>Creates a folder with the mode 0700 if it is missing.</summary>
    public static void MakeFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, FolderMode);
    }

    /// <summary>Removes the permissions of other accounts from a file, if it exists.</summary>
    /// <exception cref="UnauthorizedAccessException">The file belongs to another account.</exception>
    public static void Restrict(string file)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(file)) return;
        var mode = File.GetUnixFileMode(file);
        if ((mode & Others) is not UnixFileMode.None) File.SetUnixFileMode(file, mode & ~Others);
    }

    /// <summary>Logs a warning if other accounts have access to a folder.</summary>
    public static void WarnAboutFolder(string folder, ILogger logger)
    {
        if (OperatingSystem.IsWindows() || !Directory.Exists(folder)) return;
        var mode = File.GetUnixFileMode(folder);
        if ((mode & Others) is not UnixFileMode.None)
            Log.OpenFolder(logger, folder, "0" + Convert.ToString((int)mode, 8));
    }

    /// <summary>Logs a warning if other accounts may read or change a file that the operator provides.</summary>
    public static void WarnAboutFile(string file, ILogger logger)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(file)) return;
        var mode = File.GetUnixFileMode(file);
        if ((mode & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) is not UnixFileMode.None)
            Log.OpenFile(logger, file, "0" + Convert.ToString((int)mode, 8));
    }

    private static partial class Log
    {
        [LoggerMessage(
            4001, LogLevel.Warning,
            "Other accounts on this machine have access to the folder {Folder}: its mode is {Mode}. Set it to "
            + "0700.")]
        public static partial void OpenFolder(ILogger logger, string folder, string mode);

        [LoggerMessage(
            4002, LogLevel.Warning,
            "Other accounts on this machine may read or change the file {File}: its mode is {Mode}. Set it to "
            + "0600.")]
        public static partial void OpenFile(ILogger logger, string file, string mode);
    }
}
