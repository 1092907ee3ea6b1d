using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Core.Access;

/// <summary>
/// Members with everything they hold, the organization's groups and roles, and whatever else an operation refers to.
/// Groups and roles may be shared with other requests (see <see cref="OrganizationDefinitions"/>): change a copy and
/// put it back with <c>Add</c>.
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

    /// <summary>
    /// The live member with that identifier as it was read. If there is none, the member removed most recently. Null if
    /// neither exists.
    /// </summary>
    public Member? Member(string identifier) =>
        byIdentifier.GetValueOrDefault(identifier)?.MaxBy(m => (m.IsLive, m.Id));

    public Group? Group(Guid id) => groups.GetValueOrDefault(id);

    /// <summary>Finds a group by id, or by name if <see cref="Reference.ByName"/> is set. Null if not found.</summary>
    public Group? Group(Reference reference) =>
        reference.ByName
            ? groups.Values.FirstOrDefault(g => g.NameKey == Text.Key(reference.Text))
            : reference.Id is { } id
            ? Group(id)
            : null;

    /// <summary>Finds a role by id, or by name if <see cref="Reference.ByName"/> is set. Null if not found.</summary>
    public Role? Role(Reference reference) =>
        reference.ByName
            ? roles.Values.FirstOrDefault(r => r.NameKey == Text.Key(reference.Text))
            : reference.Id is { } id
            ? Role(id)
            : null;

    /// <summary>
    /// An invitation that the query named by id, that is on the page, or that is pending or expired and belongs to a
    /// member read.
    /// </summary>
    public Invitation? Invitation(Guid id) => invitations.GetValueOrDefault(id);

    /// <summary>The groups on the requested page, in its order.</summary>
    public IEnumerable<Group> RunOfGroups => run.Order().Select(Group).OfType<Group>();

    /// <summary>The roles on the requested page, in its order.</summary>
    public IEnumerable<Role> RunOfRoles => run.Order().Select(Role).OfType<Role>();

    /// <summary>The invitations on the requested page, in no particular order.</summary>
    public IEnumerable<Invitation> RunOfInvitations => run.Select(id => invitations[id]);

    public Role? Role(Guid id) => roles.GetValueOrDefault(id);

    public IEnumerable<Group> Groups => groups.Values;

    public IEnumerable<Role> Roles => roles.Values;

    /// <summary>Finds a resource by id, or by slug if the reference has no id. Null if not found.</summary>
    public ResourceName? Resource(Reference reference) =>
        reference.Id is { } id
            ? resources.GetValueOrDefault(id)
            : resources.Values.FirstOrDefault(r => r.Slug == reference.Text);

    /// <summary>The resources read, oldest first.</summary>
    public IEnumerable<ResourceName> Resources => resources.Values.OrderBy(r => r.Id);

    /// <summary>The number of members that match the page's filter. Needs <see cref="MemberPage.WithTotal"/>.</summary>
    public int Total { get; private set; }

    /// <summary>Whether a member's user has a password. Needs <see cref="MemberDetails.Credentials"/>.</summary>
    public bool HasPassword(Member member) => withPassword.Contains(member.Id);

    /// <summary>
    /// Whether a member's user signs in with a second factor. Needs <see cref="MemberDetails.Credentials"/>.
    /// </summary>
    public bool HasSecondFactor(Member member) => withSecondFactor.Contains(member.Id);

    /// <summary>The number of live members in a group. Needs <see cref="MemberDetails.Counts"/>.</summary>
    public int MembersOf(Group group) => counts.GetValueOrDefault(group.Id);

    /// <summary>
    /// The number of live members that hold a role directly. Needs <see cref="MemberDetails.Counts"/>.
    /// </summary>
    public int MembersOf(Role role) => counts.GetValueOrDefault(role.Id);

    /// <summary>The number of groups that hold a role.</summary>
    public int GroupsOf(Role role) => HoldersOf(role).Count();

    /// <summary>
    /// Up to 100 members of a group, shown by e-mail address as typed or by identifier. The oldest members come first.
    /// Needs <see cref="MemberDetails.Samples"/>.
    /// </summary>
    public IReadOnlyList<string> SampleOf(Group group) => samples.GetValueOrDefault(group.Id) ?? [];

    /// <summary>Up to 100 members that hold a role directly. Needs <see cref="MemberDetails.Samples"/>.</summary>
    public IReadOnlyList<string> SampleOf(Role role) => samples.GetValueOrDefault(role.Id) ?? [];

    /// <summary>The groups that hold a role.</summary>
    public IEnumerable<Group> HoldersOf(Role role) => groups.Values.Where(g => g.Roles.Contains(role.Id));

    /// <summary>
    /// The access levels that membership of a group grants. They are read for every group that a rule or an answer may
    /// ask about.
    /// </summary>
    public IReadOnlyList<ResourceAccess> LevelsOf(Group group) => levelsOfGroups.GetValueOrDefault(group.Id) ?? [];

    /// <summary>The access level that membership of a group grants on a resource.</summary>
    public Reach ReachOf(Group group, Guid resource) =>
        LevelsOf(group).FirstOrDefault(l => l.ResourceId == resource)?.Reach ?? new(AccessLevel.None, []);

    /// <summary>
    /// Whether a group has a member who matches a condition of <see cref="AccessQuery.Holders"/>, or such a member
    /// holds a role directly.
    /// </summary>
    public bool HasHolder(Guid groupOrRole, int condition) => held.Contains((groupOrRole, condition));

    /// <summary>A member's keys, oldest first. Needs <see cref="MemberDetails.Keys"/>.</summary>
    public IEnumerable<ApiKey> KeysOf(Member member) => keys?[member.Id] ?? [];

    /// <summary>
    /// Adds a new or restored member with its grants and updates the counts to those after the commit.
    /// </summary>
    public void Add(Member member)
    {
        Take(member);
        foreach (var group in Implied(member.Kind)) Count(group.Id, 1);
        Moved(member, Grants.None);
    }

    /// <summary>Adds or replaces a group with its levels.</summary>
    public void Add(Group group, IEnumerable<ResourceAccess> levels) =>
        (groups[group.Id], levelsOfGroups[group.Id]) = (group, [.. levels]);

    public void Add(Role role) => roles[role.Id] = role;

    /// <summary>
    /// Returns a copy of a group that can be changed. The copy replaces the shared group in this graph. Null if not
    /// found.
    /// </summary>
    public Group? Edit(Guid groupId) =>
        groups.TryGetValue(groupId, out var shared) ? groups[groupId] = shared.Copy() : null;

    /// <summary>
    /// Returns a copy of a role that can be changed. The copy replaces the shared role in this graph. Null if not
    /// found.
    /// </summary>
    public Role? EditRole(Guid roleId) =>
        roles.TryGetValue(roleId, out var shared) ? roles[roleId] = shared.Copy() : null;

    public void Add(ResourceName resource) => resources[resource.Id] = resource;

    /// <summary>
    /// Updates counts and samples to those after the commit. Call it after changing what a member holds.
    /// </summary>
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
    /// The actor with its current access, including levels on resources. The access of operators and the system does
    /// not change. A member that is no longer active has no access.
    /// </summary>
    public Actor Today(Actor actor) =>
        actor.IsMember
            ? actor with
            {
                Access = Member(actor.Id) is { Status: MemberStatus.Active } self ? Of(self) : EffectiveAccess.Nothing,
            }
            : actor;

    /// <summary>The effective access of a member.</summary>
    public EffectiveAccess Of(Member member) => Of(member, GroupsOf(member));

    /// <summary>
    /// Whether an actor holds everything that a member effectively has. What a system group grants to all members of a
    /// kind is not considered.
    /// </summary>
    public bool Covers(Actor actor, Member member) => actor.Covers(Of(member, KnownGroups(member)));

    /// <summary>Whether a granting rule allows an action; see <see cref="GrantingRules.Pass"/>.</summary>
    internal bool Pass(GrantingRule rule, bool holds) => rules.Pass(rule, holds);

    /// <summary>
    /// Whether an actor with its current access may change members, invitations, groups and roles at all.
    /// </summary>
    internal bool MayManageUsers(Actor today) =>
        Pass(GrantingRule.UserManagement, today.May(Permissions.UserManagement));

    /// <summary>Whether an actor with its current access may change the API keys of other members at all.</summary>
    internal bool MayManageKeys(Actor today) =>
        Pass(GrantingRule.TokenManagement, today.May(Permissions.TokenManagement));

    /// <summary>
    /// Whether the sponsor of an invitation may still make it. The system and operators always may. A member must be
    /// active, hold <c>user_management</c> and cover the invited member. The query must have read the sponsor.
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
    /// Whether a member is active and may invite. If so, invitations may depend on what the member holds.
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

    /// <summary>The groups that a member is in. The implied system group comes first.</summary>
    public IEnumerable<Group> GroupsOf(Member member) => Implied(member.Kind).Concat(KnownGroups(member));

    /// <summary>The roles with the given ids. Ids of deleted roles are skipped.</summary>
    public IEnumerable<Role> RolesOf(IEnumerable<Guid> ids) => ids.Select(roles.GetValueOrDefault).OfType<Role>();

    /// <summary>
    /// Whether a member has room for more groups and roles; see <see cref="MemberErrors.TooManyGrants"/>.
    /// </summary>
    public bool HasRoom(Member? member, IEnumerable<Guid> moreGroups, IEnumerable<Guid> moreRoles) =>
        Count(groups.ContainsKey, member?.Groups, moreGroups) && Count(roles.ContainsKey, member?.Roles, moreRoles);

    // Ids of deleted groups and roles do not count.
    private static bool Count(Func<Guid, bool> exists, IEnumerable<Guid>? held, IEnumerable<Guid> more) =>
        (held ?? []).Where(exists).Union(more).Count() <= Access.Grants.MostOfAKind;

    // A member may still hold the id of a deleted group. It grants nothing.
    private IEnumerable<Group> KnownGroups(Member member) =>
        member.Groups.Select(groups.GetValueOrDefault).OfType<Group>();

    /// <summary>The access that membership of a group grants.</summary>
    public EffectiveAccess Of(Group group)
    {
        var access = new EffectiveAccess.Builder();
        Confer(access, group);
        return access.Build();
    }

    /// <summary>The access that a role grants.</summary>
    public static EffectiveAccess Of(Role role) => new EffectiveAccess.Builder().Add(role.Permissions).Build();

    /// <summary>The system group that implicitly contains all members of a kind.</summary>
    public IEnumerable<Group> Implied(MemberKind kind)
    {
        var implied = kind is MemberKind.Person ? SystemGroup.Everyone : SystemGroup.ServiceAccounts;
        return groups.Values.Where(g => g.SystemKind == implied);
    }

    /// <summary>Adds the access that membership of a group grants.</summary>
    public void Confer(EffectiveAccess.Builder access, Group group)
    {
        access.AddAdmin(group.IsAdmin).Add(group.Permissions);
        if (group.AllResources) access.AddEverywhere(AccessLevel.Full);
        foreach (var level in LevelsOf(group)) access.Add(level.ResourceId, level.Reach);
        foreach (var role in RolesOf(group.Roles)) Confer(access, role);
    }

    /// <summary>Adds the access that a role grants.</summary>
    public static void Confer(EffectiveAccess.Builder access, Role role) => access.Add(role.Permissions);
}
