using System.Text.Json.Serialization.Metadata;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Conformity;

/// <summary>
/// Cloud Conformity's users API over the core. Coverage and known differences: docs/dialects/conformity.md.
/// </summary>
internal sealed class ConformityDialect : IDialect
{
    // The policy of the administrative routes: the caller must have the role ADMIN.
    private const string AdminPolicy = "conformity-admin";

    private static readonly InviteOptions Invite = new(
        OnPending.Refresh, OnActive.Refuse, OnRemoved.Revive, SendMail: true, UnknownReferences.Refuse,
        Details: MemberDetails.Credentials);

    // The identity provider signs the person in, so the member is active at once and no mail is sent.
    private static readonly InviteOptions AddSso = Invite with { SendMail = false, ActivateAtOnce = true };

    private static readonly MemberUpdateOptions Update = new(
        UnknownReferences.Refuse, Details: MemberDetails.Credentials);

    public string Name => "Conformity";

    public void Register(IServiceCollection services) => services.AddAuthorizationBuilder()
        .AddCallerPolicy(AdminPolicy, KeyErrors.NotAllowed, (caller, _) => caller.Actor.Access.IsAdmin);

    public void Map(WebApplication app)
    {
        var errors = new ConformityErrors();
        Map(app.MapSurface("/v1", errors));
        Map(app.MapSurface("/api", errors));
    }

    private static void Map(RouteGroupBuilder conformity)
    {
        conformity.WithTags("Conformity").RequireAuthorization(Policies.Key);
        conformity.MapGet("/users", List).RequireAuthorization(AdminPolicy);
        conformity.MapPost("/users", InviteAsync).RequireAuthorization(AdminPolicy);
        conformity.MapPost("/users/sso", AddSsoAsync).RequireAuthorization(AdminPolicy);
        conformity.MapGet("/users/whoami", WhoAmIAsync);
        conformity.MapGet("/users/{id}", GetAsync);
        conformity.MapPatch("/users/{id}", UpdateAsync).RequireAuthorization(AdminPolicy);
        conformity.MapDelete("/users/{id}", RevokeAsync).RequireAuthorization(AdminPolicy);
        conformity.MapGet("/api-keys", ListKeysAsync);
        conformity.MapGet("/api-keys/{id}", GetKeyAsync);
        conformity.MapGet("/accounts", ListAccounts);
        conformity.MapGet("/accounts/{id}", GetAccountAsync);
        conformity.MapPost("/accounts", CreateAccountAsync).RequireAuthorization(AdminPolicy);
    }

    // Lists invited and active persons, oldest first, in one answer. Paging parameters are ignored, because the vendor
    // documents none for this call.
    private static IResult List(Actor actor, MemberService members, CancellationToken ct) =>
        Json(new Document<IAsyncEnumerable<UserDocument>>(
            members.StreamAsync(actor, MemberOrder.Created, MemberDetails.Credentials, ct)
                .Select(UserDocument.Listed)));

    // Answers 200 and not 201: the vendor's Terraform provider treats any other status as a failure.
    private static Task<IResult> InviteAsync(
        HttpRequest request, Actor actor, InvitationService invitations, CancellationToken ct) =>
        AddAsync(request, actor, invitations, Invite, ct);

    // Source: "Add SSO user". The same body as an invite; refused where no external identity provider is set up.
    private static Task<IResult> AddSsoAsync(
        HttpRequest request, Actor actor, InvitationService invitations, CancellationToken ct) =>
        AddAsync(request, actor, invitations, AddSso, ct);

    private static async Task<IResult> AddAsync(
        HttpRequest request, Actor actor, InvitationService invitations, InviteOptions options, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (!ConformityBody.TryRead(document, out NewInvitation? row, out var faults)) return new ErrorResult(faults);
        var outcomes = await invitations.InviteAsync(actor, [row], options, ct);
        return outcomes[0].ToHttp(invited =>
            Json(new Document<UserDocument>(UserDocument.Listed(new(invited.Member, invited.Graph)))));
    }

    private static async Task<IResult> WhoAmIAsync(Actor actor, MemberService members, CancellationToken ct) =>
        (await members.GetAsync(actor, new(Id: actor.Id), MemberDetails.Credentials, ct))
            .ToHttp(view => Json(new Document<UserDocument>(UserDocument.Single(view, Reached(view)))));

    // Callers of every role may read every user. Access levels are shown to administrators, who see all accounts, and
    // to the users themselves, who see the accounts they reach.
    private static async Task<IResult> GetAsync(string id, Actor actor, MemberService members, CancellationToken ct)
    {
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        var details = MemberDetails.Credentials | (actor.Access.IsAdmin ? MemberDetails.Resources : MemberDetails.None);
        var found = await members.GetAsync(actor, new(Id: memberId), details, ct, open: true);
        return found.ToHttp(view =>
            Json(new Document<UserDocument>(UserDocument.Single(
                view, actor.Access.IsAdmin ? OnAll(view) : actor.Id == memberId ? Reached(view) : null))));
    }

    // Source: "Update a user's role and account access". Unlike in an invite, the members are directly in "data".
    // Levels are merged, as in an invite; an empty list changes nothing.
    private static async Task<IResult> UpdateAsync(
        string id, HttpRequest request, Actor actor, MemberService members, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        if (!ConformityBody.TryRead(document, out MemberChange? change, out var faults)) return new ErrorResult(faults);
        var updated = await members.UpdateAsync(actor, [new(Id: memberId)], change, Update, ct);
        return updated.Match<IResult>(
            selection =>
                Json(new Document<UserDocument>(UserDocument.Single(new(selection.Members[0], selection.Graph), null))),
            error =>
                new ErrorResult(
                    error.Field?.Segments is ["levels", var index]
                        ? ConformityErrors.AccountUnknown($"/data/accessList/{index}/account")
                        : error));
    }

    // Answers 200 with a body and not 204: the vendor's clients parse the body.
    private static async Task<IResult> RevokeAsync(string id, Actor actor, MemberService members, CancellationToken ct)
    {
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        return (await members.RemoveAsync(actor, memberId, ct)).ToHttp(_ => Json(new MetaDocument(new("revoked"))));
    }

    private static async Task<IResult> ListKeysAsync(Actor actor, ApiKeyService keys, CancellationToken ct) =>
        Json(new Document<IEnumerable<ApiKeyDocument>>((await keys.ListOwnAsync(actor, ct)).Select(
            ApiKeyDocument.From)));

    private static async Task<IResult> GetKeyAsync(string id, Actor actor, ApiKeyService keys, CancellationToken ct)
    {
        var key = (await keys.ListOwnAsync(actor, ct)).FirstOrDefault(k => ShortId.Of(k.Id) == id);
        return key is null
            ? new ErrorResult(ApiKeyErrors.NotFound)
            : Json(new Document<ApiKeyDocument>(ApiKeyDocument.From(key)));
    }

    private static IResult ListAccounts(Actor actor, ResourceService resources, CancellationToken ct) =>
        Json(
            new Document<IAsyncEnumerable<AccountDocument>>(
                resources.StreamAsync(actor, ResourceOrder.Created, ct).Select(AccountDocument.From)));

    // Callers who do not see every account are not told which other accounts exist.
    private static async Task<IResult> GetAccountAsync(
        string id, Actor actor, ResourceService resources, CancellationToken ct)
    {
        var found = ShortId.Parse(id) is { } resourceId
            ? await resources.GetAsync(actor, Reference.To(resourceId), ct)
            : ResourceErrors.NotFound;
        return found.Match<IResult>(
            resource => Json(new Document<AccountDocument>(AccountDocument.From(resource))),
            error => new ErrorResult(actor.Access.Everywhere is AccessLevel.None ? KeyErrors.NotAllowed : error));
    }

    private static async Task<IResult> CreateAccountAsync(
        HttpRequest request, Actor actor, ResourceService resources, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (!ConformityBody.Account(document).TryGet(out var account, out var fault)) return new ErrorResult(fault);
        return (await resources.CreateAsync(actor, account.Name, account.Attributes, ct))
            .ToHttp(resource => Json(new Document<AccountDocument>(AccountDocument.From(resource))));
    }

    private static List<AccountAccess> Reached(MemberView view) =>
        [
            .. view.Member.Levels.Where(l => l.Level is not AccessLevel.None).OrderBy(l => l.ResourceId)
                .Select(l => new AccountAccess(ShortId.Of(l.ResourceId), ConformityWords.Of(l.Level)))];

    private static List<AccountAccess> OnAll(MemberView view)
    {
        var stored = view.Member.Levels.ToDictionary(l => l.ResourceId, l => l.Level);
        return [
            .. view.Graph.Resources.Select(r =>
                new AccountAccess(ShortId.Of(r.Id), ConformityWords.Of(stored.GetValueOrDefault(r.Id))))];
    }

    private static IResult Json<T>(T document) =>
        TypedResults.Json(
            document,
            (JsonTypeInfo<T>)ConformityJson.Default.GetTypeInfo(typeof(T))!,
            ConformityErrors.MediaType);
}
