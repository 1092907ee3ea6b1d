using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Primitives;

namespace Usher.Server.Startup;

/// <summary>
/// All endpoints, built once, beside whatever else the start has to do. The framework would build them twice while
/// nothing else happens: for authorization before it listens, and for routing while the first request waits.
/// </summary>
internal sealed class BuiltEndpoints : EndpointDataSource
{
    private readonly Lazy<IReadOnlyList<Endpoint>> endpoints;

    private BuiltEndpoints(EndpointDataSource[] sources) =>
        endpoints = new(() => [.. sources.SelectMany(source => source.Endpoints)]);

    public override IReadOnlyList<Endpoint> Endpoints => endpoints.Value;

    public override IChangeToken GetChangeToken() => NullChangeToken.Singleton;

    /// <summary>Begins with what is mapped so far, which nothing may be added to any more.</summary>
    public static void Begin(IEndpointRouteBuilder routes)
    {
        BuiltEndpoints built = new([.. routes.DataSources]);
        routes.DataSources.Clear();
        routes.DataSources.Add(built);
        _ = Task.Run(() => built.Endpoints); // what it throws is thrown again to whoever asks for them
    }
}
