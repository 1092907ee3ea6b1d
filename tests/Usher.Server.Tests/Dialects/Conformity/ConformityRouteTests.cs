using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.Conformity;

public sealed class ConformityRouteTests(RouteWorld world) : RouteTableTests<ConformityRoutes>(world);
