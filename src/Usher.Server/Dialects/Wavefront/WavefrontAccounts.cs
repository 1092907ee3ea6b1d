using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Auth;
using Usher.Server.Errors;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>The "account" routes, a newer API over the same data: users and service accounts.</summary>
internal static class WavefrontAccounts
{
    private const MemberDetails Shown = MemberDetails.Counts | MemberDetails.Keys;

    private static readonly MemberUpdateOptions UpdateServiceAccount = new(UnknownReferences.Ignore, Details: Shown);

    public static void MapAccounts(this RouteGroupBuilder wavefront)
    {
        wavefront.MapGet("/account/{id}", GetAsync);
        wavefront.MapGet("/account/{id}/businessFunctions", GetFunctionsAsync);
        wavefront.MapGet("/account/user/{id}", WavefrontUsers.GetAsync);
        wavefront.MapGet("/account/serviceaccount/{id}", GetServiceAccountAsync);
        var managed = wavefront.Managed();
        managed.MapGet("/account", PageAsync);
        managed.MapDelete("/account/{id}", DeleteAsync);
        managed.MapPost("/account/deleteAccounts", WavefrontUsers.DeleteSeveralAsync);
        managed.MapPost("/account/validateAccounts", WavefrontUsers.ValidateAsync).OnlyReads();
        managed.MapPost("/account/grant/{permission}", WavefrontUsers.GrantToSeveral(SetChangeKind.Add));
        managed.MapPost("/account/revoke/{permission}", WavefrontUsers.GrantToSeveral(SetChangeKind.Remove));
        managed.MapPost("/account/{id}/grant/{permission}", Grant(SetChangeKind.Add));
        managed.MapPost("/account/{id}/revoke/{permission}", Grant(SetChangeKind.Remove));
        managed.MapPost("/account/{id}/addUserGroups", WavefrontUsers.Groups(SetChangeKind.Add));
        managed.MapPost("/account/{id}/removeUserGroups", WavefrontUsers.Groups(SetChangeKind.Remove));
        managed.MapPost("/account/{id}/addRoles", WavefrontUsers.Roles(SetChangeKind.Add));
        managed.MapPost("/account/{id}/removeRoles", WavefrontUsers.Roles(SetChangeKind.Remove));

        managed.MapGet("/account/user", ListUsers);
        managed.MapGet("/account/user/admin", ListUserManagers);
        managed.MapPost("/account/user", CreateOrUpdateUserAsync);
        managed.MapPost("/account/user/invite", WavefrontUsers.InviteAsync);
        managed.MapPut("/account/user/{id}", WavefrontUsers.UpdateAsync);

        managed.MapGet("/account/serviceaccount", ListServiceAccounts);
        managed.MapPost("/account/serviceaccount", CreateServiceAccountAsync);
        managed.MapPut("/account/serviceaccount/{id}", UpdateServiceAccountAsync);
        managed.MapPost("/account/serviceaccount/{id}/activate", SetActive(true));
        managed.MapPost("/account/serviceaccount/{id}/deactivate", SetActive(false));
    }

    private static async Task<IResult> PageAsync(
        HttpRequest request, Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct)
    {
        if (!Window.From(request).TryGet(out var window, out var fault)) return new ErrorResult(fault);
        var page = new MemberPage(
            MemberOrder.Identifier, null, window.Limit, window.Offset, WithTotal: true) { Filter = new() };
        return (await members.PageAsync(caller.Actor, page, MemberDetails.None, ct)).ToHttp(read =>
            Envelope(window.Page<Account>(
                [.. read.Items.Select(view => Account.From(view, catalogue))], read.Total, new(true, "id", true))));
    }

    private static Task<IResult> GetAsync(
        string id, Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct) =>
        LookAsync(id, caller, members, view => Envelope(Account.From(view, catalogue)), ct);

    private static Task<IResult> GetFunctionsAsync(
        string id, Caller caller, MemberService members, CancellationToken ct) =>
        LookAsync(id, caller, members, view => Envelope(BusinessFunctions.Of(view)), ct);

    private static async Task<IResult> LookAsync(
        string id, Caller caller, MemberService members, Func<MemberView, IResult> answer, CancellationToken ct)
    {
        var identifier = WavefrontBody.PathIdentifier(id);
        if (!caller.MayLookAt(identifier)) return new ErrorResult(KeyErrors.NotAllowed);
        if (identifier is null) return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var found = await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.None, ct);
        return found.Match(answer, error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    // Answers with the account as it was, so it is read before.
    private static async Task<IResult> DeleteAsync(
        string id, Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct)
    {
        if (WavefrontBody.PathIdentifier(id) is not { } identifier)
            return new ErrorResult(WavefrontErrors.UserUnknown(id));
        if (!(await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.None, ct))
                .TryGet(out var view, out var unknown))
            return new ErrorResult(WavefrontErrors.About(id, unknown));
        var account = Account.From(view, catalogue);
        var removed = await members.RemoveAsync(caller.Actor, [new(Id: view.Member.Id)], new(), ct);
        return removed.Match(_ => Envelope(account), error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    // The permission is in the path. The body (nothing, {}, or null as text) is ignored.
    private static Delegate Grant(SetChangeKind kind) =>
        (string id, string permission, Caller caller, MemberService members, CancellationToken ct) =>
            WavefrontUsers.ChangeAsync(
                id, WavefrontBody.PathIdentifier(id), caller, members, WavefrontBody.Permission(permission, kind),
                selection => WavefrontUsers.First(selection, caller), ct);

    private static IResult ListUsers(Caller caller, MemberService members, CancellationToken ct) =>
        Envelope(members.StreamAsync(caller.Actor, MemberOrder.Identifier, MemberDetails.Counts, ct).Select(view =>
            UserModel.From(view, caller.OrganizationSlug)));

    private static IResult ListUserManagers(Caller caller, MemberService members, CancellationToken ct)
    {
        var managers = MemberFilter.Persons with
        {
            Conditions = [new(MemberField.EffectivePermission, TextMatch.Exact, [Permissions.UserManagement])],
        };
        return Envelope(
            members.StreamAsync(caller.Actor, MemberOrder.Identifier, MemberDetails.None, ct, managers)
                .Select(view => view.Member.ShownAs));
    }

    // Unlike the older "Create User", this updates an existing user.
    private static Task<IResult> CreateOrUpdateUserAsync(
        HttpRequest request, Caller caller, InvitationService invitations, MemberService members,
        CancellationToken ct) =>
        WavefrontUsers.SaveAsync(request, caller, invitations, members, ct);

    private static IResult ListServiceAccounts(
        Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct) =>
        Envelope(
        members.StreamAsync(caller.Actor, MemberOrder.Identifier, Shown, ct, MemberFilter.ServiceAccounts)
            .Select(view => ServiceAccount.From(view, caller.OrganizationSlug, catalogue)));

    private static async Task<IResult> GetServiceAccountAsync(
        string id, Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct)
    {
        var identifier = ServiceAccountService.Canonical(id);
        if (!caller.MayLookAt(identifier)) return new ErrorResult(KeyErrors.NotAllowed);
        if (identifier is null) return new ErrorResult(WavefrontErrors.ServiceAccountUnknown(id));
        var found = await members.GetAsync(caller.Actor, new(Identifier: identifier), Shown, ct);
        return found.Match(
            view => Envelope(ServiceAccount.From(view, caller.OrganizationSlug, catalogue)),
            _ => new ErrorResult(WavefrontErrors.ServiceAccountUnknown(id)));
    }

    private static async Task<IResult> CreateServiceAccountAsync(
        HttpRequest request, Caller caller, ServiceAccountService accounts, PermissionCatalogue catalogue,
        CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var document, out var refused))
            return new ErrorResult(refused);
        if (!WavefrontBody.ServiceAccount(document).TryGet(out var given, out var fault)) return new ErrorResult(fault);
        if (given.Identifier is null) return new ErrorResult(WavefrontErrors.Fault("identifier is required"));
        var row = new NewServiceAccount(given.Identifier)
        {
            Description = given.Description ?? "", Active = given.Active ?? true,
            Permissions = given.Permissions ?? [], Groups = given.Groups ?? [], Roles = given.Roles ?? [],
        };
        if (!(await accounts.CreateAsync(caller.Actor, row, UnknownReferences.Ignore, Shown, ct))
                .TryGet(out var view, out var error))
            return new ErrorResult(WavefrontErrors.About(given.Identifier, error));
        var status = Without(
            (
                "Invalid user groups",
                row.Groups.Where(g => g.Id is null || view.Graph.Group(g.Id.Value) is null).Select(g => g.Text)),
            (
                "Invalid roles",
                row.Roles.Where(r => r.Id is null || view.Graph.Role(r.Id.Value) is null).Select(r => r.Text)));
        return Envelope(ServiceAccount.From(view, caller.OrganizationSlug, catalogue), status);
    }

    private static async Task<IResult> UpdateServiceAccountAsync(
        string id, HttpRequest request, Caller caller, MemberService members, PermissionCatalogue catalogue,
        CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var document, out var refused))
            return new ErrorResult(refused);
        if (!WavefrontBody.ServiceAccount(document).TryGet(out var given, out var fault)) return new ErrorResult(fault);
        if (given.Identifier is { } identifier
                && ServiceAccountService.Canonical(identifier) != ServiceAccountService.Canonical(id))
            return new ErrorResult(WavefrontErrors.Fault("identifier cannot be changed"));
        var change = new MemberChange
        {
            Description = given.Description, Suspended = !given.Active,
            Permissions = WavefrontBody.To(given.Permissions), Groups = WavefrontBody.To(given.Groups),
            Roles = WavefrontBody.To(given.Roles),
        };
        return await ChangeServiceAccountAsync(id, caller, members, catalogue, change, ct);
    }

    private static Delegate SetActive(bool active) =>
        (string id, Caller caller, MemberService members, PermissionCatalogue catalogue, CancellationToken ct) =>
        ChangeServiceAccountAsync(id, caller, members, catalogue, new() { Suspended = !active }, ct);

    private static async Task<IResult> ChangeServiceAccountAsync(
        string id, Caller caller, MemberService members, PermissionCatalogue catalogue, MemberChange change,
        CancellationToken ct)
    {
        if (ServiceAccountService.Canonical(id) is not { } identifier)
            return new ErrorResult(WavefrontErrors.ServiceAccountUnknown(id));
        var changed = await members.UpdateAsync(
            caller.Actor, [new(Identifier: identifier)], change, UpdateServiceAccount, ct);
        return changed.Match(
            selection =>
                Envelope(
                    ServiceAccount.From(selection.Views.First(), caller.OrganizationSlug, catalogue),
                    Without(selection.Ignored)),
            error =>
                new ErrorResult(error.Is(MemberErrors.NotFound) ? WavefrontErrors.ServiceAccountUnknown(id) : error));
    }
}
