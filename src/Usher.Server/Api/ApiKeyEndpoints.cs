using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Keys that act for members.</summary>
internal static class ApiKeyEndpoints
{
    public static void MapApiKeys(this RouteGroupBuilder organization)
    {
        var keys = organization.MapGroup("/api-keys").WithTags("API keys");
        keys.MapGet("", ListAsync)
            .TakesPages(new QueryParameter("member", typeof(string), "Only this member's (`mem_…`)."))
            .Says<Page<ApiKeyDocument>>(
                "List API keys", "Your own; with `token_management` everybody's. Oldest first.");
        keys.MapPost("", MakeAsync).CanRepeat().Says<NewApiKeyDocument>("Make an API key", """
            For yourself, or with `token_management` for a member who holds nothing you do not hold. A member has at most 100. The secret is shown once.
            """, StatusCodes.Status201Created);
        keys.MapGet("/{key}", GetAsync).Says<ApiKeyDocument>("Get an API key");
        keys.MapPatch("/{key}", RenameAsync).CanRehearse().Says<ApiKeyDocument>("Rename an API key");
        keys.MapDelete("/{key}", DeleteAsync).CanRehearse()
            .SaysNothing(
                "Revoke an API key",
                "It is refused from the very next request on. The key that makes the request cannot revoke itself.");
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
            http.Bears(made.Member.Id, Permissions.TokenManagement);
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

/// <summary>A key; its secret is shown when it is made and never again.</summary>
internal sealed record ApiKeyDocument
{
    /// <summary>`key_…`</summary>
    public required string Id { get; init; }

    /// <summary>For whom it acts.</summary>
    public required string MemberId { get; init; }

    public required string Name { get; init; }

    /// <summary>The secret's first characters, to recognise it by.</summary>
    public required string Hint { get; init; }

    /// <summary>May only read.</summary>
    public required bool ReadOnly { get; init; }

    public required ApiKeyStatus Status { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Written some seconds late.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    public static ApiKeyDocument From(ApiKey key) => new()
    {
        Id = Ids.ApiKey.Of(key.Id), MemberId = Ids.Member.Of(key.MemberId!.Value), Name = key.Name, Hint = key.Hint,
        ReadOnly = key.ReadOnly, Status = key.Status, CreatedAt = key.CreatedAt,
        ExpiresAt = key.ExpiresAt, LastUsedAt = key.LastUsedAt,
    };
}

/// <summary>A key just made.</summary>
internal sealed record NewApiKeyDocument
{
    public required ApiKeyDocument ApiKey { get; init; }

    /// <summary>`usk_…`; shown here and never again.</summary>
    public required string Secret { get; init; }
}

/// <summary>A key to make.</summary>
internal sealed record ApiKeyRequest
{
    /// <summary>For whom it is to act (`mem_…`); left out: for yourself.</summary>
    public string? Member { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>May only read. Default: `false`.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>When it runs out; left out: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>What to change about a key.</summary>
internal sealed record ApiKeyChangeRequest
{
    /// <summary>At most 120 characters.</summary>
    public required string Name { get; init; }
}
