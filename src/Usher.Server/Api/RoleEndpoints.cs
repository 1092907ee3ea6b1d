using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>The organization's own roles, and the catalogue of permissions they are made of.</summary>
internal static class RoleEndpoints
{
    private const MemberDetails Shown = MemberDetails.Counts;

    public static void MapRoles(this RouteGroupBuilder organization)
    {
        organization.MapGet("/permissions", ListPermissions).WithTags("Roles")
            .Says<Page<PermissionDocument>>(
                "List permissions", "Every name of this installation's catalogue, in one page.");

        var roles = organization.MapGroup("/roles").WithTags("Roles");
        roles.MapGet("", ListAsync).TakesPages()
            .Says<Page<RoleDocument>>(
                "List roles",
                "The organization's own, oldest first. The four built-in ones are `admin`, `power_user`, `read_only` "
                + "and `user`.");
        roles.MapPost("", MakeAsync).CanRehearse().CanRepeat()
            .Says<RoleDocument>(
                "Make a role", "Every permission in it you must hold yourself.", StatusCodes.Status201Created);
        roles.MapGet("/{role}", GetAsync).Says<RoleDocument>("Get a role");
        roles.MapPatch("/{role}", ChangeAsync).CanRehearse()
            .Says<RoleDocument>(
                "Change a role",
                "What it is to give more, and what it gives no longer, you must hold yourself. It counts on its "
                + "holders' very next request.");
        roles.MapDelete("/{role}", DeleteAsync).CanRehearse()
            .SaysNothing("Delete a role", "It is taken from all who hold it.");
        roles.MapPost("/{role}/members", HandAsync).CanRehearse().CanRepeat()
            .Says<RoleDocument>(
                "Hand a role out, or take it back",
                "At most 1,000 members at a time; all of them or none. To groups it is given by changing the group.");
    }

    private static IResult ListPermissions(PermissionCatalogue catalogue) =>
        Answers.Ok(new Page<PermissionDocument>(
            [
                .. catalogue.Names.Select(name =>
                    new PermissionDocument(
                        name, Permissions.BuiltIn.Contains(name), Permissions.Enforced.Contains(name)))],
            null));

    private static async Task<IResult> ListAsync(ApiQuery query, Actor actor, RoleService roles, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await roles.PageAsync(actor, new(after?.Id, limit + 1), Shown, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(
                read.Roles, limit, r => RoleDocument.From(r, read.Graph), r => new Cursor("created", null, r.Id))));
    }

    private static async Task<IResult> MakeAsync(
        string organization, ApiBody<RoleRequest> body, Actor actor, RoleService roles, CancellationToken ct)
    {
        if (body.Refusal(given =>
                roles.Faults(given.Name ?? "", given.Description, given.Permissions ?? [])) is { } refusal)
            return refusal;
        return (await roles.CreateAsync(
            actor, body.Value.Name, body.Value.Description ?? "", body.Value.Permissions ?? [], ct)).ToHttp(role =>
            Answers.Created(
                RoleDocument.From(role, null),
                $"{UsherApi.Prefix}/organizations/{organization}/roles/{Ids.Role.Of(role.Id)}",
                Precondition.TagOf(role)));
    }

    private static async Task<IResult> GetAsync(string role, Actor actor, RoleService roles, CancellationToken ct) =>
        (await roles.GetAsync(actor, Ids.Role.Parse(role), Shown, ct)).ToHttp(Show);

    private static async Task<IResult> ChangeAsync(
        string role, ApiBody<RoleChangeRequest> body, HttpRequest request, Actor actor, RoleService roles,
        CancellationToken ct)
    {
        if (body.Refusal(given => roles.Faults(given.Name, given.Description, given.Permissions ?? [])) is { } refusal)
            return refusal;
        var (name, description, permissions) = (body.Value.Name, body.Value.Description, body.Value.Permissions);
        var change = new RoleChange
        {
            Name = name, Description = description, Permissions = permissions.To<string, string>(p => [.. p]),
        };
        return (await roles.UpdateAsync(actor, [Ids.Role.Parse(role)], change, Shown, ct, request.IfMatch))
            .ToHttp(Show);
    }

    private static async Task<IResult> DeleteAsync(
        string role, HttpRequest request, Actor actor, RoleService roles, CancellationToken ct) =>
        (await roles.DeleteAsync(actor, Ids.Role.Parse(role), MemberDetails.None, ct, request.IfMatch))
            .ToHttp(_ => Answers.NoContent);

    private static async Task<IResult> HandAsync(
        string role, ApiBody<MoveRequest> body, HttpRequest request, Actor actor, RoleService roles,
        CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return (await roles.UpdateAsync(
            actor, [Ids.Role.Parse(role)], new() { Members = body.Value.ToChange() }, Shown, ct,
            request.IfMatch)).ToHttp(Show);
    }

    private static IResult Show(RoleSelection selection) =>
        Answers.Ok(RoleDocument.From(selection.Roles[0], selection.Graph), Precondition.TagOf(selection.Roles[0]));
}

/// <summary>A permission there is.</summary>
/// <param name="Name">As it is written everywhere.</param>
/// <param name="BuiltIn">Whether every installation has it; others were added by this one's settings.</param>
/// <param name="Enforced">Whether Usher itself asks for it; for the rest it keeps who holds it, and answers.</param>
internal sealed record PermissionDocument(string Name, bool BuiltIn, bool Enforced);

/// <summary>A named set of permissions.</summary>
internal sealed record RoleDocument
{
    /// <summary>`rol_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary>How many members hold it directly.</summary>
    public required int MemberCount { get; init; }

    /// <summary>How many groups hold it.</summary>
    public required int GroupCount { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static RoleDocument From(Role role, AccessGraph? graph) => new()
    {
        Id = Ids.Role.Of(role.Id), Name = role.Name, Description = role.Description, Permissions = role.Permissions,
        MemberCount = graph?.MembersOf(role)
            ?? 0,
        GroupCount = graph?.GroupsOf(role) ?? 0, CreatedAt = role.CreatedAt,
    };
}

/// <summary>A role to make.</summary>
internal sealed record RoleRequest
{
    /// <summary>1 to 120 characters, unique in the organization, letter case aside.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }
}

/// <summary>What to change about a role. What is left out stays; a list replaces the one before.</summary>
internal sealed record RoleChangeRequest
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }
}
