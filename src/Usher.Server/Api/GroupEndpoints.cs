using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Groups: named sets of members.</summary>
internal static class GroupEndpoints
{
    private static readonly GroupOptions Shown = new(Details: MemberDetails.Reached | MemberDetails.Counts);

    public static void MapGroups(this RouteGroupBuilder organization)
    {
        var groups = organization.MapGroup("/groups").WithTags("Groups");
        groups.MapGet("", ListAsync).TakesPages()
            .WithDocs<Page<GroupDocument>>(
                "List groups",
                "Oldest first. The two system groups contain all members and all service accounts; their membership is "
                + "implied.");
        groups.MapPost("", MakeAsync).SupportsDryRun().CanRepeat()
            .WithDocs<GroupDocument>(
                "Create a group", "You must hold everything that the group grants to its members.",
                StatusCodes.Status201Created);
        groups.MapGet("/{group}", GetAsync).WithDocs<GroupDocument>("Get a group");
        groups.MapPatch("/{group}", ChangeAsync).SupportsDryRun()
            .WithDocs<GroupDocument>(
                "Change a group",
                "You must hold everything that the group grants before and after the change. The change applies from "
                + "the members' next request on.");
        groups.MapDelete("/{group}", DeleteAsync).SupportsDryRun()
            .WithDocsNoContent(
                "Delete a group", "Its members stay in the organization and lose what the group granted.");
        groups.MapGet("/{group}/members", ListMembersAsync).TakesPages()
            .WithDocs<Page<MemberDocument>>(
                "List a group's members",
                "Oldest members first. For the implied members of a system group, use `members?kind=…`.");
        groups.MapPost("/{group}/members", ChangeMembersAsync).SupportsDryRun().CanRepeat()
            .WithDocs<GroupDocument>(
                "Add and remove members", "At most 1,000 at a time. Either all changes are made or none.");
    }

    private static async Task<IResult> ListAsync(ApiQuery query, Actor actor, GroupService groups, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await groups.PageAsync(actor, new(after?.Id, limit + 1), Shown, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, GroupDocument.From, v => new Cursor("created", null, v.Group.Id))));
    }

    private static async Task<IResult> MakeAsync(
        string organization, ApiBody<GroupRequest> body, Once once, Actor actor, GroupService groups,
        CancellationToken ct)
    {
        if (body.Refusal(given => groups.Faults(given.ToChange())) is { } refusal) return refusal;
        return await once.AnswerAsync(() => groups.CreateAsync(actor, body.Value.ToGroup(), Shown, ct), view =>
            Answers.Created(
                GroupDocument.From(view),
                $"{UsherApi.Prefix}/organizations/{organization}/groups/{Ids.Group.Of(view.Group.Id)}",
                Precondition.TagOf(view.Group)));
    }

    private static async Task<IResult> GetAsync(string group, Actor actor, GroupService groups, CancellationToken ct) =>
        (await groups.GetAsync(actor, Ids.Group.Parse(group), Shown, ct)).ToHttp(Show);

    private static async Task<IResult> ChangeAsync(
        string group, ApiBody<GroupChangeRequest> body, HttpRequest request, Actor actor, GroupService groups,
        CancellationToken ct)
    {
        if (body.Refusal(given => groups.Faults(given.ToChange())) is { } refusal) return refusal;
        return (await groups.UpdateAsync(
            actor, Ids.Group.Parse(group), body.Value.ToChange(), Shown with { IfMatch = request.IfMatch },
            ct)).ToHttp(Show);
    }

    private static async Task<IResult> DeleteAsync(
        string group, HttpRequest request, Actor actor, GroupService groups, CancellationToken ct) =>
        (await groups.DeleteAsync(actor, Ids.Group.Parse(group), new() { IfMatch = request.IfMatch }, ct))
            .ToHttp(_ => Answers.NoContent);

    private static async Task<IResult> ListMembersAsync(
        string group, ApiQuery query, Actor actor, GroupService groups, MemberService members, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        if ((await groups.GetAsync(actor, Ids.Group.Parse(group), new(), ct)).Error is { } unknown)
            return unknown.ToHttp();
        var page = new MemberPage(MemberOrder.Created, after?.Id, limit + 1)
        {
            Filter = new() { GroupId = Ids.Group.Parse(group) },
        };
        return (await members.PageAsync(actor, page, MemberDetails.Reached, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(
                read.Items, limit, MemberDocument.From, v => new Cursor("created", null, v.Member.Id))));
    }

    private static async Task<IResult> ChangeMembersAsync(
        string group, ApiBody<MoveRequest> body, HttpRequest request, Once once, Actor actor, GroupService groups,
        CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return await once.AnswerAsync(() => groups.UpdateAsync(
            actor, Ids.Group.Parse(group), new() { Members = body.Value.ToChange() },
            Shown with { IfMatch = request.IfMatch }, ct), Show);
    }

    private static IResult Show(GroupView view) => Answers.Ok(GroupDocument.From(view), Precondition.TagOf(view.Group));
}

/// <summary>A named set of members, and what it grants to each of them.</summary>
internal sealed record GroupDocument
{
    /// <summary>`grp_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>`everyone` and `service_accounts` are system groups, whose membership is implied.</summary>
    public required SystemGroup SystemKind { get; init; }

    /// <summary>Whether its members are administrators.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>Whether its members have full access to every resource.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Whether invitations that name no groups add the member to this group.</summary>
    public required bool IsDefault { get; init; }

    public required IReadOnlyList<string> Permissions { get; init; }

    public required IReadOnlyList<Named> Roles { get; init; }

    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required int MemberCount { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static GroupDocument From(GroupView view)
    {
        var (group, graph) = (view.Group, view.Graph);
        return new()
        {
            Id = Ids.Group.Of(group.Id), Name = group.Name, Description = group.Description,
            SystemKind = group.SystemKind, IsAdmin = group.IsAdmin, AllResources = group.AllResources,
            IsDefault = group.IsDefault, Permissions = group.Permissions,
            Roles = [
                .. graph.RolesOf(group.Roles).OrderBy(r => r.Id).Select(r => new Named(Ids.Role.Of(r.Id), r.Name))],
            Levels = LevelDocument.From(graph.LevelsOf(group), graph), MemberCount = graph.MembersOf(group),
            CreatedAt = group.CreatedAt,
        };
    }
}

/// <summary>A group to create.</summary>
internal sealed record GroupRequest
{
    /// <summary>1 to 120 characters, unique in the organization; letter case does not count.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public bool? IsDefault { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>Roles by id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>The first members: ids, addresses or `sa::` names, at most 1,000.</summary>
    public IReadOnlyList<string>? Members { get; init; }

    public NewGroup ToGroup() => new(Name ?? "")
    {
        Description = Description ?? "", IsAdmin = IsAdmin is true, AllResources = AllResources is true,
        IsDefault = IsDefault is true, Permissions = Permissions ?? [],
        Roles = Named.Roles(Roles ?? []), Levels = Named.Levels(Levels ?? []),
        Members = [.. (Members ?? []).Select(Named.Member)],
    };

    public GroupChange ToChange() => new()
    {
        Name = Name, Description = Description, Permissions = SetChange.Add(Permissions ?? []),
        Members = SetChange.Add((Members ?? []).Select(Named.Member).ToList()),
    };
}

/// <summary>Changes to a group. Properties that are left out stay as they are; a list replaces the old list.</summary>
internal sealed record GroupChangeRequest
{
    /// <summary>The name of a system group cannot be changed.</summary>
    public string? Name { get; init; }

    public string? Description { get; init; }

    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public bool? IsDefault { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    public GroupChange ToChange() => new()
    {
        Name = Name, Description = Description, IsAdmin = IsAdmin, AllResources = AllResources, IsDefault = IsDefault,
        Permissions = Permissions.To<string, string>(p => [.. p]),
        Roles = Roles.To(Named.Roles), Levels = Named.Levels(Levels ?? []), ReplaceLevels = Levels is not null,
    };
}

/// <summary>Members to add and to remove: ids, addresses or `sa::` names.</summary>
internal sealed record MoveRequest
{
    public IReadOnlyList<string>? Add { get; init; }

    public IReadOnlyList<string>? Remove { get; init; }

    public SetChange<MemberKey> ToChange() =>
        SetChange.Edit<MemberKey>([.. (Add ?? []).Select(Named.Member)], [.. (Remove ?? []).Select(Named.Member)]);
}
