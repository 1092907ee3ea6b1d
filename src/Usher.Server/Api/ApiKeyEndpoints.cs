using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>API keys, each acting for one member.</summary>
internal static class ApiKeyEndpoints
{
    public static void MapApiKeys(this RouteGroupBuilder organization)
    {
        var keys = organization.MapGroup("/api-keys").WithTags("API keys");
        keys.MapGet("", ListAsync).WithName("listApiKeys")
            .TakesPages(new QueryParameter("member", typeof(string), "Only keys of this member (`mem_…`)."))
            .WithDocs<Page<ApiKeyDocument>>(
                "List API keys", "Lists your own keys; with `token_management` the keys of all members. Oldest first.");
        keys.MapPost("", MakeAsync).WithName("createApiKey").AnswersETag().CanRepeat()
            .WithDocs<NewApiKeyDocument>("Create an API key", """
            Creates a key for yourself or, with `token_management`, for a member who holds nothing that you do not
            hold. A member can have at most 100 keys. The secret is shown once.
            """, StatusCodes.Status201Created);
        keys.MapGet("/{key}", GetAsync).WithName("getApiKey").AnswersETag().WithDocs<ApiKeyDocument>("Get an API key");
        keys.MapPatch("/{key}", RenameAsync).WithName("updateApiKey").AnswersETag().TakesIfMatch().SupportsDryRun()
            .WithDocs<ApiKeyDocument>("Rename an API key");
        keys.MapDelete("/{key}", DeleteAsync).WithName("deleteApiKey").TakesIfMatch().SupportsDryRun()
            .WithDocsNoContent(
                "Revoke an API key",
                "The key is refused from the next request on. A key cannot revoke itself.");
    }

    private static async Task<IResult> ListAsync(ApiQuery query, Actor actor, ApiKeyService keys, CancellationToken ct)
    {
        var (limit, after, member) = (query.Limit, query.After("created"), query.Id("member", Ids.Member));
        if (query.Refusal is { } refusal) return refusal;
        return (await keys.PageAsync(actor, member, after?.Id, limit + 1, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, ApiKeyDocument.From, k => new Cursor("created", null, k.Id))));
    }

    private static async Task<IResult> MakeAsync(
        string organization, ApiBody<ApiKeyRequest> body, HttpContext http, Once once, Actor actor, ApiKeyService keys,
        CancellationToken ct)
    {
        if (body.Refusal(given => keys.Faults(given.Name, given.ExpiresAt)) is { } refusal) return refusal;
        var given = body.Value;
        var member = given.Member is { } named ? Ids.Member.Parse(named)
            : actor.IsMember ? actor.Id
            : Guid.AllBitsSet;
        return await once.AnswerAsync(
            () => keys.CreateAsync(actor, member, given.Name ?? "", given.ReadOnly is true, given.ExpiresAt, ct),
            made =>
            {
                http.ContainsSecretOf(made.Member.Id, Permissions.TokenManagement);
                return Answers.Created(
                    new NewApiKeyDocument { ApiKey = ApiKeyDocument.From(made.Key), Secret = made.Secret },
                    $"{UsherApi.Prefix}/organizations/{organization}/api-keys/{Ids.ApiKey.Of(made.Key.Id)}",
                    Precondition.TagOf(made.Key));
            });
    }

    private static async Task<IResult> GetAsync(string key, Actor actor, ApiKeyService keys, CancellationToken ct) =>
        (await keys.GetAsync(actor, Ids.ApiKey.Parse(key), ct)).ToHttp(Show);

    private static async Task<IResult> RenameAsync(
        string key, ApiBody<ApiKeyChangeRequest> body, HttpRequest request, Actor actor, ApiKeyService keys,
        CancellationToken ct)
    {
        if (body.Refusal(given => keys.Faults(given.Name, null)) is { } refusal) return refusal;
        return (await keys.RenameAsync(actor, Ids.ApiKey.Parse(key), body.Value.Name, request.IfMatch, ct))
            .ToHttp(Show);
    }

    private static async Task<IResult> DeleteAsync(
        string key, HttpRequest request, Actor actor, Caller caller, ApiKeyService keys, CancellationToken ct) =>
        (await keys.DeleteAsync(actor, Ids.ApiKey.Parse(key), caller.KeyId, request.IfMatch, ct))
            .ToHttp(_ => Answers.NoContent);

    private static IResult Show(ApiKey key) => Answers.Ok(ApiKeyDocument.From(key), Precondition.TagOf(key));
}
