using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Resources, and the access levels on them.</summary>
internal static class ResourceEndpoints
{
    public static void MapResources(this RouteGroupBuilder organization)
    {
        var resources = organization.MapGroup("/resources").WithTags("Resources");
        resources.MapGet("", ListAsync).TakesPages()
            .WithDocs<Page<ResourceDocument>>("List resources", "Lists the resources you reach, oldest first.");
        resources.MapPost("", MakeAsync).SupportsDryRun().CanRepeat()
            .WithDocs<ResourceDocument>(
                "Create a resource", "Needs `resource_creation`. The creator gets full access to it.",
                StatusCodes.Status201Created);
        resources.MapGet("/{resource}", GetAsync).WithDocs<ResourceDocument>(
            "Get a resource", "By id or slug. A resource that you do not reach is answered as not found.");
        resources.MapPatch("/{resource}", ChangeAsync).SupportsDryRun()
            .WithDocs<ResourceDocument>("Change a resource", "The slug cannot be changed.");
        resources.MapDelete("/{resource}", DeleteAsync).SupportsDryRun()
            .WithDocsNoContent("Delete a resource", "All access levels on it are deleted too.");
        resources.MapPut("/{resource}/access/{holder}", SetLevelAsync).SupportsDryRun()
            .WithDocsNoContent(
                "Set an access level",
                "Sets the level of a member (`mem_…`) or a group (`grp_…`) and replaces the previous one. You must "
                + "have that level on the resource yourself.");
        resources.MapDelete("/{resource}/access/{holder}", RemoveLevelAsync).SupportsDryRun()
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
        string organization, ApiBody<ResourceRequest> body, Actor actor, ResourceService resources,
        CancellationToken ct)
    {
        if (body.Refusal(given =>
                ResourceService.Faults(
                    given.Name ?? "",
                    given.Attributes?.ToDictionary(a => a.Key, a => (string?)a.Value))) is { } refusal)
            return refusal;
        return (await resources.CreateAsync(
            actor, body.Value.Name, body.Value.Attributes ?? new Dictionary<string, string>(), ct)).ToHttp(made =>
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
        static IResult Answer<T>(Result<T> set) => set.Match(_ => Answers.NoContent, error => (error switch
        {
            { Code: "reference_unknown" } => ResourceErrors.NotFound,
            { Field: ['l', 'e', 'v', 'e', 'l', 's', '/', '0', '/', .. var field] } => error with { Field = field },
            _ => error,
        }).ToHttp());
    }

    private static IResult Show(Resource resource) =>
        Answers.Ok(ResourceDocument.From(resource), Precondition.TagOf(resource));
}

/// <summary>A resource that members can have access to.</summary>
internal sealed record ResourceDocument
{
    /// <summary>`res_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>The resource's name in URLs; it never changes.</summary>
    public required string Slug { get; init; }

    /// <summary>Data of your product about the resource.</summary>
    public required IReadOnlyDictionary<string, string> Attributes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static ResourceDocument From(Resource resource) =>
        new()
        {
            Id = Ids.Resource.Of(resource.Id), Name = resource.Name, Slug = resource.Slug,
            Attributes = resource.Attributes, CreatedAt = resource.CreatedAt,
        };
}

/// <summary>A resource to create.</summary>
internal sealed record ResourceRequest
{
    /// <summary>1 to 120 characters, unique in the organization; letter case does not count.</summary>
    public required string Name { get; init; }

    /// <summary>At most 50 entries.</summary>
    public IReadOnlyDictionary<string, string>? Attributes { get; init; }
}

/// <summary>Changes to a resource. Properties that are left out stay as they are.</summary>
internal sealed record ResourceChangeRequest
{
    public string? Name { get; init; }

    /// <summary>Entries to set; null removes an entry. Entries that are left out stay.</summary>
    public IReadOnlyDictionary<string, string?>? Attributes { get; init; }
}

/// <summary>An access level on a resource.</summary>
internal sealed record ReachRequest
{
    public required AccessLevel Level { get; init; }

    /// <summary>Single capabilities, where the level is not `full`.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }
}
