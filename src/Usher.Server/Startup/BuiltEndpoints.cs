using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Primitives;

namespace Usher.Server.Startup;

/// <summary>
/// Builds all endpoints once, in the background, while the rest of the start-up runs. The framework would build them
/// twice, each time with nothing running beside it: before it listens, and during the first request.
/// </summary>
internal sealed class BuiltEndpoints : EndpointDataSource
{
    private readonly Lazy<IReadOnlyList<Endpoint>> endpoints;

    private BuiltEndpoints(EndpointDataSource[] sources) =>
        endpoints = new(() => [.. sources.SelectMany(source => source.Endpoints)]);

    public override IReadOnlyList<Endpoint> Endpoints => endpoints.Value;

    public override IChangeToken GetChangeToken() => NullChangeToken.Singleton;

    /// <summary>Starts to build all endpoints mapped so far. No endpoint may be added afterwards.</summary>
    public static void Begin(IEndpointRouteBuilder routes)
    {
        BuiltEndpoints built = new([.. routes.DataSources]);
        routes.DataSources.Clear();
        routes.DataSources.Add(built);
        _ = Task.Run(() => built.Endpoints); // an exception is thrown again by every later read of the property
    }
}
