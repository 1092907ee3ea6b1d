using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// The catalogue of permissions, and the defaults for new users. Source: the vendor's clients (SettingsApi), read
/// 2026-11-22.
/// </summary>
internal static class WavefrontCustomer
{
    public static void MapCustomer(this RouteGroupBuilder wavefront)
    {
        var customer = wavefront.MapGroup("/customer").RequireAuthorization(Policies.UserManagement);
        customer.MapGet("/permissions", Permissions);
        customer.MapGet("/preferences", GetAsync);
        customer.MapPost("/preferences", SetAsync);
        customer.MapGet("/preferences/defaultUserGroups", GetGroupsAsync);
    }

    // Answers with a bare array.
    private static IResult Permissions(PermissionCatalogue catalogue) =>
        TypedResults.Json(
            [.. catalogue.Names.Select(PermissionInfo.Of)], WavefrontJson.Default.IReadOnlyListPermissionInfo,
            WavefrontErrors.MediaType);

    private static async Task<IResult> GetAsync(
        Caller caller, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetDefaultsAsync(caller.Actor, MemberDetails.Counts, ct)).ToHttp(Answer);

    // Preferences that are left out stay as they are; those that are not about users are ignored.
    private static async Task<IResult> SetAsync(
        HttpRequest request, Caller caller, OrganizationService organizations, CancellationToken ct)
    {
        var read = await JsonBody.ReadAsync(request, ct);
        if (!read.TryGet(out var body, out var refused)) return new ErrorResult(refused);
        if (body.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null or JsonValueKind.Undefined))
            return new ErrorResult(WavefrontErrors.Fault("The body must be a JSON object"));
        var (permissions, groups) = (
            WavefrontBody.Set(body, "invitePermissions"), WavefrontBody.Set(body, "defaultUserGroups"));
        if ((permissions.Error ?? groups.Error) is { } fault) return new ErrorResult(fault);
        var saved = await organizations.SetDefaultsAsync(
            caller.Actor, permissions.Value is { } names ? WavefrontBody.Kept(names) : null,
            groups.Value?.ConvertAll(WavefrontBody.Reference), MemberDetails.Counts, ct);
        return saved.ToHttp(Answer);
    }

    private static async Task<IResult> GetGroupsAsync(
        Caller caller, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetDefaultsAsync(caller.Actor, MemberDetails.Counts, ct))
            .ToHttp(defaults => Envelope(CustomerPreferences.GroupsOf(defaults)));

    private static IResult Answer(DefaultsView defaults)
    {
        var preferences = CustomerPreferences.From(defaults);
        return TypedResults.Json(
            CustomerPreferencesAnswer.Of(preferences), WavefrontJson.Default.CustomerPreferencesAnswer,
            WavefrontErrors.MediaType);
    }
}
