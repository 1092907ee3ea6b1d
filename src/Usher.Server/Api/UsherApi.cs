using Usher.Server.Auth;

namespace Usher.Server.Api;

/// <summary>The routes of Usher's own API, described in <c>docs/openapi.json</c>.</summary>
internal static class UsherApi
{
    public const string Prefix = "/usher/v1";

    public static void MapUsherApi(this RouteGroupBuilder api)
    {
        api.MapGuests();
        api.MapPasswordResets();
        api.MapOwnAccount();
        api.MapUsers();
        api.MapOrganizations();

        var organization = api.MapGroup("/organizations/{organization}").RequireAuthorization(Policies.Api);
        organization.MapOrganization();
        organization.MapInvitations();
        organization.MapMembers();
        organization.MapGroups();
        organization.MapRoles();
        organization.MapResources();
        organization.MapApiKeys();
        organization.MapAccess();
        organization.MapJobs();
    }
}
