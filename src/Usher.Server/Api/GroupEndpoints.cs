using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Groups: named sets of members.</summary>
internal static class GroupEndpoints
{
    private static readonly GroupOptions Shown = new(Details: MemberDetails.Reached | MemberDetails.Counts);

    public static void MapGroups(this RouteGroupBuilder organization)
    {
        var groups = organization.MapGroup("/groups").WithTags("Groups");
        groups.MapGet("", ListAsync).WithName("listGroups").TakesPages()
            .WithDocs<Page<GroupDocument>>(
                "List groups",
                "Oldest first. The two system groups contain all members and all service accounts; their membership is "
                + "implied.");
        groups.MapPost("", MakeAsync).WithName("createGroup").AnswersETag().SupportsDryRun().CanRepeat()
            .WithDocs<GroupDocument>(
                "Create a group", "You must hold everything that the group grants to its members.",
                StatusCodes.Status201Created);
        groups.MapGet("/{group}", GetAsync).WithName("getGroup").AnswersETag().WithDocs<GroupDocument>("Get a group");
        groups.MapPatch("/{group}", ChangeAsync).WithName("updateGroup").AnswersETag().TakesIfMatch().SupportsDryRun()
            .WithDocs<GroupDocument>(
                "Change a group",
                "You must hold everything that the group grants before and after the change. The change applies from "
                + "the members' next request on.");
        groups.MapDelete("/{group}", DeleteAsync).WithName("deleteGroup").TakesIfMatch().SupportsDryRun()
            .WithDocsNoContent(
                "Delete a group", "Its members stay in the organization and lose what the group granted.");
        groups.MapGet("/{group}/members", ListMembersAsync).WithName("listGroupMembers").TakesPages()
            .WithDocs<Page<MemberDocument>>(
                "List a group's members",
                "Oldest members first. For the implied members of a system group, use `members?kind=…`.");
        groups.MapPost("/{group}/members", ChangeMembersAsync).WithName("addGroupMembers").AnswersETag().TakesIfMatch()
            .SupportsDryRun().CanRepeat()
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
