using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>One check: whether a member holds a permission, reaches a resource, or both.</summary>
public sealed record AccessCheck
{
    /// <summary>The member to check, by id or identifier; null for the caller.</summary>
    public MemberKey? Member { get; init; }

    /// <summary>A permission name from the catalogue.</summary>
    public string? Permission { get; init; }

    /// <summary>
    /// The resource, by id or slug. Without a level or capability, the check asks whether the member has any access to
    /// it.
    /// </summary>
    public Reference? Resource { get; init; }

    /// <summary>The minimum level, read only or full. Valid only with a resource.</summary>
    public AccessLevel? Level { get; init; }

    /// <summary>One of <see cref="Capabilities"/>. Valid only with a resource.</summary>
    public string? Capability { get; init; }
}

/// <summary>Why a check was denied: the first reason in this order that applies.</summary>
public enum AccessDenial
{
    /// <summary>The member is invited or suspended, so its grants have no effect.</summary>
    MemberNotActive,
    PermissionNotHeld,

    /// <summary>
    /// The member has no access to the resource. A caller who may not see all resources also gets this reason for a
    /// resource that does not exist.
    /// </summary>
    ResourceNotReached,
    LevelNotReached,
    CapabilityNotHeld,
}

/// <summary>The result of a check.</summary>
/// <param name="Member">The member that was checked.</param>
/// <param name="Reason">Why the check was denied; null if it was allowed.</param>
/// <param name="Grants">The grants that give a part of what was asked; empty if the check was denied. Null unless an
/// explanation was requested.</param>
public sealed record AccessAnswer(Member Member, AccessDenial? Reason, IReadOnlyList<AccessPath>? Grants)
{
    /// <summary>Whether the member has everything that was asked.</summary>
    public bool Allowed => Reason is null;
}

/// <summary>A permission that a member holds.</summary>
/// <param name="Name">The name in the catalogue.</param>
/// <param name="Grants">The grants that give it. Null unless an explanation was requested.</param>
public sealed record HeldPermission(string Name, IReadOnlyList<AccessPath>? Grants);

/// <summary>A resource that a member can access.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Reach">The combined access from all grants. A full level lists every capability.</param>
/// <param name="Grants">The grants that give access to it. Grants for every resource come first. Null unless an
/// explanation was requested.</param>
public sealed record ReachedResource(ResourceName Resource, Reach Reach, IReadOnlyList<AccessPath>? Grants);

/// <summary>What a member holds. For an invited or suspended member, what it would hold if active.</summary>
/// <param name="Member">The member, with its status and built-in role.</param>
/// <param name="IsAdmin">Whether the member is an administrator, by its role or by a group.</param>
/// <param name="Permissions">The permissions in ordinal order. An administrator holds the whole catalogue.</param>
/// <param name="Everywhere">The level on every resource, present and future.</param>
/// <param name="Resources">The resources that the member's own levels or its groups' levels refer to, oldest
/// first.</param>
public sealed record MemberAccess(
    Member Member, bool IsAdmin, IReadOnlyList<HeldPermission> Permissions, AccessLevel Everywhere,
    IReadOnlyList<ReachedResource> Resources)
{
    /// <summary>The grants that make the member an administrator. Null unless an explanation was requested.</summary>
    public IReadOnlyList<AccessPath>? AdminGrants { get; init; }

    /// <summary>
    /// The grants that give access to every resource, at any level. Null unless an explanation was requested.
    /// </summary>
    public IReadOnlyList<AccessPath>? EverywhereGrants { get; init; }
}

/// <summary>Selects one page of the members that can access a resource.</summary>
/// <param name="After">The id of the last member on the previous page; null for the first page.</param>
/// <param name="Limit">1 to 1,000.</param>
public sealed record AccessPage(Guid? After, int Limit);

/// <summary>A member that can access a resource, or could if it were active.</summary>
/// <param name="Member">The member, with its status.</param>
/// <param name="Reach">The combined access from all grants. A full level lists every capability.</param>
/// <param name="Grants">The grants that give access to it. Null unless an explanation was requested.</param>
public sealed record ReachingMember(Member Member, Reach Reach, IReadOnlyList<AccessPath>? Grants);

/// <summary>A page of the members that can access a resource.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Members">The members, oldest first.</param>
/// <param name="Next">The id to pass as <see cref="AccessPage.After"/> for the next page; null on the last
/// page.</param>
public sealed record ResourceAudience(ResourceName Resource, IReadOnlyList<ReachingMember> Members, Guid? Next);
