using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Idempotency;

/// <summary>Why a request with an Idempotency-Key can be refused.</summary>
public static class IdempotencyErrors
{
    public static readonly Error KeyInvalid = new(
        ErrorKind.Malformed, "idempotency_key_invalid",
        "An Idempotency-Key must be 16 to 255 printable ASCII characters, such as a UUID.");
    public static readonly Error KeyReused = new(
        ErrorKind.Invalid, "idempotency_key_reused",
        "This Idempotency-Key was used for another request. Use a new one.");
}

/// <summary>A request that may come again.</summary>
/// <param name="OrganizationId">Whose.</param>
/// <param name="Caller">Who makes it; the same key of another caller is another key.</param>
/// <param name="Key">16 to 255 printable ASCII characters.</param>
/// <param name="RequestHash">SHA-256 of all that makes the request what it is.</param>
public sealed record RepeatableRequest(Guid OrganizationId, string Caller, string Key, byte[] RequestHash)
{
    internal byte[] KeyHash => SHA256.HashData(Encoding.UTF8.GetBytes($"{Caller}\n{Key}"));
}

/// <summary>An answer as it was given.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Headers">Those that belong to the answer.</param>
/// <param name="Body">As it was sent.</param>
public sealed record KeptAnswer(int Status, Dictionary<string, string> Headers, byte[] Body)
{
    /// <summary>
    /// What an answer with a secret in it needs of the caller to be given again; null where it bears none.
    /// </summary>
    public SecretOf? Secret { get; init; }
}

/// <summary>The secret that an answer bears: a link or a key.</summary>
/// <param name="MemberId">The member it is for.</param>
/// <param name="Permission">What a caller other than that member needs to be given it.</param>
public sealed record SecretOf(Guid MemberId, string Permission);

/// <summary>Makes a repeated request the same as one. What is kept is kept for a day.</summary>
public sealed class IdempotencyService(UsherDb db, TimeProvider clock)
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const int NonceLength = 12;
    private const int TagLength = 16;

    public static bool IsKey(string text) => text.Length is >= 16 and <= 255 && text.All(c => c is > ' ' and <= '~');

    /// <summary>
    /// Does the work and keeps its answer in the same commit, or gives the answer of the time before. Only what
    /// succeeded is kept: a refusal changed nothing, and is judged anew.
    /// </summary>
    /// <param name="actor">The caller; null for a guest.</param>
    /// <param name="request">The request.</param>
    /// <param name="work">Carries it out; run again when a race was lost.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns> Refused with <c>idempotency_key_reused</c> when the key came with another request; with what a fresh
    /// call would get when the answer bears a secret that the caller may no longer be given. </returns>
    public Task<Result<KeptAnswer>> OnceAsync(
        Actor? actor, RepeatableRequest request, Func<Task<KeptAnswer>> work, CancellationToken ct) =>
        db.RunTogetherAsync<Result<KeptAnswer>>(async () =>
    {
        var (hash, now) = (request.KeyHash, clock.Now());
        var before = await FindAsync();
        if (Kept(before) is { } told) return await RefusalAsync(before!) is { } lost ? lost : told;

        var answer = await work();
        // The request that it repeats may have been carried out meanwhile: what refuses this one may be what that one
        // made.
        if (answer.Status is < 200 or >= 300)
            return await FindAsync() is { } meanwhile && Kept(meanwhile) is { } same
                && await RefusalAsync(meanwhile) is null
                ? same
                : answer;
        if (before is not null) db.Remove(before);
        db.Add(
            new IdempotencyRecord
            {
                OrganizationId = request.OrganizationId, KeyHash = hash, RequestHash = request.RequestHash,
                Answer = Close(answer, hash, request.Key), SecretOf = answer.Secret?.MemberId,
                SecretNeeds = answer.Secret?.Permission, ExpiresAt = now + Lifetime,
            });
        await db.SaveChangesAsync(ct);
        return answer;

        // A secret is given again only to a caller who would be given it today.
        async Task<Error?> RefusalAsync(IdempotencyRecord record)
        {
            if (record is not { SecretOf: { } member, SecretNeeds: { } permission } || actor is null
                    || (actor.IsMember && actor.Id == member))
                return null;
            var graph = await AccessGraph.ReadAsync(
                db, new AccessQuery(actor.OrganizationId) { MemberIds = [member] }.With(actor), ct);
            var today = graph?.Today(actor);
            if (today?.May(permission) is not true)
                return permission is Permissions.TokenManagement ? ApiKeyErrors.NotAllowed : MemberErrors.NotAllowed;
            return graph!.Member(member) is not { IsLive: true } its
                ? MemberErrors.NotFound
                : graph.Covers(today, its)
                ? null
                : MemberErrors.NotCovered;
        }

        Task<IdempotencyRecord?> FindAsync() =>
            db.IdempotencyRecords.AsNoTracking()
                .SingleOrDefaultAsync(r => r.OrganizationId == request.OrganizationId && r.KeyHash == hash, ct);

        Result<KeptAnswer>? Kept(IdempotencyRecord? record) => record is null || record.ExpiresAt <= now ? null
            : CryptographicOperations.FixedTimeEquals(record.RequestHash, request.RequestHash)
                ? Open(record, request.Key)
                : IdempotencyErrors.KeyReused;
    }, ct);

    /// <summary>Removes what has run out.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => db.RunAsync(async () =>
    {
        var now = clock.Now();
        var ended = await db.IdempotencyRecords.Where(r => r.ExpiresAt <= now).OrderBy(r => r.ExpiresAt).Take(500)
            .ToListAsync(ct);
        db.RemoveRange(ended);
        if (ended.Count > 0) await db.SaveChangesAsync(ct);
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
