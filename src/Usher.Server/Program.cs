using Microsoft.Extensions.Options;
using Usher.Server;
using Usher.Server.Startup;

try
{
    // The server's own files are found from any working directory; a relative data directory depends on it.
    var builder = WebApplication.CreateBuilder(
        new WebApplicationOptions { Args = args, ContentRootPath = Content.Root });
    builder.AddUsher();
    var logEverything = builder.QuietUntilStarted();
    await using var app = builder.Build();
    app.MapUsher();
    await app.PrepareUsherAsync();
    await app.StartUsherAsync();
    logEverything();
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (
    e is StartupException or OptionsValidationException
        or InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" })
{
    foreach (var line in e is OptionsValidationException invalid ? invalid.Failures : [e.Message])
        await Console.Error.WriteLineAsync($"usher: {line}");
    return 1;
}

namespace Usher.Server
{
    internal static class Content
    {
        /// <summary>
        /// The folder that contains wwwroot: that of the published program, or null, which means the working directory,
        /// during development.
        /// </summary>
        public static string? Root =>
            Directory.Exists(Path.Combine(AppContext.BaseDirectory, "wwwroot")) ? AppContext.BaseDirectory : null;
    }
}
