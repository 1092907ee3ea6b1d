using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Server.Api;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Dialects;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Mail;
using Usher.Server.Pages;
using Usher.Server.Startup;
using Usher.Server.Workers;

namespace Usher.Server;

/// <summary>Registers the services and maps the endpoints of the server.</summary>
public static class UsherBuilder
{
    /// <summary>
    /// The largest body, unless a route sets another limit. A thousand invitations with long lists fit many times over.
    /// </summary>
    internal const int MaxBodyBytes = 4 * 1024 * 1024;

    public static void AddUsher(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        // This category logs paths, which may contain secrets.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);

        var services = builder.Services;
        services.AddUsherOptions();
        services.AddUsherDatabase(DatabaseSettings.From(builder.Configuration));
        services.AddUsherCore();
        services.AddUsherMail();
        services.AddUsherWorkers();
        services.AddUsherErrors();
        services.AddUsherAuthentication();
        services.AddUsherLimits();
        services.AddUsherOpenApi();
        services.AddUsherDialects();
        services.AddUsherPages();
        services.AddUsherHealth();
    }

    /// <summary>Validates all settings and maps the endpoints.</summary>
    public static void MapUsher(this WebApplication app)
    {
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        app.UseRequestIds();
        app.UseUsherProxies();
        app.UseExceptionHandler();
        app.UseUsherSecurityHeaders();
        app.UseSurfaceStatusPages();
        app.UseTolerantPaths();
        app.UseMailedLinks();
        app.UseRouting();
        app.UseGuestGate();
        app.UseRepeatableBodies();
        app.UseAuthentication();
        app.UseAuthorization();

        app.MapUsherDialects();
        app.MapUsherApi();
        app.MapUsherPages();
        app.MapUsherHealth();
        BuiltEndpoints.Begin(app);
    }

    /// <summary>Prepares the start: locks, schema, keys, first organization.</summary>
    public static Task PrepareUsherAsync(this WebApplication app) =>
        app.Services.GetRequiredService<UsherStartup>().PrepareAsync(app.Lifetime.ApplicationStopping);
}
