using System.Net.Sockets;

namespace Usher.Server.Startup;

/// <summary>Opening the addresses that the server listens on.</summary>
public static class Listening
{
    // Where the host and the web server log, with a stack, that they did not start. The one line on standard error says
    // it.
    private static readonly string[] Categories = [
        "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.Extensions.Hosting.Internal.Host",
    ];

    /// <summary>Keeps a start that fails out of the log, because <see cref="StartUsherAsync"/> tells of it.</summary>
    /// <returns>Ends that: from then on everything is logged.</returns>
    public static Action QuietUntilStarted(this WebApplicationBuilder builder)
    {
        var started = false;
        foreach (var category in Categories)
            builder.Logging.AddFilter(
                category, level => level >= LogLevel.Information && (started || level < LogLevel.Error));
        return () => Volatile.Write(ref started, true);
    }

    /// <summary>Starts the server.</summary>
    /// <exception cref="StartupException">An address cannot be listened on; its message is one line.</exception>
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

    // Null: the start failed for another reason. The web server names the address only where it is taken.
    private static string? Reason(Exception e, WebApplication app) => (e, e.GetBaseException()) switch
    {
        (IOException, SocketException) => e.Message,
        (_, SocketException { SocketErrorCode: not SocketError.Success } refused) =>
            $"The server cannot listen on {Addresses(app)}: {refused.Message}",
        // of a port
        (_, ArgumentOutOfRangeException outside) => $"The server cannot listen on {Addresses(app)}: {outside.Message}",
        // An address that cannot be read; an address with https without a certificate.
        (_, FormatException or InvalidOperationException) when e.Source?.StartsWith(
            "Microsoft.AspNetCore", StringComparison.Ordinal) is true =>
            $"The server cannot listen on {Addresses(app)}: {e.Message}",
        _ => null,
    };

    private static string Addresses(WebApplication app) =>
        app.Configuration["urls"] is { Length: > 0 } urls ? urls : string.Join(';', app.Urls);

    // Those that started before the web server: what they hold is given back.
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
