using Microsoft.Extensions.Options;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>The routes of Usher's own API, described in <c>docs/openapi.json</c>.</summary>
internal static class UsherApi
{
    public const string Prefix = "/usher/v1";

    public static void MapUsherApi(this WebApplication app)
    {
        var errors = new ProblemErrors(app.Services.GetRequiredService<IOptions<ServerOptions>>());
        var api = app.MapSurface(Prefix, errors).InDocument();
        api.MapGuests();
        api.MapPasswordResets();
        api.MapOwnAccount();
        api.MapUsers();
        api.MapOrganizations();

        var organization = api.MapGroup("/organizations/{organization}").RequireAuthorization(Policies.Api)
            .CanBeNotFound();
        organization.MapOrganization();
        organization.MapInvitations();
        organization.MapMembers();
        organization.MapGroups();
        organization.MapRoles();
        organization.MapResources();
        organization.MapApiKeys();
        organization.MapAccess();
        organization.MapJobs();

        app.MapUsherOpenApi();
    }
}
