using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>The organization's own roles, and the catalogue of permissions that roles consist of.</summary>
internal static class RoleEndpoints
{
    private const MemberDetails Shown = MemberDetails.Counts;

    public static void MapRoles(this RouteGroupBuilder organization)
    {
        organization.MapGet("/permissions", ListPermissions).WithName("listPermissions").WithTags("Roles")
            .WithDocs<Page<PermissionDocument>>(
                "List permissions", "Lists the whole catalogue of this installation in one page.");

        var roles = organization.MapGroup("/roles").WithTags("Roles");
        roles.MapGet("", ListAsync).WithName("listRoles").TakesPages()
            .WithDocs<Page<RoleDocument>>(
                "List roles",
                "Lists the organization's own roles, oldest first. The four built-in roles `admin`, `power_user`, "
                + "`read_only` and `user` are not listed.");
        roles.MapPost("", MakeAsync).WithName("createRole").AnswersETag().SupportsDryRun().CanRepeat()
            .WithDocs<RoleDocument>(
                "Create a role", "You must hold every permission in it yourself.", StatusCodes.Status201Created);
        roles.MapGet("/{role}", GetAsync).WithName("getRole").AnswersETag().WithDocs<RoleDocument>("Get a role");
        roles.MapPatch("/{role}", ChangeAsync).WithName("updateRole").AnswersETag().TakesIfMatch().SupportsDryRun()
            .WithDocs<RoleDocument>(
                "Change a role",
                "You must hold everything that the role grants before and after the change. The change applies from "
                + "the next request of its holders on.");
        roles.MapDelete("/{role}", DeleteAsync).WithName("deleteRole").TakesIfMatch().SupportsDryRun()
            .WithDocsNoContent("Delete a role", "Its holders lose it.");
        roles.MapPost("/{role}/members", ChangeHoldersAsync).WithName("addRoleMembers").AnswersETag().TakesIfMatch()
            .SupportsDryRun().CanRepeat()
            .WithDocs<RoleDocument>(
                "Add and remove holders of a role",
                "At most 1,000 members at a time; either all changes are made or none. To give a role to a group, "
                + "change the group.");
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
        string organization, ApiBody<RoleRequest> body, Once once, Actor actor, RoleService roles, CancellationToken ct)
    {
        if (body.Refusal(given =>
                roles.Faults(given.Name ?? "", given.Description, given.Permissions ?? [])) is { } refusal)
            return refusal;
        return await once.AnswerAsync(() => roles.CreateAsync(
            actor, body.Value.Name, body.Value.Description ?? "", body.Value.Permissions ?? [], ct), role =>
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

    private static async Task<IResult> ChangeHoldersAsync(
        string role, ApiBody<MoveRequest> body, HttpRequest request, Once once, Actor actor, RoleService roles,
        CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return await once.AnswerAsync(() => roles.UpdateAsync(
            actor, [Ids.Role.Parse(role)], new() { Members = body.Value.ToChange() }, Shown, ct,
            request.IfMatch), Show);
    }

    private static IResult Show(RoleSelection selection) =>
        Answers.Ok(RoleDocument.From(selection.Roles[0], selection.Graph), Precondition.TagOf(selection.Roles[0]));
}
