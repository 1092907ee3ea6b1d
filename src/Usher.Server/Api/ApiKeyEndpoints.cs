using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>API keys, each acting for one member.</summary>
internal static class ApiKeyEndpoints
{
    public static void MapApiKeys(this RouteGroupBuilder organization)
    {
        var keys = organization.MapGroup("/api-keys").WithTags("API keys");
        keys.MapGet("", ListAsync)
            .TakesPages(new QueryParameter("member", typeof(string), "Only keys of this member (`mem_…`)."))
            .WithDocs<Page<ApiKeyDocument>>(
                "List API keys", "Lists your own keys; with `token_management` the keys of all members. Oldest first.");
        keys.MapPost("", MakeAsync).CanRepeat().WithDocs<NewApiKeyDocument>("Create an API key", """
            Creates a key for yourself or, with `token_management`, for a member who holds nothing that you do not
            hold. A member can have at most 100 keys. The secret is shown once.
            """, StatusCodes.Status201Created);
        keys.MapGet("/{key}", GetAsync).WithDocs<ApiKeyDocument>("Get an API key");
        keys.MapPatch("/{key}", RenameAsync).SupportsDryRun().WithDocs<ApiKeyDocument>("Rename an API key");
        keys.MapDelete("/{key}", DeleteAsync).SupportsDryRun()
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
        string organization, ApiBody<ApiKeyRequest> body, HttpContext http, Actor actor, ApiKeyService keys,
        CancellationToken ct)
    {
        if (body.Refusal(given => keys.Faults(given.Name, given.ExpiresAt)) is { } refusal) return refusal;
        var given = body.Value;
        var member = given.Member is null
            ? actor.IsMember
            ? actor.Id
            : Guid.AllBitsSet
            : Ids.Member.Parse(given.Member);
        return (await keys.CreateAsync(actor, member, given.Name ?? "", given.ReadOnly is true, given.ExpiresAt, ct))
            .ToHttp(made =>
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

/// <summary>An API key. Its secret is shown only in the answer that creates it.</summary>
internal sealed record ApiKeyDocument
{
    /// <summary>`key_…`</summary>
    public required string Id { get; init; }

    /// <summary>The member the key acts for.</summary>
    public required string MemberId { get; init; }

    public required string Name { get; init; }

    /// <summary>The first characters of the secret, to recognise the key by.</summary>
    public required string Hint { get; init; }

    /// <summary>Whether the key may only read.</summary>
    public required bool ReadOnly { get; init; }

    public required ApiKeyStatus Status { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the key was last used. Updated with a delay of some seconds.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    public static ApiKeyDocument From(ApiKey key) => new()
    {
        Id = Ids.ApiKey.Of(key.Id), MemberId = Ids.Member.Of(key.MemberId!.Value), Name = key.Name, Hint = key.Hint,
        ReadOnly = key.ReadOnly, Status = key.Status, CreatedAt = key.CreatedAt,
        ExpiresAt = key.ExpiresAt, LastUsedAt = key.LastUsedAt,
    };
}

/// <summary>A new API key with its secret.</summary>
internal sealed record NewApiKeyDocument
{
    public required ApiKeyDocument ApiKey { get; init; }

    /// <summary>`usk_…`; shown only in this answer.</summary>
    public required string Secret { get; init; }
}

/// <summary>An API key to create.</summary>
internal sealed record ApiKeyRequest
{
    /// <summary>The member the key acts for (`mem_…`). Default: yourself.</summary>
    public string? Member { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>Whether the key may only read. Default: `false`.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>When the key expires. Without it the key does not expire.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>Changes to an API key.</summary>
internal sealed record ApiKeyChangeRequest
{
    /// <summary>At most 120 characters.</summary>
    public required string Name { get; init; }
}
