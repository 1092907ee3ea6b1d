using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;

namespace Usher.Core.ApiKeys;

/// <summary>The caller that an API key identifies.</summary>
/// <param name="Actor">The actor with its access.</param>
/// <param name="KeyId">The id of the key.</param>
/// <param name="ReadOnly">Whether the key may only read.</param>
/// <param name="Identifier">The member's canonical e-mail address, or <c>sa::name</c>.</param>
/// <param name="OrganizationSlug">The slug of the organization.</param>
/// <param name="OrganizationTimeZone">The time zone shown for members who have not set one.</param>
public sealed record Caller(
    Actor Actor, Guid KeyId, bool ReadOnly, string Identifier, string OrganizationSlug, string OrganizationTimeZone)
{
    /// <summary>
    /// Whether the caller is an operator. An operator may act in any organization, through Usher's own API only.
    /// </summary>
    public bool IsOperator => Actor.Kind is ActorKind.Operator;
}

/// <summary>
/// Identifies the caller of a request by API key. The database is read for every request, so that changes of access
/// apply from the next request on.
/// </summary>
public sealed class CallerService(UsherDb db, ApiKeyUsage usage, TimeProvider clock)
{
    private static readonly SqlText ByHash = new();

    /// <summary>
    /// Finds the member behind a secret, with the member's access except levels on individual resources. Null if the
    /// key is unknown, disabled or expired, the member is not active, or the organization is suspended.
    /// </summary>
    public async Task<Caller?> FindAsync(string secret, CancellationToken ct)
    {
        if (!ApiKeyService.IsAcceptable(secret)) return null;
        var sql = ByHash.Make(db.IsSqlite, s => s.Add($"""
            SELECT k.id, k.read_only, k.expires_at, m.organization_id, m.id, m.identifier, m.first_name, m.last_name,
                m.kind, m.role,
                m.all_resources, m.grants, o.slug, o.time_zone, o.definitions_stamp
            FROM api_keys k
            JOIN members m ON m.organization_id = k.organization_id AND m.id = k.member_id
            JOIN organizations o ON o.id = k.organization_id
            WHERE k.hash = {Secret.Hash(secret)} AND k.status = 'enabled' AND m.status = 'active'
                AND o.suspended_at IS NULL
            """));
        var now = clock.Now();
        if (await db.ReadAsync(sql, Read, ct) is not [var row] || row.ExpiresAt <= now) return null;
        if (await db.Runtime.Definitions.GetAsync(db, row.OrganizationId, row.Stamp, ct) is not { } definitions)
            return null;
        usage.Used(row.KeyId, now);
        var name = $"{row.FirstName} {row.LastName}".Trim();
        var actor = new Actor(
            ActorKind.Member, row.MemberId, name.Length > 0 ? name : row.Identifier, row.OrganizationId,
            AccessOf(row, definitions));
        var readOnly = !db.Runtime.Rules.Pass(GrantingRule.ReadOnlyKey, !row.ReadOnly);
        return new(actor, row.KeyId, readOnly, row.Identifier, row.Slug, row.TimeZone);
    }

    // The same as AccessGraph.Of, without levels on individual resources.
    private static EffectiveAccess AccessOf(Row row, OrganizationDefinitions definitions)
    {
        var access = new EffectiveAccess.Builder().Add(row.Role).Add(row.Grants.Permissions);
        if (row.AllResources) access.AddEverywhere(AccessLevel.Full);
        var implied = row.Kind is MemberKind.Person ? SystemGroup.Everyone : SystemGroup.ServiceAccounts;
        var groups = definitions.Groups.Values.Where(g => g.SystemKind == implied || row.Grants.Groups.Contains(g.Id));
        foreach (var role in row.Grants.Roles) AddRole(role);
        foreach (var group in groups)
        {
            access.AddAdmin(group.IsAdmin).Add(group.Permissions);
            if (group.AllResources) access.AddEverywhere(AccessLevel.Full);
            foreach (var role in group.Roles) AddRole(role);
        }

        return access.Build();

        void AddRole(Guid id)
        {
            if (definitions.Roles.TryGetValue(id, out var role)) access.Add(role.Permissions);
        }
    }

    /// <summary>
    /// Finds the operator behind a secret, without an organization. Null if it is not an operator's key.
    /// </summary>
    public async Task<Caller?> FindOperatorAsync(string secret, CancellationToken ct)
    {
        if (!ApiKeyService.IsAcceptable(secret)) return null;
        var (hash, now) = (Secret.Hash(secret), clock.Now());
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(
            k => k.Hash == hash && k.OrganizationId == null && k.Status == ApiKeyStatus.Enabled, ct);
        if (key is null || key.ExpiresAt <= now) return null;
        usage.Used(key.Id, now);
        return new(
            Actor.Operator(key.Id, key.Name, Organization.Installation), key.Id, key.ReadOnly, "", "", "Etc/UTC");
    }

    /// <summary>
    /// Sets the organization in which an operator acts, by id or slug. Null if there is no such organization.
    /// </summary>
    public async Task<Caller?> EnterAsync(Caller caller, Guid? id, string slug, CancellationToken ct)
    {
        var found = await db.Organizations.AsNoTracking().Where(o => id != null ? o.Id == id : o.Slug == slug)
            .Select(o => new { o.Id, o.Slug, o.TimeZone }).SingleOrDefaultAsync(ct);
        return found is null
            ? null
            : caller with
            {
                Actor = caller.Actor with { OrganizationId = found.Id }, OrganizationSlug = found.Slug,
                OrganizationTimeZone = found.TimeZone,
            };
    }

    private static Row Read(Data.Row row) => new(
        row.Id(0), row.Flag(1), row.InstantOrNull(2), row.Id(3), row.Id(4), row.Text(5), row.Text(6), row.Text(7),
        row.Enum<MemberKind>(8),
        row.Enum<BuiltInRole>(9), row.Flag(10), Grants.Parse(row.Text(11)), row.Text(12), row.Text(13), row.Id(14));

    private sealed record Row(
        Guid KeyId, bool ReadOnly, DateTimeOffset? ExpiresAt, Guid OrganizationId, Guid MemberId, string Identifier,
        string FirstName,
        string LastName, MemberKind Kind, BuiltInRole Role, bool AllResources, Grants Grants, string Slug,
        string TimeZone, Guid Stamp);
}
