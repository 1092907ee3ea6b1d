using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A permission of the catalogue.</summary>
/// <param name="Name">The permission's name.</param>
/// <param name="BuiltIn">Whether every installation has it. Other permissions come from the configuration.</param>
/// <param name="Enforced">Whether Usher itself requires it for some calls. The others are for your product.</param>
internal sealed record PermissionDocument(string Name, bool BuiltIn, bool Enforced);

/// <summary>A named set of permissions.</summary>
internal sealed record RoleDocument
{
    /// <summary>`rol_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary>How many members hold the role directly.</summary>
    public required int MemberCount { get; init; }

    /// <summary>How many groups hold the role.</summary>
    public required int GroupCount { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static RoleDocument From(Role role, AccessGraph? graph) => new()
    {
        Id = Ids.Role.Of(role.Id), Name = role.Name, Description = role.Description, Permissions = role.Permissions,
        MemberCount = graph?.MembersOf(role) ?? 0, GroupCount = graph?.GroupsOf(role) ?? 0, CreatedAt = role.CreatedAt,
    };
}

/// <summary>A role to create.</summary>
internal sealed record RoleRequest
{
    /// <summary>1 to 120 characters, unique in the organization; letter case does not count.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }
}

/// <summary>
/// Changes to a role. Properties that are left out stay as they are; a list replaces the old list.
/// </summary>
internal sealed record RoleChangeRequest
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }
}
