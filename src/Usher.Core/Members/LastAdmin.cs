using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;

namespace Usher.Core.Members;

/// <summary>
/// The rule that an organization keeps an administrator who can act: an active person whose own role is <c>admin</c>,
/// with an account, or with a key that may write and never expires. While none can act yet, as in a new organization
/// whose owner has not joined, the last invited or active one is kept.
/// </summary>
internal static class LastAdmin
{
    /// <summary>
    /// Whether no administrator that can act would be left once these members are administrators no longer. The caller
    /// holds the organization's row, or on SQLite the write gate, so that two such changes cannot pass each other.
    /// </summary>
    /// <param name="db">The operation's context.</param>
    /// <param name="organization">The organization.</param>
    /// <param name="taken">Those who are administrators no longer.</param>
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
    /// Whether a key is all by which its member can act: one that may write and never expires, of a person without an
    /// account.
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
