using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;

namespace Usher.Core.ApiKeys;

/// <summary>Why making a key can be refused.</summary>
public static class ApiKeyErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "api_key_not_found", "There is no such key.");
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "not_allowed", "A key for another member needs the permission token_management.");
    public static readonly Error InUse = new(
        ErrorKind.Conflict, "api_key_in_use", "A key cannot revoke itself. Use another key.");
    public static readonly Error TooMany = new(
        ErrorKind.Conflict, "api_keys_exhausted", "A member has at most 100 keys.");
    public static readonly Error NotActive = new(
        ErrorKind.Conflict, "member_not_active", "Only an active member can have a key.");
    public static readonly Error SecretInvalid = new(
        ErrorKind.Invalid, "api_key_invalid", "A key must be 32 to 128 characters of A-Z a-z 0-9 _ and -.", "api_key");
    public static readonly Error ExpiryInvalid = new(
        ErrorKind.Invalid, "key_expiry_invalid", "Must be in the future.", "expires_at");
    public static readonly Error NameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be at most 120 characters, without control characters.", "name");
}

/// <summary>A key just made: its secret is shown here and never again.</summary>
public sealed record CreatedApiKey(ApiKey Key, string Secret)
{
    /// <summary>Whose it is.</summary>
    public required Member Member { get; init; }
}

/// <summary>How a surface names a key: by id, or by the secret itself.</summary>
public readonly record struct ApiKeyReference(Guid? Id = null, string? Secret = null);

/// <summary>Keys that act for members.</summary>
public sealed partial class ApiKeyService(UsherDb db, TimeProvider clock)
{
    /// <summary>How many keys a member may have.</summary>
    public const int MaxPerMember = 100;

    private const int HintLength = 8;

    public static bool IsAcceptable(string secret) => Acceptable().IsMatch(secret);

    /// <summary>
    /// Makes a key for a member: for oneself freely, for others with <c>token_management</c> and covering them. Never
    /// for one who is being removed meanwhile.
    /// </summary>
    public Task<Result<CreatedApiKey>> CreateAsync(
        Actor actor, Guid memberId, string name, bool readOnly, DateTimeOffset? expires, CancellationToken ct) =>
        db.RunLockedAsync<Result<CreatedApiKey>>(async () =>
        {
            if (Error.Of(Faults(name, expires)) is { } fault) return fault;
            var self = actor.IsMember && actor.Id == memberId;
            var graph = await AccessGraph.ReadAsync(
                db, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
            if (!self && (graph is null || !graph.MayManageKeys(graph.Today(actor)))) return ApiKeyErrors.NotAllowed;
            if (graph?.Member(memberId) is not { IsLive: true } member) return MemberErrors.NotFound;
            if (member.Status is not MemberStatus.Active) return ApiKeyErrors.NotActive;
            if (!self && !graph.Pass(GrantingRule.KeyCovers, graph.Covers(graph.Today(actor), member)))
                return MemberErrors.NotCovered;

            if (await db.ApiKeys.CountAsync(
                    k => k.OrganizationId == actor.OrganizationId && k.MemberId == memberId, ct) >= MaxPerMember)
                return ApiKeyErrors.TooMany;

            var now = clock.Now();
            var (key, secret) = New(member, Text.Name(name), readOnly, expires, given: null, now);
            db.Add(key);
            db.Add(UsherEvent.Record(
                EventTypes.ApiKeyCreated, actor, "api_key", key.Id, now,
                new() { ["member"] = member.Identifier, ["name"] = key.Name }));
            await db.SaveChangesAsync(ct);
            return new CreatedApiKey(key, secret) { Member = member };
        }, ct);

    /// <summary>An actor's own keys, oldest first.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListOwnAsync(Actor actor, CancellationToken ct) =>
        await db.ApiKeys.AsNoTracking().Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == actor.Id)
            .OrderBy(k => k.Id).ToListAsync(ct);

    /// <summary>
    /// A member's keys, oldest first: one's own freely, those of others with <c>token_management</c> or
    /// <c>user_management</c>.
    /// </summary>
    public async Task<Result<IReadOnlyList<ApiKey>>> ListAsync(Actor actor, Guid memberId, CancellationToken ct)
    {
        if (!(actor.IsMember && actor.Id == memberId) && !actor.MayReadKeys) return ApiKeyErrors.NotAllowed;
        return await db.ApiKeys.AsNoTracking()
            .Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == memberId).OrderBy(k => k.Id)
            .ToListAsync(ct);
    }

    /// <summary>Everything that is wrong with what a key is to be.</summary>
    public IEnumerable<Error> Faults(string? name, DateTimeOffset? expires)
    {
        if (name is not null && !Text.IsName(name)) yield return ApiKeyErrors.NameInvalid;
        if (expires <= clock.Now()) yield return ApiKeyErrors.ExpiryInvalid;
    }

    /// <summary>
    /// A run of keys, oldest first: one's own freely, those of others with <c>token_management</c> or
    /// <c>user_management</c>.
    /// </summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="memberId">Whose; null: all that the actor may see.</param>
    /// <param name="after">The last of the run before.</param>
    /// <param name="limit">1 to 1,001.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<Result<IReadOnlyList<ApiKey>>> PageAsync(
        Actor actor, Guid? memberId, Guid? after, int limit, CancellationToken ct)
    {
        if (!actor.MayReadKeys)
        {
            if (memberId is not null && memberId != actor.Id) return ApiKeyErrors.NotAllowed;
            memberId = actor.Id;
        }

        return await db.ApiKeys.AsNoTracking()
            .Where(k =>
                k.OrganizationId == actor.OrganizationId && (memberId == null || k.MemberId == memberId)
                    && (after == null || k.Id > after))
                .OrderBy(k => k.Id).Take(limit).ToListAsync(ct);
    }

    /// <summary>
    /// One key by its id: one's own freely, those of others with <c>token_management</c> or <c>user_management</c>.
    /// </summary>
    public async Task<Result<ApiKey>> GetAsync(Actor actor, Guid keyId, CancellationToken ct)
    {
        var key = await db.ApiKeys.AsNoTracking()
            .SingleOrDefaultAsync(k => k.OrganizationId == actor.OrganizationId && k.Id == keyId, ct);
        return key is null || !(key.MemberId == actor.Id || actor.MayReadKeys) ? ApiKeyErrors.NotFound : key;
    }

    /// <summary>
    /// Names a key anew, whosever it is; see
    /// <see
    /// cref="RenameAsync(Actor, Guid, ApiKeyReference, string, CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<ApiKey>> RenameAsync(
        Actor actor, Guid keyId, string name, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        (await GetAsync(actor, keyId, ct)).TryGet(out var key, out var refused)
            ? await RenameAsync(actor, key.MemberId!.Value, new(Id: keyId), name, ct, ifMatch)
            : refused;

    /// <summary>
    /// Ends a key, whosever it is; see
    /// <see cref="DeleteAsync(Actor, Guid, ApiKeyReference, Guid?, CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<ApiKey>> DeleteAsync(
        Actor actor, Guid keyId, Guid? inUse, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        (await GetAsync(actor, keyId, ct)).TryGet(out var key, out var refused)
            ? await DeleteAsync(actor, key.MemberId!.Value, new(Id: keyId), inUse, ct, ifMatch)
            : refused;

    /// <summary>
    /// Makes this the operator's only key, or, with null, leaves him none. What an installation's settings say, told at
    /// every start.
    /// </summary>
    public Task<bool> SetOperatorKeyAsync(string? secret, CancellationToken ct) => db.RunAsync(async () =>
    {
        var (hash, now) = (secret is null ? [] : Secret.Hash(secret), clock.Now());
        var present = await db.ApiKeys.Where(k => k.OrganizationId == null).ToListAsync(ct);
        var others = present.Where(k => !k.Hash.AsSpan().SequenceEqual(hash)).ToList();
        if (others.Count is 0 && (secret is null || present.Count > 0)) return false;
        db.RemoveRange(others);
        if (secret is not null && others.Count == present.Count)
            db.Add(
                new ApiKey
                {
                    Hash = hash, Id = Uuid.Create(now), Hint = secret[..HintLength], Name = "Operator", CreatedAt = now,
                });
        await db.SaveChangesAsync(ct);
        return true;
    }, ct);

    /// <summary>
    /// Names a key anew: one's own freely, those of others with <c>token_management</c> and covering them.
    /// </summary>
    public Task<Result<ApiKey>> RenameAsync(
        Actor actor, Guid memberId, ApiKeyReference reference, string name, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        db.RunAsync<Result<ApiKey>>(async () =>
    {
        if (!Text.IsName(name)) return ApiKeyErrors.NameInvalid;
        if (!(await FindAsync(actor, memberId, reference, ct)).TryGet(out var key, out var refused)) return refused;
        if (Precondition.Refuses(ifMatch, key) is { } outdated) return outdated;
        if (key.Name == Text.Name(name)) return key;
        db.Add(UsherEvent.Record(
            EventTypes.ApiKeyUpdated, actor, "api_key", key.Id, clock.Now(),
            new() { ["name"] = $"{key.Name} → {Text.Name(name)}" }));
        key.Name = Text.Name(name);
        await db.SaveChangesAsync(ct);
        return key;
    }, ct);

    /// <summary>
    /// Ends a key; it is refused from the very next request on. One's own freely, those of others with
    /// <c>token_management</c> and covering them.
    /// </summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="memberId">Whose key.</param>
    /// <param name="reference">Which.</param>
    /// <param name="inUse">The key that makes this request, where that may not end itself: refused with
    /// <c>api_key_in_use</c>.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="ifMatch">The versions it is meant for; see <see cref="Precondition"/>.</param>
    public Task<Result<ApiKey>> DeleteAsync(
        Actor actor, Guid memberId, ApiKeyReference reference, Guid? inUse, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        db.RunLockedAsync<Result<ApiKey>>(async () =>
    {
        await db.LockAsync(actor.OrganizationId, [], [memberId], organizationToo: true, ct);
        if (!(await FindAsync(actor, memberId, reference, ct)).TryGet(out var key, out var refused)) return refused;
        if (Precondition.Refuses(ifMatch, key) is { } outdated) return outdated;
        if (key.Id == inUse) return ApiKeyErrors.InUse;
        if (await LastAdmin.ActsByAloneAsync(db, key, ct)
                && await LastAdmin.WouldGoAsync(db, actor.OrganizationId, [memberId], ct))
            return MemberErrors.LastAdmin;
        db.Remove(key);
        db.Add(UsherEvent.Record(
            EventTypes.ApiKeyDeleted, actor, "api_key", key.Id, clock.Now(), new() { ["name"] = key.Name }));
        await db.SaveChangesAsync(ct);
        return key;
    }, ct);

    private async Task<Result<ApiKey>> FindAsync(
        Actor actor, Guid memberId, ApiKeyReference reference, CancellationToken ct)
    {
        if (!(actor.IsMember && actor.Id == memberId))
        {
            var graph = await AccessGraph.ReadAsync(
                db, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageKeys(today)) return ApiKeyErrors.NotAllowed;
            if (graph.Member(memberId) is not { IsLive: true } member) return MemberErrors.NotFound;
            if (!graph.Pass(GrantingRule.KeyCovers, graph.Covers(today, member))) return MemberErrors.NotCovered;
        }

        var own = db.ApiKeys.Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == memberId);
        var hash = reference.Secret is { } secret ? Secret.Hash(secret) : [];
        var key = await (
            reference.Id is { } id
                ? own.SingleOrDefaultAsync(k => k.Id == id, ct)
                : own.SingleOrDefaultAsync(k => k.Hash == hash, ct));
        return key is null ? ApiKeyErrors.NotFound : key;
    }

    internal static (ApiKey Key, string Secret) New(
        Member member, string name, bool readOnly, DateTimeOffset? expires, string? given, DateTimeOffset now)
    {
        var (secret, hash) = given is null ? Secret.Create(Secret.ApiKeyPrefix) : (given, Secret.Hash(given));
        return (new()
        {
            Hash = hash, Id = Uuid.Create(now), OrganizationId = member.OrganizationId, MemberId = member.Id,
            Hint = secret[..HintLength],
            Name = name, ReadOnly = readOnly, CreatedAt = now, ExpiresAt = expires,
        }, secret);
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{32,128}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Acceptable();
}
