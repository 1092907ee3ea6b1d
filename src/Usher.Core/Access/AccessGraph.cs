using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>
/// Members with all they hold, the organization's groups and roles, and whatever an operation refers to. Groups and
/// roles may be shared with other requests (<see cref="OrganizationDefinitions"/>): a change works on a copy and hands
/// it back with <c>Add</c>.
/// </summary>
public sealed partial class AccessGraph
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
}
