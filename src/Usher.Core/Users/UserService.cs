using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Users;

/// <summary>One of a user's places.</summary>
public sealed record Membership(string OrganizationName, string OrganizationSlug, BuiltInRole Role, MemberStatus Status, DateTimeOffset JoinedAt);

/// <summary>What a user sees of himself.</summary>
public sealed record Me(string DisplayName, string? Email, bool EmailProved, IReadOnlyList<Membership> Memberships);

/// <summary>A person's own sign-in.</summary>
public sealed class UserService(UsherDb db)
{
    /// <summary>Himself and where he is a member, by organization's name; null when there is no such user.</summary>
    public async Task<Me?> MeAsync(Guid userId, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == userId, ct);
        if (user is null) return null;
        var memberships = await (
            from member in db.Members
            join organization in db.Organizations on member.OrganizationId equals organization.Id
            where member.UserId == userId && (member.Status == MemberStatus.Active || member.Status == MemberStatus.Suspended)
            orderby organization.Name
            select new Membership(organization.Name, organization.Slug, member.Role, member.Status, member.CreatedAt)).ToListAsync(ct);
        return new(user.DisplayName, user.Email, user.EmailProvedAt is not null, memberships);
    }
}
