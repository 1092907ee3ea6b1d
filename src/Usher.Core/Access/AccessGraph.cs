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

    /// <summary>Invitations by id, whatever has become of them, each with its member; see <see cref="AccessGraph.Invitation"/>.</summary>
    public IReadOnlyCollection<Guid> InvitationIds { get; init; } = [];

    public IReadOnlyCollection<Guid> GroupIds { get; init; } = [];

    public IReadOnlyCollection<Guid> RoleIds { get; init; } = [];

    /// <summary>Groups by the key of their name.</summary>
    public IReadOnlyCollection<string> GroupNames { get; init; } = [];

    /// <summary>Roles by the key of their name.</summary>
    public IReadOnlyCollection<string> RoleNames { get; init; } = [];

    public IReadOnlyCollection<Guid> ResourceIds { get; init; } = [];

    public IReadOnlyCollection<string> ResourceSlugs { get; init; } = [];

    /// <summary>Whether the operation may take an administrator away, and so must be alone with the organization.</summary>
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

    /// <summary>What to ask of every group's members and of those who hold each role directly; see <see cref="AccessGraph.HasHolder"/>.</summary>
    public IReadOnlyList<MemberCondition> Holders { get; init; } = [];

    /// <summary>The same, the actor's own membership included: what he holds today is what he may give.</summary>
    public AccessQuery With(Actor actor) => actor.IsMember ? this with { MemberIds = [.. MemberIds, actor.Id] } : this;
}

/// <summary>What a surface shows besides the members themselves. Read in the same round trip, and only where it is shown.</summary>
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
/// <param name="After">Of the last member of the chunk before what the order goes by: his id, identifier or number; null for the first chunk, and where <paramref name="Offset"/> says where to begin.</param>
/// <param name="Limit">1 to <see cref="MaxLimit"/>.</param>
/// <param name="Offset">How many to pass over.</param>
/// <param name="Descending">Whether the order is turned around.</param>
/// <param name="WithTotal">Whether all that the filter lets through are counted.</param>
public sealed record MemberPage(MemberOrder Order, object? After, int Limit, int Offset = 0, bool Descending = false, bool WithTotal = false)
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
/// Members with all they hold, the groups and roles it comes from, and whatever an operation refers to, read in one round trip: a union of narrow rows, one
/// per fact (<see cref="Facts"/>), so that what belongs together is not multiplied by what does not. The entities' collections are complete.
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

    private readonly Dictionary<(Guid Id, string Kind), int> counts = [];
    private readonly Dictionary<(Guid Id, string Kind), List<string>> samples = [];
    private ILookup<Guid, ApiKey>? keys;
    private readonly HashSet<Guid> withPassword = [];
    private readonly HashSet<Guid> withSecondFactor = [];
    private readonly HashSet<(Guid Id, int Condition)> held = [];

    private readonly GrantingRules rules;

    internal AccessGraph(Organization organization, GrantingRules? rules = null) => (Organization, this.rules) = (organization, rules ?? new());

    public Organization Organization { get; }

    public IEnumerable<Member> Members => members.Values;

    public IEnumerable<Group> DefaultGroups => groups.Values.Where(g => g.IsDefault && g.SystemKind is SystemGroup.None);

    public Member? Member(Guid id) => members.GetValueOrDefault(id);

    /// <summary>The live member of that identifier, as it was read, else the one removed last.</summary>
    public Member? Member(string identifier) => byIdentifier.GetValueOrDefault(identifier)?.MaxBy(m => (m.IsLive, m.Id));

    public Group? Group(Guid id) => groups.GetValueOrDefault(id);

    /// <summary>A group by its id, or, where it is so named, by name.</summary>
    public Group? Group(Reference reference) =>
        reference.ByName ? groups.Values.FirstOrDefault(g => g.NameKey == Text.Key(reference.Text)) : reference.Id is { } id ? Group(id) : null;

    /// <summary>A role by its id, or, where it is so named, by name.</summary>
    public Role? Role(Reference reference) =>
        reference.ByName ? roles.Values.FirstOrDefault(r => r.NameKey == Text.Key(reference.Text)) : reference.Id is { } id ? Role(id) : null;

    /// <summary>An invitation asked for by id or on the page, or any that is pending or expired of a member found.</summary>
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
        reference.Id is { } id ? resources.GetValueOrDefault(id) : resources.Values.FirstOrDefault(r => r.Slug == reference.Text);

    /// <summary>The resources read, oldest first.</summary>
    public IEnumerable<ResourceName> Resources => resources.Values.OrderBy(r => r.Id);

    /// <summary>How many members the page's filter lets through. Needs <see cref="MemberPage.WithTotal"/>.</summary>
    public int Total { get; private set; }

    /// <summary>Whether a member's user has a password. Needs <see cref="MemberDetails.Credentials"/>.</summary>
    public bool HasPassword(Member member) => withPassword.Contains(member.Id);

    /// <summary>Whether a member's user signs in with a second factor. Needs <see cref="MemberDetails.Credentials"/>.</summary>
    public bool HasSecondFactor(Member member) => withSecondFactor.Contains(member.Id);

    /// <summary>How many live members a group has. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int MembersOf(Group group) => counts.GetValueOrDefault((group.Id, Facts.GroupMembers));

    /// <summary>How many live members hold a role directly. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int MembersOf(Role role) => counts.GetValueOrDefault((role.Id, Facts.RoleMembers));

    /// <summary>How many groups hold a role. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int GroupsOf(Role role) => counts.GetValueOrDefault((role.Id, Facts.RoleGroups));

    /// <summary>Up to a hundred of a group's members, by identifier as typed, longest there first. Needs <see cref="MemberDetails.Samples"/>.</summary>
    public IReadOnlyList<string> SampleOf(Group group) => samples.GetValueOrDefault((group.Id, Facts.GroupSample)) ?? [];

    /// <summary>Up to a hundred of those who hold a role directly. Needs <see cref="MemberDetails.Samples"/>.</summary>
    public IReadOnlyList<string> SampleOf(Role role) => samples.GetValueOrDefault((role.Id, Facts.RoleSample)) ?? [];

    /// <summary>The groups that hold a role, among those read; all of them where the role was asked for with <see cref="MemberDetails.Samples"/>.</summary>
    public IEnumerable<Group> HoldersOf(Role role) => groups.Values.Where(g => g.Roles.Exists(r => r.RoleId == role.Id));

    /// <summary>Whether a group has a member, or a role is held directly by one, of whom one of <see cref="AccessQuery.Holders"/> holds.</summary>
    public bool HasHolder(Guid groupOrRole, int condition) => held.Contains((groupOrRole, condition));

    /// <summary>A member's keys, oldest first. Needs <see cref="MemberDetails.Keys"/>.</summary>
    public IEnumerable<ApiKey> KeysOf(Member member) => keys?[member.Id] ?? [];

    /// <summary>Takes a new or returning member in, with what he was given, so that the counts are those of after the save.</summary>
    public void Add(Member member)
    {
        Take(member);
        foreach (var group in Implied(member.Kind)) Count(group.Id, Facts.GroupMembers, 1);
        Moved(member, [], []);
    }

    public void Add(Group group) => groups[group.Id] = group;

    public void Add(Role role) => roles[role.Id] = role;

    public void Add(ResourceName resource) => resources[resource.Id] = resource;

    /// <summary>After a member's groups and roles were changed: makes counts and samples those of after the save.</summary>
    public void Moved(Member member, IReadOnlyCollection<Guid> groupsBefore, IReadOnlyCollection<Guid> rolesBefore)
    {
        Moved(Facts.GroupMembers, Facts.GroupSample, groupsBefore, [.. member.Groups.Select(g => g.GroupId)]);
        Moved(Facts.RoleMembers, Facts.RoleSample, rolesBefore, [.. member.Roles.Select(r => r.RoleId)]);

        void Moved(string count, string sample, IReadOnlyCollection<Guid> before, IReadOnlyCollection<Guid> after)
        {
            foreach (var left in before.Except(after))
            {
                Count(left, count, -1);
                samples.GetValueOrDefault((left, sample))?.Remove(member.ShownAs);
            }

            foreach (var come in after.Except(before))
            {
                Count(come, count, 1);
                if (!samples.TryGetValue((come, sample), out var names)) samples.Add((come, sample), names = []);
                if (names.Count < Facts.SampleSize) names.Add(member.ShownAs);
            }
        }
    }

    /// <summary>After a group's roles were changed.</summary>
    public void Moved(Group group, IReadOnlyCollection<Guid> rolesBefore)
    {
        Guid[] after = [.. group.Roles.Select(r => r.RoleId)];
        foreach (var left in rolesBefore.Except(after)) Count(left, Facts.RoleGroups, -1);
        foreach (var come in after.Except(rolesBefore)) Count(come, Facts.RoleGroups, 1);
    }

    private void Count(Guid id, string kind, int by) => counts[(id, kind)] = counts.GetValueOrDefault((id, kind)) + by;

    /// <summary>An actor as he stands now, levels on resources included. Operators and the system always hold; a member who is no longer active holds nothing.</summary>
    public Actor Today(Actor actor) =>
        actor.IsMember ? actor with { Access = Member(actor.Id) is { Status: MemberStatus.Active } self ? Of(self) : EffectiveAccess.Nothing } : actor;

    /// <summary>What a member effectively has.</summary>
    public EffectiveAccess Of(Member member) => Of(member, GroupsOf(member));

    /// <summary>Whether an actor holds everything that a member effectively has, except what all members of a kind have through the system group.</summary>
    public bool Covers(Actor actor, Member member) => actor.Covers(Of(member, member.Groups.Select(g => groups[g.GroupId])));

    /// <summary>Whether a granting rule lets something pass; see <see cref="GrantingRules.Pass"/>.</summary>
    internal bool Pass(GrantingRule rule, bool holds) => rules.Pass(rule, holds);

    /// <summary>Whether an actor, as it is today, may change members, invitations, groups and roles at all.</summary>
    internal bool MayManageUsers(Actor today) =>
        Pass(GrantingRule.UserManagement, today.May(Permissions.UserManagement));

    /// <summary>Whether an actor, as it is today, may change the keys of other members at all.</summary>
    internal bool MayManageKeys(Actor today) =>
        Pass(GrantingRule.TokenManagement, today.May(Permissions.TokenManagement));

    /// <summary>
    /// Whether the sponsor of an offer may still make it: the system and operators always, a member who is active, holds <c>user_management</c> and covers the
    /// invited member. Needs the sponsor among the members read.
    /// </summary>
    public bool SponsorStands(Member member)
    {
        if (member.SponsorKind is not ActorKind.Member) return true;
        var sponsor = Today(new(ActorKind.Member, member.SponsorId, member.SponsorName, Organization.Id, EffectiveAccess.Nothing));
        return Pass(GrantingRule.SponsorMayInvite, sponsor.May(Permissions.UserManagement)) && Pass(GrantingRule.SponsorCovers, Covers(sponsor, member));
    }

    /// <summary>Whether a member is active and may invite, so that invitations may depend on what the member holds.</summary>
    public bool MaySponsor(Member member) => member.Status is MemberStatus.Active && Of(member).Has(Permissions.UserManagement);

    private EffectiveAccess Of(Member member, IEnumerable<Group> through)
    {
        var access = new EffectiveAccess.Builder().Add(member.Role).Add(member.Permissions.Select(p => p.Permission));
        if (member.AllResources) access.AddEverywhere(AccessLevel.Full);
        foreach (var level in member.Levels) access.Add(level.ResourceId, level.Reach);
        foreach (var role in member.Roles) Confer(access, roles[role.RoleId]);
        foreach (var group in through) Confer(access, group);
        return access.Build();
    }

    /// <summary>The groups a member is in, the implied system group first.</summary>
    public IEnumerable<Group> GroupsOf(Member member) => Implied(member.Kind).Concat(member.Groups.Select(g => groups[g.GroupId]));

    /// <summary>What membership of a group gives.</summary>
    public EffectiveAccess Of(Group group)
    {
        var access = new EffectiveAccess.Builder();
        Confer(access, group);
        return access.Build();
    }

    /// <summary>What holding a role gives.</summary>
    public static EffectiveAccess Of(Role role) => new EffectiveAccess.Builder().Add(role.Names).Build();

    /// <summary>The system group whose members are all of a kind.</summary>
    public IEnumerable<Group> Implied(MemberKind kind)
    {
        var implied = kind is MemberKind.Person ? SystemGroup.Everyone : SystemGroup.ServiceAccounts;
        return groups.Values.Where(g => g.SystemKind == implied);
    }

    /// <summary>Adds what membership of a group gives.</summary>
    public void Confer(EffectiveAccess.Builder access, Group group)
    {
        access.AddAdmin(group.IsAdmin).Add(group.Permissions.Select(p => p.Permission));
        if (group.AllResources) access.AddEverywhere(AccessLevel.Full);
        foreach (var level in group.Levels) access.Add(level.ResourceId, level.Reach);
        foreach (var role in group.Roles) Confer(access, roles[role.RoleId]);
    }

    /// <summary>Adds what holding a role gives.</summary>
    public static void Confer(EffectiveAccess.Builder access, Role role) => access.Add(role.Permissions.Select(p => p.Permission));

    /// <summary>Reads it in one round trip; the entities are not tracked. Null when there is no such organization.</summary>
    public static async Task<AccessGraph?> ReadAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        await db.LockAsync(query.OrganizationId, query.Identifiers, query.MemberIds, query.LockOrganization, ct, query.InvitationIds);
        var facts = await Facts.ReadAsync(db, query, definitions: true, ct);
        if (facts.Find(f => f.Kind is Facts.Organization) is not { About: Organization organization }) return null;

        var graph = new AccessGraph(organization, db.Runtime.Rules);
        graph.Take(facts);
        if (query.Details.HasFlag(MemberDetails.Keys)) await graph.ReadKeysAsync(db, ct);
        return graph;
    }

    /// <summary>Reads it and tracks what it holds, for an operation that will change something.</summary>
    public static async Task<AccessGraph?> TrackAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var graph = await ReadAsync(db, query, ct);
        if (graph is not null) db.AttachRange([.. graph.roles.Values, .. graph.groups.Values, .. graph.members.Values]);
        return graph;
    }

    /// <summary>Tracks the members of some identifiers with all they hold, for an operation that will change nothing else.</summary>
    public void Track(UsherDb db, IReadOnlyCollection<string> identifiers)
    {
        HashSet<string> wanted = [.. identifiers];
        db.AttachRange(members.Values.Where(m => wanted.Contains(m.Identifier)));
    }

    /// <summary>Reads the next chunk of a list whose first chunk read all groups and roles: those are taken from there.</summary>
    public async Task<AccessGraph> ReadMoreAsync(UsherDb db, AccessQuery query, CancellationToken ct)
    {
        var more = new AccessGraph(Organization, rules);
        foreach (var pair in groups) more.groups.Add(pair.Key, pair.Value);
        foreach (var pair in roles) more.roles.Add(pair.Key, pair.Value);
        foreach (var pair in counts) more.counts.Add(pair.Key, pair.Value);
        foreach (var pair in samples) more.samples.Add(pair.Key, pair.Value);
        more.Take(await Facts.ReadAsync(db, query, definitions: false, ct));
        if (query.Details.HasFlag(MemberDetails.Keys)) await more.ReadKeysAsync(db, ct);
        return more;
    }

    private async Task ReadKeysAsync(UsherDb db, CancellationToken ct)
    {
        Guid[] holders = [.. members.Keys];
        var found = await db.ApiKeys.AsNoTracking().Where(k => k.OrganizationId == Organization.Id && holders.Contains(k.MemberId!.Value)).OrderBy(k => k.Id).ToListAsync(ct);
        keys = found.ToLookup(k => k.MemberId!.Value);
    }

    private void Take(List<Fact> facts)
    {
        foreach (var fact in facts)
        {
            switch (fact.About)
            {
                case Member member: Take(member); break;
                case Group group: groups[group.Id] = group; break;
                case Role role: roles[role.Id] = role; break;
            }
        }

        foreach (var fact in facts) Take(fact);
    }

    // A revived member is taken in again.
    private void Take(Member member)
    {
        members[member.Id] = member;
        if (!byIdentifier.TryGetValue(member.Identifier, out var same)) byIdentifier.Add(member.Identifier, same = []);
        if (!same.Contains(member)) same.Add(member);
    }

    private void Take(Fact fact)
    {
        var organization = Organization.Id;
        switch (fact.Kind)
        {
            case Facts.Resource: resources[fact.SubjectId] = new(fact.SubjectId, fact.Name!, fact.More!); break;
            case Facts.InRun: run.Add(fact.SubjectId); break;
            case Facts.Total: Total = fact.Count!.Value; break;
            case Facts.GroupSample or Facts.RoleSample: samples[(fact.SubjectId, fact.Kind)] = [.. fact.More?.Split(' ') ?? []]; break;
            case Facts.Invitation when fact.About is Invitation invitation:
                invitations[invitation.Id] = invitation;
                // One that has ended is only shown: nothing happens to it any more.
                if (!invitation.HasEnded && members.TryGetValue(invitation.MemberId, out var invited)) invited.Invitations.Add(invitation);
                break;
            case Facts.Level when fact.About is ResourceAccess { MemberId: { } holder } level: members[holder].Levels.Add(level); break;
            case Facts.Level when fact.About is ResourceAccess { GroupId: { } holder } level: groups[holder].Levels.Add(level); break;
            case Facts.MemberPermission: members[fact.SubjectId].Permissions.Add(new() { OrganizationId = organization, MemberId = fact.SubjectId, Permission = fact.Name!, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            // A later chunk of a list may name a group or role made since the first was read: it is left out.
            case Facts.MemberGroup when !groups.ContainsKey(fact.OtherId!.Value): break;
            case Facts.MemberRole when !roles.ContainsKey(fact.OtherId!.Value): break;
            case Facts.MemberGroup: members[fact.SubjectId].Groups.Add(new() { OrganizationId = organization, MemberId = fact.SubjectId, GroupId = fact.OtherId!.Value, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            case Facts.MemberRole: members[fact.SubjectId].Roles.Add(new() { OrganizationId = organization, MemberId = fact.SubjectId, RoleId = fact.OtherId!.Value, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            case Facts.GroupPermission: groups[fact.SubjectId].Permissions.Add(new() { OrganizationId = organization, GroupId = fact.SubjectId, Permission = fact.Name!, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            case Facts.GroupRole: groups[fact.SubjectId].Roles.Add(new() { OrganizationId = organization, GroupId = fact.SubjectId, RoleId = fact.OtherId!.Value, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            case Facts.RolePermission: roles[fact.SubjectId].Permissions.Add(new() { OrganizationId = organization, RoleId = fact.SubjectId, Permission = fact.Name!, GrantedBy = fact.GrantedBy!.Value, GrantedAt = fact.GrantedAt!.Value }); break;
            case Facts.GroupMembers or Facts.RoleMembers or Facts.RoleGroups: counts[(fact.SubjectId, fact.Kind)] = fact.Count!.Value; break;
            case Facts.GroupHolder or Facts.RoleHolder: held.Add((fact.SubjectId, fact.Count!.Value)); break;
            case Facts.Password: withPassword.Add(fact.SubjectId); break;
            case Facts.SecondFactor: withSecondFactor.Add(fact.SubjectId); break;
        }
    }
}
