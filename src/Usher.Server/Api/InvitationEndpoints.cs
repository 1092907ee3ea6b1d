using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// The whole life of an invitation, as those see it who invite. What the invited person does is
/// <see cref="GuestEndpoints"/>.
/// </summary>
internal static class InvitationEndpoints
{
    private const MemberDetails Shown = MemberDetails.Reached;

    private static readonly MemberUpdateOptions Edit = new(UnknownReferences.Refuse, Details: Shown);

    private static readonly QueryParameter[] Filters =
    [
        new("state", typeof(InvitationStatus), "Only invitations in these states.", Many: true),
        new("email", typeof(string), "Only addresses that begin so."),
        new("role", typeof(BuiltInRole), "Only those that give this built-in role."),
        new("group", typeof(string), "Only those that put into this group (`grp_…`)."),
        new("customRole", typeof(string), "Only those that give this role of the organization's own (`rol_…`)."),
        new("sponsor", typeof(string), "Only those this member is the sponsor of (`mem_…`)."),
        new(
            "blocked", typeof(bool),
            "`true`: only those that wait for an administrator's decision. `false`: only those that do not."),
        new("createdFrom", typeof(DateTimeOffset), "Not made before."),
        new("createdTo", typeof(DateTimeOffset), "Made before."),
        new("expiresFrom", typeof(DateTimeOffset), "Not run out before."),
        new("expiresTo", typeof(DateTimeOffset), "Run out before."),
    ];

    private static readonly QueryParameter Sort = new(
        "sort", typeof(string),
        "`created`, `expires` or `email`; with a `-` before it the other way round. Default: `-created`.");

    public static void MapInvitations(this RouteGroupBuilder organization)
    {
        var invitations = organization.MapGroup("/invitations").WithTags("Invitations");
        invitations.MapGet("", ListAsync).TakesPages([.. Filters, Sort])
            .Says<Page<InvitationDocument>>(
                "List invitations", "Also those that have ended. By default the newest come first.");
        invitations.MapPost("", InviteAsync).CanRehearse().CanRepeat()
            .Says<NewInvitationDocument>("Invite a person", """
            The person becomes a member with the status `invited`; nothing of what is offered can be used before he joins. You can offer only what you hold yourself.
            An address that is invited already, or a member's, is refused.
            """, StatusCodes.Status201Created);
        invitations.MapGet("/{invitation}", GetAsync).Says<InvitationDocument>("Get an invitation");
        invitations.MapPatch("/{invitation}", EditAsync).CanRehearse()
            .Says<InvitationDocument>("Edit an open invitation", """
            Whoever edits it stands for all of it from then on, and so must hold all that it gives. A new address voids the links that are out.
            """);
        invitations.MapPost("/{invitation}/resend", ResendAsync).CanRehearse().CanRepeat()
            .Says<InvitationDocument>(
                "Resend an invitation",
                "A new mail goes out, the clock starts anew, older mailed links no longer open. An expired one is "
                + "open again.");
        invitations.MapPost("/{invitation}/revoke", RevokeAsync).CanRehearse().CanRepeat()
            .Says<InvitationDocument>("Revoke an invitation", "It ends for good, and the invited member is removed.");
        invitations.MapPost("/{invitation}/endorse", EndorseAsync).CanRehearse().CanRepeat()
            .Says<InvitationDocument>("Endorse an invitation", """
            You become its sponsor, and must hold everything that it gives. A blocked one waits no longer: the same link works, for at least seven more days.
            """);
        invitations.MapPost("/{invitation}/link", LinkAsync).CanRepeat().Says<LinkDocument>("Make a link by hand", """
            A fresh link to hand over by other means than mail, shown once and recorded. One handed over before no longer opens; a mailed one does. Joining by it does not prove the address.
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
            key = order is InvitationOrder.Expires
                ? Instants.TryParse(after.Key ?? "", out var instant)
                ? instant
                : null
                : after.Key;
            if (order is not InvitationOrder.Created && key is null)
                return ShapeErrors.ParameterInvalid("after", "the `next` of an earlier page").ToHttp();
        }

        if (query.Refusal is { } refusal) return refusal;
        var page = new InvitationPage(
            order, key, query.After(word)?.Id, limit + 1, now, descending) { Filter = filter };
        return (await invitations.PageAsync(actor, page, Shown, ct)).ToHttp(
            read =>
                Answers.Ok(
                    Cursor.Page(read, limit, v => InvitationDocument.From(v, now), v => new Cursor(word, order switch
        {
            InvitationOrder.Created => null,
            InvitationOrder.Expires => Instants.Of(v.Invitation.ExpiresAt),
            InvitationOrder.Email => v.Member.Identifier,
        }, v.Invitation.Id))));
    }

    /// <summary>The filter of a list, which is also what bulk work is told.</summary>
    private static InvitationFilter FilterOf(ApiQuery query) => new()
    {
        States = query.Enums<InvitationStatus>("state"), EmailPrefix = query.Text("email")?.ToLowerInvariant(),
        Role = query.Enum<BuiltInRole>("role"), GroupId = query.Id("group", Ids.Group),
        RoleId = query.Id("customRole", Ids.Role), SponsorId = query.Id("sponsor", Ids.Member),
        CreatedFrom = query.Instant("createdFrom"), CreatedTo = query.Instant("createdTo"),
        ExpiresFrom = query.Instant("expiresFrom"), ExpiresTo = query.Instant("expiresTo"),
        Blocked = query.Has("blocked")
            ? query.Flag("blocked")
            : null,
    };

    private static async Task<IResult> InviteAsync(
        string organization, ApiBody<InvitationRequest> body, HttpContext http, Actor actor,
        InvitationService invitations, Links links, TimeProvider clock, CancellationToken ct)
    {
        if (body.Refusal(given => invitations.Faults(given.ToInvitation())) is { } refusal) return refusal;
        var byHand = body.Value.Delivery is LinkDelivery.Link;
        var how = new InviteOptions(
            OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: !byHand, UnknownReferences.Refuse,
            Details: Shown) { MintLink = byHand };
        var outcomes = await invitations.InviteAsync(actor, [body.Value.ToInvitation()], how, ct);
        return outcomes[0].ToHttp(invited =>
        {
            var invitation = invited.Member.PendingInvitation!;
            var document = InvitationDocument.From(new(invitation, invited.Member, invited.Graph), clock.Now());
            if (invited.Link is not null) http.Bears(invited.Member.Id, Permissions.UserManagement);
            var answer = new NewInvitationDocument
            {
                Invitation = document, Link = invited.Link is { } link ? links.Join(link) : null,
            };
            return Answers.Created(
                answer, $"/usher/v1/organizations/{organization}/invitations/{document.Id}",
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

    private static async Task<IResult> ResendAsync(
        string invitation, HttpRequest request, Actor actor, InvitationService invitations, TimeProvider clock,
        CancellationToken ct) =>
        (await invitations.ResendAsync(
            actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), Shown, ct,
            request.IfMatch)).ToHttp(view => Show(view, clock));

    private static async Task<IResult> EndorseAsync(
        string invitation, HttpRequest request, Actor actor, InvitationService invitations, TimeProvider clock,
        CancellationToken ct) =>
        (await invitations.EndorseAsync(
            actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), Shown, ct,
            request.IfMatch)).ToHttp(view => Show(view, clock));

    private static async Task<IResult> RevokeAsync(
        string invitation, HttpRequest request, Actor actor, MemberService members, TimeProvider clock,
        CancellationToken ct)
    {
        var removed = await members.RemoveAsync(
            actor, [new(InvitationId: Ids.Invitation.Parse(invitation))],
            new(OnlyInvited: true) { Details = Shown, IfMatch = request.IfMatch }, ct);
        return removed.ToHttp(selection =>
            Show(new(selection.Invitation!, selection.Members[0], selection.Graph), clock));
    }

    private static async Task<IResult> LinkAsync(
        string organization, string invitation, HttpRequest request, Actor actor, InvitationService invitations,
        Links links, CancellationToken ct) =>
        (await invitations.MintLinkAsync(
            actor, new MemberKey(InvitationId: Ids.Invitation.Parse(invitation)), MemberDetails.None, ct,
            request.IfMatch)).ToHttp(minted =>
        {
            request.HttpContext.Bears(minted.View.Member.Id, Permissions.UserManagement);
            return Answers.Created(
                new LinkDocument(links.Join(minted.Link), minted.View.Invitation.ExpiresAt),
                $"/usher/v1/organizations/{organization}/invitations/{invitation}",
                Precondition.TagOf(minted.View.Invitation, minted.View.Member));
        });

    private static IResult Show(InvitationView view, TimeProvider clock) =>
        Answers.Ok(InvitationDocument.From(view, clock.Now()), Precondition.TagOf(view.Invitation, view.Member));
}

/// <summary>A link to join by.</summary>
/// <param name="Link">Shown here and never again.</param>
/// <param name="ExpiresAt">Until when it opens.</param>
internal sealed record LinkDocument(string Link, DateTimeOffset ExpiresAt);
