using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Members and service accounts: the same thing in two kinds.</summary>
internal static class MemberEndpoints
{
    private const MemberDetails Shown = MemberDetails.Reached;

    private static readonly QueryParameter[] Filters =
    [
        new("status", typeof(MemberStatus), "Only members of this status. Removed ones are never shown."),
        new("email", typeof(string), "Only addresses, or `sa::` names, that begin so."),
        new("role", typeof(BuiltInRole), "Only members of this built-in role."),
        new("group", typeof(string), "Only those who were put into this group (`grp_…`)."),
        new(
            "customRole", typeof(string),
            "Only those who hold this role of the organization's own directly (`rol_…`)."),
        new(
            "sort", typeof(string),
            "`created` or `email`; with a `-` before it the other way round. Default: `created`."),
    ];

    private static readonly QueryParameter Sponsored = new("invitations", typeof(SponsoredAction), """
        What becomes of pending invitations whose sponsor loses the right to make them by this change: `block` lets them wait for a decision, `endorse` makes you
        their sponsor and `revoke` ends them, both as far as you cover the invited member. Default: `block`.
        """);

    public static void MapMembers(this RouteGroupBuilder organization)
    {
        var members = organization.MapGroup("/members").WithTags("Members");
        members.MapGet("", ListMembersAsync)
            .TakesPages([.. Filters, new("kind", typeof(MemberKind), "Only persons, or only service accounts.")])
            .Says<Page<MemberDocument>>("List members", "Persons and service accounts, invited ones included.");
        members.MapGet("/{member}", GetMemberAsync).Says<MemberDocument>("Get a member");
        members.MapPatch("/{member}", ChangeMemberAsync).CanRehearse().Takes(Sponsored)
            .Says<MemberDocument>("Change a member", """
            What is given and what is taken away you must hold yourself; for the address, the SSO id, suspending, and whatever a pending member is offered, you must hold all that he holds.
            """);
        members.MapDelete("/{member}", RemoveMemberAsync).CanRehearse().Takes(Sponsored)
            .Says<RemovedMemberDocument>("Remove a member", """
            Permissions, roles, groups and keys go, from the very next request on. An open invitation of the member is revoked. The answer says how many pending
            invitations the member was the sponsor of.
            """);

        var accounts = organization.MapGroup("/service-accounts").WithTags("Service accounts");
        accounts.MapGet("", ListAccountsAsync).TakesPages(Filters).Says<Page<MemberDocument>>("List service accounts");
        accounts.MapPost("", MakeAccountAsync).CanRehearse().CanRepeat()
            .Says<MemberDocument>(
                "Make a service account", "It acts by API keys alone. What it is given you must hold yourself.",
                StatusCodes.Status201Created);
        accounts.MapGet("/{account}", GetAccountAsync).Says<MemberDocument>("Get a service account");
        accounts.MapPatch("/{account}", ChangeAccountAsync).CanRehearse().Takes(Sponsored)
            .Says<MemberDocument>("Change a service account");
        accounts.MapDelete("/{account}", RemoveAccountAsync).CanRehearse().Takes(Sponsored).Says<RemovedMemberDocument>(
            "Remove a service account", "Its keys are refused from the very next request on.");
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
        string organization, ApiBody<ServiceAccountRequest> body, Actor actor, ServiceAccountService accounts,
        CancellationToken ct)
    {
        if (body.Refusal(given => accounts.Faults(given.ToAccount())) is { } refusal) return refusal;
        return (await accounts.CreateAsync(actor, body.Value.ToAccount(), UnknownReferences.Refuse, Shown, ct))
            .ToHttp(view =>
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
