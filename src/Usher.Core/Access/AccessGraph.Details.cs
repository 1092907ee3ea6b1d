using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Core.Access;

public sealed partial class AccessGraph
{
    /// <summary>
    /// Reads the parts of the graph that only some queries need. Each part is read only if the query asks for it or if
    /// the rows can exist.
    /// </summary>
    private sealed class GraphDetails(UsherDb db, AccessGraph graph, AccessQuery query)
    {
        /// <summary>The maximum number of names in a sample.</summary>
        public const int SampleSize = 100;

        private static readonly Sql.Part LimitOfSample = Sql.Raw($"LIMIT {SampleSize}");

        private readonly Guid organization = query.OrganizationId;
        private IReadOnlyList<Group>? relevantGroups;

        public async Task ReadAsync(CancellationToken ct)
        {
            await ReadEndedInvitationsAsync(ct);
            await ReadLevelsAndResourcesAsync(ct);
            if (Wants(MemberDetails.Counts) || Wants(MemberDetails.Samples)) await ReadHoldersAsync(ct);
            if (Wants(MemberDetails.Credentials)) await ReadCredentialsAsync(ct);
            if (Wants(MemberDetails.Keys)) await ReadKeysAsync(ct);
            for (var i = 0; i < query.Holders.Count; i++) await ReadHoldersOfAsync(i, ct);
        }

        private bool Wants(MemberDetails detail) => query.Details.HasFlag(detail);

        // Open invitations were read together with their members.
        private async Task ReadEndedInvitationsAsync(CancellationToken ct)
        {
            Guid[] missing = [.. query.InvitationIds.Where(id => !graph.invitations.ContainsKey(id))];
            if (missing is []) return;
            foreach (var ended in await db.Invitations.AsNoTracking()
                    .Where(i => i.OrganizationId == organization && missing.Contains(i.Id)).ToListAsync(ct))
                graph.Take(ended);
        }

        // The groups that a rule or the answer may ask about. If the query lists all definitions, all groups.
        private IReadOnlyList<Group> RelevantGroups => relevantGroups ??= FindRelevantGroups();

        private IReadOnlyList<Group> FindRelevantGroups()
        {
            if (query.AllDefinitions) return [.. graph.groups.Values];
            HashSet<Guid> ids = [.. graph.members.Values.SelectMany(m => m.Groups), .. query.GroupIds, .. graph.run];
            HashSet<string> names = [.. query.GroupNames];
            HashSet<Guid> ofRoles = [.. query.RoleIds];
            return
            [
                .. graph.groups.Values.Where(g =>
                    g.SystemKind is not SystemGroup.None || g.IsDefault || ids.Contains(g.Id)
                        || names.Contains(g.NameKey) || g.Roles.Any(ofRoles.Contains)),
            ];
        }

        private IEnumerable<Role> RelevantRoles()
        {
            if (query.AllDefinitions) return graph.roles.Values;
            HashSet<Guid> ids =
            [
                .. graph.members.Values.SelectMany(m => m.Roles), .. RelevantGroups.SelectMany(g => g.Roles),
                .. query.RoleIds, .. graph.run,
            ];
            HashSet<string> names = [.. query.RoleNames];
            return graph.roles.Values.Where(r => ids.Contains(r.Id) || names.Contains(r.NameKey));
        }

        // Reads the levels of groups and the resources in one query. The resources are those named by id or slug and
        // those that the members' levels refer to, or all of them.
        private async Task ReadLevelsAndResourcesAsync(CancellationToken ct)
        {
            Guid[] groups = [
                .. RelevantGroups.Where(g => g.HasLevels && !graph.levelsOfGroups.ContainsKey(g.Id))
                    .Select(g => g.Id)];
            var known = graph.members.Values.SelectMany(m => m.Levels)
                .Concat(RelevantGroups.SelectMany(graph.LevelsOf));
            Guid[] ids = [
                .. query.ResourceIds, .. Wants(MemberDetails.Reached) ? known.Select(l => l.ResourceId).Distinct() : [],
            ];
            string[] slugs = [.. query.ResourceSlugs];
            var all = Wants(MemberDetails.Resources);
            if (groups is [] && ids is [] && slugs is [] && !all) return;

            var sql = new Sql(db.IsSqlite);
            AddLevels(sql, groups);
            if (all)
                sql.Add($" UNION ALL {Sql.Raw(NoLevel)} FROM resources r WHERE r.organization_id = {organization}");
            else AddResources(sql, ids, slugs);
            foreach (var (level, resource) in await db.ReadAsync(
                    sql, row => (LevelOf(row), new ResourceName(row.Id(6), row.Text(7), row.Text(8))), ct))
            {
                // Resources that only groups reach are shown only if the query asks for all reached resources.
                if (level is null || Wants(MemberDetails.Reached)) graph.Add(resource);
                if (level is null) continue;
                if (!graph.levelsOfGroups.TryGetValue(level.GroupId!.Value, out var levels))
                    graph.levelsOfGroups.Add(level.GroupId.Value, levels = []);
                levels.Add(level);
            }
        }

        private const string NoLevel = "SELECT NULL, NULL, NULL, NULL, NULL, NULL, r.id, r.name, r.slug";

        private void AddLevels(Sql sql, IEnumerable<Guid> groups)
        {
            var capabilities = Sql.Raw(sql.IsSqlite ? "a.capabilities" : "array_to_json(a.capabilities)::text");
            sql.Add($"""
                SELECT a.id, a.group_id, a.level, {capabilities}, a.granted_by, a.granted_at, r.id, r.name, r.slug
                    FROM {Sql.Rows(groups)}
                {sql.Each("resource_access", "a")}a.organization_id = {organization}
                    AND a.group_id = l.value{sql.EndEach("a")}
                {sql.Each("resources", "r")}r.organization_id = {organization}
                    AND r.id = a.resource_id{sql.EndEach("r")}
                """);
        }

        private void AddResources(Sql sql, IEnumerable<Guid> ids, IEnumerable<string> slugs) => sql.Add($"""
             UNION ALL {Sql.Raw(NoLevel)} FROM {Sql.Rows(ids)}
                {sql.Each("resources", "r")}r.organization_id = {organization} AND r.id = l.value{sql.EndEach("r")}
            UNION ALL {Sql.Raw(NoLevel)} FROM {Sql.Rows(slugs)}
                {sql.Each("resources", "r")}r.organization_id = {organization} AND r.slug = l.value{sql.EndEach("r")}
            """);

        private ResourceAccess? LevelOf(Row row) => row.IsNull(0) ? null : new()
        {
            OrganizationId = organization, Id = row.Id(0), GroupId = row.Id(1), ResourceId = row.Id(6),
            Level = row.Enum<AccessLevel>(2),
            Capabilities = JsonSerializer.Deserialize<List<string>>(row.Text(3))!, GrantedBy = row.Id(4),
            GrantedAt = row.Instant(5),
        };

        // Reads in one query how many members each group and role has. If the query asks for samples, it also reads up
        // to 100 names for each.
        private async Task ReadHoldersAsync(CancellationToken ct)
        {
            var sql = new Sql(db.IsSqlite);
            AddHolders(
                sql, GrantKind.Group,
                RelevantGroups.Where(g => g.SystemKind is SystemGroup.None).Select(g => Grant.Group(g.Id)));
            AddHolders(sql.Add($" UNION ALL "), GrantKind.Role, RelevantRoles().Select(r => Grant.Role(r.Id)));
            foreach (var kind in Enum.GetValues<MemberKind>()) AddMembers(sql.Add($" UNION ALL "), kind);
            foreach (var (target, count, sample) in await db.ReadAsync(
                    sql, row => (row.Text(0), row.Int(1), row.TextOrNull(2)), ct))
            {
                var ids = target switch
                {
                    "person" => graph.Implied(MemberKind.Person).Select(g => g.Id),
                    "service" => graph.Implied(MemberKind.Service).Select(g => g.Id),
                    _ => [Guid.ParseExact(target, "N")],
                };
                foreach (var id in ids)
                {
                    graph.counts[id] = count;
                    // Identifiers contain no spaces.
                    if (Wants(MemberDetails.Samples)) graph.samples[id] = [.. sample?.Split(' ') ?? []];
                }
            }
        }

        private void AddHolders(Sql sql, GrantKind kind, IEnumerable<Grant> grants)
        {
            sql.Add($"""
                SELECT l.value, (SELECT count(*) FROM member_grants g WHERE g.organization_id = {organization}
                    AND g.kind = {kind} AND g.target = l.value),
                """);
            if (Wants(MemberDetails.Samples))
            {
                sql.Add($"""
                     (SELECT string_agg(x.shown, ' ') FROM (SELECT coalesce(m.email, m.identifier) AS shown
                        FROM member_grants g JOIN members m ON m.organization_id = {organization} AND m.id = g.member_id
                        WHERE g.organization_id = {organization} AND g.kind = {kind} AND g.target = l.value
                            ORDER BY g.member_id {LimitOfSample}) x)
                    """);
            }
            else
            {
                sql.Add($" NULL");
            }

            sql.Add($" FROM {Sql.Rows(grants.Select(g => g.Target))}");
        }

        private void AddMembers(Sql sql, MemberKind kind)
        {
            sql.Add($"""
                SELECT {Sql.Raw(kind is MemberKind.Person ? "'person'" : "'service'")}, (SELECT count(*) FROM members m
                    WHERE m.organization_id = {organization} AND m.status <> 'removed' AND m.kind = {kind}),
                """);
            if (Wants(MemberDetails.Samples))
            {
                sql.Add($"""
                     (SELECT string_agg(x.shown, ' ') FROM (SELECT coalesce(m.email, m.identifier) AS shown
                         FROM members m
                        WHERE m.organization_id = {organization} AND m.status <> 'removed' AND m.kind = {kind}
                            ORDER BY m.id {LimitOfSample}) x)
                    """);
            }
            else
            {
                sql.Add($" NULL");
            }
        }

        private async Task ReadCredentialsAsync(CancellationToken ct)
        {
            var byUser = graph.members.Values.Where(m => m.UserId is not null)
                .ToLookup(m => m.UserId!.Value, m => m.Id);
            if (byUser.Count is 0) return;
            Guid[] ids = [.. byUser.Select(g => g.Key)];
            var users = await db.Users.Where(u => ids.Contains(u.Id))
                .Select(u => new { u.Id, Password = u.PasswordHash != null, u.TwoFactorEnabled }).ToListAsync(ct);
            graph.withPassword.UnionWith(users.Where(u => u.Password).SelectMany(u => byUser[u.Id]));
            graph.withSecondFactor.UnionWith(users.Where(u => u.TwoFactorEnabled).SelectMany(u => byUser[u.Id]));
        }

        private async Task ReadKeysAsync(CancellationToken ct)
        {
            Guid[] holders = [.. graph.members.Keys];
            var found = await db.ApiKeys.AsNoTracking()
                .Where(k => k.OrganizationId == organization && holders.Contains(k.MemberId!.Value)).OrderBy(k => k.Id)
                .ToListAsync(ct);
            graph.keys = found.ToLookup(k => k.MemberId!.Value);
        }

        // Finds the groups that have a member who matches the condition, and the roles that such a member holds
        // directly.
        private async Task ReadHoldersOfAsync(int index, CancellationToken ct)
        {
            var search = MemberSearch.Of(new(), graph.AsDefinitions(), []);
            var sql = new Sql(db.IsSqlite).Add($"""
                SELECT DISTINCT g.target FROM member_grants g JOIN members m ON m.organization_id = {organization}
                    AND m.id = g.member_id
                WHERE g.organization_id = {organization} AND g.kind IN ('group', 'role') AND (
                """);
            search.AddCondition(sql, query.Holders[index]);
            foreach (var target in await db.ReadAsync(sql.Add($")"), row => row.Text(0), ct))
                graph.held.Add((Guid.ParseExact(target, "N"), index));

            sql = new Sql(db.IsSqlite).Add(
                $"SELECT DISTINCT m.kind FROM members m WHERE m.organization_id = {organization} AND m.status <> "
                + $"'removed' AND (");
            search.AddCondition(sql, query.Holders[index]);
            foreach (var kind in await db.ReadAsync(sql.Add($")"), row => row.Enum<MemberKind>(0), ct))
                foreach (var group in graph.Implied(kind)) graph.held.Add((group.Id, index));
        }
    }
}
