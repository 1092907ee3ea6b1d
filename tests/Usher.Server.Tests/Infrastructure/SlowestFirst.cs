using Usher.Server.Tests.Dialects.DeployHq;
using Usher.Server.Tests.Dialects.Wavefront;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.RouteTable.UsherApi;
using Usher.Server.Tests.Rules.Access;
using Usher.Server.Tests.Running;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Usher.Server.Tests.Infrastructure.SlowestFirst))]

namespace Usher.Server.Tests.Infrastructure;

/// <summary>Starts the classes that take longest first, so that none of them runs alone at the end.</summary>
public sealed class SlowestFirst : ITestCollectionOrderer
{
    private static readonly string[] Slowest =
    [
        .. new[]
        {
            typeof(UsherApiRouteTests), typeof(QuickstartTests), typeof(WavefrontRouteTests), typeof(FlatMemoryTests),
            typeof(ProcessTests), typeof(DeployHqRouteTests), typeof(ImportKillTests), typeof(KillTests),
            typeof(GeneratedSequenceTests),
        }.Select(type => $" {type.FullName} "),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
        IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(collection => RankOf(collection.TestCollectionDisplayName))];

    private static int RankOf(string name) =>
        Array.FindIndex(Slowest, type => name.Contains(type, StringComparison.Ordinal)) is var found and >= 0
            ? found
            : Slowest.Length;
}
