using System.Net.Sockets;

namespace Usher.Server.Startup;

/// <summary>Starts the server and reports addresses that it cannot listen on.</summary>
public static class Listening
{
    // The log categories in which the host and the web server report a failed start with a stack trace. Standard error
    // gets one line instead.
    private static readonly string[] Categories = [
        "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.Extensions.Hosting.Internal.Host",
    ];

    /// <summary>Keeps a failed start out of the log, because <see cref="StartUsherAsync"/> reports it.</summary>
    /// <returns>An action to call after the start: from then on everything is logged.</returns>
    public static Action QuietUntilStarted(this WebApplicationBuilder builder)
    {
        var started = false;
        foreach (var category in Categories)
            builder.Logging.AddFilter(
                category, level => level >= LogLevel.Information && (started || level < LogLevel.Error));
        return () => Volatile.Write(ref started, true);
    }

    /// <summary>Starts the server.</summary>
    /// <exception cref="StartupException">The server cannot listen on an address. The message is one line.</exception>
    public static async Task StartUsherAsync(this WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (Reason(e, app) is { } reason)
        {
            await StopWorkersAsync(app);
            throw new StartupException(
                $"{reason.ReplaceLineEndings(" ").TrimEnd('.')}. The addresses are set by --urls or ASPNETCORE_URLS.",
                e);
        }
    }

    // Null: the start failed for another reason. The web server's message names the address only where it is in use.
    private static string? Reason(Exception e, WebApplication app) => (e, e.GetBaseException()) switch
    {
        (IOException, SocketException) => e.Message,
        (_, SocketException { SocketErrorCode: not SocketError.Success } refused) =>
            $"The server cannot listen on {Addresses(app)}: {refused.Message}",
        // The port is out of range.
        (_, ArgumentOutOfRangeException outside) => $"The server cannot listen on {Addresses(app)}: {outside.Message}",
        // The address cannot be parsed, or it needs a certificate that is missing.
        (_, FormatException or InvalidOperationException) when e.Source?.StartsWith(
            "Microsoft.AspNetCore", StringComparison.Ordinal) is true =>
            $"The server cannot listen on {Addresses(app)}: {e.Message}",
        _ => null,
    };

    private static string Addresses(WebApplication app) =>
        app.Configuration["urls"] is { Length: > 0 } urls ? urls : string.Join(';', app.Urls);

    // Stops the hosted services that started before the web server, so that they release what they hold.
    private static async Task StopWorkersAsync(WebApplication app)
    {
        try
        {
            await app.StopAsync(TimeSpan.FromSeconds(10));
        }
        catch (Exception e) when (e is OperationCanceledException or AggregateException or InvalidOperationException)
        {
            // The process ends anyway.
        }
    }
}
