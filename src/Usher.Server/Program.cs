using Microsoft.Extensions.Options;
using Usher.Server;
using Usher.Server.Startup;

try
{
    // Started from anywhere, the server finds its own files; its data stays where it was started.
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
        /// Where wwwroot is: beside the published program; null, the working directory's rule, while developing.
        /// </summary>
        public static string? Root =>
            Directory.Exists(Path.Combine(AppContext.BaseDirectory, "wwwroot")) ? AppContext.BaseDirectory : null;
    }
}
