using Usher.Core.Access;
using Usher.Core.Invitations;

namespace Usher.Core.Members;

/// <summary>What to change about members. What is left out, or null where null is no value, stays as it is.</summary>
public sealed record MemberChange
{
    /// <summary>
    /// 0 to 120 characters, no control characters. The member's row alone: his user, if he has one, is his own.
    /// </summary>
    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>
    /// As typed; see <see cref="EmailAddress"/>. For persons only. A pending invitation's link is void until somebody
    /// resends.
    /// </summary>
    public string? Email { get; init; }

    /// <summary>
    /// TZ database name; null for none said, "" for none on purpose. See <see cref="Member.TimeZone"/>.
    /// </summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>BCP 47, or none.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>0 to 120 characters, or none.</summary>
    public Optional<string> SsoId { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Takes an active member's access away, or gives it back.</summary>
    public bool? Suspended { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>
    /// Whether he is an administrator. Taken away it leaves the role <c>user</c>; whoever is none keeps the role he
    /// has. Not with <see cref="Role"/>.
    /// </summary>
    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public SetChange<string>? Permissions { get; init; }

    /// <summary>System groups are implied: naming one, or leaving it out, changes nothing.</summary>
    public SetChange<Reference>? Groups { get; init; }

    public SetChange<Reference>? Roles { get; init; }

    /// <summary>Levels to set. Of two for one resource the last counts.</summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];

    /// <summary>Whether levels that are not named go, instead of staying.</summary>
    public bool ReplaceLevels { get; init; }

    /// <summary>Entries to set, or, with null, to take out; others stay. See <see cref="Text.IsMetadata"/>.</summary>
    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    /// <summary>
    /// When his invitation is to run out, 1 hour to 90 days from now; one that ran out is pending again. For those who
    /// have not joined.
    /// </summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    internal bool MayTakeAdminAway => Suspended is true || IsAdmin is false || Role is not (null or BuiltInRole.Admin);
}

/// <summary>How one surface wants members changed.</summary>
/// <param name="UnknownReferences">For groups, roles and resources that do not exist.</param>
/// <param name="GrantsByAdminsOnly">Whether only an administrator may change what members hold.</param>
/// <param name="Details">What the answer shows besides the members.</param>
/// <param name="AdminsShowAll">Whether the surface shows an administrator with every permission and all resources:
/// giving these to one who stays an administrator is then no change.</param>
/// <param name="AllResourcesReplaceLevels">Whether whoever is newly given all resources loses the levels on single ones
/// that the change does not set.</param>
public sealed record MemberUpdateOptions(
    UnknownReferences UnknownReferences, bool GrantsByAdminsOnly = false, MemberDetails Details = MemberDetails.None,
    bool AdminsShowAll = false, bool AllResourcesReplaceLevels = false)
{
    /// <summary>The versions the change is meant for; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    /// <summary>Whether somebody who has joined is refused: it is the offer that is edited.</summary>
    public bool OnlyInvited { get; init; }

    /// <summary>
    /// What becomes of pending invitations whose sponsor loses the right to make them by this change.
    /// </summary>
    public SponsoredAction Sponsored { get; init; }
}

/// <summary>How one surface wants members removed.</summary>
/// <param name="RefuseAdmins">Whether an administrator has to be made something less first.</param>
/// <param name="RefuseSelf">Whether nobody removes himself.</param>
/// <param name="OnlyInvited">Whether somebody who has joined is refused: an offer is taken back, no membership
/// ended.</param>
public sealed record MemberRemoveOptions(bool RefuseAdmins = false, bool RefuseSelf = false, bool OnlyInvited = false)
{
    /// <summary>What the answer shows besides the members.</summary>
    public MemberDetails Details { get; init; }

    /// <summary>The versions the change is meant for; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    /// <summary>What becomes of the pending invitations of the members who are removed.</summary>
    public SponsoredAction Sponsored { get; init; }
}

/// <summary>The members a call named: each once, in its order.</summary>
/// <param name="Members">Those there are.</param>
/// <param name="Unknown">Keys that are nobody's.</param>
/// <param name="Ignored">References that were left out.</param>
/// <param name="Graph">To show the members by.</param>
public sealed record MemberSelection(
    IReadOnlyList<Member> Members, IReadOnlyList<MemberKey> Unknown, IReadOnlyList<IgnoredReference> Ignored,
    AccessGraph Graph)
{
    /// <summary>The invitation he was named by, where one was named so.</summary>
    public Invitation? Invitation { get; init; }

    /// <summary>What became of pending invitations whose sponsor lost the right to make them.</summary>
    public SponsoredOutcome Sponsored { get; init; } = SponsoredOutcome.None;

    public IEnumerable<MemberView> Views => Members.Select(m => new MemberView(m, Graph));
}
