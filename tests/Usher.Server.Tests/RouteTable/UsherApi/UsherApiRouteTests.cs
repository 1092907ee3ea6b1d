using System.Text.Json;
using Usher.Server.Tests.Dialects;

namespace Usher.Server.Tests.RouteTable.UsherApi;

public sealed class UsherApiRouteTests(RouteWorld world) : RouteTableTests<UsherApiRoutes>(world)
{
    // A guest who joins or signs in has no key: one that is sent all the same says nothing.
    [Theory]
    [MemberData(nameof(GuestRoutes))]
    public Task A_guest_who_knows_no_secret_is_refused_alike_with_any_key_and_with_none(string route) =>
        ForEachAsync(
            route, [.. Caller.Locked, .. Caller.Members, Caller.ReadOnlyKey], async (_, row, _, call) =>
            {
                var code = call.Body is "" ? "" : JsonElement.Parse(call.Body).TextAt("code");
                Assert.Equal(row.Guest, $"{(int)call.Status} {code}");
                await AssertUnchangedAsync();
            });
}
