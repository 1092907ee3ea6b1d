using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;

namespace Usher.Core.Members;

/// <summary>
/// The administrators of an organization who get mail about it: active persons whose own role is <c>admin</c>.
/// </summary>
internal static class Administrators
{
    private const int Most = 20;

    extension(UsherDb db)
    {
        /// <summary>Those who are told about a matter, not tracked: the 20 who have been members for longest.</summary>
        /// <param name="organization">The organization.</param>
        /// <param name="but">A member who is not told; null for none.</param>
        public IQueryable<Member> AdministratorsToTell(Guid organization, Guid? but = null) => db.Members.AsNoTracking()
            .Where(m =>
                m.OrganizationId == organization && m.Id != but && m.Status == MemberStatus.Active
                    && m.Kind == MemberKind.Person && m.Role == BuiltInRole.Admin)
            .OrderBy(m => m.Id).Take(Most);
    }
}
