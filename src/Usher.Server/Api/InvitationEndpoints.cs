using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// The whole life of an invitation, for the people who invite. What the invited person does is in
/// <see cref="GuestEndpoints"/>.
/// </summary>
internal static class InvitationEndpoints
{
    private const MemberDetails Shown = MemberDetails.Reached;

    private static readonly MemberUpdateOptions Edit = new(UnknownReferences.Refuse, Details: Shown);

    private static readonly QueryParameter[] Filters =
    [
        new("state", typeof(InvitationStatus), "Only invitations in these states.", Many: true),
        new("email", typeof(string), "Only addresses with this prefix."),
        new("role", typeof(BuiltInRole), "Only invitations with this built-in role."),
        new("group", typeof(string), "Only invitations that add the member to this group (`grp_…`)."),
        new("customRole", typeof(string), "Only invitations that grant this role of the organization (`rol_…`)."),
        new("sponsor", typeof(string), "Only invitations with this member as sponsor (`mem_…`)."),
        new(
            "blocked", typeof(bool),
            "`true`: only those that wait for an administrator's decision. `false`: only those that do not."),
        new("createdFrom", typeof(DateTimeOffset), "Only invitations created at or after this time."),
        new("createdTo", typeof(DateTimeOffset), "Only invitations created before this time."),
        new("expiresFrom", typeof(DateTimeOffset), "Only invitations that expire at or after this time."),
        new("expiresTo", typeof(DateTimeOffset), "Only invitations that expire before this time."),
    ];

    private static readonly QueryParameter Sort = new(
        "sort", typeof(string),
        "`created`, `expires` or `email`; descending with a leading `-`. Default: `-created`.");

    public static void MapInvitations(this RouteGroupBuilder organization)
    {
        var invitations = organization.MapGroup("/invitations").WithTags("Invitations");
        invitations.MapGet("", ListAsync).WithName("listInvitations").TakesPages([.. Filters, Sort])
            .WithDocs<Page<InvitationDocument>>(
                "List invitations", "Includes invitations that have ended. By default the newest come first.");
        invitations.MapPost("", InviteAsync).WithName("createInvitation").AnswersETag().SupportsDryRun().CanRepeat()
            .WithDocs<NewInvitationDocument>("Invite a person", """
            The person becomes a member with the status `invited` and cannot use anything the invitation grants before
            they join. You can grant only what you hold yourself. An address that is already invited, or belongs to a
            member, is refused.
            """, StatusCodes.Status201Created);
        invitations.MapGet("/{invitation}", GetAsync).WithName("getInvitation").AnswersETag()
            .WithDocs<InvitationDocument>("Get an invitation");
        invitations.MapPatch("/{invitation}", EditAsync).WithName("updateInvitation").AnswersETag().TakesIfMatch()
            .CanBeGone().SupportsDryRun()
            .WithDocs<InvitationDocument>("Edit an open invitation", """
            The editor becomes the invitation's sponsor, and must hold everything it grants. A new address makes all
            links invalid.
            """);
        invitations.MapPost("/{invitation}/resend", ResendAsync).WithName("resendInvitation").AnswersETag()
            .TakesIfMatch().CanBeGone().SupportsDryRun().CanRepeat()
            .WithDocs<InvitationDocument>(
                "Resend an invitation",
                "Mails a new link and restarts the invitation's lifetime. Older mailed links become invalid. An "
                + "expired invitation becomes open again.");
        invitations.MapPost("/{invitation}/revoke", RevokeAsync).WithName("revokeInvitation").AnswersETag()
            .TakesIfMatch().CanBeGone().SupportsDryRun().CanRepeat()
            .WithDocs<InvitationDocument>(
                "Revoke an invitation", "Ends the invitation permanently and removes the invited member.");
        invitations.MapPost("/{invitation}/endorse", EndorseAsync).WithName("endorseInvitation").AnswersETag()
            .TakesIfMatch().CanBeGone().SupportsDryRun().CanRepeat()
            .WithDocs<InvitationDocument>("Endorse an invitation", """
            You become the invitation's sponsor, and must hold everything it grants. A blocked invitation becomes
            usable again: the same link works for at least seven more days.
            """);
        invitations.MapPost("/{invitation}/link", LinkAsync).WithName("linkInvitation").AnswersETag().TakesIfMatch()
            .CanBeGone().CanRepeat().WithDocs<LinkDocument>("Create a link", """
            Creates a link to hand over in another way than by mail. It is shown once, and its creation is recorded. A
            link that was handed over before becomes invalid; a mailed link stays valid. Joining with it does not prove
            the address.
            """, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ListAsync(
        ApiQuery query, Actor actor, InvitationService invitations, TimeProvider clock, CancellationToken ct)
    {
        var (by, descending) = query.Has("sort") ? query.Sort("created", "expires", "email") : ("created", true);
        var order = by switch
        {
            "expires" => InvitationOrder.Expires, "email" => InvitationOrder.Email, _ => InvitationOrder.Created,
        };
        var word = descending ? "-" + by : by;
        var (filter, limit, now) = (FilterOf(query), query.Limit, clock.Now());
        object? key = null;
        if (query.After(word) is { } after)
        {
            key = order is not InvitationOrder.Expires ? after.Key
                : Instants.TryParse(after.Key ?? "", out var instant) ? instant
                : null;
            if (order is not InvitationOrder.Created && key is null)
                return ShapeErrors.ParameterInvalid("after", "the `next` value of an earlier page").ToHttp();
        }

        if (query.Refusal is { } refusal) return refusal;
        var page = new InvitationPage(
            order, key, query.After(word)?.Id, limit + 1, now, descending) { Filter = filter };
        return (await invitations.PageAsync(actor, page, Shown, ct)).ToHttp(read => Answers.Ok(Cursor.Page(
            read, limit, v => InvitationDocument.From(v, now), v => new Cursor(word, Key(v), v.Invitation.Id))));

        string? Key(InvitationView view) => order switch
        {
            InvitationOrder.Created => null,
            InvitationOrder.Expires => Instants.Of(view.Invitation.ExpiresAt),
            InvitationOrder.Email => view.Member.Identifier,
        };
    }

    /// <summary>Reads the filter of a list; bulk operations take the same filter.</summary>
    private static InvitationFilter FilterOf(ApiQuery query) => new()
    {
        States = query.Enums<InvitationStatus>("state"), EmailPrefix = query.Text("email")?.ToLowerInvariant(),
        Role = query.Enum<BuiltInRole>("role"), GroupId = query.Id("group", Ids.Group),
        RoleId = query.Id("customRole", Ids.Role), SponsorId = query.Id("sponsor", Ids.Member),
        CreatedFrom = query.Instant("createdFrom"), CreatedTo = query.Instant("createdTo"),
        ExpiresFrom = query.Instant("expiresFrom"), ExpiresTo = query.Instant("expiresTo"),
        Blocked = query.Has("blocked") ? query.Flag("blocked") : null,
    };

    private static async Task<IResult> InviteAsync(
        string organization, ApiBody<InvitationRequest> body, HttpContext http, Once once, Actor actor,
        InvitationService invitations, Links links, TimeProvider clock, CancellationToken ct)
    {
        if (body.Refusal(given => invitations.Faults(given.ToInvitation())) is { } refusal) return refusal;
        var byHand = body.Value.Delivery is LinkDelivery.Link;
        var options = new InviteOptions(
            OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: !byHand, UnknownReferences.Refuse,
            Details: Shown) { MintLink = byHand };
        return await once.AnswerAsync(
            () => invitations.InviteAsync(actor, body.Value.ToInvitation(), options, ct),
            invited =>
            {
                var invitation = invited.Member.PendingInvitation!;
                var document = InvitationDocument.From(new(invitation, invited.Member, invited.Graph), clock.Now());
                if (invited.Link is not null) http.ContainsSecretOf(invited.Member.Id, Permissions.UserManagement);
                var answer = new NewInvitationDocument
                {
                    Invitation = document, Link = invited.Link is { } link ? links.Join(link) : null,
                };
                return Answers.Created(
                    answer, $"{UsherApi.Prefix}/organizations/{organization}/invitations/{document.Id}",
                    Precondition.TagOf(invitation, invited.Member));
            });
    }

    private static async Task<IResult> GetAsync(
        string invitation, Actor actor, InvitationService invitations, TimeProvider clock, CancellationToken ct) =>
        (await invitations.GetAsync(actor, Ids.Invitation.Parse(invitation), Shown, ct))
            .ToHttp(view => Show(view, clock));

    private static async Task<IResult> EditAsync(
        string invitation, ApiBody<InvitationChangeRequest> body, HttpRequest request, Actor actor,
        MemberService members, TimeProvider clock, CancellationToken ct)
    {
        if (body.Refusal(given => members.Faults(given.ToChange())) is { } refusal) return refusal;
        var edited = await members.UpdateAsync(
            actor, [new(InvitationId: Ids.Invitation.Parse(invitation))], body.Value.ToChange(),
            Edit with { OnlyInvited = true, IfMatch = request.IfMatch }, ct);
        return edited.ToHttp(selection =>
            Show(new(selection.Invitation!, selection.Members[0], selection.Graph), clock));
    }

    private static Task<IResult> ResendAsync(
        string invitation, HttpRequest request, Once once, Actor actor, InvitationService invitations,
        TimeProvider clock, CancellationToken ct) =>
        once.AnswerAsync(
            () => invitations.ResendAsync(
                actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), Shown, ct, request.IfMatch),
            view => Show(view, clock));

    private static Task<IResult> EndorseAsync(
        string invitation, HttpRequest request, Once once, Actor actor, InvitationService invitations,
        TimeProvider clock, CancellationToken ct) =>
        once.AnswerAsync(
            () => invitations.EndorseAsync(
                actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), Shown, ct, request.IfMatch),
            view => Show(view, clock));

    private static Task<IResult> RevokeAsync(
        string invitation, HttpRequest request, Once once, Actor actor, MemberService members, TimeProvider clock,
        CancellationToken ct)
    {
        var how = new MemberRemoveOptions(OnlyInvited: true) { Details = Shown, IfMatch = request.IfMatch };
        return once.AnswerAsync(
            () => members.RemoveAsync(actor, [new(InvitationId: Ids.Invitation.Parse(invitation))], how, ct),
            selection => Show(new(selection.Invitation!, selection.Members[0], selection.Graph), clock));
    }

    private static Task<IResult> LinkAsync(
        string organization, string invitation, HttpRequest request, Once once, Actor actor,
        InvitationService invitations, Links links, CancellationToken ct) =>
        once.AnswerAsync(
            () => invitations.MintLinkAsync(
                actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), MemberDetails.None, ct,
                request.IfMatch),
            minted =>
            {
                request.HttpContext.ContainsSecretOf(minted.View.Member.Id, Permissions.UserManagement);
                return Answers.Created(
                    new LinkDocument(links.Join(minted.Link), minted.View.Invitation.ExpiresAt),
                    $"{UsherApi.Prefix}/organizations/{organization}/invitations/{invitation}",
                    Precondition.TagOf(minted.View.Invitation, minted.View.Member));
            });

    private static IResult Show(InvitationView view, TimeProvider clock) =>
        Answers.Ok(InvitationDocument.From(view, clock.Now()), Precondition.TagOf(view.Invitation, view.Member));
}
