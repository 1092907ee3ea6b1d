using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Resources, and the access levels on them.</summary>
internal static class ResourceEndpoints
{
    public static void MapResources(this RouteGroupBuilder organization)
    {
        var resources = organization.MapGroup("/resources").WithTags("Resources");
        resources.MapGet("", ListAsync).WithName("listResources").TakesPages()
            .WithDocs<Page<ResourceDocument>>("List resources", "Lists the resources you reach, oldest first.");
        resources.MapPost("", MakeAsync).WithName("createResource").AnswersETag().SupportsDryRun().CanRepeat()
            .WithDocs<ResourceDocument>(
                "Create a resource", "Needs `resource_creation`. The creator gets full access to it.",
                StatusCodes.Status201Created);
        resources.MapGet("/{resource}", GetAsync).WithName("getResource").AnswersETag().WithDocs<ResourceDocument>(
            "Get a resource", "By id or slug. A resource that you do not reach is answered as not found.");
        resources.MapPatch("/{resource}", ChangeAsync).WithName("updateResource").AnswersETag().TakesIfMatch()
            .SupportsDryRun()
            .WithDocs<ResourceDocument>("Change a resource", "The slug cannot be changed.");
        resources.MapDelete("/{resource}", DeleteAsync).WithName("deleteResource").TakesIfMatch().SupportsDryRun()
            .WithDocsNoContent("Delete a resource", "All access levels on it are deleted too.");
        resources.MapPut("/{resource}/access/{holder}", SetLevelAsync).WithName("setResourceAccess").TakesIfMatch()
            .SupportsDryRun()
            .WithDocsNoContent(
                "Set an access level",
                "Sets the level of a member (`mem_…`) or a group (`grp_…`) and replaces the previous one. You must "
                + "have that level on the resource yourself.");
        resources.MapDelete("/{resource}/access/{holder}", RemoveLevelAsync).WithName("deleteResourceAccess")
            .TakesIfMatch().SupportsDryRun()
            .WithDocsNoContent(
                "Remove an access level",
                "Removes the level of a member (`mem_…`) or a group (`grp_…`). Access from other sources stays.");
    }

    private static async Task<IResult> ListAsync(
        ApiQuery query, Actor actor, ResourceService resources, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return Answers.Ok(Cursor.Page(
            await resources.PageAsync(actor, after?.Id, limit + 1, ct), limit, ResourceDocument.From,
            r => new Cursor("created", null, r.Id)));
    }

    private static async Task<IResult> MakeAsync(
        string organization, ApiBody<ResourceRequest> body, Once once, Actor actor, ResourceService resources,
        CancellationToken ct)
    {
        if (body.Refusal(given =>
                ResourceService.Faults(
                    given.Name ?? "",
                    given.Attributes?.ToDictionary(a => a.Key, a => (string?)a.Value))) is { } refusal)
            return refusal;
        return await once.AnswerAsync(() => resources.CreateAsync(
            actor, body.Value.Name, body.Value.Attributes ?? new Dictionary<string, string>(), ct), made =>
            Answers.Created(
                ResourceDocument.From(made),
                $"{UsherApi.Prefix}/organizations/{organization}/resources/{Ids.Resource.Of(made.Id)}",
                Precondition.TagOf(made)));
    }

    private static async Task<IResult> GetAsync(
        string resource, Actor actor, ResourceService resources, CancellationToken ct) =>
        (await resources.GetAsync(actor, Named.Resource(resource), ct)).ToHttp(Show);

    private static async Task<IResult> ChangeAsync(
        string resource, ApiBody<ResourceChangeRequest> body, HttpRequest request, Actor actor,
        ResourceService resources, CancellationToken ct)
    {
        if (body.Refusal(given => ResourceService.Faults(given.Name, given.Attributes)) is { } refusal) return refusal;
        return (await resources.UpdateAsync(
            actor, Named.Resource(resource), body.Value.Name, body.Value.Attributes, request.IfMatch, ct)).ToHttp(Show);
    }

    private static async Task<IResult> DeleteAsync(
        string resource, HttpRequest request, Actor actor, ResourceService resources, CancellationToken ct) =>
        (await resources.DeleteAsync(actor, Named.Resource(resource), request.IfMatch, ct))
            .ToHttp(_ => Answers.NoContent);

    private static async Task<IResult> SetLevelAsync(
        string resource, string holder, ApiBody<ReachRequest> body, HttpRequest request, Actor actor,
        MemberService members, GroupService groups, CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return await SetAsync(
            resource, holder, new(body.Value.Level, body.Value.Capabilities ?? []), request, actor, members, groups,
            ct);
    }

    private static Task<IResult> RemoveLevelAsync(
        string resource, string holder, HttpRequest request, Actor actor, MemberService members, GroupService groups,
        CancellationToken ct) =>
        SetAsync(resource, holder, new(AccessLevel.None, []), request, actor, members, groups, ct);

    private static async Task<IResult> SetAsync(
        string resource, string holder, Reach reach, HttpRequest request, Actor actor, MemberService members,
        GroupService groups, CancellationToken ct)
    {
        NewLevel[] levels = [new(Named.Resource(resource), reach.Level) { Capabilities = reach.Capabilities }];
        if (Ids.Group.TryParse(holder, out var group))
            return Answer(await groups.UpdateAsync(
                actor, group, new() { Levels = levels }, new() { IfMatch = request.IfMatch }, ct));
        return Answer(await members.UpdateAsync(
            actor, [new(Id: Ids.Member.Parse(holder))], new() { Levels = levels },
            new(UnknownReferences.Refuse) { IfMatch = request.IfMatch }, ct));

        // The resource is named by the path, not by the body, and the body is the level itself.
        static IResult Answer<T>(Result<T> set) => set.Match(
            _ => Answers.NoContent,
            error => (error.Code is "reference_unknown" ? ResourceErrors.NotFound : error.Below("levels/0")).ToHttp());
    }

    private static IResult Show(Resource resource) =>
        Answers.Ok(ResourceDocument.From(resource), Precondition.TagOf(resource));
}
