using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Users;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>The caller's own profile, account (the organization) and API keys.</summary>
internal static class DeployHqAccount
{
    // Security features that Usher does not have. Turning one on is refused instead of ignored.
    private static readonly string[] Unsupported = [
        "ip_restricted", "two_factor_auth_required", "strong_password_required",
    ];

    public static void MapDeployHqProfile(this RouteGroupBuilder profile)
    {
        profile.MapGet("", GetProfileAsync);
        profile.MapMethods("", DeployHqDialect.Update, UpdateProfileAsync);
    }

    public static void MapDeployHqAccount(this RouteGroupBuilder account)
    {
        account.MapGet("", GetAccountAsync).RequireAuthorization(DeployHqDialect.AdminPolicy);
        account.MapMethods("", DeployHqDialect.Update, UpdateAccountAsync)
            .RequireAuthorization(DeployHqDialect.AdminPolicy);
        account.MapGet(
            "/billing_status", () => TypedResults.Json(new BillingDocument(), DeployHqJson.Default.BillingDocument));
    }

    public static void MapDeployHqSecurity(this RouteGroupBuilder security)
    {
        security.MapPost("/api_keys", CreateKeyAsync);
        security.MapDelete("/api_keys/{identifier}", DeleteKeyAsync);
    }

    private static async Task<IResult> GetProfileAsync(
        Caller caller, MemberService members, OrganizationService organizations, CancellationToken ct)
    {
        if (!(await members.GetAsync(caller.Actor, new(Id: caller.Actor.Id), MemberDetails.None, ct))
                .TryGet(out var self, out var refused))
            return new ErrorResult(refused);
        return (await organizations.GetAsync(caller.Actor, ct)).ToHttp(view => TypedResults.Json(
            UserDocument.From(self.Member, caller.OrganizationTimeZone) with
            {
                Account = AccountDocument.InProfile(view),
            },
            DeployHqJson.Default.UserDocument));
    }

    private static async Task<IResult> UpdateProfileAsync(
        HttpRequest request, Caller caller, ProfileService profiles, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "user", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var zone = form.Text("time_zone");
        var change = new ProfileChange
        {
            FirstName = form.Filled("first_name", required: false), LastName = form.Text("last_name"),
            Email = form.Filled("email_address", required: false),
            TimeZone = zone switch { null => default(Optional<string>), "" => (string?)null, _ => zone },
        };
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        return (await profiles.UpdateAsync(caller.Actor, change, ct)).ToHttp(_ => DeployHqDialect.Status("ok"));
    }

    private static async Task<IResult> GetAccountAsync(
        Caller caller, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetAsync(caller.Actor, ct))
            .ToHttp(view => TypedResults.Json(AccountDocument.Alone(view), DeployHqJson.Default.AccountDocument));

    private static async Task<IResult> UpdateAccountAsync(
        HttpRequest request, Caller caller, OrganizationService organizations, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "account", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var change = new OrganizationChange
        {
            Name = form.Filled("name", required: false), TimeZone = form.Filled("time_zone", required: false),
        };
        // The permalink is part of all links that were sent, so it cannot be changed.
        if (form.Filled("permalink", required: false) is { } permalink && permalink != caller.OrganizationSlug)
            form.Refuse("permalink", "cannot be changed");
        foreach (var promise in Unsupported)
            if (form.Flag(promise) is true) form.Refuse(promise, "is not supported");
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        if ((await organizations.UpdateAsync(caller.Actor, change, ct)).Error is { } error)
            return new ErrorResult(error);
        return await GetAccountAsync(caller, organizations, ct);
    }

    private static async Task<IResult> CreateKeyAsync(
        HttpRequest request, Caller caller, ApiKeyService keys, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "api_key", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var (description, readOnly) = (form.Filled("description", required: true), form.Flag("read_only"));
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        return (await keys.CreateAsync(
            caller.Actor, caller.Actor.Id, description!, readOnly is true, expires: null, ct)).Match(
            made => TypedResults.Json(ApiKeyDocument.From(made), DeployHqJson.Default.ApiKeyDocument),
            error => (IResult)new ErrorResult(error.Field == "name" ? error with { Field = "description" } : error));
    }

    private static async Task<IResult> DeleteKeyAsync(
        string identifier, Caller caller, ApiKeyService keys, CancellationToken ct) =>
        DeployHqDialect.Identifier(identifier) is { } id
        ? (await keys.DeleteAsync(caller.Actor, caller.Actor.Id, new(Id: id), inUse: caller.KeyId, ct))
            .ToHttp(_ => DeployHqDialect.Status("ok"))
        : new ErrorResult(ApiKeyErrors.NotFound);
}
