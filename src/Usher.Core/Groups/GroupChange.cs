using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Groups;

/// <summary>What to change about a group, or to make one of. What is null stays as it is.</summary>
public sealed record GroupChange
{
    /// <summary>
    /// 1 to 120 characters, unique in the organization, letter case aside. A system group keeps its own.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Whether its members are administrators.</summary>
    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    /// <summary>Whether invitations that name no groups put into it.</summary>
    public bool? IsDefault { get; init; }

    public SetChange<string>? Permissions { get; init; }

    public SetChange<Reference>? Roles { get; init; }

    /// <summary>Levels to set. Of two for one resource the last counts.</summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];

    /// <summary>Whether levels that are not named go, instead of staying.</summary>
    public bool ReplaceLevels { get; init; }

    /// <summary>Who is in it; at most 1,000 named. Not for system groups, whose members are implied.</summary>
    public SetChange<MemberKey>? Members { get; init; }
}

/// <summary>How one surface wants groups changed.</summary>
/// <param name="UnknownMembers">For members who do not exist: refuse, or leave them out as long as one is
/// known.</param>
/// <param name="SystemGroups">Whether the surface knows the system groups; they do not exist for one that does
/// not.</param>
/// <param name="Details">What the answer shows besides the group.</param>
/// <param name="AllResourcesReplaceLevels">Whether a group newly given all resources loses the levels on single ones
/// that the change does not set.</param>
public sealed record GroupOptions(
    UnknownReferences UnknownMembers = UnknownReferences.Refuse, bool SystemGroups = true,
    MemberDetails Details = MemberDetails.None, bool AllResourcesReplaceLevels = false)
{
    /// <summary>The versions a change is meant for; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }
}

/// <summary>A group with the graph to show it by.</summary>
/// <param name="Group">The group.</param>
/// <param name="Graph">What it belongs to.</param>
/// <param name="UnknownMembers">Keys that are nobody's, which were left out.</param>
public sealed record GroupView(Group Group, AccessGraph Graph, IReadOnlyList<MemberKey> UnknownMembers);

/// <summary>Somebody's place in a group.</summary>
public sealed record GroupMembership(Guid GroupId, Member Member);
