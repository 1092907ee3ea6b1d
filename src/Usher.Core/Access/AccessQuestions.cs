using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>One question: whether a member holds a permission, reaches a resource, or both.</summary>
public sealed record AccessCheck
{
    /// <summary>By id or identifier; null: whoever asks.</summary>
    public MemberKey? Member { get; init; }

    /// <summary>A name of the catalogue.</summary>
    public string? Permission { get; init; }

    /// <summary>
    /// By id, else by slug. With neither level nor capability it is asked whether he reaches it at all.
    /// </summary>
    public Reference? Resource { get; init; }

    /// <summary>Read only or full, at least; only with a resource.</summary>
    public AccessLevel? Level { get; init; }

    /// <summary>One of <see cref="Capabilities"/>; only with a resource.</summary>
    public string? Capability { get; init; }
}

/// <summary>Why a check came to no: the first of these that is so.</summary>
public enum AccessDenial
{
    /// <summary>He is invited or suspended: whatever he was given does not act.</summary>
    MemberNotActive,
    PermissionNotHeld,

    /// <summary>Not at all. For somebody who may not know of every resource, also one that does not exist.</summary>
    ResourceNotReached,
    LevelNotReached,
    CapabilityNotHeld,
}

/// <summary>What a check came to.</summary>
/// <param name="Member">Whom it was about.</param>
/// <param name="Reason">Why not; null where all that was asked holds.</param>
/// <param name="Grants">Each that gives a part of what was asked; none where it came to no. Null unless
/// explained.</param>
public sealed record AccessAnswer(Member Member, AccessDenial? Reason, IReadOnlyList<AccessPath>? Grants)
{
    /// <summary>Whether all that was asked holds.</summary>
    public bool Allowed => Reason is null;
}

/// <summary>A permission somebody holds.</summary>
/// <param name="Name">As in the catalogue.</param>
/// <param name="Grants">Each that gives it. Null unless explained.</param>
public sealed record HeldPermission(string Name, IReadOnlyList<AccessPath>? Grants);

/// <summary>A resource somebody reaches.</summary>
/// <param name="Resource">Which.</param>
/// <param name="Reach">How far, all he was given united; a full level names every capability.</param>
/// <param name="Grants">Each that reaches it, those that reach every resource first. Null unless explained.</param>
public sealed record ReachedResource(ResourceName Resource, Reach Reach, IReadOnlyList<AccessPath>? Grants);

/// <summary>What a member holds; where he is invited or suspended, what he would hold.</summary>
/// <param name="Member">Who, with his status and his built-in role.</param>
/// <param name="IsAdmin">By his role or by a group.</param>
/// <param name="Permissions">In ordinal order; an administrator holds the whole catalogue.</param>
/// <param name="Everywhere">The level on every resource, present and future.</param>
/// <param name="Resources">Those that a level of his own or of a group of his leads to, oldest first.</param>
public sealed record MemberAccess(
    Member Member, bool IsAdmin, IReadOnlyList<HeldPermission> Permissions, AccessLevel Everywhere,
    IReadOnlyList<ReachedResource> Resources)
{
    /// <summary>Each that makes him an administrator. Null unless explained.</summary>
    public IReadOnlyList<AccessPath>? AdminGrants { get; init; }

    /// <summary>Each that reaches every resource, at whatever level. Null unless explained.</summary>
    public IReadOnlyList<AccessPath>? EverywhereGrants { get; init; }
}

/// <summary>Which of those who reach a resource.</summary>
/// <param name="After">The last member of the page before; null for the first page.</param>
/// <param name="Limit">1 to 1,000.</param>
public sealed record AccessPage(Guid? After, int Limit);

/// <summary>Somebody who reaches a resource, or would if he were active.</summary>
/// <param name="Member">Who, with his status.</param>
/// <param name="Reach">How far, all he was given united; a full level names every capability.</param>
/// <param name="Grants">Each that reaches it. Null unless explained.</param>
public sealed record ReachingMember(Member Member, Reach Reach, IReadOnlyList<AccessPath>? Grants);

/// <summary>A page of those who reach a resource.</summary>
/// <param name="Resource">Which.</param>
/// <param name="Members">Oldest first.</param>
/// <param name="Next">After whom the next page begins; null on the last.</param>
public sealed record ResourceAudience(ResourceName Resource, IReadOnlyList<ReachingMember> Members, Guid? Next);
