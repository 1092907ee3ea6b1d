using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Groups;

/// <summary>The values of a new group, or a change to a group. Null values stay unchanged.</summary>
public sealed record GroupChange
{
    /// <summary>
    /// 1 to 120 characters, unique in the organization; letter case is ignored. System groups cannot be renamed.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Whether the members of the group are administrators.</summary>
    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    /// <summary>Whether invitations that name no groups add people to this one.</summary>
    public bool? IsDefault { get; init; }

    public SetChange<string>? Permissions { get; init; }

    public SetChange<Reference>? Roles { get; init; }

    /// <summary>Levels to set. If a resource occurs twice, the last entry applies.</summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];

    /// <summary>Whether levels that are not listed are removed. Otherwise they stay.</summary>
    public bool ReplaceLevels { get; init; }

    /// <summary>
    /// The members to add, remove or set, at most 1,000. Not allowed for system groups, whose membership is implied.
    /// </summary>
    public SetChange<MemberKey>? Members { get; init; }
}

/// <summary>How an API surface treats groups.</summary>
/// <param name="UnknownMembers">How to treat members that do not exist: refuse, or ignore them if at least one
/// exists.</param>
/// <param name="SystemGroups">Whether the surface exposes the system groups. Otherwise they are treated as not
/// existing.</param>
/// <param name="Details">What the answer includes besides the group.</param>
/// <param name="AllResourcesReplaceLevels">Whether newly granting all resources removes the levels on individual
/// resources that the change does not set.</param>
public sealed record GroupOptions(
    UnknownReferences UnknownMembers = UnknownReferences.Refuse, bool SystemGroups = true,
    MemberDetails Details = MemberDetails.None, bool AllResourcesReplaceLevels = false)
{
    /// <summary>The expected versions; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }
}

/// <summary>A group with the access graph used to show it.</summary>
/// <param name="Group">The group.</param>
/// <param name="Graph">The access graph of its organization.</param>
/// <param name="UnknownMembers">Keys that match no member and were ignored.</param>
public sealed record GroupView(Group Group, AccessGraph Graph, IReadOnlyList<MemberKey> UnknownMembers);

/// <summary>A member of a group.</summary>
public sealed record GroupMembership(Guid GroupId, Member Member);
