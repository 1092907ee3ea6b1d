using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>
/// The rule that an organization keeps at least one administrator who can act: an active person whose own role is
/// <c>admin</c>, with an account or with a read-write API key that never expires. If no administrator can act yet, as
/// in a new organization whose owner has not joined, the rule keeps the last invited or active administrator.
/// </summary>
internal static class LastAdmin
{
    /// <summary>
    /// Whether the organization would have no administrator who can act after the given members lose the role. The
    /// caller must hold a lock on the organization's row, or the write gate on SQLite. Otherwise two concurrent changes
    /// could each remove one of the last two administrators.
    /// </summary>
    /// <param name="db">The operation's context.</param>
    /// <param name="organization">The organization.</param>
    /// <param name="taken">The ids of the members who stop being administrators.</param>
    /// <param name="ct">Cancels the reads.</param>
    public static async Task<bool> WouldGoAsync(
        UsherDb db, Guid organization, IReadOnlyCollection<Guid> taken, CancellationToken ct)
    {
        if (taken.Count is 0) return false;
        var admins = db.Members.AsNoTracking().Where(m => m.OrganizationId == organization
            && m.Kind == MemberKind.Person && m.Role == BuiltInRole.Admin
            && (m.Status == MemberStatus.Active || m.Status == MemberStatus.Invited));
        var acting = admins.Where(m => m.Status == MemberStatus.Active && (m.UserId != null || db.ApiKeys.Any(
            k => k.OrganizationId == organization && k.MemberId == m.Id && k.Status == ApiKeyStatus.Enabled
                && !k.ReadOnly && k.ExpiresAt == null)));
        if (await acting.AnyAsync(m => !taken.Contains(m.Id), ct)) return false;
        var wouldGo = await acting.AnyAsync(m => taken.Contains(m.Id), ct)
            || !await admins.AnyAsync(m => !taken.Contains(m.Id), ct);
        return !db.Runtime.Rules.Pass(GrantingRule.LastAdministrator, !wouldGo);
    }

    /// <summary>
    /// Whether an administrator can act only through this key: it is enabled, read-write and never expires, its member
    /// is an active person without an account, and the member has no other such key.
    /// </summary>
    public static async Task<bool> ActsByAloneAsync(UsherDb db, ApiKey key, CancellationToken ct) =>
        key is { ExpiresAt: null, ReadOnly: false, Status: ApiKeyStatus.Enabled }
        && key is { MemberId: { } member, OrganizationId: { } organization }
        && await db.Members.AnyAsync(
            m => m.OrganizationId == organization && m.Id == member && m.Role == BuiltInRole.Admin && m.UserId == null
            && m.Status == MemberStatus.Active && m.Kind == MemberKind.Person, ct)
        && !await db.ApiKeys.AnyAsync(
            k => k.OrganizationId == organization && k.MemberId == member && k.Id != key.Id
            && k.Status == ApiKeyStatus.Enabled && !k.ReadOnly && k.ExpiresAt == null, ct);
}
