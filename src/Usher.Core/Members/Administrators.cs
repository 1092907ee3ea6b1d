using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>
/// The administrators who receive mail about an organization: active persons whose own role is <c>admin</c>.
/// </summary>
internal static class Administrators
{
    private const int Most = 20;

    extension(UsherDb db)
    {
        /// <summary>The administrators to notify: the 20 longest-standing ones, not tracked.</summary>
        /// <param name="organization">The organization.</param>
        /// <param name="but">The id of a member to leave out; null to include all.</param>
        public IQueryable<Member> AdministratorsToTell(Guid organization, Guid? but = null) => db.Members.AsNoTracking()
            .Where(m =>
                m.OrganizationId == organization && m.Id != but && m.Status == MemberStatus.Active
                    && m.Kind == MemberKind.Person && m.Role == BuiltInRole.Admin)
            .OrderBy(m => m.Id).Take(Most);
    }
}
