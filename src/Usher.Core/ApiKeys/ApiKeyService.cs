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
    public static readonly Error NotAllowed = new(ErrorKind.Forbidden, "not_allowed", "A key for somebody else needs the permission token_management.");
    public static readonly Error NotActive = new(ErrorKind.Conflict, "member_not_active", "Only an active member can have a key.");
    public static readonly Error SecretInvalid = new(ErrorKind.Invalid, "api_key_invalid", "A key is 32 to 128 characters of A-Z a-z 0-9 _ and -.", "api_key");
    public static readonly Error NameInvalid = new(ErrorKind.Invalid, "name_invalid", "At most 120 characters, none of them a control character.", "name");
}

/// <summary>A key just made: its secret is shown here and never again.</summary>
public sealed record CreatedApiKey(ApiKey Key, string Secret);

/// <summary>Keys that act for members.</summary>
public sealed partial class ApiKeyService(UsherDb db, TimeProvider clock)
{
    private const int HintLength = 8;

    public static bool IsAcceptable(string secret) => Acceptable().IsMatch(secret);

    /// <summary>Makes a key for a member: for oneself freely, for others with <c>token_management</c> and covering them. Never for one who is being removed meanwhile.</summary>
    public Task<Result<CreatedApiKey>> CreateAsync(Actor actor, Guid memberId, string name, bool readOnly, DateTimeOffset? expires, CancellationToken ct) =>
        db.RunLockedAsync<Result<CreatedApiKey>>(async () =>
        {
            if (!Text.IsName(name)) return ApiKeyErrors.NameInvalid;
            var self = actor.IsMember && actor.Id == memberId;
            var graph = await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
            if (!self && graph?.Today(actor).May(Permissions.TokenManagement) is not true) return ApiKeyErrors.NotAllowed;
            if (graph?.Member(memberId) is not { IsLive: true } member) return MemberErrors.NotFound;
            if (member.Status is not MemberStatus.Active) return ApiKeyErrors.NotActive;
            if (!self && !graph.Today(actor).Covers(graph.Of(member))) return MemberErrors.NotCovered;

            var now = clock.Now();
            var (key, secret) = New(member, Text.Name(name), readOnly, expires, given: null, now);
            db.Add(key);
            db.Add(UsherEvent.Record(EventTypes.ApiKeyCreated, actor, "api_key", key.Id, now, new() { ["member"] = member.Identifier, ["name"] = key.Name }));
            await db.SaveChangesAsync(ct);
            return new CreatedApiKey(key, secret);
        }, ct);

    /// <summary>An actor's own keys, oldest first.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListOwnAsync(Actor actor, CancellationToken ct) =>
        await db.ApiKeys.AsNoTracking().Where(k => k.OrganizationId == actor.OrganizationId && k.MemberId == actor.Id).OrderBy(k => k.Id).ToListAsync(ct);

    internal static (ApiKey Key, string Secret) New(Member member, string name, bool readOnly, DateTimeOffset? expires, string? given, DateTimeOffset now)
    {
        var (secret, hash) = given is null ? Secret.Create(Secret.ApiKeyPrefix) : (given, Secret.Hash(given));
        return (new()
        {
            Hash = hash, Id = Uuid.Create(now), OrganizationId = member.OrganizationId, MemberId = member.Id, Hint = secret[..HintLength],
            Name = name, ReadOnly = readOnly, CreatedAt = now, ExpiresAt = expires,
        }, secret);
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{32,128}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Acceptable();
}
