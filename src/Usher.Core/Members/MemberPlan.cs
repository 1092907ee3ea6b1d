using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>A change with its references resolved.</summary>
internal sealed record Wanted(
    MemberChange Change, string? Identifier, SetChange<Group>? Groups, SetChange<Role>? Roles,
    IReadOnlyList<(Guid Resource, Reach Reach)> Levels)
{
    private static readonly MemberChange NothingElse = new();

    /// <summary>A change of group membership only.</summary>
    public static Wanted Of(SetChange<Group> groups) => new(NothingElse, null, groups, null, []);

    /// <summary>A change of direct roles only.</summary>
    public static Wanted Of(SetChange<Role> roles) => new(NothingElse, null, null, roles, []);
}

/// <summary>
/// The differences that a change makes for one member. A plan is made and checked before anything is modified.
/// </summary>
internal sealed class MemberPlan
{
    private readonly Wanted wanted;
    private readonly (IReadOnlyList<string> Added, IReadOnlyList<string> Removed) permissions;
    private readonly (IReadOnlyList<Group> Added, IReadOnlyList<Group> Removed) groups;
    private readonly (IReadOnlyList<Role> Added, IReadOnlyList<Role> Removed) roles;
    private readonly IReadOnlyList<(Guid Resource, Reach Reach)> levels;
    private readonly IReadOnlyList<Guid> levelsRemoved;
    private readonly BuiltInRole? role;
    private readonly bool? allResources;
    private readonly bool? suspended;
    private readonly bool readdressed;
    private readonly Dictionary<string, string>? metadata;

    private MemberPlan(AccessGraph graph, Member member, Wanted wanted, MemberUpdateOptions how)
    {
        (Member, this.wanted) = (member, wanted);
        var change = wanted.Change;
        var asked = change.IsAdmin switch
        {
            true => BuiltInRole.Admin, false when member.Role is BuiltInRole.Admin => BuiltInRole.User,
            _ => change.Role,
        };
        role = asked is { } given && given != member.Role ? given : null;
        allResources = change.AllResources is { } all && all != member.AllResources ? all : null;
        permissions = change.Permissions?.Against(member.Permissions) ?? ([], []);
        // The surface already shows an administrator with these grants. Sending them back must not change anything.
        if (how.AdminsShowAll && member.Role is BuiltInRole.Admin && role is null)
            (allResources, permissions) = (allResources is true ? null : allResources, ([], permissions.Removed));
        // Membership of system groups is implied, so it is never added or removed.
        groups = wanted.Groups?.As<Group>([.. wanted.Groups.Elements.Where(g => g.SystemKind is SystemGroup.None)])
            .Against([.. member.Groups.Select(graph.Group).OfType<Group>()])
            ?? ([], []);
        roles = wanted.Roles?.Against([.. graph.RolesOf(member.Roles)]) ?? ([], []);
        levels = [.. wanted.Levels.Where(l => Member.ReachOf(l.Resource) != l.Reach)];
        // A stored level of none has nothing left to remove.
        levelsRemoved = change.ReplaceLevels || (how.AllResourcesReplaceLevels && allResources is true)
            ? [
                .. member.Levels.Where(l => !l.Reach.IsNone).Select(l => l.ResourceId)
                    .Except(wanted.Levels.Select(l => l.Resource))] : [];
        suspended = change.Suspended is { } stop && stop != member.Status is MemberStatus.Suspended ? stop : null;
        metadata = change.Metadata is { } entries ? Merged(member.Metadata, entries) : null;
        readdressed = wanted.Identifier is { } identifier && identifier != member.Identifier;
    }

    public Member Member { get; }

    /// <summary>Whether an active or invited administrator stops being one.</summary>
    public bool TakesAdminAway => Member.IsAdmin && (suspended is true || role is not null);

    /// <summary>
    /// Whether the change may reduce the member's access, and with it the right to sponsor invitations.
    /// </summary>
    public bool TakesAway =>
        suspended is true || role is not null || allResources is false
            || permissions.Removed.Count + groups.Removed.Count + roles.Removed.Count > 0
        || levels.Count + levelsRemoved.Count > 0;

    /// <summary>Whether the change makes a suspended member active again.</summary>
    public bool Restores => suspended is false;

    /// <summary>Whether the address changes. Links sent to the old address must then stop working.</summary>
    public bool Readdresses => readdressed;

    private bool ChangesGrants =>
        role is not null || allResources is not null
            || (permissions, groups, roles) is not (([], []), ([], []), ([], [])) || levels.Count > 0
            || levelsRemoved.Count > 0;

    // Only invited members have an offer that can change. After joining, the sponsor no longer matters.
    private bool ChangesOffer =>
        Member.Status is MemberStatus.Invited && (ChangesGrants || readdressed || Extended.Any());

    private IEnumerable<Invitation> Extended =>
        wanted.Change.ExpiresAt is { } end ? Member.Invitations.Where(i => i.ExpiresAt != end) : [];

    /// <summary>Plans a change that is the same for every API surface.</summary>
    /// <returns>The plan, or why the actor may not make the change.</returns>
    public static Result<MemberPlan> Make(AccessGraph graph, Actor actor, Member member, Wanted wanted) =>
        Make(graph, actor, member, wanted, new(UnknownReferences.Refuse));

    /// <summary>Plans a change.</summary>
    /// <returns>The plan, or why the actor may not make the change.</returns>
    public static Result<MemberPlan> Make(
        AccessGraph graph, Actor actor, Member member, Wanted wanted, MemberUpdateOptions how)
    {
        var plan = new MemberPlan(graph, member, wanted, how);
        return plan.Refusal(graph, actor, how.GrantsByAdminsOnly) is { } refusal ? refusal : plan;
    }

    /// <summary>Applies the plan.</summary>
    /// <returns>The changes, for the event; empty if nothing changed.</returns>
    public Dictionary<string, string> Apply(AccessGraph graph, Actor actor, DateTimeOffset now)
    {
        Dictionary<string, string> details = [];
        var change = wanted.Change;
        var before = Member.Grants;
        var changesOffer = ChangesOffer;
        Set(
            "first_name", Member.FirstName, change.FirstName is { } first ? Text.Name(first) : Member.FirstName,
            v => Member.FirstName = v);
        Set(
            "last_name", Member.LastName, change.LastName is { } last ? Text.Name(last) : Member.LastName,
            v => Member.LastName = v);
        Set("description", Member.Description, change.Description ?? Member.Description, v => Member.Description = v);
        Set("time_zone", Member.TimeZone, change.TimeZone.Or(Member.TimeZone), v => Member.TimeZone = v);
        Set("locale", Member.Locale, change.Locale.Or(Member.Locale), v => Member.Locale = v);
        Set("sso_id", Member.SsoId, change.SsoId.Or(Member.SsoId), v => Member.SsoId = v);
        Set("identifier", Member.Identifier, wanted.Identifier ?? Member.Identifier, v => Member.Identifier = v);
        Set("email", Member.Email, change.Email?.Trim() ?? Member.Email, v => Member.Email = v);
        if (metadata is not null)
        {
            Member.Metadata = metadata;
            details["metadata"] = string.Join(' ', change.Metadata!.Keys);
        }

        if (suspended is { } stop)
        {
            details["status"] = stop ? "active → suspended" : "suspended → active";
            Member.Status = stop ? MemberStatus.Suspended : MemberStatus.Active;
        }

        if (role is { } newRole)
        {
            details["role"] = $"{SnakeCaseName.Of(Member.Role)} → {SnakeCaseName.Of(newRole)}";
            Member.Give(newRole, actor, now);
        }

        if (allResources is { } all)
        {
            details["all_resources"] = all ? "given" : "taken";
            Member.GiveAllResources(all, actor, now);
        }

        Change("permissions", permissions, p => p, p => Member.Give(p, actor, now), p => Member.Take(p));
        Change("groups", groups, g => g.Name, g => Member.Give(g, actor, now), g => Member.Take(g));
        Change("roles", roles, r => r.Name, r => Member.Give(r, actor, now), r => Member.Take(r));
        foreach (var (resource, reach) in levels) Member.Give(resource, reach, actor, now);
        if (levels.Count > 0)
            details["levels_set"] = string.Join(
                ' ',
                levels.Select(l =>
                    $"{l.Resource}={string.Join('+', [SnakeCaseName.Of(l.Reach.Level), .. l.Reach.Capabilities])}"));
        Member.Levels.RemoveAll(l => levelsRemoved.Contains(l.ResourceId));
        Member.HasLevels = Member.Levels.Count > 0;
        if (levelsRemoved.Count > 0) details["levels_removed"] = string.Join(' ', levelsRemoved);

        if (change.ExpiresAt is { } end)
        {
            foreach (var invitation in Extended)
            {
                details["expires"] = $"{invitation.ExpiresAt:O} → {end:O}";
                invitation.Extend(end);
            }
        }

        if (changesOffer) Member.SponsoredBy(actor);
        graph.Moved(Member, before);
        return details;

        void Set<T>(string name, T before, T after, Action<T> set)
        {
            if (EqualityComparer<T>.Default.Equals(before, after)) return;
            details[name] = $"{before} → {after}";
            set(after);
        }

        void Change<T>(
            string name, (IReadOnlyList<T> Added, IReadOnlyList<T> Removed) set, Func<T, string> shown, Action<T> give,
            Action<T> take)
        {
            foreach (var one in set.Added) give(one);
            foreach (var one in set.Removed) take(one);
            if (set.Added.Count > 0) details[$"{name}_added"] = string.Join(", ", set.Added.Select(shown));
            if (set.Removed.Count > 0) details[$"{name}_removed"] = string.Join(", ", set.Removed.Select(shown));
        }
    }

    private Error? Refusal(AccessGraph graph, Actor actor, bool grantsByAdminsOnly)
    {
        var change = wanted.Change;
        if (grantsByAdminsOnly && ChangesGrants && !actor.Access.IsAdmin) return MemberErrors.AdminsOnly;
        var givesTokens = Member.Kind is MemberKind.Service && permissions.Added.Contains(Permissions.TokenManagement);
        if (!graph.Pass(GrantingRule.ServiceAccountTokens, !givesTokens)) return MemberErrors.NotForServiceAccounts;
        var holds = actor.CanGrant(Conferred(graph, given: true)) && actor.CanGrant(Conferred(graph, given: false));
        if (!graph.Pass(GrantingRule.ChangeGrantsHeld, holds)) return CommonErrors.MoreThanYouHold;

        var needsCover = readdressed || suspended is not null
            || (change.SsoId.IsGiven && change.SsoId.Or(null) != Member.SsoId)
            || ChangesOffer; // editing the offer makes the actor its sponsor
        if (change.ExpiresAt is not null && Member.Status is not MemberStatus.Invited)
            return InvitationErrors.AlreadyJoined;
        if (metadata?.Count > 50) return MemberErrors.MetadataInvalid;
        if (!graph.HasRoom(Member, groups.Added.Select(g => g.Id), roles.Added.Select(r => r.Id)))
            return MemberErrors.TooManyGrants;
        if (needsCover && !graph.Pass(GrantingRule.ChangeCovers, graph.Covers(actor, Member)))
            return MemberErrors.NotCovered;
        // People grant access by address. A silent change would redirect their grants to another person.
        if (readdressed && Member.Status is not MemberStatus.Invited
                && !graph.Pass(GrantingRule.JoinedAddress, actor.Access.IsAdmin))
            return MemberErrors.AddressOfJoined;
        if (suspended is not null && Member.Status is MemberStatus.Invited) return MemberErrors.NotJoined;
        if (wanted.Identifier is not { } identifier) return null;
        if (Member.Kind is not MemberKind.Person) return MemberErrors.NoAddress;
        if (readdressed && graph.Organization.AllowedEmailDomains is { Count: > 0 } domains
                && !domains.Contains(EmailAddress.DomainOf(identifier)))
            return InvitationErrors.DomainNotAllowed;
        return graph.Member(identifier) is { IsLive: true } other && other.Id != Member.Id
            ? InvitationErrors.AlreadyMember
            : null;
    }

    // Null if nothing changes.
    private static Dictionary<string, string>? Merged(
        Dictionary<string, string> present, IReadOnlyDictionary<string, string?> entries)
    {
        Dictionary<string, string> merged = new(present);
        var differs = false;
        foreach (var (name, value) in entries)
        {
            differs |= value is null ? merged.Remove(name) : merged.GetValueOrDefault(name) != value;
            if (value is not null) merged[name] = value;
        }

        return differs ? merged : null;
    }

    // The access that the plan adds, or the access that it removes.
    private EffectiveAccess Conferred(AccessGraph graph, bool given)
    {
        var access = new EffectiveAccess.Builder().Add(given ? permissions.Added : permissions.Removed);
        if (role is { } newRole) access.Add(given ? newRole : Member.Role);
        if (allResources is { } all && all == given) access.AddEverywhere(AccessLevel.Full);
        foreach (var group in given ? groups.Added : groups.Removed) graph.Confer(access, group);
        foreach (var one in given ? roles.Added : roles.Removed) AccessGraph.Confer(access, one);
        foreach (var (resource, reach) in levels) access.Add(resource, given ? reach : Member.ReachOf(resource));
        if (!given)
            foreach (var resource in levelsRemoved) access.Add(resource, Member.ReachOf(resource));
        return access.Build();
    }
}
