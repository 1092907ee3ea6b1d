using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
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
public sealed record Caller(Actor Actor, Guid KeyId, bool ReadOnly, string Identifier, string OrganizationSlug, string OrganizationTimeZone)
{
    /// <summary>Whoever runs the installation: he acts in any organization, by Usher's own API alone.</summary>
    public bool IsOperator => Actor.Kind is ActorKind.Operator;
}

/// <summary>Finds out who calls: one read of one row, asked anew with every request, so that taking away acts on the very next one.</summary>
public sealed class CallerService(UsherDb db, ApiKeyUsage usage, TimeProvider clock)
{
    // One row, and what hangs on it; see Statement for CROSS JOIN … ON, and Facts for "granted_at IS NOT NULL".
    private const string Sql = """
        WITH caller AS MATERIALIZED (
            SELECT k.id AS key_id, k.read_only, k.expires_at, m.organization_id, m.id AS member_id, m.identifier, m.first_name, m.last_name, m.kind, m.role,
                m.all_resources, o.slug, o.time_zone
            FROM api_keys k
            JOIN members m ON m.organization_id = k.organization_id AND m.id = k.member_id
            JOIN organizations o ON o.id = k.organization_id
            WHERE k.hash = {0} AND k.status = 'enabled' AND m.status = 'active' AND o.suspended_at IS NULL
        ), in_groups AS MATERIALIZED (
            SELECT g.id, g.organization_id, g.is_admin, g.all_resources FROM caller c
                CROSS JOIN group_members gm ON (gm.organization_id = c.organization_id AND gm.member_id = c.member_id AND gm.granted_at IS NOT NULL)
                CROSS JOIN groups g ON (g.organization_id = c.organization_id AND g.id = gm.group_id)
            UNION ALL SELECT g.id, g.organization_id, g.is_admin, g.all_resources FROM caller c CROSS JOIN groups g
                ON (g.organization_id = c.organization_id AND g.system_kind <> 'none' AND g.system_kind = CASE c.kind WHEN 'person' THEN 'everyone' ELSE 'service_accounts' END)
        )
        SELECT c.*, (SELECT string_agg(permission, ' ') FROM (
                SELECT p.permission FROM member_permissions p WHERE p.organization_id = c.organization_id AND p.member_id = c.member_id
                UNION ALL SELECT p.permission FROM in_groups g CROSS JOIN group_permissions p ON (p.organization_id = g.organization_id AND p.group_id = g.id)
                UNION ALL SELECT p.permission FROM role_members rm CROSS JOIN role_permissions p ON (p.organization_id = rm.organization_id AND p.role_id = rm.role_id)
                    WHERE rm.organization_id = c.organization_id AND rm.member_id = c.member_id AND rm.granted_at IS NOT NULL
                UNION ALL SELECT p.permission FROM in_groups g
                    CROSS JOIN role_groups rg ON (rg.organization_id = g.organization_id AND rg.group_id = g.id AND rg.granted_at IS NOT NULL)
                    CROSS JOIN role_permissions p ON (p.organization_id = g.organization_id AND p.role_id = rg.role_id)
            ) held) AS permissions,
            EXISTS (SELECT 1 FROM in_groups WHERE is_admin) AS admin_by_group,
            EXISTS (SELECT 1 FROM in_groups WHERE all_resources) AS all_resources_by_group
        FROM caller c
        """;

    /// <summary>
    /// The member behind a secret, with what he holds; null when the key is unknown, disabled or expired, its member not active, or the organization suspended.
    /// </summary>
    public async Task<Caller?> FindAsync(string secret, CancellationToken ct)
    {
        if (!ApiKeyService.IsAcceptable(secret)) return null;
        object[] hash = [Secret.Hash(secret)];
        var rows = await db.Runtime.StatementOf(typeof(CallerService), () => Statement.Create(db, Sql, hash.Length)).ReadAsync(db, hash, Read, ct);
        var now = clock.Now();
        if (rows is not [var row] || row.ExpiresAt <= now) return null;
        usage.Used(row.KeyId, now);

        var access = new EffectiveAccess.Builder().Add(row.Role).AddAdmin(row.AdminByGroup).Add(row.Permissions?.Split(' ') ?? []);
        if (row.AllResources || row.AllResourcesByGroup) access.AddEverywhere(AccessLevel.Full);
        var name = $"{row.FirstName} {row.LastName}".Trim();
        var actor = new Actor(ActorKind.Member, row.MemberId, name.Length > 0 ? name : row.Identifier, row.OrganizationId, access.Build());
        var readOnly = !db.Runtime.Rules.Pass(GrantingRule.ReadOnlyKey, !row.ReadOnly);
        return new(actor, row.KeyId, readOnly, row.Identifier, row.Slug, row.TimeZone);
    }

    /// <summary>The operator behind a secret, in no organization yet; null when it is no operator's.</summary>
    public async Task<Caller?> FindOperatorAsync(string secret, CancellationToken ct)
    {
        if (!ApiKeyService.IsAcceptable(secret)) return null;
        var (hash, now) = (Secret.Hash(secret), clock.Now());
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Hash == hash && k.OrganizationId == null && k.Status == ApiKeyStatus.Enabled, ct);
        if (key is null || key.ExpiresAt <= now) return null;
        usage.Used(key.Id, now);
        return new(Actor.Operator(key.Id, key.Name, Organization.Installation), key.Id, key.ReadOnly, "", "", "Etc/UTC");
    }

    /// <summary>The same operator in one organization, by id or slug; null when there is none.</summary>
    public async Task<Caller?> EnterAsync(Caller caller, Guid? id, string slug, CancellationToken ct)
    {
        var found = await db.Organizations.AsNoTracking().Where(o => id != null ? o.Id == id : o.Slug == slug).Select(o => new { o.Id, o.Slug, o.TimeZone }).SingleOrDefaultAsync(ct);
        return found is null ? null : caller with { Actor = caller.Actor with { OrganizationId = found.Id }, OrganizationSlug = found.Slug, OrganizationTimeZone = found.TimeZone };
    }

    private static Row Read(ResultRow row) => new(
        row.Id(0), row.Flag(1), row.InstantOrNull(2), row.Id(3), row.Id(4), row.Text(5), row.Text(6), row.Text(7),
        SnakeCaseName.Parse<BuiltInRole>(row.Text(9)), row.Flag(10), row.Text(11), row.Text(12), row.TextOrNull(13), row.Flag(14), row.Flag(15));

    // In the order of the columns, the member's kind left out.
    private sealed record Row(
        Guid KeyId, bool ReadOnly, DateTimeOffset? ExpiresAt, Guid OrganizationId, Guid MemberId, string Identifier, string FirstName, string LastName, BuiltInRole Role, bool AllResources,
        string Slug, string TimeZone, string? Permissions, bool AdminByGroup, bool AllResourcesByGroup);
}
