using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>The server as a process of its own, to be killed, stopped and started again on the same database.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process process;

    private ServerProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public string Url { get; private set; } = "";

    public ConcurrentQueue<string> Output { get; } = new();

    /// <summary>Every line of standard error; these are among the output, too.</summary>
    public ConcurrentQueue<string> Errors { get; } = new();

    public int ExitCode => process.ExitCode;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="database">Its own.</param>
    /// <param name="settings">On top of everybody's.</param>
    /// <param name="largestFile">In KiB: past that size the system refuses to write, as a full disk does.</param>
    public static async Task<ServerProcess> StartAsync(
        TestDatabase database, Dictionary<string, string?> settings, int? largestFile = null)
    {
        var server = Launch(database, settings, largestFile);
        var patience = Stopwatch.StartNew();
        const string listening = "Now listening on: ";
        while (true)
        {
            if (server.Output.FirstOrDefault(line => line.Contains(listening, StringComparison.Ordinal)) is { } line)
            {
                server.Url = line[(line.IndexOf(listening, StringComparison.Ordinal) + listening.Length)..]
                    .Split('"', ' ')[0];
                return server;
            }

            if (server.process.HasExited || patience.Elapsed > TimeSpan.FromSeconds(120))
                throw new InvalidOperationException("It did not start: " + string.Join('\n', server.Output));
            await Task.Delay(20);
        }
    }

    /// <summary>Starts it and waits until it has ended by itself.</summary>
    /// <param name="database">Its own.</param>
    /// <param name="settings">On top of everybody's.</param>
    /// <param name="withoutPrivileges">Root without what makes it root: it may not open ports below 1024.</param>
    public static async Task<ServerProcess> RunToEndAsync(
        TestDatabase database, Dictionary<string, string?> settings, bool withoutPrivileges = false)
    {
        var server = Launch(database, settings, withoutPrivileges: withoutPrivileges);
        await server.process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(120)).Token);
        return server;
    }

    /// <summary>A port nobody listens on at this moment.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>SIGKILL: no chance to finish anything.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM.</summary>
    public async Task StopAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await kill.WaitForExitAsync();
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await KillAsync();
        process.Dispose();
    }

    private static ServerProcess Launch(
        TestDatabase database, Dictionary<string, string?> settings, int? largestFile = null,
        bool withoutPrivileges = false)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Usher.Server.dll");
        var start = new ProcessStartInfo(
            largestFile is null ? "dotnet" : "bash",
            largestFile is null ? [program] : ["-c", $"trap '' XFSZ; ulimit -f {largestFile}; exec dotnet {program}"])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
            WorkingDirectory = database.Directory,
        };
        if (withoutPrivileges)
            (start.FileName, start.Arguments) =
                ("setpriv", $"--bounding-set=-net_bind_service --inh-caps=-net_bind_service dotnet {program}");
        if (withoutPrivileges) start.ArgumentList.Clear();
        // which keeps code in a file of its own, larger than that
        if (largestFile is not null) start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        foreach (var (key, value) in database.Settings.Concat(settings))
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        start.Environment["Logging__Console__FormatterName"] = "simple";

        // Not published, it finds its style sheets and scripts where they are made.
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["ASPNETCORE_CONTENTROOT"] = Repository.Path("src/Usher.Server");
        var server = new ServerProcess(Process.Start(start)!);
        server.process.OutputDataReceived += (_, line) => server.Keep(line.Data);
        server.process.ErrorDataReceived += (_, line) => server.Keep(line.Data, isError: true);
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        return server;
    }

    private void Keep(string? line, bool isError = false)
    {
        if (line is null) return;
        Output.Enqueue(line);
        if (isError) Errors.Enqueue(line);
    }
}
