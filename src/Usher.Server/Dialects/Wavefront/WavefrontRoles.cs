using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>Roles. Source: the vendor's operation pages and clients, read 2026-11-22.</summary>
internal static class WavefrontRoles
{
    private const MemberDetails Details = MemberDetails.Counts | MemberDetails.Samples;

    public static void MapRoles(this RouteGroupBuilder wavefront)
    {
        var roles = wavefront.MapGroup("/role").RequireAuthorization(Policies.UserManagement);
        roles.MapGet("", ListAsync);
        roles.MapPost("", CreateAsync);
        roles.MapPost(
            "/grant/{permission}",
            (string permission, HttpRequest request, Caller caller, RoleService service, CancellationToken ct) =>
                GrantAsync(permission, SetChangeKind.Add, request, caller, service, ct));
        roles.MapPost(
            "/revoke/{permission}",
            (string permission, HttpRequest request, Caller caller, RoleService service, CancellationToken ct) =>
                GrantAsync(permission, SetChangeKind.Remove, request, caller, service, ct));
        roles.MapGet("/{id}", GetAsync);
        roles.MapPut("/{id}", UpdateAsync);
        roles.MapDelete("/{id}", DeleteAsync);
        roles.MapPost(
            "/{id}/addAssignees",
            (string id, HttpRequest request, Caller caller, RoleService service, CancellationToken ct) =>
                AssignAsync(id, SetChangeKind.Add, request, caller, service, ct));
        roles.MapPost(
            "/{id}/removeAssignees",
            (string id, HttpRequest request, Caller caller, RoleService service, CancellationToken ct) =>
                AssignAsync(id, SetChangeKind.Remove, request, caller, service, ct));
    }

    /// <summary>Searches the roles; a search without conditions finds all.</summary>
    public static async Task<IResult> SearchAsync(
        SearchRequest search, Caller caller, RoleService roles, CancellationToken ct)
    {
        if (GroupListing.Roles.Refusal(search) is { } refused) return new ErrorResult(refused);
        if (!(await roles.ListAsync(caller.Actor, Details, ct, GroupListing.Roles.Holders(search)))
                .TryGet(out var all, out var error))
            return new ErrorResult(error);
        var page = GroupListing.Roles.Page(
            all.Roles.Select(r => RoleModel.From(r, all.Graph, caller.OrganizationSlug)), search,
            (role, i) => all.Graph.HasHolder(Guid.Parse(role.Id), i));
        return Envelope(page);
    }

    private static async Task<IResult> ListAsync(
        HttpRequest request, Caller caller, RoleService roles, CancellationToken ct) =>
        Window.From(request).TryGet(out var window, out var refused)
            ? await SearchAsync(SearchRequest.All(window), caller, roles, ct)
            : new ErrorResult(refused);

    private static async Task<IResult> GetAsync(string id, Caller caller, RoleService roles, CancellationToken ct) =>
        WavefrontBody.Id(id) is { } roleId
            ? Answer(await roles.GetAsync(caller.Actor, roleId, Details, ct), id, caller)
            : Unknown(id);

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, RoleService roles, CancellationToken ct)
    {
        if (!(await ReadAsync(request, ct)).TryGet(out var given, out var refused)) return new ErrorResult(refused);
        if (given.Name is null) return new ErrorResult(WavefrontErrors.Fault("name is required"));
        var made = await roles.CreateAsync(
            caller.Actor, given.Name, given.Description ?? "", given.Permissions?.Elements ?? [], ct);
        return made.ToHttp(role => Envelope(RoleModel.New(role, caller.OrganizationSlug)));
    }

    // Members of the body that are left out stay as they are: one client renames a role without sending its
    // permissions. Older clients send the whole role.
    private static async Task<IResult> UpdateAsync(
        string id, HttpRequest request, Caller caller, RoleService roles, CancellationToken ct)
    {
        if (!(await ReadAsync(request, ct)).TryGet(out var change, out var refused)) return new ErrorResult(refused);
        return WavefrontBody.Id(id) is { } roleId
            ? Answer(await roles.UpdateAsync(caller.Actor, [roleId], change, Details, ct), id, caller)
            : Unknown(id);
    }

    private static async Task<IResult> DeleteAsync(string id, Caller caller, RoleService roles, CancellationToken ct) =>
        WavefrontBody.Id(id) is { } roleId
            ? Answer(await roles.DeleteAsync(caller.Actor, roleId, Details, ct), id, caller)
            : Unknown(id);

    // The body mixes groups and accounts. The id of a group is never the identifier of an account.
    private static async Task<IResult> AssignAsync(
        string id, SetChangeKind kind, HttpRequest request, Caller caller, RoleService roles, CancellationToken ct)
    {
        if (!(await WavefrontBody.TextsAsync(request, ct)).TryGet(out var assignees, out var refused))
            return new ErrorResult(refused);
        if (WavefrontBody.Id(id) is not { } roleId) return Unknown(id);
        List<Guid> groups = [.. assignees.Select(WavefrontBody.Id).OfType<Guid>().Distinct()];
        List<MemberKey> accounts = [
            .. assignees.Where(a => WavefrontBody.Id(a) is null).Select(WavefrontBody.Key).Distinct()];
        var change = new RoleChange
        {
            Members = accounts is [] ? null : new(accounts, kind), Groups = groups is [] ? null : new(groups, kind),
        };
        return Answer(await roles.UpdateAsync(caller.Actor, [roleId], change, Details, ct), id, caller);
    }

    private static async Task<IResult> GrantAsync(
        string permission, SetChangeKind kind, HttpRequest request, Caller caller, RoleService roles,
        CancellationToken ct)
    {
        if (!(await WavefrontBody.TextsAsync(request, ct)).TryGet(out var named, out var refused))
            return new ErrorResult(refused);
        if (named is []) return new ErrorResult(WavefrontErrors.Fault("The body must name a role"));
        var change = new RoleChange { Permissions = new(WavefrontBody.Kept([permission]), kind) };
        var saved = await roles.UpdateAsync(
            caller.Actor, [.. named.Select(n => WavefrontBody.Id(n) ?? Guid.Empty).Distinct()], change, Details, ct);
        return Answer(
            saved, named[0], caller,
            selection =>
                Without(
                    (
                        "Invalid roles",
                        named.Where(n => WavefrontBody.Id(n) is not { } role || selection.Unknown.Contains(role)))));
    }

    private static async Task<Result<RoleChange>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var body, out var refused)) return refused;
        var (name, description, permissions) = (
            WavefrontBody.Text(body, "name"), WavefrontBody.Text(body, "description"),
            WavefrontBody.Set(body, "permissions"));
        if ((name.Error ?? description.Error ?? permissions.Error) is { } fault) return fault;
        return new RoleChange
        {
            Name = name.Value, Description = description.Value ?? (body.Has("description") ? "" : null),
            Permissions = permissions.Value is { } names ? SetChange.To<string>(WavefrontBody.Kept(names)) : null,
        };
    }

    private static IResult Answer(
        Result<RoleSelection> result, string id, Caller caller, Func<RoleSelection, ResponseStatus>? status = null) =>
        result.Match(
        found => Envelope(RoleModel.From(found.Roles[0], found.Graph, caller.OrganizationSlug), status?.Invoke(found)),
        error => error.Is(RoleErrors.NotFound) ? Unknown(id) : new ErrorResult(error));

    private static ErrorResult Unknown(string id) => new(WavefrontErrors.RoleUnknown(id));
}
