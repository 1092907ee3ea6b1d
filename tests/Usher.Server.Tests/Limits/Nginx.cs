using System.Diagnostics;
using System.Net.Sockets;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Limits;

/// <summary>A real nginx on a loopback port, with a configuration of its own.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly Process process;
    private readonly DirectoryInfo folder;

    private Nginx(Process process, DirectoryInfo folder, int port) =>
        (this.process, this.folder, Port) = (process, folder, port);

    public int Port { get; }

    public string Url => $"http://127.0.0.1:{Port}";

    /// <summary>Starts it before a server.</summary>
    /// <param name="upstream">As <c>proxy_pass</c> takes it: <c>http://127.0.0.1:5000</c>, or
    /// <c>http://unix:/path:</c>.</param>
    /// <param name="directives">Further lines of the location.</param>
    public static async Task<Nginx> StartAsync(string upstream, string directives)
    {
        // Started by root, nginx would run its worker as another user, which may not open a socket that the server
        // made.
        var directory = Directory.CreateTempSubdirectory("usher-nginx-");
        var port = ServerProcess.FreePort();
        await File.WriteAllTextAsync(Path.Combine(directory.FullName, "nginx.conf"), $$"""
            daemon off;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            worker_processes 1;
            pid {{directory.FullName}}/pid;
            error_log stderr;
            events { worker_connections 256; }
            http {
                access_log off;
                client_body_temp_path {{directory.FullName}}/body;
                proxy_temp_path {{directory.FullName}}/proxy;
                fastcgi_temp_path {{directory.FullName}}/fastcgi;
                uwsgi_temp_path {{directory.FullName}}/uwsgi;
                scgi_temp_path {{directory.FullName}}/scgi;
                server {
                    listen 127.0.0.1:{{port}};
                    location / {
                        proxy_pass {{upstream}};
                        {{directives}}
                    }
                }
            }
            """);
        var program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var start = new ProcessStartInfo(
            program,
            [
                "-p", directory.FullName, "-c", Path.Combine(directory.FullName, "nginx.conf"), "-e", "stderr",
            ]) { UseShellExecute = false, RedirectStandardError = true };
        var nginx = new Nginx(Process.Start(start)!, directory, port);
        var patience = Stopwatch.StartNew();
        while (true)
        {
            using var probe = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await probe.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
                return nginx;
            }
            catch (SocketException) when (patience.Elapsed < TimeSpan.FromSeconds(20) && !nginx.process.HasExited)
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }

    // SIGTERM, on which the master ends its worker, too.
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            await kill.WaitForExitAsync();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
        }

        process.Dispose();
        folder.Delete(recursive: true);
    }
}
