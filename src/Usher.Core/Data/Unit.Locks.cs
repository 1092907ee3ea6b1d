using Microsoft.EntityFrameworkCore;

namespace Usher.Core.Data;

/// <summary>
/// Locks for attempts under lock on PostgreSQL, taken before the reads. On SQLite the write gate is sufficient. To
/// avoid deadlocks, all code locks in the same order: organizations, invitations by id, members by id. An operation on
/// a person's account locks that account.
/// </summary>
public sealed partial class Unit
{
    /// <summary>
    /// In an attempt under lock on PostgreSQL, locks these members with their pending and expired invitations, and the
    /// given invitations with their members. It also locks the organization's row if it has a seat limit or if
    /// <paramref name="organizationToo"/> is set. In other attempts and on SQLite, does nothing.
    /// </summary>
    public async Task LockAsync(
        Guid organization, IReadOnlyCollection<string> identifiers, IReadOnlyCollection<Guid> members,
        bool organizationToo, CancellationToken ct, IReadOnlyCollection<Guid>? invitations = null)
    {
        if (!IsLocked || Db.IsSqlite) return;

        // Not a stronger lock: inserting a row that refers to the organization takes a shared lock on its key. That
        // transaction would wait here while holding rows that are locked next.
        if (organizationToo)
            await Db.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} FOR NO KEY UPDATE", ct);
        else
            await Db.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} AND seat_limit IS NOT NULL FOR NO KEY UPDATE",
                ct);

        // Invitations, then members, each by id. A write without prior locks changes them in the same order. A
        // different order could cause deadlocks.
        var (names, ids, offers) = (identifiers.ToArray(), members.ToArray(), invitations?.ToArray() ?? []);
        // Each row is looked up separately. A single condition for all could scan all members of a large organization.
        await Db.Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM (
                SELECT i.id FROM (
                    SELECT m.id FROM unnest({names}) n(value) CROSS JOIN LATERAL (SELECT id FROM members
                        WHERE organization_id = {organization} AND identifier = n.value OFFSET 0) m
                    UNION SELECT unnest({ids})
                ) f CROSS JOIN LATERAL (SELECT id FROM invitations WHERE organization_id = {organization}
                    AND member_id = f.id OFFSET 0) i
                UNION SELECT unnest({offers}) ORDER BY 1
            ) found CROSS JOIN LATERAL (
                SELECT 1 FROM invitations i WHERE i.organization_id = {organization} AND i.id = found.id
                    AND i.status IN ('pending', 'expired') FOR NO KEY UPDATE) locked
            """, ct);
        await Db.Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM (
                SELECT m.id FROM unnest({names}) n(value) CROSS JOIN LATERAL (SELECT id FROM members
                    WHERE organization_id = {organization} AND identifier = n.value OFFSET 0) m
                UNION SELECT unnest({ids})
                UNION SELECT i.member_id FROM unnest({offers}) o(value) CROSS JOIN LATERAL (SELECT member_id
                    FROM invitations WHERE organization_id = {organization} AND id = o.value OFFSET 0) i
                ORDER BY 1
            ) found CROSS JOIN LATERAL (SELECT 1 FROM members m WHERE m.organization_id = {organization}
                AND m.id = found.id FOR NO KEY UPDATE) locked
            """, ct);
    }

    /// <summary>
    /// Locks one invitation and its member before they are read. Like <see cref="LockAsync"/>, only in an attempt under
    /// lock on PostgreSQL.
    /// </summary>
    public async Task LockInviteeAsync(string organizationSlug, Guid invitation, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM invitations i JOIN organizations o ON o.slug = {organizationSlug} AND o.id = i.organization_id
            WHERE i.id = {invitation} FOR NO KEY UPDATE OF i
            """, ct);
        await Db.Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM members m JOIN organizations o ON o.slug = {organizationSlug} AND o.id = m.organization_id
                JOIN invitations i ON i.organization_id = m.organization_id AND i.member_id = m.id
                    AND i.id = {invitation} FOR NO KEY UPDATE OF m
            """, ct);
    }

    /// <summary>
    /// Locks the member of an address change. Like <see cref="LockAsync"/>, only in an attempt under lock on
    /// PostgreSQL.
    /// </summary>
    public async Task LockAddressChangeAsync(string organizationSlug, Guid change, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM members m JOIN organizations o ON o.slug = {organizationSlug} AND o.id = m.organization_id
                JOIN address_changes c ON c.organization_id = m.organization_id AND c.member_id = m.id
                    AND c.id = {change} FOR NO KEY UPDATE OF m
            """, ct);
    }

    /// <summary>
    /// Locks the account with an address, if there is one. Like <see cref="LockAsync"/>, only in an attempt under lock
    /// on PostgreSQL.
    /// </summary>
    public async Task LockAccountAsync(string address, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync(
            $"SELECT 1 FROM users WHERE email = {address} FOR NO KEY UPDATE", ct);
    }

    /// <summary>
    /// Locks an account. Operations that change how the user signs in take this lock first. Like
    /// <see cref="LockAsync"/>, only in an attempt under lock on PostgreSQL.
    /// </summary>
    public async Task LockUserAsync(Guid user, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync($"SELECT 1 FROM users WHERE id = {user} FOR NO KEY UPDATE", ct);
    }
}
