using System.Globalization;
using Microsoft.Extensions.Options;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// DeployHQ's users API and its neighbours over the core: who may call, and where what is. What is matched and what
/// differs: docs/dialects/deployhq.md.
/// </summary>
public static class DeployHqDialect
{
    /// <summary>Where a host name says an account, it must be the key's.</summary>
    public const string HostPolicy = "deployhq-host";

    /// <summary>The caller is an administrator.</summary>
    public const string AdminPolicy = "deployhq-admin";

    // Both change what is given and nothing else.
    internal static readonly string[] Update = [HttpMethods.Put, HttpMethods.Patch];

    public static void AddDeployHq(this IServiceCollection services) => services.AddAuthorizationBuilder()
        .AddPolicy(
            HostPolicy,
            policy =>
                policy.AddAuthenticationSchemes(KeyAuthentication.Scheme)
                    .AddRequirements(new RequireCaller(MemberErrors.NotFound, IsAccountOfHost)))
        .AddPolicy(AdminPolicy, policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme)
            .AddRequirements(new RequireCaller(
                OrganizationErrors.AdminsOnly, (caller, _) => caller.Actor.Access.IsAdmin)));

    /// <summary>Everything stands at the root of the host, where the clients look for it.</summary>
    public static void MapDeployHq(this WebApplication app)
    {
        var errors = new DeployHqErrors();
        Family("/users", Policies.UserManagement).MapDeployHqUsers();
        Family("/teams", Policies.UserManagement).MapDeployHqTeams();
        Family("/projects").MapDeployHqProjects();
        Family("/profile").MapDeployHqProfile();
        Family("/account").MapDeployHqAccount();
        Family("/security").MapDeployHqSecurity();
        app.Services.GetRequiredService<Surfaces>().Fallback = errors;

        RouteGroupBuilder Family(string prefix, params string[] policies) =>
            app.MapSurface(prefix, errors, jsonSuffix: true).WithTags("DeployHQ")
                .RequireAuthorization([Policies.Key, HostPolicy, .. policies]);
    }

    /// <summary>A UUID as it is documented; nothing else names a team or a key.</summary>
    internal static Guid? Identifier(string written) => Guid.TryParseExact(written, "D", out var id) ? id : null;

    /// <summary>
    /// A person: by the UUID, which is documented, or by the number, from which one client builds addresses.
    /// </summary>
    internal static MemberKey? Person(string written) =>
        Identifier(written) is { } id ? new(Id: id, Kind: MemberKind.Person)
        : long.TryParse(written, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new(Number: number, Kind: MemberKind.Person)
            : null;

    internal static IResult Status(string status) =>
        TypedResults.Json(new StatusDocument(status), DeployHqJson.Default.StatusDocument);

    // Only below the configured domain, or below localhost, does a host's first label say an account.
    private static bool IsAccountOfHost(Caller caller, HttpContext http)
    {
        if (http.RequestServices.GetRequiredService<IOptions<DialectsOptions>>().Value.DeployHq.Domain is not
            {
                Length: > 0,
            } domain)
            return true;
        var host = http.Request.Host.Host;
        var parent = new[] { domain, "localhost" }
            .FirstOrDefault(d => host.EndsWith("." + d, StringComparison.OrdinalIgnoreCase));
        return parent is null
            || host[..^(parent.Length + 1)].Equals(caller.OrganizationSlug, StringComparison.OrdinalIgnoreCase);
    }
}
