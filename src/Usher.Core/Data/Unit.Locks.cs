using Microsoft.EntityFrameworkCore;

namespace Usher.Core.Data;

/// <summary>
/// The rows that an attempt under lock waits for on PostgreSQL before it reads them. On SQLite the write gate is lock
/// enough. Everything locks in the same order, or two attempts would wait for each other: organizations, invitations by
/// id, members by id; of persons, the account.
/// </summary>
public sealed partial class Unit
{
    /// <summary>
    /// In a locked run: waits until nobody else changes these members, and, with <paramref name="organizationToo"/>,
    /// the organization's own row (seats, the last administrator). Otherwise nothing.
    /// </summary>
    public async Task LockAsync(
        Guid organization, IReadOnlyCollection<string> identifiers, IReadOnlyCollection<Guid> members,
        bool organizationToo, CancellationToken ct, IReadOnlyCollection<Guid>? invitations = null)
    {
        if (!IsLocked || Db.IsSqlite) return;

        // No stronger than that: whoever adds a row that refers to the organization shares its key, and would wait
        // while holding what is locked next.
        if (organizationToo)
            await Db.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} FOR NO KEY UPDATE", ct);
        else
            await Db.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} AND seat_limit IS NOT NULL FOR NO KEY UPDATE",
                ct);

        // Invitations, then members, each by id: the order in which a save that locked nothing before changes them, or
        // the two would wait for each other.
        var (names, ids, offers) = (identifiers.ToArray(), members.ToArray(), invitations?.ToArray() ?? []);
        // Each row is searched for by itself: asked for all at once, an organization of a million would be read
        // through.
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

    /// <summary>The same for one invitation and the member it is for, before they are read.</summary>
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

    /// <summary>The same for the member who wants another address.</summary>
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

    /// <summary>The same for the account of an address, if there is one.</summary>
    public async Task LockAccountAsync(string address, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync(
            $"SELECT 1 FROM users WHERE normalized_email = {address} FOR NO KEY UPDATE", ct);
    }

    /// <summary>The same for an account: taken first by whatever changes how its person signs in.</summary>
    public async Task LockUserAsync(Guid user, CancellationToken ct)
    {
        if (!IsLocked || Db.IsSqlite) return;
        await Db.Database.ExecuteSqlAsync($"SELECT 1 FROM users WHERE id = {user} FOR NO KEY UPDATE", ct);
    }
}
