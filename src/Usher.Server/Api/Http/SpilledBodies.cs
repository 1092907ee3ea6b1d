using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Usher.Server.Startup;

namespace Usher.Server.Api.Http;

/// <summary>
/// Buffers the bodies of requests that are read more than once. Bodies over 64 KiB go to a folder of the data
/// directory, not to the system's temporary files, because they contain personal data. Files that a killed server
/// leaves behind are deleted at the next start.
/// </summary>
internal static class SpilledBodies
{
    private const int InMemory = 64 * 1024;

    /// <summary>Makes the body of a request readable more than once.</summary>
    public static void Buffer(HttpContext http)
    {
        var folder = FolderOf(http.RequestServices.GetRequiredService<IOptions<ServerOptions>>().Value);
        var body = new FileBufferingReadStream(http.Request.Body, InMemory, bufferLimit: null, () => Made(folder));
        http.Request.Body = body;
        http.Response.RegisterForDispose(body);
    }

    /// <summary>
    /// Deletes what an earlier process left behind. A file that another node has open stays readable for that node.
    /// </summary>
    public static void DeleteAll(ServerOptions options)
    {
        if (!Directory.Exists(FolderOf(options))) return;
        try
        {
            foreach (var file in Directory.EnumerateFiles(FolderOf(options))) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"Usher:DataDirectory: cannot empty {FolderOf(options)}: {e.Message}", e);
        }
    }

    private static string FolderOf(ServerOptions options) =>
        Path.GetFullPath(Path.Combine(options.DataDirectory, "requests"));

    private static string Made(string folder)
    {
        PrivateFiles.MakeFolder(folder);
        return folder;
    }
}
