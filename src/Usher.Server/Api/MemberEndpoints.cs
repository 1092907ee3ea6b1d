using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Members: persons and service accounts.</summary>
internal static class MemberEndpoints
{
    private const MemberDetails Shown = MemberDetails.Reached;

    private static readonly QueryParameter[] Filters =
    [
        new("status", typeof(MemberStatus), "Only members with this status. Removed members are never listed."),
        new("email", typeof(string), "Only addresses or `sa::` names with this prefix."),
        new("role", typeof(BuiltInRole), "Only members with this built-in role."),
        new("group", typeof(string), "Only members who were added to this group (`grp_…`)."),
        new(
            "customRole", typeof(string), "Only members who hold this role of the organization directly (`rol_…`)."),
        new(
            "sort", typeof(string), "`created` or `email`; descending with a leading `-`. Default: `created`."),
    ];

    private static readonly QueryParameter Sponsored = new("invitations", typeof(SponsoredAction), """
        What happens to pending invitations whose sponsor loses the right to make them by this change: `block` lets them
        wait for an administrator's decision, `endorse` makes you their sponsor, and `revoke` ends them. `endorse` and
        `revoke` apply where you hold everything the invited member holds. Default: `block`.
        """);

    public static void MapMembers(this RouteGroupBuilder organization)
    {
        var members = organization.MapGroup("/members").WithTags("Members");
        members.MapGet("", ListMembersAsync).WithName("listMembers")
            .TakesPages([.. Filters, new("kind", typeof(MemberKind), "Only persons, or only service accounts.")])
            .WithDocs<Page<MemberDocument>>(
                "List members", "Lists persons and service accounts, invited ones included.");
        members.MapGet("/{member}", GetMemberAsync).WithName("getMember").AnswersETag()
            .WithDocs<MemberDocument>("Get a member");
        members.MapPatch("/{member}", ChangeMemberAsync).WithName("updateMember").AnswersETag().TakesIfMatch()
            .SupportsDryRun().Takes(Sponsored)
            .WithDocs<MemberDocument>("Change a member", """
            You must hold everything you grant or take away. To change the address or the SSO id, to suspend the member,
            and to change anything a pending member is offered, you must hold everything the member holds.
            """);
        members.MapDelete("/{member}", RemoveMemberAsync).WithName("deleteMember").TakesIfMatch().SupportsDryRun()
            .Takes(Sponsored)
            .WithDocs<RemovedMemberDocument>("Remove a member", """
            The member's permissions, roles, groups and keys end with the next request. Their open invitation is
            revoked. The answer says how many pending invitations the member was the sponsor of.
            """);

        var accounts = organization.MapGroup("/service-accounts").WithTags("Service accounts");
        accounts.MapGet("", ListAccountsAsync).WithName("listServiceAccounts").TakesPages(Filters)
            .WithDocs<Page<MemberDocument>>("List service accounts");
        accounts.MapPost("", MakeAccountAsync).WithName("createServiceAccount").AnswersETag().SupportsDryRun()
            .CanRepeat()
            .WithDocs<MemberDocument>(
                "Create a service account",
                "A service account acts only by API keys. You must hold everything you grant to it.",
                StatusCodes.Status201Created);
        accounts.MapGet("/{account}", GetAccountAsync).WithName("getServiceAccount").AnswersETag()
            .WithDocs<MemberDocument>("Get a service account");
        accounts.MapPatch("/{account}", ChangeAccountAsync).WithName("updateServiceAccount").AnswersETag()
            .TakesIfMatch().SupportsDryRun().Takes(Sponsored)
            .WithDocs<MemberDocument>("Change a service account");
        accounts.MapDelete("/{account}", RemoveAccountAsync).WithName("deleteServiceAccount").TakesIfMatch()
            .SupportsDryRun().Takes(Sponsored)
            .WithDocs<RemovedMemberDocument>(
                "Remove a service account", "Its keys are refused from the next request on.");
    }

    private static Task<IResult> ListMembersAsync(
        ApiQuery query, Actor actor, MemberService members, CancellationToken ct) =>
        ListAsync(query, query.Enum<MemberKind>("kind"), actor, members, ct);

    private static Task<IResult> GetMemberAsync(
        string member, Actor actor, MemberService members, CancellationToken ct) =>
        GetAsync(new(Id: Ids.Member.Parse(member)), actor, members, ct);

    private static Task<IResult> ChangeMemberAsync(
        ApiQuery query, string member, ApiBody<MemberChangeRequest> body, HttpRequest request, Actor actor,
        MemberService members, CancellationToken ct) =>
        ChangeAsync(new(Id: Ids.Member.Parse(member)), query, body, request, actor, members, ct);

    private static Task<IResult> RemoveMemberAsync(
        ApiQuery query, string member, HttpRequest request, Actor actor, MemberService members, CancellationToken ct) =>
        RemoveAsync(new(Id: Ids.Member.Parse(member)), query, request, actor, members, ct);

    private static Task<IResult> ListAccountsAsync(
        ApiQuery query, Actor actor, MemberService members, CancellationToken ct) =>
        ListAsync(query, MemberKind.Service, actor, members, ct);

    private static async Task<IResult> MakeAccountAsync(
        string organization, ApiBody<ServiceAccountRequest> body, Once once, Actor actor,
        ServiceAccountService accounts,
        CancellationToken ct)
    {
        if (body.Refusal(given => accounts.Faults(given.ToAccount())) is { } refusal) return refusal;
        return await once.AnswerAsync(
            () => accounts.CreateAsync(actor, body.Value.ToAccount(), UnknownReferences.Refuse, Shown, ct), view =>
            Answers.Created(
                MemberDocument.From(view),
                $"{UsherApi.Prefix}/organizations/{organization}/service-accounts/{Ids.Member.Of(view.Member.Id)}",
                Precondition.TagOf(view.Member)));
    }

    private static Task<IResult> GetAccountAsync(
        string account, Actor actor, MemberService members, CancellationToken ct) =>
        GetAsync(Account(account), actor, members, ct);

    private static Task<IResult> ChangeAccountAsync(
        ApiQuery query, string account, ApiBody<MemberChangeRequest> body, HttpRequest request, Actor actor,
        MemberService members, CancellationToken ct) =>
        ChangeAsync(Account(account), query, body, request, actor, members, ct);

    private static Task<IResult> RemoveAccountAsync(
        ApiQuery query, string account, HttpRequest request, Actor actor, MemberService members,
        CancellationToken ct) =>
        RemoveAsync(Account(account), query, request, actor, members, ct);

    private static MemberKey Account(string account) => new(Id: Ids.Member.Parse(account), Kind: MemberKind.Service);

    private static async Task<IResult> ListAsync(
        ApiQuery query, MemberKind? kind, Actor actor, MemberService members, CancellationToken ct)
    {
        var (by, descending) = query.Sort("created", "email");
        var (word, order, limit) = (
            descending ? "-" + by : by, by is "email" ? MemberOrder.Identifier : MemberOrder.Created, query.Limit);
        var after = query.After(word);
        var filter = new MemberFilter
        {
            Kind = kind, Status = query.Enum<MemberStatus>("status"),
            IdentifierPrefix = query.Text("email")?.ToLowerInvariant(), Role = query.Enum<BuiltInRole>("role"),
            GroupId = query.Id("group", Ids.Group), RoleId = query.Id("customRole", Ids.Role),
        };
        if (query.Refusal is { } refusal) return refusal;
        var page = new MemberPage(
            order, order is MemberOrder.Identifier ? after?.Key : after?.Id, limit + 1,
            Descending: descending) { Filter = filter };
        return (await members.PageAsync(actor, page, Shown, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(
                read.Items, limit, MemberDocument.From, v => new Cursor(word, v.Member.Identifier, v.Member.Id))));
    }

    private static async Task<IResult> GetAsync(
        MemberKey key, Actor actor, MemberService members, CancellationToken ct) =>
        (await members.GetAsync(actor, key, Shown, ct)).ToHttp(Show);

    private static async Task<IResult> ChangeAsync(
        MemberKey key, ApiQuery query, ApiBody<MemberChangeRequest> body, HttpRequest request, Actor actor,
        MemberService members, CancellationToken ct)
    {
        var sponsored = query.Enum<SponsoredAction>("invitations") ?? SponsoredAction.Block;
        if ((query.Refusal ?? body.Refusal(given => members.Faults(given.ToChange()))) is { } refusal) return refusal;
        var options = new MemberUpdateOptions(UnknownReferences.Refuse, Details: Shown)
        {
            IfMatch = request.IfMatch, Sponsored = sponsored,
        };
        return (await members.UpdateAsync(actor, [key], body.Value.ToChange(), options, ct))
            .ToHttp(selection => Answers.Ok(
            MemberDocument.From(new(selection.Members[0], selection.Graph)) with
            {
                SponsoredInvitations = SponsoredDocument.From(selection.Sponsored),
            },
            Precondition.TagOf(selection.Members[0])));
    }

    private static async Task<IResult> RemoveAsync(
        MemberKey key, ApiQuery query, HttpRequest request, Actor actor, MemberService members, CancellationToken ct)
    {
        var sponsored = query.Enum<SponsoredAction>("invitations") ?? SponsoredAction.Block;
        if (query.Refusal is { } refusal) return refusal;
        return (await members.RemoveAsync(actor, [key], new() { IfMatch = request.IfMatch, Sponsored = sponsored }, ct))
            .ToHttp(selection => Answers.Ok(
            new RemovedMemberDocument(
                Ids.Member.Of(selection.Members[0].Id), SponsoredDocument.From(selection.Sponsored))));
    }

    private static IResult Show(MemberView view) =>
        Answers.Ok(MemberDocument.From(view), Precondition.TagOf(view.Member));
}
