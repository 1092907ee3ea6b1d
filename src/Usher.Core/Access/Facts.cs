using Microsoft.EntityFrameworkCore.Metadata;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>One thing that is so about members, groups or roles.</summary>
/// <param name="About">The organization, member, invitation, level, group or role that <paramref name="Kind"/> says it is about; null with every other kind.</param>
internal sealed record Fact(string Kind, Guid SubjectId, Guid? OtherId, string? Name, Guid? GrantedBy, DateTimeOffset? GrantedAt, int? Count, string? More, object? About);

/// <summary>
/// The query behind <see cref="AccessGraph"/>. Written by hand, because a union over shared subqueries is what both databases answer by index, and what a
/// translated query does not give: each branch would repeat the search for the members and scan the organization. What hangs on the members found is asked for
/// row by row (see <see cref="Statement"/>); on SQLite IN would make a table of its own for each branch, which costs more than all the searching. Where a primary key
/// holds all that is asked for, SQLite would read the organization's part of that, too; <c>granted_at IS NOT NULL</c>, which always holds, asks for more. And
/// <c>coalesce(i.status, '')</c> keeps it from the index that begins with the status, which would be read for all that is pending in the organization.
/// </summary>
internal static class Facts
{
    public const string Organization = "organization";
    public const string Member = "member";
    public const string Invitation = "invitation";
    public const string InRun = "in_run";
    public const string MemberPermission = "member_permission";
    public const string MemberGroup = "member_group";
    public const string MemberRole = "member_role";
    public const string Level = "level";
    public const string Group = "group";
    public const string GroupPermission = "group_permission";
    public const string GroupRole = "group_role";
    public const string Role = "role";
    public const string RolePermission = "role_permission";
    public const string Resource = "resource";
    public const string GroupMembers = "group_members";
    public const string RoleMembers = "role_members";
    public const string RoleGroups = "role_groups";
    public const string Password = "password";
    public const string SecondFactor = "second_factor";
    public const string Total = "total";
    public const string GroupSample = "group_sample";
    public const string RoleSample = "role_sample";
    public const string GroupHolder = "group_holder";
    public const string RoleHolder = "role_holder";

    /// <summary>How many names a sample has at most.</summary>
    public const int SampleSize = 100;

    private const string Definitions = """

        UNION ALL SELECT 'group', id, NULL, NULL, NULL, NULL, NULL, NULL FROM in_groups
        UNION ALL SELECT 'group_permission', p.group_id, NULL, p.permission, p.granted_by, p.granted_at, NULL, NULL
            FROM in_groups f CROSS JOIN group_permissions p ON (p.organization_id = {0} AND p.group_id = f.id)
        UNION ALL SELECT 'group_role', r.group_id, r.role_id, NULL, r.granted_by, r.granted_at, NULL, NULL
            FROM in_groups f CROSS JOIN role_groups r ON (r.organization_id = {0} AND r.group_id = f.id)
        UNION ALL SELECT 'level', a.id, NULL, NULL, NULL, NULL, NULL, NULL
            FROM in_groups f CROSS JOIN resource_access a ON (a.organization_id = {0} AND a.group_id = f.id)
        UNION ALL SELECT 'role', id, NULL, NULL, NULL, NULL, NULL, NULL FROM in_roles
        UNION ALL SELECT 'role_permission', p.role_id, NULL, p.permission, p.granted_by, p.granted_at, NULL, NULL
            FROM in_roles f CROSS JOIN role_permissions p ON (p.organization_id = {0} AND p.role_id = f.id)
        """;

    private const string Counts = """

        UNION ALL SELECT 'group_members', d.id, NULL, NULL, NULL, NULL, CASE d.system_kind
            WHEN 'none' THEN (SELECT count(*) FROM group_members gm WHERE gm.organization_id = {0} AND gm.group_id = d.id)
            WHEN 'everyone' THEN (SELECT count(*) FROM members m WHERE m.organization_id = {0} AND m.status <> 'removed' AND m.kind = 'person')
            ELSE (SELECT count(*) FROM members m WHERE m.organization_id = {0} AND m.status <> 'removed' AND m.kind = 'service') END, NULL
            FROM in_groups f CROSS JOIN groups d ON (d.organization_id = {0} AND d.id = f.id)
        UNION ALL SELECT 'role_members', r.id, NULL, NULL, NULL, NULL,
            (SELECT count(*) FROM role_members rm WHERE rm.organization_id = {0} AND rm.role_id = r.id), NULL FROM in_roles r
        UNION ALL SELECT 'role_groups', r.id, NULL, NULL, NULL, NULL,
            (SELECT count(*) FROM role_groups rg WHERE rg.organization_id = {0} AND rg.role_id = r.id), NULL FROM in_roles r
        """;

    private const string Credentials = """

        UNION ALL SELECT 'password', m.id, NULL, NULL, NULL, NULL, NULL, NULL
            FROM found f CROSS JOIN members m ON (m.organization_id = {0} AND m.id = f.id) CROSS JOIN users u ON (u.id = m.user_id AND u.password_hash IS NOT NULL)
        UNION ALL SELECT 'second_factor', m.id, NULL, NULL, NULL, NULL, NULL, NULL
            FROM found f CROSS JOIN members m ON (m.organization_id = {0} AND m.id = f.id) CROSS JOIN users u ON (u.id = m.user_id AND u.two_factor_enabled)
        """;

    // Identifiers as typed, apart by a space, which none has; a hundred at most, for a group may have as many members as the organization.
    private const string Samples = """

        UNION ALL SELECT 'group_sample', d.id, NULL, NULL, NULL, NULL, NULL, (SELECT string_agg(s.shown, ' ') FROM (
            SELECT coalesce(m.email, m.identifier) AS shown FROM group_members gm JOIN members m ON m.organization_id = {0} AND m.id = gm.member_id
            WHERE gm.organization_id = {0} AND gm.group_id = d.id ORDER BY gm.member_id LIMIT 100) s)
            FROM in_groups f CROSS JOIN groups d ON (d.organization_id = {0} AND d.id = f.id AND d.system_kind = 'none')
        UNION ALL SELECT 'group_sample', d.id, NULL, NULL, NULL, NULL, NULL, (SELECT string_agg(s.shown, ' ') FROM (
            SELECT coalesce(m.email, m.identifier) AS shown FROM members m
            WHERE m.organization_id = {0} AND m.status <> 'removed' AND m.kind = CASE d.system_kind WHEN 'everyone' THEN 'person' ELSE 'service' END ORDER BY m.id LIMIT 100) s)
            FROM groups d WHERE d.organization_id = {0} AND d.system_kind <> 'none'
        UNION ALL SELECT 'role_sample', r.id, NULL, NULL, NULL, NULL, NULL, (SELECT string_agg(s.shown, ' ') FROM (
            SELECT coalesce(m.email, m.identifier) AS shown FROM role_members rm JOIN members m ON m.organization_id = {0} AND m.id = rm.member_id
            WHERE rm.organization_id = {0} AND rm.role_id = r.id ORDER BY rm.member_id LIMIT 100) s)
            FROM in_roles r
        """;

    /// <summary>The facts an <see cref="AccessQuery"/> asks for, each with the entity it is about where it is about one.</summary>
    public static Task<List<Fact>> ReadAsync(UsherDb db, AccessQuery query, bool definitions, CancellationToken ct)
    {
        var form = Form.Of(db, query, definitions, out var given);
        List<object> parameters = [db.Raw(query.OrganizationId), .. given];
        var columns = db.Runtime.Kept(() => new RowColumns(db.Model));
        var sql = form.SaysAll ? null : Whole();
        return db.Runtime.StatementOf((object?)sql ?? form, () => Statement.Create(db, sql ?? Whole(), parameters.Count)).ReadAsync(db, parameters, columns.Read, ct);

        string Whole() => columns.Around(Text(db, query, definitions, form, parameters));
    }

    // What an AccessQuery may give, by its place in Parts, which is the order of the parameters.
    private enum Given
    {
        InvitationIds, Identifiers, MemberIds, Numbers, GroupIds, GroupNames, RoleIds, RoleNames, ResourceIds, ResourceSlugs,
        After, Limit, Offset, Status, Role, Group, HeldRole, Reaches, Prefix, PrefixEnd,
    }

    private static readonly Part[] Parts =
    [
        List(q => q.InvitationIds), List(q => q.Identifiers), List(q => q.MemberIds), List(q => q.Numbers), List(q => q.GroupIds),
        List(q => q.GroupNames), List(q => q.RoleIds), List(q => q.RoleNames), List(q => q.ResourceIds), List(q => q.ResourceSlugs),
        OfPage(p => p.After), OfPage(p => p.Limit), OfPage(p => p.Offset is 0 ? null : p.Offset),
        OfPage(p => p.Filter.Status is { } status ? SnakeCaseName.Of(status) : null), OfPage(p => p.Filter.Role is { } role ? SnakeCaseName.Of(role) : null),
        OfPage(p => p.Filter.GroupId), OfPage(p => p.Filter.RoleId), OfPage(p => p.Filter.Reaches),
        OfPage(p => p.Filter.IdentifierPrefix), OfPage(p => p.Filter.IdentifierPrefix is { } prefix ? InvitationFacts.EndOf(prefix) : null),
    ];

    /// <param name="Value">As a parameter; null where it is not given.</param>
    /// <param name="AreIds">Whether it is a list of UUIDs.</param>
    private sealed record Part(Func<UsherDb, AccessQuery, object?> Value, bool AreIds = false);

    // Each is searched for, so each is in it once.
    private static Part List<T>(Func<AccessQuery, IReadOnlyCollection<T>> list) =>
        new((db, query) => list(query) switch { { Count: 0 } => null, { Count: 1 } one => db.RawList(one), var several => db.RawList(several.ToHashSet()) }, typeof(T) == typeof(Guid));

    private static Part OfPage(Func<MemberPage, object?> value) => new((db, query) => query.Page is { } page && value(page) is { } given ? db.RawValue(given) : null);

    /// <summary>What the text of the statement depends on.</summary>
    /// <param name="Has">A bit for each part that is given.</param>
    /// <param name="SaysAll">Whether this is all of it: conditions, runs of groups and roles, and pages of invitations are not in it.</param>
    private sealed record Form(int Has, MemberDetails Details, bool AllDefinitions, bool Definitions, PageForm? Page, bool SaysAll)
    {
        /// <param name="values">Of the parts that are given.</param>
        public static Form Of(UsherDb db, AccessQuery query, bool definitions, out List<object> values)
        {
            var has = 0;
            values = [];
            for (var i = 0; i < Parts.Length; i++)
            {
                if (Parts[i].Value(db, query) is not { } value) continue;
                has |= 1 << i;
                values.Add(value);
            }

            var saysAll = query is { Invitations: null, GroupRun: null, RoleRun: null, Holders.Count: 0, Page: null or { Filter.Conditions.Count: 0 } };
            return new(has, query.Details, query.AllDefinitions, definitions, query.Page is { } page ? new(page.Order, page.Descending, page.WithTotal, page.Filter.Kind) : null, saysAll);
        }

        public bool Is(Given part) => (Has & (1 << (int)part)) is not 0;

        /// <summary>Its parameter.</summary>
        public string Parameter(Given part) => $"{{{1 + System.Numerics.BitOperations.PopCount((uint)(Has & ((1 << (int)part) - 1)))}}}";

        /// <summary>A list's elements as a subquery.</summary>
        public string Elements(UsherDb db, Given list) => db.ElementsOf(Parameter(list), Parts[(int)list].AreIds);

        /// <summary>
        /// Of a table's rows in the organization those that a list names, each searched for: with IN, PostgreSQL goes through all of the organization's where organizations are
        /// small by and large.
        /// </summary>
        public string Named(UsherDb db, string selected, string table, string column, Given list) =>
            $"SELECT {selected} FROM ({Elements(db, list)}) l CROSS JOIN {table} t ON (t.organization_id = {{0}} AND t.{column} = l.value)";
    }

    private sealed record PageForm(MemberOrder Order, bool Descending, bool WithTotal, MemberKind? Kind);

    /// <summary>
    /// The first rows of a query, as many as a parameter says. PostgreSQL takes such a LIMIT for a tenth of all there is, and would get ready for a hundred thousand members; one
    /// around it, that says how many a page has at most, tells it better.
    /// </summary>
    public static string AtMost(UsherDb db, string sql, string limit) => db.IsSqlite ? $"{sql} LIMIT {limit}" : $"SELECT * FROM ({sql} LIMIT {limit}) page LIMIT {MemberPage.MaxLimit}";

    private static string Text(UsherDb db, AccessQuery query, bool definitions, Form form, List<object> parameters)
    {
        var sql = $$"""
            WITH {{Offers()}}{{ReachingGroups()}}found AS MATERIALIZED (
                {{Found()}}
            ), {{Run("group_run", "groups", query.GroupRun)}}{{Run("role_run", "roles", query.RoleRun)}}in_groups AS MATERIALIZED (
                SELECT gm.group_id AS id FROM found f CROSS JOIN group_members gm ON (gm.organization_id = {0} AND gm.member_id = f.id AND gm.granted_at IS NOT NULL)
                UNION SELECT id FROM groups WHERE organization_id = {0} AND system_kind <> 'none'
                UNION SELECT id FROM groups WHERE organization_id = {0} AND is_default
                {{(query.GroupRun is null ? "" : "UNION SELECT id FROM group_run")}}
                {{(query.AllDefinitions ? "UNION SELECT id FROM groups WHERE organization_id = {0}" : ById("groups", Given.GroupIds) + ByName("groups", Given.GroupNames))}}
                {{(query.Details.HasFlag(MemberDetails.Samples) && query.RoleIds.Count > 0 ? HoldersOf() : "")}}
            ), in_roles AS MATERIALIZED (
                SELECT rm.role_id AS id FROM found f CROSS JOIN role_members rm ON (rm.organization_id = {0} AND rm.member_id = f.id AND rm.granted_at IS NOT NULL)
                UNION SELECT rg.role_id FROM in_groups f CROSS JOIN role_groups rg ON (rg.organization_id = {0} AND rg.group_id = f.id AND rg.granted_at IS NOT NULL)
                {{(query.RoleRun is null ? "" : "UNION SELECT id FROM role_run")}}
                {{(query.AllDefinitions ? "UNION SELECT id FROM roles WHERE organization_id = {0}" : ById("roles", Given.RoleIds) + ByName("roles", Given.RoleNames))}}
            )
            SELECT 'organization' AS kind, id AS subject_id, id AS other_id, slug AS name, id AS granted_by, created_at AS granted_at, version AS count, slug AS more
                FROM organizations WHERE id = {0}
            UNION ALL SELECT 'member', id, NULL, NULL, NULL, NULL, NULL, NULL FROM found
            UNION ALL SELECT 'invitation', i.id, NULL, NULL, NULL, NULL, NULL, NULL
                FROM found f CROSS JOIN invitations i ON (i.organization_id = {0} AND i.member_id = f.id AND coalesce(i.status, '') IN ('pending', 'expired'))
            UNION ALL SELECT 'member_permission', p.member_id, NULL, p.permission, p.granted_by, p.granted_at, NULL, NULL
                FROM found f CROSS JOIN member_permissions p ON (p.organization_id = {0} AND p.member_id = f.id)
            UNION ALL SELECT 'member_group', gm.member_id, gm.group_id, NULL, gm.granted_by, gm.granted_at, NULL, NULL
                FROM found f CROSS JOIN group_members gm ON (gm.organization_id = {0} AND gm.member_id = f.id)
            UNION ALL SELECT 'member_role', rm.member_id, rm.role_id, NULL, rm.granted_by, rm.granted_at, NULL, NULL
                FROM found f CROSS JOIN role_members rm ON (rm.organization_id = {0} AND rm.member_id = f.id)
            UNION ALL SELECT 'level', a.id, NULL, NULL, NULL, NULL, NULL, NULL
                FROM found f CROSS JOIN resource_access a ON (a.organization_id = {0} AND a.member_id = f.id)
            """;
        if (query.Invitations is not null || query.InvitationIds.Count > 0)
            sql += "\nUNION ALL SELECT 'invitation', o.id, NULL, NULL, NULL, NULL, NULL, NULL FROM offers o WHERE o.status NOT IN ('pending', 'expired')";
        if (query.Invitations is not null) sql += "\nUNION ALL SELECT 'in_run', id, NULL, NULL, NULL, NULL, NULL, NULL FROM offers";
        if ((query.GroupRun ?? query.RoleRun) is not null)
            sql += $"\nUNION ALL SELECT 'in_run', id, NULL, NULL, NULL, NULL, NULL, NULL FROM {(query.GroupRun is null ? "role_run" : "group_run")}";
        if (definitions) sql += Definitions;
        if (definitions && query.Details.HasFlag(MemberDetails.Counts)) sql += Counts;
        if (query.Details.HasFlag(MemberDetails.Credentials)) sql += Credentials;
        if (definitions && query.Details.HasFlag(MemberDetails.Samples)) sql += Samples;
        if (query.Page is { WithTotal: true } counted) sql += $"\nUNION ALL SELECT 'total', {{0}}, NULL, NULL, NULL, NULL, (SELECT count(*) FROM members m WHERE {Within(counted)}), NULL";
        for (var i = 0; i < query.Holders.Count; i++) sql += HoldersWhere(i, query.Holders[i]);
        foreach (var which in Resources()) sql += $"\nUNION ALL SELECT 'resource', id, NULL, name, NULL, NULL, NULL, slug FROM resources WHERE organization_id = {{0}}{which}";

        return sql;

        string Found()
        {
            if (query.Page is { } page) return Chunk(page);
            if (query.Invitations is not null) return "SELECT DISTINCT member_id AS id FROM offers";
            List<string> ways = [];
            if (query.Identifiers.Count > 0) ways.Add(form.Named(db, "t.id", "members", "identifier", Given.Identifiers));
            if (query.MemberIds.Count > 0) ways.Add(form.Named(db, "t.id", "members", "id", Given.MemberIds));
            if (query.Numbers.Count > 0) ways.Add(form.Named(db, "t.id", "members", "number", Given.Numbers));
            if (query.InvitationIds.Count > 0) ways.Add("SELECT member_id AS id FROM offers");
            return ways is [] ? "SELECT id FROM members WHERE 1 = 0" : string.Join(" UNION ", ways);
        }

        string Run(string name, string table, DefinitionRun? run) => run is null ? "" : $$"""
            {{name}} AS MATERIALIZED (
                {{AtMost(db, $"SELECT id FROM {table} WHERE organization_id = {{0}}{(run.After is { } after ? $" AND id > {Parameter(after)}" : "")} ORDER BY id", Parameter(run.Limit))}}
            ),
            """ + " ";

        string Offers()
        {
            var offers = query.Invitations is { } page ? InvitationFacts.Page(db, page, Parameter)
                : form.Is(Given.InvitationIds) ? form.Named(db, "t.id, t.member_id, t.status", "invitations", "id", Given.InvitationIds)
                : null;
            return offers is null ? "" : $"offers AS MATERIALIZED (\n    {offers}\n), ";
        }

        string Chunk(MemberPage page)
        {
            var column = page.Order switch
            {
                MemberOrder.Created => "m.id",
                MemberOrder.Identifier => "m.identifier",
                MemberOrder.Number => "m.number",
                MemberOrder.LastSignIn => "coalesce(m.last_sign_in_at, m.created_at)",
            };
            var beyond = form.Is(Given.After) ? $"AND {column} {(page.Descending ? '<' : '>')} {form.Parameter(Given.After)}" : "";
            var offset = form.Is(Given.Offset) ? $"OFFSET {form.Parameter(Given.Offset)}" : "";
            var direction = page.Descending ? " DESC" : "";
            var among = page.Order is MemberOrder.LastSignIn ? $", m.id{direction}" : ""; // of two at the same time one comes first, on every page
            return AtMost(db, $"SELECT m.id FROM members m WHERE {Within(page)} {beyond} ORDER BY {column}{direction}{among}", $"{form.Parameter(Given.Limit)} {offset}");
        }

        string Within(MemberPage page)
        {
            // Where any will do, it is asked all the same: status and id are an index of their own, which PostgreSQL would read for the whole organization, and sort, rather than
            // begin where the page begins.
            var kind = page.Filter.Kind switch { MemberKind.Person => " AND m.kind = 'person'", MemberKind.Service => " AND m.kind = 'service'", null => " AND m.kind IN ('person', 'service')" };
            if (form.Is(Given.Status)) kind += $" AND m.status = {form.Parameter(Given.Status)}";
            if (form.Is(Given.Role)) kind += $" AND m.role = {form.Parameter(Given.Role)}";
            if (form.Is(Given.Group)) kind += InvitationFacts.InGroup("m.id", form.Parameter(Given.Group));
            if (form.Is(Given.HeldRole)) kind += InvitationFacts.HoldsRole("m.id", form.Parameter(Given.HeldRole));
            if (form.Is(Given.Reaches)) kind += $" AND ({Reaches(form.Parameter(Given.Reaches))})";
            if (form.Is(Given.Prefix)) kind += InvitationFacts.StartsWith(form.Parameter(Given.Prefix), form.Parameter(Given.PrefixEnd));
            return $"m.organization_id = {{0}} AND m.status <> 'removed'{kind}{string.Concat(page.Filter.Conditions.Select(c => $" AND {(c.Negated ? "NOT " : "")}({Holds(c)})"))}";
        }

        // What EffectiveAccess.Reaches says, asked of member by member in the page's order: whom a role lets in is in no index. Of the groups one looks at those he is in:
        // without the plus SQLite would look for him in each that reaches, however many.
        string Reaches(string resource) => $$"""
            m.role IN ('admin', 'power_user', 'read_only') OR m.all_resources
            OR CASE m.kind WHEN 'person' THEN 'everyone' ELSE 'service_accounts' END IN (SELECT system_kind FROM reaching_groups)
            OR EXISTS (SELECT 1 FROM resource_access a WHERE a.organization_id = {0} AND a.member_id = m.id AND a.resource_id = {{resource}} AND {{IsSome("a")}})
            OR EXISTS (SELECT 1 FROM group_members gm WHERE gm.organization_id = {0} AND gm.member_id = m.id AND gm.granted_at IS NOT NULL
                AND {{(db.IsSqlite ? "+" : "")}}gm.group_id IN (SELECT id FROM reaching_groups))
            """;

        // The groups whose members reach the resource that the page asks about. Rows of members have no group, which is none of these.
        string ReachingGroups() => !form.Is(Given.Reaches) ? "" : $$"""
            reaching_groups AS MATERIALIZED (
                SELECT g.id, g.system_kind FROM groups g WHERE g.organization_id = {0} AND (g.is_admin OR g.all_resources OR g.id IN (
                    SELECT a.group_id FROM resource_access a WHERE a.organization_id = {0} AND a.resource_id = {{form.Parameter(Given.Reaches)}} AND {{IsSome("a")}}))
            ),
            """ + " ";

        string IsSome(string level) => $"({level}.level <> 'none' OR {(db.IsSqlite ? "json_array_length" : "cardinality")}({level}.capabilities) > 0)";

        string Holds(MemberCondition condition)
        {
            const string inGroup = """
                (EXISTS (SELECT 1 FROM group_members gm WHERE gm.organization_id = {0} AND gm.group_id = g.id AND gm.member_id = m.id)
                    OR g.system_kind = CASE m.kind WHEN 'person' THEN 'everyone' ELSE 'service_accounts' END)
                """;
            const string holdsRole = "EXISTS (SELECT 1 FROM role_members rm WHERE rm.organization_id = {0} AND rm.role_id = r.id AND rm.member_id = m.id)";
            const string holdsRoleByGroup = $$"""
                EXISTS (SELECT 1 FROM role_groups rg JOIN groups g ON g.organization_id = {0} AND g.id = rg.group_id
                    WHERE rg.organization_id = {0} AND rg.role_id = r.id AND {{inGroup}})
                """;
            return condition.Field switch
            {
                MemberField.Any => string.Join(" OR ", Texts("m.identifier"), Texts("lower(m.first_name)"), Texts("lower(m.last_name)"), Texts("lower(m.description)")),
                MemberField.Identifier => Texts("m.identifier"),
                MemberField.Description => Texts("lower(m.description)"),
                MemberField.SsoId => Texts("lower(coalesce(m.sso_id, ''))"),
                MemberField.LastSignIn => Texts(Milliseconds("m.last_sign_in_at")),
                MemberField.Active => Texts("CASE m.status WHEN 'active' THEN 'true' ELSE 'false' END"),
                MemberField.Permission => $"EXISTS (SELECT 1 FROM member_permissions p WHERE p.organization_id = {{0}} AND p.member_id = m.id AND ({Texts("p.permission")}))",
                MemberField.Group => $"EXISTS (SELECT 1 FROM groups g WHERE g.organization_id = {{0}} AND {Named("g")} AND {inGroup})",
                MemberField.Role => $"EXISTS (SELECT 1 FROM roles r WHERE r.organization_id = {{0}} AND {Named("r")} AND {holdsRole})",
                MemberField.EffectiveRole => $"EXISTS (SELECT 1 FROM roles r WHERE r.organization_id = {{0}} AND {Named("r")} AND ({holdsRole} OR {holdsRoleByGroup}))",
                MemberField.EffectivePermission => $$"""
                    {{(condition.AdminsHoldIt ? "m.role = 'admin' OR EXISTS (SELECT 1 FROM groups g WHERE g.organization_id = {0} AND g.is_admin AND " + inGroup + ")" : "1 = 0")}}
                    OR EXISTS (SELECT 1 FROM member_permissions p WHERE p.organization_id = {0} AND p.member_id = m.id AND ({{Texts("p.permission")}}))
                    OR EXISTS (SELECT 1 FROM group_permissions p JOIN groups g ON g.organization_id = {0} AND g.id = p.group_id
                        WHERE p.organization_id = {0} AND ({{Texts("p.permission")}}) AND {{inGroup}})
                    OR EXISTS (SELECT 1 FROM role_permissions p JOIN roles r ON r.organization_id = {0} AND r.id = p.role_id
                        WHERE p.organization_id = {0} AND ({{Texts("p.permission")}}) AND ({{holdsRole}} OR {{holdsRoleByGroup}}))
                    """,
                MemberField.Key => $"EXISTS (SELECT 1 FROM api_keys k WHERE k.organization_id = {{0}} AND k.member_id = m.id AND ({Texts("lower(k.name)")} OR {Texts(Id("k"))}))",
                MemberField.LastUse => Texts($"(SELECT {Milliseconds("max(k.last_used_at)")} FROM api_keys k WHERE k.organization_id = {{0}} AND k.member_id = m.id)"),
            };

            // However many texts, one parameter: a chain of conditions as long as a caller likes is more than SQLite parses. No text that is kept has a zero in it, and PostgreSQL takes none.
            string Texts(string column)
            {
                var texts = Elements([.. condition.Texts.Where(text => !text.Contains('\0')).Select(text => text.ToLowerInvariant())]);
                var any = db.IsSqlite ? $"EXISTS (SELECT 1 FROM ({texts}) t WHERE " : $"EXISTS (SELECT 1 FROM ({texts}) t(value) WHERE ";
                return condition.Match switch
                {
                    TextMatch.Exact => $"{column} IN ({texts})",
                    TextMatch.StartsWith => $"{any}substr({column}, 1, length(t.value)) = t.value)",
                    TextMatch.Contains => $"{any}{(db.IsSqlite ? "instr" : "strpos")}({column}, t.value) > 0)",
                    TextMatch.Path => $"{any}{column} = t.value OR substr({column}, 1, length(t.value) + 1) = t.value || '.')",
                };
            }

            string Named(string table) => $"({Texts($"{table}.name_key")} OR {Texts(Id(table))})";

            // As it is written everywhere: lower case, with hyphens.
            string Id(string table) => db.IsSqlite
                ? $"lower({string.Join(" || '-' || ", new[] { (1, 8), (9, 4), (13, 4), (17, 4), (21, 12) }.Select(part => $"substr(hex({table}.id), {part.Item1}, {part.Item2})"))})"
                : $"{table}.id::text";

            string Milliseconds(string instant) => $"coalesce({(db.IsSqlite ? $"CAST({instant} AS TEXT)" : $"(extract(epoch FROM {instant}) * 1000)::bigint::text")}, '')";
        }

        // Which groups have a member, and which roles are held directly by one, of whom a condition holds.
        string HoldersWhere(int index, MemberCondition condition)
        {
            var live = $"m.organization_id = {{0}} AND m.status <> 'removed' AND ({Holds(condition)})";
            return $$"""

                UNION ALL SELECT 'group_holder', g.id, NULL, NULL, NULL, NULL, {{index}}, NULL FROM groups g WHERE g.organization_id = {0} AND (
                    g.id IN (SELECT gm.group_id FROM group_members gm JOIN members m ON m.id = gm.member_id WHERE gm.organization_id = {0} AND {{live}})
                    OR (g.system_kind = 'everyone' AND EXISTS (SELECT 1 FROM members m WHERE m.kind = 'person' AND {{live}}))
                    OR (g.system_kind = 'service_accounts' AND EXISTS (SELECT 1 FROM members m WHERE m.kind = 'service' AND {{live}})))
                UNION ALL SELECT 'role_holder', rm.role_id, NULL, NULL, NULL, NULL, {{index}}, NULL
                    FROM role_members rm JOIN members m ON m.id = rm.member_id WHERE rm.organization_id = {0} AND {{live}}
                """;
        }

        // Those asked for by id or slug, those that levels found lead to, or all.
        IEnumerable<string> Resources()
        {
            if (query.Details.HasFlag(MemberDetails.Resources)) return [""];
            List<string> ways = [];
            if (query.ResourceIds.Count > 0) ways.Add($"id IN ({form.Elements(db, Given.ResourceIds)})");
            if (query.ResourceSlugs.Count > 0) ways.Add($"slug IN ({form.Elements(db, Given.ResourceSlugs)})");
            if (query.Details.HasFlag(MemberDetails.Reached))
                ways.Add("""
                    id IN (SELECT a.resource_id FROM found f CROSS JOIN resource_access a ON (a.organization_id = {0} AND a.member_id = f.id)
                        UNION SELECT a.resource_id FROM in_groups f CROSS JOIN resource_access a ON (a.organization_id = {0} AND a.group_id = f.id))
                    """);
            return ways is [] ? [] : [$" AND ({string.Join(" OR ", ways)})"];
        }

        string HoldersOf() => $"UNION {form.Named(db, "t.group_id", "role_groups", "role_id", Given.RoleIds)}";

        string ById(string table, Given ids) => form.Is(ids) ? $" UNION {form.Named(db, "t.id", table, "id", ids)}" : "";

        string ByName(string table, Given keys) => form.Is(keys) ? $" UNION {form.Named(db, "t.id", table, "name_key", keys)}" : "";

        string Elements(IReadOnlyCollection<string> values) => db.ElementsOf(Parameter(db.RawList(values)), ids: false);

        string Parameter(object value)
        {
            parameters.Add(db.RawValue(value));
            return $"{{{parameters.Count - 1}}}";
        }
    }

    // The columns of a row: those of the fact, then those of each entity it may be about.
    private sealed class RowColumns
    {
        private readonly EntityReader<Organization> organizations;
        private readonly EntityReader<Member> members;
        private readonly EntityReader<Invitation> invitations;
        private readonly EntityReader<ResourceAccess> levels;
        private readonly EntityReader<Group> groups;
        private readonly EntityReader<Role> roles;

        public RowColumns(IModel model)
        {
            organizations = new(model, first: 8);
            members = new(model, organizations.End);
            invitations = new(model, members.End);
            levels = new(model, invitations.End);
            groups = new(model, levels.End);
            roles = new(model, groups.End);
        }

        public string Around(string facts) =>
            $$"""
            SELECT u.kind, u.subject_id, u.other_id, u.name, u.granted_by, u.granted_at, u.count, u.more, {{Of("o", organizations.Columns)}}, {{Of("m", members.Columns)}},
                {{Of("i", invitations.Columns)}}, {{Of("a", levels.Columns)}}, {{Of("g", groups.Columns)}}, {{Of("r", roles.Columns)}}
            FROM (
            {{facts}}
            ) u
            LEFT JOIN organizations o ON (o.id = {{IdOf(Organization)}})
            LEFT JOIN members m ON (m.organization_id = {0} AND m.id = {{IdOf(Member)}})
            LEFT JOIN invitations i ON (i.organization_id = {0} AND i.id = {{IdOf(Invitation)}})
            LEFT JOIN resource_access a ON (a.organization_id = {0} AND a.id = {{IdOf(Level)}})
            LEFT JOIN groups g ON (g.organization_id = {0} AND g.id = {{IdOf(Group)}})
            LEFT JOIN roles r ON (r.organization_id = {0} AND r.id = {{IdOf(Role)}})
            """;

        public Fact Read(ResultRow row)
        {
            var kind = row.Text(0);
            return new(kind, row.Id(1), row.IdOrNull(2), row.TextOrNull(3), row.IdOrNull(4), row.InstantOrNull(5), row.IsNull(6) ? null : (int)row.Integer(6), row.TextOrNull(7), kind switch
            {
                Organization => organizations.Read(row),
                Member => members.Read(row),
                Invitation => invitations.Read(row),
                Level => levels.Read(row),
                Group => groups.Read(row),
                Role => roles.Read(row),
                _ => null,
            });
        }

        // Nothing for a row of another kind: both databases then do not look, while a condition on the kind would be asked after they had.
        private static string IdOf(string kind) => $"CASE WHEN u.kind = '{kind}' THEN u.subject_id END";

        private static string Of(string table, IEnumerable<string> columns) => string.Join(", ", columns.Select(column => $"{table}.{column}"));
    }
}
