using Microsoft.Extensions.Options;
using Usher.Server.Dialects.Conformity;
using Usher.Server.Dialects.DeployHq;
using Usher.Server.Dialects.Wavefront;

namespace Usher.Server.Dialects;

/// <summary>Registers and maps the dialects.</summary>
public static class DialectExtensions
{
    /// <summary>The list of the dialects. A new one needs its folder and one line here.</summary>
    internal static void AddUsherDialects(this IServiceCollection services) => services
        .AddDialect(new ConformityDialect())
        .AddDialect(new WavefrontDialect())
        .AddDialect(new DeployHqDialect());

    /// <summary>Adds a dialect with its setting <c>Enabled</c>.</summary>
    /// <exception cref="InvalidOperationException">Another dialect has the same name.</exception>
    public static IServiceCollection AddDialect(this IServiceCollection services, IDialect dialect)
    {
        ArgumentNullException.ThrowIfNull(dialect);
        if (services.Select(s => s.ImplementationInstance).OfType<IDialect>()
                .Any(other => other.Name.Equals(dialect.Name, StringComparison.OrdinalIgnoreCase)))
            throw new InvalidOperationException($"Two dialects are called {dialect.Name}.");
        services.AddOptions<DialectOptions>(dialect.Name).BindConfiguration(dialect.Section).ValidateOnStart();
        services.AddSingleton(dialect);
        dialect.Register(services);
        return services;
    }

    internal static void MapUsherDialects(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptionsMonitor<DialectOptions>>();
        foreach (var dialect in app.Services.GetServices<IDialect>())
            if (options.Get(dialect.Name).Enabled) dialect.Map(app);
    }

    extension(IDialect dialect)
    {
        /// <summary>The section of the dialect's settings.</summary>
        public string Section => $"Usher:Dialects:{dialect.Name}";
    }
}
