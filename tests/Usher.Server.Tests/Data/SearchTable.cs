using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Data;

/// <summary>What every organization's rows must agree on, whatever was done to it.</summary>
internal static class SearchTable
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    extension(TestOrganization org)
    {
        /// <summary>
        /// The search table has exactly what the members' rows say, and the seats in use are counted right. A row of a
        /// deleted group or role may be gone already, but is in no case one that its member does not hold.
        /// </summary>
        public async Task AssertAgreesAsync()
        {
            var members = await org.MembersAsync();
            var (rows, known, organization) = await org.App.QueryAsync(async db =>
            {
                var rows = await db.MemberGrants.AsNoTracking().Where(g => g.OrganizationId == org.Id).ToListAsync(Ct);
                var groups = await db.Groups.Where(g => g.OrganizationId == org.Id).Select(g => g.Id).ToListAsync(Ct);
                var roles = await db.Roles.Where(r => r.OrganizationId == org.Id).Select(r => r.Id).ToListAsync(Ct);
                return (
                    rows, groups.Select(Grant.Group).Concat(roles.Select(Grant.Role)).ToHashSet(),
                    await db.Organizations.AsNoTracking().SingleAsync(o => o.Id == org.Id, Ct));
            });

            bool Exists(Grant grant) => grant.Kind is GrantKind.Permission || known.Contains(grant);
            string Line(Guid member, Grant grant) => $"{member} {grant.Kind} {grant.Target}";
            var held = members.SelectMany(m => m.Grants.All.Select(g => (Member: m.Id, Grant: g))).ToList();
            var listed = rows.Select(r => (Member: r.MemberId, Grant: new Grant(r.Kind, r.Target))).ToList();
            Assert.Equal(
                held.Where(h => Exists(h.Grant)).Select(h => Line(h.Member, h.Grant)).Order(StringComparer.Ordinal),
                listed.Where(l => Exists(l.Grant)).Select(l => Line(l.Member, l.Grant)).Order(StringComparer.Ordinal));
            Assert.Empty(listed.Except(held));
            if (organization.SeatLimit is not null)
                Assert.Equal(members.Count(m => m.TakesSeat), organization.SeatsUsed);
        }

        /// <summary>
        /// Every member, group and role has an event for each of its versions, and everything that was deleted has one
        /// for that.
        /// </summary>
        public async Task AssertEveryChangeHasItsEventAsync()
        {
            var events = await org.EventsAsync();
            var of = events.ToLookup(e => e.SubjectId);
            var invitations = await org.App.QueryAsync(db =>
                db.Invitations.AsNoTracking().Where(i => i.OrganizationId == org.Id).ToListAsync(Ct));
            var ofMember = invitations.ToLookup(i => i.MemberId, i => i.Id);
            // The owner was made with the organization, in its event.
            var others = (await org.MembersAsync()).Where(m => m.Id != org.Created.Owner.Id);
            Assert.All(others, member => Assert.True(
                of[member.Id].Count() + ofMember[member.Id].Sum(i => of[i].Count()) > member.Version,
                $"Member {member.Id} has version {member.Version} and fewer events."));

            var (groups, roles) = await org.App.QueryAsync(async db => (
                await db.Groups.AsNoTracking().Where(g => g.OrganizationId == org.Id).ToListAsync(Ct),
                await db.Roles.AsNoTracking().Where(r => r.OrganizationId == org.Id).ToListAsync(Ct)));
            var own = groups.Where(g => g.SystemKind is Core.Groups.SystemGroup.None).ToList();
            Assert.All(own, g => Assert.True(of[g.Id].Count() > g.Version, $"Group {g.Id}, version {g.Version}"));
            Assert.All(roles, r => Assert.True(of[r.Id].Count() > r.Version, $"Role {r.Id}, version {r.Version}"));
            Assert.Equal(own.Count, Count("group.created") - Count("group.deleted"));
            Assert.Equal(roles.Count, Count("role.created") - Count("role.deleted"));

            int Count(string type) => events.Count(e => e.Type == type);
        }
    }
}
