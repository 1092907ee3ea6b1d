using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Organizations;
using Usher.Server.Api.Http;
using Usher.Server.Errors;

namespace Usher.Server.Auth;

/// <summary>
/// Authorization policies for entering a route. What the caller may do there is decided by the core.
/// </summary>
public static class Policies
{
    /// <summary>A valid key of a member, with write access where the route writes.</summary>
    public const string Key = "key";

    /// <summary>A caller with <c>user_management</c>.</summary>
    public const string UserManagement = "user-management";

    /// <summary>A valid key for Usher's own API: of the organization in the path, or an operator's.</summary>
    public const string Api = "api";

    /// <summary>An operator's key.</summary>
    public const string Operator = "operator";

    /// <summary>A person's session, sent as a bearer token.</summary>
    public const string Session = "session";

    internal static AuthorizationBuilder AddUsherPolicies(this IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ExplainedRefusals>();
        return services.AddAuthorizationBuilder()
            .AddPolicy(
                Key,
                policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme).RequireAuthenticatedUser()
                    .AddRequirements(
                        new RequireCaller(KeyErrors.OfOperator, (caller, _) => !caller.IsOperator), MayWrite()))
            .AddPolicy(
                Api,
                policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme).RequireAuthenticatedUser()
                    .AddRequirements(MayWrite(), new RequireOrganization()))
            .AddCallerPolicy(Operator, OrganizationErrors.NotAllowed, (caller, _) => caller.IsOperator)
            .AddCallerPolicy(
                UserManagement, KeyErrors.NotAllowed, (caller, _) => caller.Actor.May(Permissions.UserManagement))
            .AddPolicy(
                Session,
                policy => policy.AddAuthenticationSchemes(SessionTokenAuthentication.SchemeName)
                    .RequireAuthenticatedUser());
    }

    /// <summary>Adds a policy with a condition on the caller, for routes that also require <see cref="Key"/>.</summary>
    /// <param name="policies">The policies.</param>
    /// <param name="name">The policy's name, unique in the server.</param>
    /// <param name="refusal">The error for callers that do not meet the condition.</param>
    /// <param name="holds">The condition.</param>
    public static AuthorizationBuilder AddCallerPolicy(
        this AuthorizationBuilder policies, string name, Error refusal, Func<Caller, HttpContext, bool> holds) =>
        policies.AddPolicy(
            name,
            policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme)
                .AddRequirements(new RequireCaller(refusal, holds)));

    /// <summary>
    /// Marks a POST route that only reads, such as a search with its conditions in the body. Read-only keys may call
    /// it.
    /// </summary>
    public static TBuilder OnlyReads<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(ReadsAnyway.Instance);

    private static RequireCaller MayWrite() =>
        new(KeyErrors.ReadOnly, (caller, http) => !caller.ReadOnly || Reads(http));

    private static bool Reads(HttpContext http) =>
        HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            || http.GetEndpoint()?.Metadata.GetMetadata<ReadsAnyway>() is not null;

    private sealed class ReadsAnyway
    {
        public static readonly ReadsAnyway Instance = new();
    }

    // Answers a failed requirement with that requirement's own error, in the format of the surface.
    private sealed class ExplainedRefusals : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler framework = new();

        public Task HandleAsync(
            RequestDelegate next, HttpContext context, AuthorizationPolicy policy,
            PolicyAuthorizationResult authorizeResult)
        {
            var refused = authorizeResult.AuthorizationFailure?.FailedRequirements.OfType<IExplained>()
                .FirstOrDefault();
            return authorizeResult.Forbidden && refused is not null
                ? new ErrorResult(refused.Error).ExecuteAsync(context)
                : framework.HandleAsync(next, context, policy, authorizeResult);
        }
    }
}

/// <summary>A requirement with the error that is answered when it fails.</summary>
internal interface IExplained : IAuthorizationRequirement
{
    Error Error { get; }
}

/// <summary>
/// Requires the organization in the path, by slug or id, to be the caller's own. Operators may enter every
/// organization. To all others it is answered as not found.
/// </summary>
internal sealed class RequireOrganization : AuthorizationHandler<RequireOrganization>, IExplained
{
    public Error Error => OrganizationErrors.NotFound;

    protected override async Task HandleRequirementAsync(
        AuthorizationHandlerContext context, RequireOrganization requirement)
    {
        if (context.Resource is not HttpContext http || http.Features.Get<Caller>() is not { } caller) return;
        if (http.Request.RouteValues.TryGetValue("organization", out var value) && value is string named)
        {
            Guid? id = Ids.Organization.TryParse(named, out var parsed) ? parsed : null;
            var entered = caller.IsOperator
                ? OrganizationService.IsSlug(named) || id is not null
                    ? await http.RequestServices.GetRequiredService<CallerService>()
                        .EnterAsync(caller, id, named, http.RequestAborted)
                    : null
                : named == caller.OrganizationSlug || id == caller.Actor.OrganizationId ? caller : null;
            if (entered is null) return;
            http.Features.Set(entered);
        }

        context.Succeed(requirement);
    }
}

/// <summary>A requirement on the caller.</summary>
internal sealed class RequireCaller(Error error, Func<Caller, HttpContext, bool> holds)
    : AuthorizationHandler<RequireCaller>, IExplained
{
    public Error Error => error;

    // The framework calls every handler for every requirement of its type, so each must check only its own.
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RequireCaller requirement)
    {
        if (requirement == this && context.Resource is HttpContext http && http.Features.Get<Caller>() is { } caller
                && holds(caller, http))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}
