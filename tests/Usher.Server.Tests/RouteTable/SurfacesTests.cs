using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable;

/// <summary>The surfaces that the server serves and those that have a table of their routes are the same.</summary>
public sealed class SurfacesTests(UsherApp app)
{
    [Fact]
    public void Every_surface_has_a_table_of_its_routes() => Assert.Equal(
        ApiRoute.Of(app).Select(route => route.Surface).Distinct().Order(StringComparer.Ordinal),
        typeof(SurfacesTests).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(SurfaceRoutes)))
            .Select(type => ((SurfaceRoutes)Activator.CreateInstance(type)!).Surface)
            .Order(StringComparer.Ordinal));
}
