using Usher.Server.Errors;

namespace Usher.Server.Dialects;

/// <summary>
/// An API of another product that this server also offers. A dialect translates; the rules are in the core. How to add
/// one: docs/dialects/README.md.
/// </summary>
public interface IDialect
{
    /// <summary>
    /// The name in the settings: <c>Usher:Dialects:&lt;name&gt;:Enabled</c>. Letter case does not count.
    /// </summary>
    string Name { get; }

    /// <summary>
    /// Registers what the dialect needs beyond the services of the core: policies, and options for settings of its own.
    /// Called whether or not the dialect is enabled. The default registers nothing.
    /// </summary>
    void Register(IServiceCollection services)
    {
    }

    /// <summary>
    /// Maps the routes, each in a group of <see cref="SurfaceExtensions.MapSurface"/>. Called only when the dialect is
    /// enabled.
    /// </summary>
    void Map(WebApplication app);
}
