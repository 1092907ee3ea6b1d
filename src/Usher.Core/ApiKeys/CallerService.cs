using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;

namespace Usher.Core.ApiKeys;

/// <summary>Who calls by a key, and where.</summary>
/// <param name="Actor">What he may do.</param>
/// <param name="KeyId">The key he uses.</param>
/// <param name="ReadOnly">Whether that key may only read.</param>
/// <param name="Identifier">His e-mail, canonical, or <c>sa::name</c>.</param>
/// <param name="OrganizationSlug">Where he acts.</param>
/// <param name="OrganizationTimeZone">The zone shown for members without one of their own.</param>
public sealed record Caller(
    Actor Actor, Guid KeyId, bool ReadOnly, string Identifier, string OrganizationSlug, string OrganizationTimeZone)
{
    /// <summary>Whoever runs the installation: he acts in any organization, by Usher's own API alone.</summary>
    public bool IsOperator => Actor.Kind is ActorKind.Operator;
}

/// <summary>
/// Finds out who calls: one read of one row, asked anew with every request, so that taking away acts on the very next
/// one.
/// </summary>
public sealed class CallerService(UsherDb db, ApiKeyUsage usage, TimeProvider clock)
{
    private static readonly SqlText ByHash = new();

    /// <summary>
    /// The member behind a secret, with what the member holds but for levels on single resources; null when the key is
    /// unknown, disabled or expired, its member not active, or the organization suspended.
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

    // As AccessGraph.Of, without levels on single resources.
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

    /// <summary>The operator behind a secret, in no organization yet; null when it is no operator's.</summary>
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

    /// <summary>The same operator in one organization, by id or slug; null when there is none.</summary>
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
