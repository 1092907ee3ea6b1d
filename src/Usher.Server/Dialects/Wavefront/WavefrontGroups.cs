using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// User groups. The vendor withdrew granting permissions to groups in 2020, so those routes do not exist. Source: the
/// vendor's operation pages, read 2026-11-22.
/// </summary>
internal static class WavefrontGroups
{
    private static readonly GroupOptions Options = new(
        UnknownReferences.Ignore, Details: MemberDetails.Counts | MemberDetails.Samples);

    public static void MapGroups(this RouteGroupBuilder wavefront)
    {
        var groups = wavefront.MapGroup("/usergroup").RequireAuthorization(Policies.UserManagement);
        groups.MapGet("", ListAsync);
        groups.MapPost("", CreateAsync);
        groups.MapGet("/{id}", GetAsync);
        groups.MapPut("/{id}", UpdateAsync);
        groups.MapDelete("/{id}", DeleteAsync);
        groups.MapPost(
            "/{id}/addUsers",
            (string id, HttpRequest request, Caller caller, GroupService service, CancellationToken ct) =>
                MoveUsersAsync(id, SetChangeKind.Add, request, caller, service, ct));
        groups.MapPost(
            "/{id}/removeUsers",
            (string id, HttpRequest request, Caller caller, GroupService service, CancellationToken ct) =>
                MoveUsersAsync(id, SetChangeKind.Remove, request, caller, service, ct));
        groups.MapPost(
            "/{id}/addRoles",
            (string id, HttpRequest request, Caller caller, GroupService service, CancellationToken ct) =>
                MoveRolesAsync(id, SetChangeKind.Add, request, caller, service, ct));
        groups.MapPost(
            "/{id}/removeRoles",
            (string id, HttpRequest request, Caller caller, GroupService service, CancellationToken ct) =>
                MoveRolesAsync(id, SetChangeKind.Remove, request, caller, service, ct));
    }

    /// <summary>Searches the groups; a search without conditions finds all.</summary>
    public static async Task<IResult> SearchAsync(
        SearchRequest search, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (GroupListing.Groups.Refusal(search) is { } refused) return new ErrorResult(refused);
        if (!(await groups.ListAsync(caller.Actor, Options, ct, GroupListing.Groups.Holders(search)))
                .TryGet(out var views, out var error))
            return new ErrorResult(error);
        var page = GroupListing.Groups.Page(
            views.Select(v => UserGroupModel.From(v.Group, v.Graph, caller.OrganizationSlug)), search,
            (group, i) => views[0].Graph.HasHolder(Guid.Parse(group.Id), i));
        return Envelope(page);
    }

    private static async Task<IResult> ListAsync(
        HttpRequest request, Caller caller, GroupService groups, CancellationToken ct) =>
        Window.From(request).TryGet(out var window, out var refused)
            ? await SearchAsync(SearchRequest.All(window), caller, groups, ct)
            : new ErrorResult(refused);

    private static async Task<IResult> GetAsync(string id, Caller caller, GroupService groups, CancellationToken ct) =>
        WavefrontBody.Id(id) is { } groupId
            ? Answer(await groups.GetAsync(caller.Actor, groupId, Options, ct), id, caller)
            : Unknown(id);

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await ReadAsync(request, ct)).TryGet(out var given, out var refused)) return new ErrorResult(refused);
        if (given.Name is null) return new ErrorResult(WavefrontErrors.Fault("name is required"));
        var group = new NewGroup(given.Name)
        {
            Description = given.Description ?? "", Roles = given.Roles?.Elements ?? [],
        };
        return Answer(await groups.CreateAsync(caller.Actor, group, Options, ct), "", caller);
    }

    // Members of the body that are left out stay as they are. The group's users are not changed here, because clients
    // send back everything they have read.
    private static async Task<IResult> UpdateAsync(
        string id, HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await ReadAsync(request, ct)).TryGet(out var change, out var refused)) return new ErrorResult(refused);
        return WavefrontBody.Id(id) is { } groupId
            ? Answer(await groups.UpdateAsync(caller.Actor, groupId, change, Options, ct), id, caller)
            : Unknown(id);
    }

    private static async Task<IResult> DeleteAsync(
        string id, Caller caller, GroupService groups, CancellationToken ct) =>
        WavefrontBody.Id(id) is { } groupId
            ? Answer(await groups.DeleteAsync(caller.Actor, groupId, Options, ct), id, caller)
            : Unknown(id);

    private static async Task<IResult> MoveUsersAsync(
        string id, SetChangeKind kind, HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await WavefrontBody.TextsAsync(request, ct)).TryGet(out var users, out var refused))
            return new ErrorResult(refused);
        if (WavefrontBody.Id(id) is not { } groupId) return Unknown(id);
        var written = users.ToLookup(WavefrontBody.Key);
        var change = new GroupChange { Members = new([.. written.Select(user => user.Key)], kind) };
        var saved = await groups.UpdateAsync(caller.Actor, groupId, change, Options, ct);
        if (saved.Error?.Is(MemberErrors.NotFound) is true)
            return new ErrorResult(WavefrontErrors.UserUnknown(users[0]));
        return Answer(
            saved, id, caller, view => Without(("Invalid users", view.UnknownMembers.SelectMany(key => written[key]))));
    }

    private static async Task<IResult> MoveRolesAsync(
        string id, SetChangeKind kind, HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await WavefrontBody.TextsAsync(request, ct)).TryGet(out var roles, out var refused))
            return new ErrorResult(refused);
        if (WavefrontBody.Id(id) is not { } groupId) return Unknown(id);
        var change = new GroupChange { Roles = new(roles.ConvertAll(WavefrontBody.Reference), kind) };
        return Answer(await groups.UpdateAsync(caller.Actor, groupId, change, Options, ct), id, caller);
    }

    // UserGroupWrite. Its member "roleIDs" differs from the answer's member "roles".
    private static async Task<Result<GroupChange>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var body, out var refused)) return refused;
        var (name, description, roles) = (
            WavefrontBody.Text(body, "name"), WavefrontBody.Text(body, "description"),
            WavefrontBody.Set(body, "roleIDs"));
        if ((name.Error ?? description.Error ?? roles.Error) is { } fault) return fault;
        return new GroupChange
        {
            Name = name.Value, Description = description.Value ?? (body.Has("description") ? "" : null),
            Roles = roles.Value is { } ids ? SetChange.To<Reference>(ids.ConvertAll(WavefrontBody.Reference)) : null,
        };
    }

    private static IResult Answer(
        Result<GroupView> result, string id, Caller caller, Func<GroupView, ResponseStatus>? status = null) =>
        result.Match(
        view => Envelope(UserGroupModel.From(view.Group, view.Graph, caller.OrganizationSlug), status?.Invoke(view)),
        error => error.Is(GroupErrors.NotFound) ? Unknown(id) : new ErrorResult(error));

    private static ErrorResult Unknown(string id) => new(WavefrontErrors.GroupUnknown(id));
}
