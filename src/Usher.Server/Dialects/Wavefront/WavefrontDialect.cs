using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// Wavefront's user API over the core, one file per family of paths. Coverage and known differences:
/// docs/dialects/wavefront.md.
/// </summary>
internal sealed class WavefrontDialect : IDialect
{
    public string Name => "Wavefront";

    public void Map(WebApplication app)
    {
        var wavefront = app.MapSurface("/api/v2", new WavefrontErrors()).WithTags("Wavefront")
            .RequireAuthorization(Policies.Key);
        wavefront.MapUsers();
        wavefront.MapAccounts();
        wavefront.MapTokens();
        wavefront.MapGroups();
        wavefront.MapRoles();
        wavefront.MapSearch();
        wavefront.MapCustomer();
    }
}

internal static class WavefrontRoutes
{
    /// <summary>The routes of a family that need <c>user_management</c>: all but reading one's own account.</summary>
    internal static RouteGroupBuilder Managed(this RouteGroupBuilder wavefront)
    {
        var managed = wavefront.MapGroup("");
        managed.RequireAuthorization(Policies.UserManagement);
        return managed;
    }

    /// <summary>
    /// Whether the caller may read an account. Everyone may read their own account. Reading others needs the
    /// permission, without which the answer does not reveal which accounts exist.
    /// </summary>
    internal static bool MayLookAt(
        this Caller caller, string? identifier, string permission = Permissions.UserManagement) =>
        identifier == caller.Identifier || caller.Actor.May(permission);
}
