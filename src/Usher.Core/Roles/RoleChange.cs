using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Core.Roles;

/// <summary>Changes to one or more roles. A null value means no change.</summary>
public sealed record RoleChange
{
    /// <summary>1 to 120 characters, unique in the organization, ignoring case. Valid only for a single role.</summary>
    public string? Name { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    public SetChange<string>? Permissions { get; init; }

    /// <summary>The members that hold it directly. Only additions and removals, at most 1,000 at a time.</summary>
    public SetChange<MemberKey>? Members { get; init; }

    /// <summary>The groups that hold it. Only additions and removals, at most 1,000 at a time.</summary>
    public SetChange<Guid>? Groups { get; init; }
}

/// <summary>The roles that a call named, without duplicates, in the order of the call.</summary>
/// <param name="Roles">The roles that exist.</param>
/// <param name="Unknown">The ids that match no role.</param>
/// <param name="Graph">The access graph used to show the roles.</param>
public sealed record RoleSelection(IReadOnlyList<Role> Roles, IReadOnlyList<Guid> Unknown, AccessGraph Graph);
