using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Errors;

namespace Usher.Server.Auth;

/// <summary>Conditions of entry. What may be done inside is the core's to say.</summary>
public static class Policies
{
    /// <summary>A live key, and one that may write where the route writes.</summary>
    public const string Key = "key";

    /// <summary>The caller holds <c>user_management</c>.</summary>
    public const string UserManagement = "user-management";

    public static AuthorizationBuilder AddUsherPolicies(this IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ExplainedRefusals>();
        return services.AddAuthorizationBuilder()
            .AddPolicy(Key, policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme).RequireAuthenticatedUser()
                .AddRequirements(new RequireCaller(KeyErrors.ReadOnly, (caller, http) => !caller.ReadOnly || Reads(http))))
            .AddPolicy(UserManagement, policy => policy.AddAuthenticationSchemes(KeyAuthentication.Scheme)
                .AddRequirements(new RequireCaller(KeyErrors.NotAllowed, (caller, _) => caller.Actor.May(Permissions.UserManagement))));
    }

    /// <summary>Marks a route that only reads, though its method writes elsewhere: a search whose conditions are a body.</summary>
    public static TBuilder OnlyReads<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(ReadsAnyway.Instance);

    private static bool Reads(HttpContext http) =>
        HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method) || http.GetEndpoint()?.Metadata.GetMetadata<ReadsAnyway>() is not null;

    private sealed class ReadsAnyway
    {
        public static readonly ReadsAnyway Instance = new();
    }

    // A refused requirement answers with its own error, in the surface's format.
    private sealed class ExplainedRefusals : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler framework = new();

        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            var refused = authorizeResult.AuthorizationFailure?.FailedRequirements.OfType<RequireCaller>().FirstOrDefault();
            return authorizeResult.Forbidden && refused is not null
                ? new ErrorResult(refused.Error).ExecuteAsync(context)
                : framework.HandleAsync(next, context, policy, authorizeResult);
        }
    }
}

/// <summary>A condition on the caller, with the error that says it does not hold.</summary>
public sealed class RequireCaller(Error error, Func<Caller, HttpContext, bool> holds) : AuthorizationHandler<RequireCaller>, IAuthorizationRequirement
{
    public Error Error => error;

    // The framework asks every handler about every requirement of its type: each answers for itself alone.
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RequireCaller requirement)
    {
        if (requirement == this && context.Resource is HttpContext http && http.Features.Get<Caller>() is { } caller && holds(caller, http)) context.Succeed(requirement);
        return Task.CompletedTask;
    }
}
