using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.DeployHq;

public sealed class DeployHqRouteTests(RouteWorld world) : RouteTableTests<DeployHqRoutes>(world);
