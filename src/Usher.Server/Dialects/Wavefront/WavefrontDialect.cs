using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Auth;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// Wavefront's user API over the core, one file per family of paths. What is matched and what differs:
/// docs/dialects/wavefront.md.
/// </summary>
public static class WavefrontDialect
{
    public static void MapWavefront(this RouteGroupBuilder wavefront)
    {
        wavefront.WithTags("Wavefront").RequireAuthorization(Policies.Key);
        wavefront.MapUsers();
        wavefront.MapAccounts();
        wavefront.MapTokens();
        wavefront.MapGroups();
        wavefront.MapRoles();
        wavefront.MapSearch();
        wavefront.MapCustomer();
    }

    /// <summary>The routes of a family that ask for <c>user_management</c>: all but looking at oneself.</summary>
    internal static RouteGroupBuilder Managed(this RouteGroupBuilder wavefront)
    {
        var managed = wavefront.MapGroup("");
        managed.RequireAuthorization(Policies.UserManagement);
        return managed;
    }

    /// <summary>
    /// Whether the caller may look at an account: at himself always, at others with a permission, without which he does
    /// not learn who exists.
    /// </summary>
    internal static bool MayLookAt(
        this Caller caller, string? identifier, string permission = Permissions.UserManagement) =>
        identifier == caller.Identifier || caller.Actor.May(permission);
}
