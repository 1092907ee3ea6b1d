using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// API tokens: the caller's own, and those of service accounts, which need <c>token_management</c>. Creating and
/// deleting answer with the new list, in which a new token comes last. In the answer that creates it, <c>tokenID</c> is
/// the secret; in all others it is the id. A path may name a token by either. Source: "Api Token", read 2026-11-21.
/// </summary>
internal static class WavefrontTokens
{
    public static void MapTokens(this RouteGroupBuilder wavefront)
    {
        wavefront.MapGet("/apitoken", ListAsync);
        wavefront.MapPost("/apitoken", CreateAsync);
        wavefront.MapPut("/apitoken/{id}", RenameAsync);
        wavefront.MapDelete("/apitoken/{id}", DeleteAsync);
        wavefront.MapGet("/apitoken/serviceaccount/{id}", ListOfAsync);
        wavefront.MapPost("/apitoken/serviceaccount/{id}", CreateForAsync);
        wavefront.MapPut("/apitoken/serviceaccount/{id}/{token}", RenameOfAsync);
        wavefront.MapDelete("/apitoken/serviceaccount/{id}/{token}", DeleteOfAsync);
    }

    /// <summary>The account whose tokens a call is about, with its tokens, oldest first.</summary>
    private sealed record Holder(Guid Id, string Account, string AccountType, IReadOnlyList<ApiKey> Keys)
    {
        public UserApiToken Show(ApiKey key) => UserApiToken.From(key, Account, AccountType);

        // A secret from the configuration may look like an id. It counts as an id if the account has a token with it.
        public ApiKeyReference Find(string token) =>
            Guid.TryParse(token, out var id) && Keys.Any(k => k.Id == id) ? new(Id: id) : new(Secret: token);

        public IReadOnlyList<UserApiToken> Without(Guid gone) => [.. Keys.Where(k => k.Id != gone).Select(Show)];
    }

    private static async Task<IResult> ListAsync(Caller caller, ApiKeyService keys, CancellationToken ct) =>
        Envelope((await OwnAsync(caller, keys, ct)).Without(Guid.Empty));

    // Documented without a body; a body is ignored.
    private static async Task<IResult> CreateAsync(Caller caller, ApiKeyService keys, CancellationToken ct) =>
        await MakeAsync(caller, keys, await OwnAsync(caller, keys, ct), "", ct);

    private static async Task<IResult> RenameAsync(
        string id, HttpRequest request, Caller caller, ApiKeyService keys, CancellationToken ct) =>
        await NameAsync(id, request, caller, keys, await OwnAsync(caller, keys, ct), ct);

    private static async Task<IResult> DeleteAsync(
        string id, Caller caller, ApiKeyService keys, CancellationToken ct) =>
        await EndAsync(id, caller, keys, await OwnAsync(caller, keys, ct), ct);

    private static async Task<IResult> ListOfAsync(
        string id, Caller caller, MemberService members, CancellationToken ct) =>
        (await OfAsync(id, caller, members, ct)).ToHttp(holder => Envelope(holder.Without(Guid.Empty)));

    private static async Task<IResult> CreateForAsync(
        string id, HttpRequest request, Caller caller, MemberService members, ApiKeyService keys, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var body, out var refused))
            return new ErrorResult(refused);
        if (body.Member("tokenName") is { Text: null })
            return new ErrorResult(WavefrontErrors.Fault("tokenName must be a string"));
        if (!(await OfAsync(id, caller, members, ct)).TryGet(out var holder, out var unknown))
            return new ErrorResult(unknown);
        return await MakeAsync(caller, keys, holder, body.Member("tokenName")?.Text ?? "", ct);
    }

    private static async Task<IResult> RenameOfAsync(
        string id, string token, HttpRequest request, Caller caller, MemberService members, ApiKeyService keys,
        CancellationToken ct) =>
        (await OfAsync(id, caller, members, ct)).TryGet(out var holder, out var unknown)
            ? await NameAsync(token, request, caller, keys, holder, ct)
            : new ErrorResult(unknown);

    private static async Task<IResult> DeleteOfAsync(
        string id, string token, Caller caller, MemberService members, ApiKeyService keys, CancellationToken ct) =>
        (await OfAsync(id, caller, members, ct)).TryGet(out var holder, out var unknown)
            ? await EndAsync(token, caller, keys, holder, ct)
            : new ErrorResult(unknown);

    private static async Task<IResult> MakeAsync(
        Caller caller, ApiKeyService keys, Holder holder, string name, CancellationToken ct)
    {
        var made = await keys.CreateAsync(caller.Actor, holder.Id, name, readOnly: false, expires: null, ct);
        return made.ToHttp(created =>
            Envelope<IReadOnlyList<UserApiToken>>(
                [.. holder.Without(Guid.Empty), holder.Show(created.Key) with { TokenID = created.Secret }]));
    }

    private static async Task<IResult> NameAsync(
        string token, HttpRequest request, Caller caller, ApiKeyService keys, Holder holder, CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var body, out var refused))
            return new ErrorResult(refused);
        if (body.Member("tokenName")?.Text is not { } name)
            return new ErrorResult(WavefrontErrors.Fault("tokenName is required"));
        return (await keys.RenameAsync(caller.Actor, holder.Id, holder.Find(token), name, ct))
            .ToHttp(key => Envelope(holder.Show(key)));
    }

    private static async Task<IResult> EndAsync(
        string token, Caller caller, ApiKeyService keys, Holder holder, CancellationToken ct) =>
        (await keys.DeleteAsync(caller.Actor, holder.Id, holder.Find(token), inUse: null, ct))
            .ToHttp(key => Envelope(holder.Without(key.Id)));

    private static async Task<Holder> OwnAsync(Caller caller, ApiKeyService keys, CancellationToken ct) => new(
        caller.Actor.Id, caller.Identifier,
        caller.Identifier.StartsWith(ServiceAccountService.Prefix, StringComparison.Ordinal)
            ? "SERVICE_ACCOUNT"
            : "USER_ACCOUNT",
        await keys.ListOwnAsync(caller.Actor, ct));

    // Callers who may not read service accounts are not told which exist.
    private static async Task<Result<Holder>> OfAsync(
        string id, Caller caller, MemberService members, CancellationToken ct)
    {
        var identifier = ServiceAccountService.Canonical(id);
        if (!caller.MayLookAt(identifier, Permissions.TokenManagement)) return KeyErrors.NotAllowed;
        if (identifier is null
                || !(await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.Keys, ct))
                       .TryGet(out var view, out _))
            return WavefrontErrors.ServiceAccountUnknown(id);
        return new Holder(
            view.Member.Id, view.Member.ShownAs, UserApiToken.TypeOf(view.Member), [.. view.Graph.KeysOf(view.Member)]);
    }
}
