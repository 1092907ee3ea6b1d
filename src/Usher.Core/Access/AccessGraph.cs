using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>What an operation wants to know before it decides. Everything is of one organization.</summary>
public sealed record AccessQuery(Guid OrganizationId)
{
    /// <summary>Members by canonical identifier: the live one, and the latest removed.</summary>
    public IReadOnlyCollection<string> Identifiers { get; init; } = [];

    /// <summary>Members by id.</summary>
    public IReadOnlyCollection<Guid> MemberIds { get; init; } = [];

    /// <summary>Members by number.</summary>
    public IReadOnlyCollection<long> Numbers { get; init; } = [];

    /// <summary>
    /// Invitations by id, whatever has become of them, each with its member; see <see cref="AccessGraph.Invitation"/>.
    /// </summary>
    public IReadOnlyCollection<Guid> InvitationIds { get; init; } = [];

    public IReadOnlyCollection<Guid> GroupIds { get; init; } = [];

    public IReadOnlyCollection<Guid> RoleIds { get; init; } = [];

    /// <summary>Groups by the key of their name.</summary>
    public IReadOnlyCollection<string> GroupNames { get; init; } = [];

    /// <summary>Roles by the key of their name.</summary>
    public IReadOnlyCollection<string> RoleNames { get; init; } = [];

    public IReadOnlyCollection<Guid> ResourceIds { get; init; } = [];

    public IReadOnlyCollection<string> ResourceSlugs { get; init; } = [];

    /// <summary>
    /// Whether the operation may take an administrator away, and so must be alone with the organization.
    /// </summary>
    public bool LockOrganization { get; init; }

    /// <summary>What only an answer needs, and no rule.</summary>
    public MemberDetails Details { get; init; }

    /// <summary>A run of live persons in order, instead of members by name; see <see cref="MemberPage"/>.</summary>
    public MemberPage? Page { get; init; }

    /// <summary>A run of invitations in order, with their members; see <see cref="InvitationPage"/>.</summary>
    public InvitationPage? Invitations { get; init; }

    /// <summary>A run of the organization's groups, oldest first.</summary>
    public DefinitionRun? GroupRun { get; init; }

    /// <summary>A run of the organization's roles, oldest first.</summary>
    public DefinitionRun? RoleRun { get; init; }

    /// <summary>Whether all groups and roles are read, not only those of the members found.</summary>
    public bool AllDefinitions { get; init; }

    /// <summary>The conditions of <see cref="Page"/>, made ready.</summary>
    internal MemberSearch? Search { get; init; }

    /// <summary>
    /// What to ask of every group's members and of those who hold each role directly; see
    /// <see cref="AccessGraph.HasHolder"/>.
    /// </summary>
    public IReadOnlyList<MemberCondition> Holders { get; init; } = [];

    /// <summary>The same, the actor's own membership included: what he holds today is what he may give.</summary>
    public AccessQuery With(Actor actor) => actor.IsMember ? this with { MemberIds = [.. MemberIds, actor.Id] } : this;
}

/// <summary>
/// What a surface shows besides the members themselves. Read in the same round trip, and only where it is shown.
/// </summary>
[Flags]
public enum MemberDetails
{
    None = 0,

    /// <summary>How many live members a group has or a role is held by, and how many groups hold a role.</summary>
    Counts = 1,

    /// <summary>Who has a password, and a second factor.</summary>
    Credentials = 2,

    /// <summary>All resources of the organization.</summary>
    Resources = 4,

    /// <summary>Of every group and role read, up to a hundred of those who are in it or hold it.</summary>
    Samples = 8,

    /// <summary>The resources that the levels found lead to.</summary>
    Reached = 16,

    /// <summary>The keys of the members found. Costs a read of its own.</summary>
    Keys = 32,
}

/// <summary>One chunk of the live members of an organization.</summary>
/// <param name="Order">By what.</param>
/// <param name="After">Of the last member of the chunk before what the order goes by: his id, identifier or number;
/// null for the first chunk, and where <paramref name="Offset"/> says where to begin.</param>
/// <param name="Limit">1 to <see cref="MaxLimit"/>.</param>
/// <param name="Offset">How many to pass over.</param>
/// <param name="Descending">Whether the order is turned around.</param>
/// <param name="WithTotal">Whether all that the filter lets through are counted.</param>
public sealed record MemberPage(
    MemberOrder Order, object? After, int Limit, int Offset = 0, bool Descending = false, bool WithTotal = false)
{
    /// <summary>A page of 1,000, and one more that says whether another page follows.</summary>
    public const int MaxLimit = 1_001;

    public MemberFilter Filter { get; init; } = MemberFilter.Persons;

    /// <summary>What the order goes by, to begin the next chunk after a member.</summary>
    public object KeyOf(Member member) => Order switch
    {
        MemberOrder.Created => member.Id,
        MemberOrder.Identifier => member.Identifier,
        MemberOrder.Number => member.Number,
        MemberOrder.LastSignIn => throw new NotSupportedException("By last sign-in pages go by offset."),
    };
}

/// <summary>A run of groups or roles, in order of their ids.</summary>
/// <param name="After">The last of the run before.</param>
/// <param name="Limit">1 to <see cref="MemberPage.MaxLimit"/>.</param>
public sealed record DefinitionRun(Guid? After, int Limit);

/// <summary>A resource as others refer to it.</summary>
public sealed record ResourceName(Guid Id, string Name, string Slug);

/// <summary>
/// Members with all they hold, the organization's groups and roles, and whatever an operation refers to. Groups and
/// roles may be shared with other requests (<see cref="OrganizationDefinitions"/>): a change works on a copy and hands
/// it back with <c>Add</c>.
/// </summary>
public sealed class AccessGraph
{
    private readonly Dictionary<Guid, Member> members = [];
    private readonly Dictionary<string, List<Member>> byIdentifier = [];
    private readonly Dictionary<Guid, Group> groups = [];
    private readonly Dictionary<Guid, Role> roles = [];
    private readonly Dictionary<Guid, ResourceName> resources = [];
    private readonly Dictionary<Guid, Invitation> invitations = [];
    private readonly List<Guid> run = [];

    private readonly Dictionary<Guid, List<ResourceAccess>> levelsOfGroups = [];
    private readonly Dictionary<Guid, int> counts = [];
    private readonly Dictionary<Guid, List<string>> samples = [];
    private ILookup<Guid, ApiKey>? keys;
    private readonly HashSet<Guid> withPassword = [];
    private readonly HashSet<Guid> withSecondFactor = [];
    private readonly HashSet<(Guid Id, int Condition)> held = [];

    private readonly GrantingRules rules;

    internal AccessGraph(Organization organization, GrantingRules? rules = null) =>
        (Organization, this.rules) = (organization, rules ?? new());

    public Organization Organization { get; }

    public IEnumerable<Member> Members => members.Values;

    public IEnumerable<Group> DefaultGroups =>
        groups.Values.Where(g => g.IsDefault && g.SystemKind is SystemGroup.None);

    public Member? Member(Guid id) => members.GetValueOrDefault(id);

    /// <summary>The live member of that identifier, as it was read, else the one removed last.</summary>
    public Member? Member(string identifier) =>
        byIdentifier.GetValueOrDefault(identifier)?.MaxBy(m => (m.IsLive, m.Id));

    public Group? Group(Guid id) => groups.GetValueOrDefault(id);

    /// <summary>A group by its id, or, where it is so named, by name.</summary>
    public Group? Group(Reference reference) =>
        reference.ByName
            ? groups.Values.FirstOrDefault(g => g.NameKey == Text.Key(reference.Text))
            : reference.Id is { } id
            ? Group(id)
            : null;

    /// <summary>A role by its id, or, where it is so named, by name.</summary>
    public Role? Role(Reference reference) =>
        reference.ByName
            ? roles.Values.FirstOrDefault(r => r.NameKey == Text.Key(reference.Text))
            : reference.Id is { } id
            ? Role(id)
            : null;

    /// <summary>
    /// An invitation asked for by id or on the page, or any that is pending or expired of a member found.
    /// </summary>
    public Invitation? Invitation(Guid id) => invitations.GetValueOrDefault(id);

    /// <summary>The groups of the run that was asked for, in its order.</summary>
    public IEnumerable<Group> RunOfGroups => run.Order().Select(Group).OfType<Group>();

    /// <summary>The roles of the run that was asked for, in its order.</summary>
    public IEnumerable<Role> RunOfRoles => run.Order().Select(Role).OfType<Role>();

    /// <summary>Those on the page that was asked for, in no particular order.</summary>
    public IEnumerable<Invitation> RunOfInvitations => run.Select(id => invitations[id]);

    public Role? Role(Guid id) => roles.GetValueOrDefault(id);

    public IEnumerable<Group> Groups => groups.Values;

    public IEnumerable<Role> Roles => roles.Values;

    /// <summary>A resource by its id, else by its slug.</summary>
    public ResourceName? Resource(Reference reference) =>
        reference.Id is { } id
            ? resources.GetValueOrDefault(id)
            : resources.Values.FirstOrDefault(r => r.Slug == reference.Text);

    /// <summary>The resources read, oldest first.</summary>
    public IEnumerable<ResourceName> Resources => resources.Values.OrderBy(r => r.Id);

    /// <summary>How many members the page's filter lets through. Needs <see cref="MemberPage.WithTotal"/>.</summary>
    public int Total { get; private set; }

    /// <summary>Whether a member's user has a password. Needs <see cref="MemberDetails.Credentials"/>.</summary>
    public bool HasPassword(Member member) => withPassword.Contains(member.Id);

    /// <summary>
    /// Whether a member's user signs in with a second factor. Needs <see cref="MemberDetails.Credentials"/>.
    /// </summary>
    public bool HasSecondFactor(Member member) => withSecondFactor.Contains(member.Id);

    /// <summary>How many live members a group has. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int MembersOf(Group group) => counts.GetValueOrDefault(group.Id);

    /// <summary>How many live members hold a role directly. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int MembersOf(Role role) => counts.GetValueOrDefault(role.Id);

    /// <summary>How many groups hold a role.</summary>
    public int GroupsOf(Role role) => HoldersOf(role).Count();

    /// <summary>
    /// Up to a hundred of a group's members, by identifier as typed, longest there first. Needs
    /// <see cref="MemberDetails.Samples"/>.
    /// </summary>
    public IReadOnlyList<string> SampleOf(Group group) => samples.GetValueOrDefault(group.Id) ?? [];

    /// <summary>Up to a hundred of those who hold a role directly. Needs <see cref="MemberDetails.Samples"/>.</summary>
    public IReadOnlyList<string> SampleOf(Role role) => samples.GetValueOrDefault(role.Id) ?? [];

    /// <summary>The groups that hold a role.</summary>
    public IEnumerable<Group> HoldersOf(Role role) => groups.Values.Where(g => g.Roles.Contains(role.Id));

    /// <summary>
    /// The levels that membership of a group gives. Known of every group that a rule or an answer may ask about.
    /// </summary>
    public IReadOnlyList<ResourceAccess> LevelsOf(Group group) => levelsOfGroups.GetValueOrDefault(group.Id) ?? [];

    /// <summary>The level that membership of a group gives on a resource.</summary>
    public Reach ReachOf(Group group, Guid resource) =>
        LevelsOf(group).FirstOrDefault(l => l.ResourceId == resource)?.Reach ?? new(AccessLevel.None, []);

    /// <summary>
    /// Whether a group has a member, or a role is held directly by one, of whom one of
    /// <see cref="AccessQuery.Holders"/> holds.
    /// </summary>
    public bool HasHolder(Guid groupOrRole, int condition) => held.Contains((groupOrRole, condition));

    /// <summary>A member's keys, oldest first. Needs <see cref="MemberDetails.Keys"/>.</summary>
    public IEnumerable<ApiKey> KeysOf(Member member) => keys?[member.Id] ?? [];

    /// <summary>
    /// Takes in a new or returning member with its grants, so that the counts are those after the commit.
    /// </summary>
    public void Add(Member member)
    {
        Take(member);
        foreach (var group in Implied(member.Kind)) Count(group.Id, 1);
        Moved(member, Grants.None);
    }

    /// <summary>Takes in a new or changed group, with its levels.</summary>
    public void Add(Group group, IEnumerable<ResourceAccess> levels) =>
        (groups[group.Id], levelsOfGroups[group.Id]) = (group, [.. levels]);

    public void Add(Role role) => roles[role.Id] = role;

    /// <summary>A group to be changed: a copy that takes the place of the shared one in this graph.</summary>
    public Group? Edit(Guid groupId) =>
        groups.TryGetValue(groupId, out var shared) ? groups[groupId] = shared.Copy() : null;

    /// <summary>The same for a role.</summary>
    public Role? EditRole(Guid roleId) =>
        roles.TryGetValue(roleId, out var shared) ? roles[roleId] = shared.Copy() : null;

    public void Add(ResourceName resource) => resources[resource.Id] = resource;

    /// <summary>After a change of what a member holds: makes counts and samples those after the commit.</summary>
    public void Moved(Member member, Grants before)
    {
        foreach (var left in before.All.Except(member.Grants.All).Where(g => g.Kind is not GrantKind.Permission))
        {
            Count(left.Id, -1);
            samples.GetValueOrDefault(left.Id)?.Remove(member.ShownAs);
        }

        foreach (var come in member.Grants.All.Except(before.All).Where(g => g.Kind is not GrantKind.Permission))
        {
            Count(come.Id, 1);
            if (!samples.TryGetValue(come.Id, out var names)) samples.Add(come.Id, names = []);
            if (names.Count < GraphDetails.SampleSize) names.Add(member.ShownAs);
        }
    }

    private void Count(Guid id, int by) => counts[id] = counts.GetValueOrDefault(id) + by;

    /// <summary>
    /// An actor as he stands now, levels on resources included. Operators and the system always hold; a member who is
    /// no longer active holds nothing.
    /// </summary>
    public Actor Today(Actor actor) =>
        actor.IsMember
            ? actor with
            {
                Access = Member(actor.Id) is { Status: MemberStatus.Active } self ? Of(self) : EffectiveAccess.Nothing,
            }
            : actor;

    /// <summary>What a member effectively has.</summary>
    public EffectiveAccess Of(Member member) => Of(member, GroupsOf(member));

    /// <summary>
    /// Whether an actor holds everything that a member effectively has, except what all members of a kind have through
    /// the system group.
    /// </summary>
    public bool Covers(Actor actor, Member member) => actor.Covers(Of(member, KnownGroups(member)));

    /// <summary>Whether a granting rule lets something pass; see <see cref="GrantingRules.Pass"/>.</summary>
    internal bool Pass(GrantingRule rule, bool holds) => rules.Pass(rule, holds);

    /// <summary>Whether an actor, as it is today, may change members, invitations, groups and roles at all.</summary>
    internal bool MayManageUsers(Actor today) =>
        Pass(GrantingRule.UserManagement, today.May(Permissions.UserManagement));

    /// <summary>Whether an actor, as it is today, may change the keys of other members at all.</summary>
    internal bool MayManageKeys(Actor today) =>
        Pass(GrantingRule.TokenManagement, today.May(Permissions.TokenManagement));

    /// <summary>
    /// Whether the sponsor of an offer may still make it: the system and operators always, a member who is active,
    /// holds <c>user_management</c> and covers the invited member. Needs the sponsor among the members read.
    /// </summary>
    public bool SponsorStands(Member member)
    {
        if (member.SponsorKind is not ActorKind.Member) return true;
        var sponsor = Today(new(
            ActorKind.Member, member.SponsorId, member.SponsorName, Organization.Id, EffectiveAccess.Nothing));
        return Pass(GrantingRule.SponsorMayInvite, sponsor.May(Permissions.UserManagement))
            && Pass(GrantingRule.SponsorCovers, Covers(sponsor, member));
    }

    /// <summary>
    /// Whether a member is active and may invite, so that invitations may depend on what the member holds.
    /// </summary>
    public bool MaySponsor(Member member) =>
        member.Status is MemberStatus.Active && Of(member).Has(Permissions.UserManagement);

    private EffectiveAccess Of(Member member, IEnumerable<Group> through)
    {
        var access = new EffectiveAccess.Builder().Add(member.Role).Add(member.Permissions);
        if (member.AllResources) access.AddEverywhere(AccessLevel.Full);
        foreach (var level in member.Levels) access.Add(level.ResourceId, level.Reach);
        foreach (var role in RolesOf(member.Roles)) Confer(access, role);
        foreach (var group in through) Confer(access, group);
        return access.Build();
    }

    /// <summary>The groups a member is in, the implied system group first.</summary>
    public IEnumerable<Group> GroupsOf(Member member) => Implied(member.Kind).Concat(KnownGroups(member));

    /// <summary>The roles of some ids. One of a role that was deleted is left out.</summary>
    public IEnumerable<Role> RolesOf(IEnumerable<Guid> ids) => ids.Select(roles.GetValueOrDefault).OfType<Role>();

    /// <summary>
    /// Whether a member may hold some groups and roles in all; see <see cref="MemberErrors.TooManyGrants"/>.
    /// </summary>
    public bool HasRoom(Member? member, IEnumerable<Guid> moreGroups, IEnumerable<Guid> moreRoles) =>
        Count(groups.ContainsKey, member?.Groups, moreGroups) && Count(roles.ContainsKey, member?.Roles, moreRoles);

    // Those of deleted groups and roles do not count.
    private static bool Count(Func<Guid, bool> exists, IEnumerable<Guid>? held, IEnumerable<Guid> more) =>
        (held ?? []).Where(exists).Union(more).Count() <= Access.Grants.MostOfAKind;

    // A group that was deleted gives nothing any more, though its id is still there.
    private IEnumerable<Group> KnownGroups(Member member) =>
        member.Groups.Select(groups.GetValueOrDefault).OfType<Group>();

    /// <summary>What membership of a group gives.</summary>
    public EffectiveAccess Of(Group group)
    {
        var access = new EffectiveAccess.Builder();
        Confer(access, group);
        return access.Build();
    }

    /// <summary>What holding a role gives.</summary>
    public static EffectiveAccess Of(Role role) => new EffectiveAccess.Builder().Add(role.Permissions).Build();

    /// <summary>The system group whose members are all of a kind.</summary>
    public IEnumerable<Group> Implied(MemberKind kind)
    {
        var implied = kind is MemberKind.Person ? SystemGroup.Everyone : SystemGroup.ServiceAccounts;
        return groups.Values.Where(g => g.SystemKind == implied);
    }

    /// <summary>Adds what membership of a group gives.</summary>
    public void Confer(EffectiveAccess.Builder access, Group group)
    {
        access.AddAdmin(group.IsAdmin).Add(group.Permissions);
        if (group.AllResources) access.AddEverywhere(AccessLevel.Full);
        foreach (var level in LevelsOf(group)) access.Add(level.ResourceId, level.Reach);
        foreach (var role in RolesOf(group.Roles)) Confer(access, role);
    }

    /// <summary>Adds what holding a role gives.</summary>
    public static void Confer(EffectiveAccess.Builder access, Role role) => access.Add(role.Permissions);

    /// <summary>
    /// Reads what a query asks for. Members are not tracked. Null when there is no such organization.
    /// </summary>
    public static async Task<AccessGraph?> ReadAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        await db.LockAsync(
            query.OrganizationId, query.Identifiers, query.MemberIds, query.LockOrganization, ct, query.InvitationIds);
        if (query.Page is { } page && await PrepareAsync(db, query.OrganizationId, page.Filter, ct) is var search)
            query = query with { Search = search };
        var rows = await MemberRead.ReadAsync(db, query, ct);
        if (rows.Stamp is not { } stamp
                || await db.Runtime.Definitions.GetAsync(db, query.OrganizationId, stamp, ct) is not { } definitions)
            return null;

        var graph = new AccessGraph(definitions.Organization.Copy(rows.SeatsUsed), db.Runtime.Rules);
        foreach (var (id, group) in definitions.Groups) graph.groups.Add(id, group);
        foreach (var (id, role) in definitions.Roles) graph.roles.Add(id, role);
        await graph.TakeAsync(db, query, rows, ct);
        return graph;
    }

    /// <summary>Reads it and tracks the members, for an operation that will change them.</summary>
    public static async Task<AccessGraph?> TrackAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var graph = await ReadAsync(db, query, ct);
        if (graph is not null) db.AttachRange(graph.members.Values);
        return graph;
    }

    /// <summary>
    /// Tracks the members of some identifiers with all they hold, for an operation that will change nothing else.
    /// </summary>
    public void Track(UsherDb db, IReadOnlyCollection<string> identifiers)
    {
        HashSet<string> wanted = [.. identifiers];
        db.AttachRange(members.Values.Where(m => wanted.Contains(m.Identifier)));
    }

    /// <summary>
    /// Reads the next chunk of a list: groups and roles, with their counts and samples, are those of the first.
    /// </summary>
    public async Task<AccessGraph> ReadMoreAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var more = new AccessGraph(Organization, rules);
        foreach (var pair in groups) more.groups.Add(pair.Key, pair.Value);
        foreach (var pair in roles) more.roles.Add(pair.Key, pair.Value);
        foreach (var pair in counts) more.counts.Add(pair.Key, pair.Value);
        foreach (var pair in samples) more.samples.Add(pair.Key, pair.Value);
        foreach (var pair in levelsOfGroups) more.levelsOfGroups.Add(pair.Key, pair.Value);
        var search = await PrepareAsync(db, query.OrganizationId, query.Page!.Filter, ct);
        var rows = await MemberRead.ReadAsync(db, query with { Search = search }, ct);
        const MemberDetails once = MemberDetails.Counts | MemberDetails.Samples;
        await more.TakeAsync(db, query with { Details = query.Details & ~once }, rows, ct);
        return more;
    }

    private static async Task<MemberSearch> PrepareAsync(
        UsherDb db, Guid organization, MemberFilter filter, CancellationToken ct)
    {
        if (!MemberSearch.NeedsDefinitions(filter)) return MemberSearch.Of(filter, null, []);
        var stamp = await db.Organizations.Where(o => o.Id == organization).Select(o => (Guid?)o.DefinitionsStamp)
            .SingleOrDefaultAsync(ct);
        var definitions = await db.Runtime.Definitions.GetAsync(db, organization, stamp ?? Guid.Empty, ct);
        if (definitions is null) return MemberSearch.Of(new() { Kind = filter.Kind }, null, []);
        var reaching = filter.Reaches is not { } resource ? [] : await db.ResourceAccess.AsNoTracking()
            .Where(a => a.OrganizationId == organization && a.ResourceId == resource && a.GroupId != null)
                .ToListAsync(ct);
        return MemberSearch.Of(filter, definitions, reaching.Where(a => !a.Reach.IsNone).Select(a => a.GroupId!.Value));
    }

    private async Task TakeAsync(UsherDb db, AccessQuery query, MemberRows rows, CancellationToken ct)
    {
        Total = rows.Total;
        foreach (var member in rows.Members) Take(member);
        foreach (var invitation in rows.Invitations) Take(invitation);
        if (query.Invitations is not null) run.AddRange(rows.Invitations.Select(i => i.Id));
        if (query.GroupRun is { } groupRun) run.AddRange(Run(groups.Keys, groupRun));
        if (query.RoleRun is { } roleRun) run.AddRange(Run(roles.Keys, roleRun));
        await new GraphDetails(db, this, query).ReadAsync(ct);
    }

    private static IEnumerable<Guid> Run(IEnumerable<Guid> ids, DefinitionRun run) =>
        ids.Order(IdOrder).Where(id => run.After is not { } after || IdOrder.Compare(id, after) > 0).Take(run.Limit);

    // As both databases order ids: byte by byte, the first digits first. Guid's own order is that, too.
    private static readonly Comparer<Guid> IdOrder = Comparer<Guid>.Default;

    // A revived member is taken in again.
    private void Take(Member member)
    {
        members[member.Id] = member;
        if (!byIdentifier.TryGetValue(member.Identifier, out var same)) byIdentifier.Add(member.Identifier, same = []);
        if (!same.Contains(member)) same.Add(member);
    }

    // One that has ended is only shown: nothing happens to it any more.
    private void Take(Invitation invitation)
    {
        invitations[invitation.Id] = invitation;
        if (!invitation.HasEnded && members.TryGetValue(invitation.MemberId, out var invited))
            invited.Invitations.Add(invitation);
    }

    /// <summary>
    /// What only an answer needs, and what a rule needs only now and then: read where the query says so, or where it is
    /// there.
    /// </summary>
    private sealed class GraphDetails(UsherDb db, AccessGraph graph, AccessQuery query)
    {
        /// <summary>How many names a sample has at most.</summary>
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

        // Open ones came with their members.
        private async Task ReadEndedInvitationsAsync(CancellationToken ct)
        {
            Guid[] missing = [.. query.InvitationIds.Where(id => !graph.invitations.ContainsKey(id))];
            if (missing is []) return;
            foreach (var ended in await db.Invitations.AsNoTracking()
                    .Where(i => i.OrganizationId == organization && missing.Contains(i.Id)).ToListAsync(ct))
                graph.Take(ended);
        }

        // Groups that a rule or the answer may ask about: all where all are listed.
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

        // In one read: the levels of groups, with their resources, and the resources asked for by id or slug, those
        // that the members' levels lead to, or all.
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
                // Those of groups are shown only where all that is reached is.
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

        // How many members each group and role has and, where that is shown, up to a hundred of them, in one read.
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
                    // no identifier has a space
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

        // Which groups have a member, and which roles are held directly by one, of whom a condition holds.
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

    private OrganizationDefinitions AsDefinitions() => new(Organization, groups.Values, roles.Values);
}
