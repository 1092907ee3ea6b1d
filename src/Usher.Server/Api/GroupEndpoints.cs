using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Named sets of members.</summary>
internal static class GroupEndpoints
{
    private static readonly GroupOptions Shown = new(Details: MemberDetails.Reached | MemberDetails.Counts);

    public static void MapGroups(this RouteGroupBuilder organization)
    {
        var groups = organization.MapGroup("/groups").WithTags("Groups");
        groups.MapGet("", ListAsync).TakesPages()
            .Says<Page<GroupDocument>>(
                "List groups",
                "Oldest first. The two system groups are everybody and all service accounts: their members are "
                + "implied.");
        groups.MapPost("", MakeAsync).CanRehearse().CanRepeat()
            .Says<GroupDocument>(
                "Make a group", "What it gives its members you must hold yourself.", StatusCodes.Status201Created);
        groups.MapGet("/{group}", GetAsync).Says<GroupDocument>("Get a group");
        groups.MapPatch("/{group}", ChangeAsync).CanRehearse()
            .Says<GroupDocument>(
                "Change a group",
                "What it is to give more, and what it gives no longer, you must hold yourself. It counts on its "
                + "members' very next request.");
        groups.MapDelete("/{group}", DeleteAsync).CanRehearse()
            .SaysNothing("Delete a group", "Its members stay, without what it gave them.");
        groups.MapGet("/{group}/members", ListMembersAsync).TakesPages()
            .Says<Page<MemberDocument>>(
                "List a group's members", "Oldest members first. Those a system group implies are `members?kind=…`.");
        groups.MapPost("/{group}/members", MoveAsync).CanRehearse().CanRepeat()
            .Says<GroupDocument>("Put members in or out", "At most 1,000 at a time; all of them or none.");
    }

    private static async Task<IResult> ListAsync(ApiQuery query, Actor actor, GroupService groups, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await groups.PageAsync(actor, new(after?.Id, limit + 1), Shown, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, GroupDocument.From, v => new Cursor("created", null, v.Group.Id))));
    }

    private static async Task<IResult> MakeAsync(
        string organization, ApiBody<GroupRequest> body, Actor actor, GroupService groups, CancellationToken ct)
    {
        if (body.Refusal(given => groups.Faults(given.ToChange())) is { } refusal) return refusal;
        return (await groups.CreateAsync(actor, body.Value.ToGroup(), Shown, ct)).ToHttp(view =>
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

    private static async Task<IResult> MoveAsync(
        string group, ApiBody<MoveRequest> body, HttpRequest request, Actor actor, GroupService groups,
        CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return (await groups.UpdateAsync(
            actor, Ids.Group.Parse(group), new() { Members = body.Value.ToChange() },
            Shown with { IfMatch = request.IfMatch }, ct)).ToHttp(Show);
    }

    private static IResult Show(GroupView view) => Answers.Ok(GroupDocument.From(view), Precondition.TagOf(view.Group));
}

/// <summary>A named set of members, and what it gives each of them.</summary>
internal sealed record GroupDocument
{
    /// <summary>`grp_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>`everyone` and `service_accounts` have their members by themselves.</summary>
    public required SystemGroup SystemKind { get; init; }

    /// <summary>Its members are administrators.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>Its members reach every resource fully.</summary>
    public required bool AllResources { get; init; }

    /// <summary>An invitation that names no groups puts into this one.</summary>
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

/// <summary>A group to make.</summary>
internal sealed record GroupRequest
{
    /// <summary>1 to 120 characters, unique in the organization, letter case aside.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public bool? IsDefault { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>Who is in it from the start: ids, addresses or `sa::` names, at most 1,000.</summary>
    public IReadOnlyList<string>? Members { get; init; }

    public NewGroup ToGroup() => new(Name ?? "")
    {
        Description = Description
            ?? "", IsAdmin = IsAdmin is true, AllResources = AllResources is true, IsDefault = IsDefault is true,
               Permissions = Permissions
            ?? [],
        Roles = Named.Roles(Roles ?? []), Levels = Named.Levels(Levels ?? []),
        Members = [.. (Members ?? []).Select(Named.Member)],
    };

    public GroupChange ToChange() => new()
    {
        Name = Name, Description = Description, Permissions = SetChange.Add(Permissions ?? []),
        Members = SetChange.Add((Members ?? []).Select(Named.Member).ToList()),
    };
}

/// <summary>What to change about a group. What is left out stays; a list replaces the one before.</summary>
internal sealed record GroupChangeRequest
{
    /// <summary>A system group keeps its own.</summary>
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

/// <summary>Whom to put in, whom to put out: ids, addresses or `sa::` names.</summary>
internal sealed record MoveRequest
{
    public IReadOnlyList<string>? Add { get; init; }

    public IReadOnlyList<string>? Remove { get; init; }

    public SetChange<MemberKey> ToChange() =>
        SetChange.Edit<MemberKey>([.. (Add ?? []).Select(Named.Member)], [.. (Remove ?? []).Select(Named.Member)]);
}
