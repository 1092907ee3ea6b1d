using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Things to reach, and the levels on them.</summary>
internal static class ResourceEndpoints
{
    public static void MapResources(this RouteGroupBuilder organization)
    {
        var resources = organization.MapGroup("/resources").WithTags("Resources");
        resources.MapGet("", ListAsync).TakesPages()
            .Says<Page<ResourceDocument>>("List resources", "Those you reach, oldest first.");
        resources.MapPost("", MakeAsync).CanRehearse().CanRepeat()
            .Says<ResourceDocument>(
                "Make a resource", "Needs `resource_creation`. Whoever makes one reaches it fully.",
                StatusCodes.Status201Created);
        resources.MapGet("/{resource}", GetAsync).Says<ResourceDocument>(
            "Get a resource", "By id or slug. One you do not reach is answered like one that does not exist.");
        resources.MapPatch("/{resource}", ChangeAsync).CanRehearse()
            .Says<ResourceDocument>("Change a resource", "Its slug stays.");
        resources.MapDelete("/{resource}", DeleteAsync).CanRehearse()
            .SaysNothing("Delete a resource", "Everybody's level on it goes with it.");
        resources.MapPut("/{resource}/access/{holder}", GiveAsync).CanRehearse()
            .SaysNothing(
                "Give a level",
                "To a member (`mem_…`) or a group (`grp_…`). You must reach the resource so far yourself. It "
                + "replaces the level before.");
        resources.MapDelete("/{resource}/access/{holder}", TakeAsync).CanRehearse()
            .SaysNothing(
                "Take a level away",
                "Of a member (`mem_…`) or a group (`grp_…`). What he reaches by other ways stays.");
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

    private static async Task<IResult> GiveAsync(
        string resource, string holder, ApiBody<ReachRequest> body, HttpRequest request, Actor actor,
        MemberService members, GroupService groups, CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return await SetAsync(
            resource, holder, new(body.Value.Level, body.Value.Capabilities ?? []), request, actor, members, groups,
            ct);
    }

    private static Task<IResult> TakeAsync(
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

        // It is the address, no body, that names the resource; the body is the level itself.
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

/// <summary>A thing members reach.</summary>
internal sealed record ResourceDocument
{
    /// <summary>`res_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>How it is called in addresses; it never changes.</summary>
    public required string Slug { get; init; }

    /// <summary>What your product keeps with it.</summary>
    public required IReadOnlyDictionary<string, string> Attributes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static ResourceDocument From(Resource resource) =>
        new()
        {
            Id = Ids.Resource.Of(resource.Id), Name = resource.Name, Slug = resource.Slug,
            Attributes = resource.Attributes, CreatedAt = resource.CreatedAt,
        };
}

/// <summary>A resource to make.</summary>
internal sealed record ResourceRequest
{
    /// <summary>1 to 120 characters, unique in the organization, letter case aside.</summary>
    public required string Name { get; init; }

    /// <summary>At most 50 entries.</summary>
    public IReadOnlyDictionary<string, string>? Attributes { get; init; }
}

/// <summary>What to change about a resource. What is left out stays.</summary>
internal sealed record ResourceChangeRequest
{
    public string? Name { get; init; }

    /// <summary>Entries to set or, with null, to take out; others stay.</summary>
    public IReadOnlyDictionary<string, string?>? Attributes { get; init; }
}

/// <summary>How far to reach a resource.</summary>
internal sealed record ReachRequest
{
    public required AccessLevel Level { get; init; }

    /// <summary>Single things below a full level.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }
}
