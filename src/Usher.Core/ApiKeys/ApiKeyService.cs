using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;

namespace Usher.Core.ApiKeys;

/// <summary>A new API key. The secret is returned only here.</summary>
public sealed record CreatedApiKey(ApiKey Key, string Secret)
{
    /// <summary>The member the key acts for.</summary>
    public required Member Member { get; init; }
}

/// <summary>Identifies a key by id or by secret.</summary>
public readonly record struct ApiKeyReference(Guid? Id = null, string? Secret = null);

/// <summary>Creates, reads, renames and deletes the API keys of members.</summary>
public sealed partial class ApiKeyService(UsherDb db, Database database, TimeProvider clock)
{
    /// <summary>The maximum number of keys per member.</summary>
    public const int MaxPerMember = 100;

    private const int HintLength = 8;

    public static bool IsAcceptable(string secret) => Acceptable().IsMatch(secret);

    /// <summary>
    /// Creates a key for an active member. Actors may create keys for themselves; keys for others need
    /// <c>token_management</c> and everything the member holds. A concurrent removal of the member excludes the
    /// creation.
    /// </summary>
    public Task<Result<CreatedApiKey>> CreateAsync(
        Actor actor, Guid memberId, string name, bool readOnly, DateTimeOffset? expires, CancellationToken ct) =>
        database.RunLockedAsync<Result<CreatedApiKey>>(async unit =>
        {
            if (Error.Of(Faults(name, expires)) is { } fault) return fault;
            var self = actor.IsMember && actor.Id == memberId;
            var graph = await AccessGraph.ReadAsync(
                unit, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
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
            unit.Add(key);
            unit.Add(UsherEvent.Record(
                EventTypes.ApiKeyCreated, actor, "api_key", key.Id, now,
                new() { ["member"] = member.Identifier, ["name"] = key.Name }));
            return new CreatedApiKey(key, secret) { Member = member };
        }, ct);

    /// <summary>The actor's own keys, oldest first.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListOwnAsync(Actor actor, CancellationToken ct) =>
        await db.ApiKeys.AsNoTracking().Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == actor.Id)
            .OrderBy(k => k.Id).ToListAsync(ct);

    /// <summary>
    /// A member's keys, oldest first. Keys of other members need <c>token_management</c> or <c>user_management</c>.
    /// </summary>
    public async Task<Result<IReadOnlyList<ApiKey>>> ListAsync(Actor actor, Guid memberId, CancellationToken ct)
    {
        if (!(actor.IsMember && actor.Id == memberId) && !actor.MayReadKeys) return ApiKeyErrors.NotAllowed;
        return await db.ApiKeys.AsNoTracking()
            .Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == memberId).OrderBy(k => k.Id)
            .ToListAsync(ct);
    }

    /// <summary>Lists all faults in a key's name and expiry.</summary>
    public IEnumerable<Error> Faults(string? name, DateTimeOffset? expires)
    {
        if (name is not null && !Text.IsName(name)) yield return ApiKeyErrors.NameInvalid;
        if (expires <= clock.Now()) yield return ApiKeyErrors.ExpiryInvalid;
    }

    /// <summary>
    /// A page of keys, oldest first. Keys of other members need <c>token_management</c> or <c>user_management</c>.
    /// </summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="memberId">The member; null: all keys that the actor may read.</param>
    /// <param name="after">The id of the previous page's last key; null for the first page.</param>
    /// <param name="limit">1 to 1,001.</param>
    /// <param name="ct">Cancels the read.</param>
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
    /// Reads one key by id. Keys of other members need <c>token_management</c> or <c>user_management</c>.
    /// </summary>
    public async Task<Result<ApiKey>> GetAsync(Actor actor, Guid keyId, CancellationToken ct)
    {
        var key = await db.ApiKeys.AsNoTracking()
            .SingleOrDefaultAsync(k => k.OrganizationId == actor.OrganizationId && k.Id == keyId, ct);
        return key is null || !(key.MemberId == actor.Id || actor.MayReadKeys) ? ApiKeyErrors.NotFound : key;
    }

    /// <summary>
    /// Renames a key of any member; see
    /// <see
    /// cref="RenameAsync(Actor, Guid, ApiKeyReference, string, CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<ApiKey>> RenameAsync(
        Actor actor, Guid keyId, string name, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        (await GetAsync(actor, keyId, ct)).TryGet(out var key, out var refused)
            ? await RenameAsync(actor, key.MemberId!.Value, new(Id: keyId), name, ct, ifMatch)
            : refused;

    /// <summary>
    /// Deletes a key of any member; see
    /// <see cref="DeleteAsync(Actor, Guid, ApiKeyReference, Guid?, CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<ApiKey>> DeleteAsync(
        Actor actor, Guid keyId, Guid? inUse, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        (await GetAsync(actor, keyId, ct)).TryGet(out var key, out var refused)
            ? await DeleteAsync(actor, key.MemberId!.Value, new(Id: keyId), inUse, ct, ifMatch)
            : refused;

    /// <summary>
    /// Makes a secret the only operator key; null deletes all operator keys. Called at every start with the configured
    /// key.
    /// </summary>
    public Task<bool> SetOperatorKeyAsync(string? secret, CancellationToken ct) => database.RunAsync(async unit =>
    {
        var (hash, now) = (secret is null ? [] : Secret.Hash(secret), clock.Now());
        var present = await db.ApiKeys.Where(k => k.OrganizationId == null).ToListAsync(ct);
        var others = present.Where(k => !k.Hash.AsSpan().SequenceEqual(hash)).ToList();
        if (others.Count is 0 && (secret is null || present.Count > 0)) return false;
        unit.RemoveRange(others);
        if (secret is not null && others.Count == present.Count)
            unit.Add(
                new ApiKey
                {
                    Hash = hash, Id = Uuid.Create(now), Hint = secret[..HintLength], Name = "Operator", CreatedAt = now,
                });
        return true;
    }, ct);

    /// <summary>
    /// Renames a key. Keys of other members need <c>token_management</c> and everything the member holds.
    /// </summary>
    public Task<Result<ApiKey>> RenameAsync(
        Actor actor, Guid memberId, ApiKeyReference reference, string name, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        database.RunAsync<Result<ApiKey>>(async unit =>
        {
            if (!Text.IsName(name)) return ApiKeyErrors.NameInvalid;
            if (!(await FindAsync(unit, actor, memberId, reference, ct)).TryGet(out var key, out var refused))
                return refused;
            if (Precondition.Refuses(ifMatch, key) is { } outdated) return outdated;
            if (key.Name == Text.Name(name)) return key;
            unit.Add(UsherEvent.Record(
                EventTypes.ApiKeyUpdated, actor, "api_key", key.Id, clock.Now(),
                new() { ["name"] = $"{key.Name} → {Text.Name(name)}" }));
            key.Name = Text.Name(name);
            return key;
        }, ct);

    /// <summary>
    /// Deletes a key. It is refused from the next request on. Keys of other members need <c>token_management</c> and
    /// everything the member holds.
    /// </summary>
    /// <param name="actor">The actor that deletes.</param>
    /// <param name="memberId">The member the key acts for.</param>
    /// <param name="reference">The key's id or secret.</param>
    /// <param name="inUse">The id of the key that makes this request, if it may not delete itself; refused with
    /// <c>api_key_in_use</c>. Null allows it.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <param name="ifMatch">The expected versions; see <see cref="Precondition"/>.</param>
    public Task<Result<ApiKey>> DeleteAsync(
        Actor actor, Guid memberId, ApiKeyReference reference, Guid? inUse, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        database.RunLockedAsync<Result<ApiKey>>(async unit =>
        {
            await unit.LockAsync(actor.OrganizationId, [], [memberId], organizationToo: true, ct);
            if (!(await FindAsync(unit, actor, memberId, reference, ct)).TryGet(out var key, out var refused))
                return refused;
            if (Precondition.Refuses(ifMatch, key) is { } outdated) return outdated;
            if (key.Id == inUse) return ApiKeyErrors.InUse;
            if (await LastAdmin.ActsByAloneAsync(db, key, ct)
                    && await LastAdmin.WouldGoAsync(db, actor.OrganizationId, [memberId], ct))
                return MemberErrors.LastAdmin;
            unit.Remove(key);
            unit.Add(UsherEvent.Record(
                EventTypes.ApiKeyDeleted, actor, "api_key", key.Id, clock.Now(), new() { ["name"] = key.Name }));
            return key;
        }, ct);

    private async Task<Result<ApiKey>> FindAsync(
        Unit unit, Actor actor, Guid memberId, ApiKeyReference reference, CancellationToken ct)
    {
        if (!(actor.IsMember && actor.Id == memberId))
        {
            var graph = await AccessGraph.ReadAsync(
                unit, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
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
