using System.Globalization;
using Microsoft.Extensions.Options;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// DeployHQ's users API and related APIs over the core. Coverage and known differences: docs/dialects/deployhq.md.
/// </summary>
internal sealed class DeployHqDialect : IDialect
{
    /// <summary>The caller must be an administrator.</summary>
    public const string AdminPolicy = "deployhq-admin";

    // Where the host name contains an account, it must be the account of the key.
    private const string HostPolicy = "deployhq-host";

    // PUT and PATCH both change only the given members.
    internal static readonly string[] Update = [HttpMethods.Put, HttpMethods.Patch];

    public string Name => "DeployHq";

    public void Register(IServiceCollection services)
    {
        services.AddOptions<DeployHqOptions>().BindConfiguration(this.Section).ValidateOnStart();
        services.AddAuthorizationBuilder()
            .AddCallerPolicy(HostPolicy, MemberErrors.NotFound, IsAccountOfHost)
            .AddCallerPolicy(
                AdminPolicy, OrganizationErrors.AdminsOnly, (caller, _) => caller.Actor.Access.IsAdmin);
    }

    /// <summary>Maps all routes at the root of the host, where the clients expect them.</summary>
    public void Map(WebApplication app)
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

    /// <summary>The id of a team or key, which must be a UUID as documented.</summary>
    internal static Guid? Identifier(string written) => Guid.TryParseExact(written, "D", out var id) ? id : null;

    /// <summary>
    /// A person, by the documented UUID or by the number, which one client uses in its URLs.
    /// </summary>
    internal static MemberKey? Person(string written) =>
        Identifier(written) is { } id ? new(Id: id, Kind: MemberKind.Person)
        : long.TryParse(written, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new(Number: number, Kind: MemberKind.Person)
            : null;

    internal static IResult Status(string status) =>
        TypedResults.Json(new StatusDocument(status), DeployHqJson.Default.StatusDocument);

    // The first label of a host is an account only below the configured domain and below localhost.
    private static bool IsAccountOfHost(Caller caller, HttpContext http)
    {
        var options = http.RequestServices.GetRequiredService<IOptions<DeployHqOptions>>().Value;
        if (options.Domain is not { Length: > 0 } domain) return true;
        var host = http.Request.Host.Host;
        var parent = new[] { domain, "localhost" }
            .FirstOrDefault(d => host.EndsWith("." + d, StringComparison.OrdinalIgnoreCase));
        return parent is null
            || host[..^(parent.Length + 1)].Equals(caller.OrganizationSlug, StringComparison.OrdinalIgnoreCase);
    }
}
