using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class WavefrontRouteTests(RouteWorld world) : RouteTableTests<WavefrontRoutes>(world);
