using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>A change to members. Absent values stay unchanged; so does null where null is not a valid value.</summary>
public sealed record MemberChange
{
    /// <summary>
    /// 0 to 120 characters, no control characters. Changes the member only; the user account keeps its own name.
    /// </summary>
    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>
    /// The address as it was entered; see <see cref="EmailAddress"/>. For persons only. The link of a pending
    /// invitation becomes void until the invitation is resent.
    /// </summary>
    public string? Email { get; init; }

    /// <summary>TZ database name; null: not set; empty: explicitly none. See <see cref="Member.TimeZone"/>.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>BCP 47 language tag; null removes it.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>0 to 120 characters; null removes it.</summary>
    public Optional<string> SsoId { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>True suspends an active member; false restores a suspended one.</summary>
    public bool? Suspended { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>
    /// Whether the member is an administrator. False turns an administrator into a <c>user</c>; other members keep
    /// their role. Cannot be combined with <see cref="Role"/>.
    /// </summary>
    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public SetChange<string>? Permissions { get; init; }

    /// <summary>Membership of system groups is implied. Including or omitting them has no effect.</summary>
    public SetChange<Reference>? Groups { get; init; }

    public SetChange<Reference>? Roles { get; init; }

    /// <summary>Levels to set. If a resource occurs twice, the last entry applies.</summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];

    /// <summary>Whether levels that are not listed are removed. Otherwise they stay.</summary>
    public bool ReplaceLevels { get; init; }

    /// <summary>
    /// Entries to set; a null value removes the entry. Other entries stay. See <see cref="Text.IsMetadata"/>.
    /// </summary>
    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    /// <summary>
    /// When the invitation expires, 1 hour to 90 days from now. An expired invitation becomes pending again. Only for
    /// members who have not joined.
    /// </summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    internal bool MayTakeAdminAway => Suspended is true || IsAdmin is false || Role is not (null or BuiltInRole.Admin);
}

/// <summary>How an API surface updates members.</summary>
/// <param name="UnknownReferences">How to treat groups, roles and resources that do not exist.</param>
/// <param name="GrantsByAdminsOnly">Whether only an administrator may change what members hold.</param>
/// <param name="Details">What the answer includes besides the members.</param>
/// <param name="AdminsShowAll">Whether the surface shows an administrator with every permission and all resources.
/// Granting these to a member who stays an administrator then changes nothing.</param>
/// <param name="AllResourcesReplaceLevels">Whether newly granting all resources removes the levels on individual
/// resources that the change does not set.</param>
public sealed record MemberUpdateOptions(
    UnknownReferences UnknownReferences, bool GrantsByAdminsOnly = false, MemberDetails Details = MemberDetails.None,
    bool AdminsShowAll = false, bool AllResourcesReplaceLevels = false)
{
    /// <summary>The expected versions; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    /// <summary>Whether only invited members may be changed. Members who have joined are refused.</summary>
    public bool OnlyInvited { get; init; }

    /// <summary>
    /// What happens to pending invitations whose sponsor loses the right to make them through this change.
    /// </summary>
    public SponsoredAction Sponsored { get; init; }
}

/// <summary>How an API surface removes members.</summary>
/// <param name="RefuseAdmins">Whether administrators are refused. They must lose the role first.</param>
/// <param name="RefuseSelf">Whether members may not remove themselves.</param>
/// <param name="OnlyInvited">Whether only invited members may be removed. Members who have joined are refused.</param>
public sealed record MemberRemoveOptions(bool RefuseAdmins = false, bool RefuseSelf = false, bool OnlyInvited = false)
{
    /// <summary>What the answer includes besides the members.</summary>
    public MemberDetails Details { get; init; }

    /// <summary>The expected versions; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    /// <summary>What happens to the pending invitations that the removed members sponsor.</summary>
    public SponsoredAction Sponsored { get; init; }
}

/// <summary>The members that a call selected, each once, in the order of the call.</summary>
/// <param name="Members">The members that exist.</param>
/// <param name="Unknown">Keys that match no member.</param>
/// <param name="Ignored">References that were left out.</param>
/// <param name="Graph">The access graph used to show the members.</param>
public sealed record MemberSelection(
    IReadOnlyList<Member> Members, IReadOnlyList<MemberKey> Unknown, IReadOnlyList<IgnoredReference> Ignored,
    AccessGraph Graph)
{
    /// <summary>The invitation that selected the member, if the key was an invitation id.</summary>
    public Invitation? Invitation { get; init; }

    /// <summary>What happened to pending invitations whose sponsor lost the right to make them.</summary>
    public SponsoredOutcome Sponsored { get; init; } = SponsoredOutcome.None;

    public IEnumerable<MemberView> Views => Members.Select(m => new MemberView(m, Graph));
}
