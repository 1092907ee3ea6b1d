using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Idempotency;

/// <summary>Errors of requests with an Idempotency-Key.</summary>
public static class IdempotencyErrors
{
    public static readonly Error KeyInvalid = new(
        ErrorKind.Malformed, "idempotency_key_invalid",
        "An Idempotency-Key must be 16 to 255 printable ASCII characters, such as a UUID.");
    public static readonly Error KeyReused = new(
        ErrorKind.Invalid, "idempotency_key_reused",
        "This Idempotency-Key was used for another request. Use a new one.");
}

/// <summary>A request with an Idempotency-Key.</summary>
/// <param name="OrganizationId">The organization of the request.</param>
/// <param name="Caller">Identifies the caller. Keys of different callers are independent.</param>
/// <param name="Key">16 to 255 printable ASCII characters.</param>
/// <param name="RequestHash">SHA-256 of method, path, query, media type and body.</param>
public sealed record RepeatableRequest(Guid OrganizationId, string Caller, string Key, byte[] RequestHash)
{
    internal byte[] KeyHash => SHA256.HashData(Encoding.UTF8.GetBytes($"{Caller}\n{Key}"));
}

/// <summary>The stored answer of a request.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Headers">The headers to repeat.</param>
/// <param name="Body">The body as it was sent.</param>
public sealed record KeptAnswer(int Status, Dictionary<string, string> Headers, byte[] Body)
{
    /// <summary>
    /// The secret in the answer and the permission needed to receive it again; null if the answer contains no secret.
    /// </summary>
    public SecretOf? Secret { get; init; }

    /// <summary>Whether the request succeeded. Only then is the answer stored.</summary>
    internal bool IsSuccess => Status is >= 200 and < 300;
}

/// <summary>A secret in an answer: a link or an API key.</summary>
/// <param name="MemberId">The id of the member it belongs to.</param>
/// <param name="Permission">The permission that other callers need to receive it.</param>
public sealed record SecretOf(Guid MemberId, string Permission);

/// <summary>Executes repeated requests only once. Answers are stored for a day.</summary>
public sealed class IdempotencyService(UsherDb db, Database database, TimeProvider clock)
{
    /// <summary>How long an answer is stored: 24 hours.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const int NonceLength = 12;
    private const int TagLength = 16;

    public static bool IsKey(string text) => text.Length is >= 16 and <= 255 && text.All(c => c is > ' ' and <= '~');

    /// <summary>The stored answer for a request's key; null if this is the first request with the key.</summary>
    /// <param name="actor">The caller; null for a guest.</param>
    /// <param name="request">The request.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <returns>Refused with <c>idempotency_key_reused</c> if the key was used for another request. If the answer
    /// contains a secret that the caller may no longer receive, refused with the error that a new call would
    /// return.</returns>
    public async Task<Result<KeptAnswer>?> FindAsync(Actor? actor, RepeatableRequest request, CancellationToken ct) =>
        await FindAsync(request, ct) is { } before
            ? await AgainAsync(actor, request, before, ct)
            : (Result<KeptAnswer>?)null;

    /// <summary>
    /// Runs an operation and stores its answer in the same commit. Only successful answers are stored. A refused
    /// request changed nothing and is checked again when it is repeated. If two requests use the same key at once, both
    /// get the answer of the one that commits first.
    /// </summary>
    /// <param name="actor">The caller; null for a guest.</param>
    /// <param name="request">The request.</param>
    /// <param name="operation">The operation. It returns the result of its unit of work.</param>
    /// <param name="answer">Creates the answer from a result.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>As <see cref="FindAsync(Actor, RepeatableRequest, CancellationToken)"/>.</returns>
    public async Task<Result<KeptAnswer>> OnceAsync<T>(
        Actor? actor, RepeatableRequest request, Func<Task<Result<T>>> operation,
        Func<Result<T>, Task<KeptAnswer>> answer, CancellationToken ct)
    {
        var keeper = new AnswerKeeper<T>(request, answer, clock);
        database.Keeper = keeper;
        var result = await operation();
        database.Keeper = null;

        if (keeper.Repeated is { } same) return await AgainAsync(actor, request, same, ct);
        if (keeper.Answer is { } kept) return kept;
        var made = await answer(result);
        // A concurrent request with the same key may have committed, and its changes may be the reason for this
        // refusal.
        if (!made.IsSuccess && await FindAsync(request, ct) is { } other)
            return await AgainAsync(actor, request, other, ct);
        if (!made.IsSuccess || database.IsDryRun) return made;

        // An operation that wrote nothing has no commit, so its answer is stored separately.
        return await database.RunAsync<Result<KeptAnswer>>(async unit =>
        {
            if (await FindAsync(request, ct) is { } meanwhile) return await AgainAsync(actor, request, meanwhile, ct);
            await KeepAsync(unit, request, made, clock.Now(), ct);
            return made;
        }, ct);
    }

    /// <summary>The stored answer for a request's key that has not expired.</summary>
    internal static async Task<IdempotencyRecord?> FindAsync(
        UsherDb db, RepeatableRequest request, DateTimeOffset now, CancellationToken ct)
    {
        var hash = request.KeyHash;
        return await db.IdempotencyRecords.AsNoTracking().SingleOrDefaultAsync(
            r => r.OrganizationId == request.OrganizationId && r.KeyHash == hash && r.ExpiresAt > now, ct);
    }

    /// <summary>Adds the answer of a request to a unit. Replaces an expired one.</summary>
    internal static async Task KeepAsync(
        Unit unit, RepeatableRequest request, KeptAnswer answer, DateTimeOffset now, CancellationToken ct)
    {
        var hash = request.KeyHash;
        if (await unit.Db.IdempotencyRecords.SingleOrDefaultAsync(
                r =>
                    r.OrganizationId == request.OrganizationId && r.KeyHash == hash
                        && r.ExpiresAt <= now, ct) is { } old)
            unit.Remove(old);
        unit.Add(new IdempotencyRecord
        {
            OrganizationId = request.OrganizationId, KeyHash = hash, RequestHash = request.RequestHash,
            Answer = Close(answer, hash, request.Key), SecretOf = answer.Secret?.MemberId,
            SecretNeeds = answer.Secret?.Permission, ExpiresAt = now + Lifetime,
        });
    }

    private Task<IdempotencyRecord?> FindAsync(RepeatableRequest request, CancellationToken ct) =>
        FindAsync(db, request, clock.Now(), ct);

    private async Task<Result<KeptAnswer>> AgainAsync(
        Actor? actor, RepeatableRequest request, IdempotencyRecord record, CancellationToken ct)
    {
        if (!CryptographicOperations.FixedTimeEquals(record.RequestHash, request.RequestHash))
            return IdempotencyErrors.KeyReused;
        return await RefusalAsync(actor, record, ct) is { } refusal ? refusal : Open(record, request.Key);
    }

    // A secret is repeated only to a caller who may receive it now.
    private async Task<Error?> RefusalAsync(Actor? actor, IdempotencyRecord record, CancellationToken ct)
    {
        if (record is not { SecretOf: { } member, SecretNeeds: { } permission } || actor is null
                || (actor.IsMember && actor.Id == member))
            return null;
        var graph = await AccessGraph.ReadAsync(
            db, new AccessQuery(actor.OrganizationId) { MemberIds = [member] }.With(actor), ct);
        var today = graph?.Today(actor);
        if (today?.May(permission) is not true)
            return permission is Permissions.TokenManagement ? ApiKeyErrors.NotAllowed : CommonErrors.NotAllowed;
        return graph!.Member(member) is not { IsLive: true } its
            ? MemberErrors.NotFound
            : graph.Covers(today, its) ? null : MemberErrors.NotCovered;
    }

    /// <summary>Deletes up to 500 expired answers.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => database.RunAsync(async unit =>
    {
        var now = clock.Now();
        var ended = await db.IdempotencyRecords.Where(r => r.ExpiresAt <= now).OrderBy(r => r.ExpiresAt).Take(500)
            .ToListAsync(ct);
        unit.RemoveRange(ended);
        return ended.Count;
    }, ct);

    private static byte[] Close(KeptAnswer answer, byte[] salt, string key)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web);
        var hidden = new byte[NonceLength + TagLength + plain.Length];
        var (nonce, tag, text) = Parts(hidden);
        RandomNumberGenerator.Fill(nonce.Span);
        using var cipher = new AesGcm(KeyFrom(key, salt), TagLength);
        cipher.Encrypt(nonce.Span, plain, text.Span, tag.Span);
        return hidden;
    }

    private static KeptAnswer Open(IdempotencyRecord record, string key)
    {
        var (nonce, tag, text) = Parts(record.Answer);
        var plain = new byte[text.Length];
        using var cipher = new AesGcm(KeyFrom(key, record.KeyHash), TagLength);
        cipher.Decrypt(nonce.Span, text.Span, tag.Span, plain);
        return JsonSerializer.Deserialize<KeptAnswer>(plain, JsonSerializerOptions.Web)!;
    }

    private static (Memory<byte> Nonce, Memory<byte> Tag, Memory<byte> Text) Parts(byte[] hidden) =>
        (
            hidden.AsMemory(0, NonceLength), hidden.AsMemory(NonceLength, TagLength),
            hidden.AsMemory(NonceLength + TagLength));

    private static byte[] KeyFrom(string key, byte[] salt) =>
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(key), 32, salt, "usher idempotent answer"u8.ToArray());
}
