using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A named set of members, and what it grants to each of them.</summary>
internal sealed record GroupDocument
{
    /// <summary>`grp_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>`everyone` and `service_accounts` are system groups, whose membership is implied.</summary>
    public required SystemGroup SystemKind { get; init; }

    /// <summary>Whether its members are administrators.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>Whether its members have full access to every resource.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Whether invitations that name no groups add the member to this group.</summary>
    public required bool IsDefault { get; init; }

    public required IReadOnlyList<string> Permissions { get; init; }

    public required IReadOnlyList<Named> Roles { get; init; }

    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required int MemberCount { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static GroupDocument From(GroupView view)
    {
        var (group, graph) = (view.Group, view.Graph);
        return new()
        {
            Id = Ids.Group.Of(group.Id), Name = group.Name, Description = group.Description,
            SystemKind = group.SystemKind, IsAdmin = group.IsAdmin, AllResources = group.AllResources,
            IsDefault = group.IsDefault, Permissions = group.Permissions,
            Roles = [
                .. graph.RolesOf(group.Roles).OrderBy(r => r.Id).Select(r => new Named(Ids.Role.Of(r.Id), r.Name))],
            Levels = LevelDocument.From(graph.LevelsOf(group), graph), MemberCount = graph.MembersOf(group),
            CreatedAt = group.CreatedAt,
        };
    }
}

/// <summary>A group to create.</summary>
internal sealed record GroupRequest
{
    /// <summary>1 to 120 characters, unique in the organization; letter case does not count.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public bool? IsDefault { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>Roles by id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>The first members: ids, addresses or `sa::` names, at most 1,000.</summary>
    public IReadOnlyList<string>? Members { get; init; }

    public NewGroup ToGroup() => new(Name ?? "")
    {
        Description = Description ?? "", IsAdmin = IsAdmin is true, AllResources = AllResources is true,
        IsDefault = IsDefault is true, Permissions = Permissions ?? [],
        Roles = Named.Roles(Roles ?? []), Levels = Named.Levels(Levels ?? []),
        Members = [.. (Members ?? []).Select(Named.Member)],
    };

    public GroupChange ToChange() => new()
    {
        Name = Name, Description = Description, Permissions = SetChange.Add(Permissions ?? []),
        Members = SetChange.Add((Members ?? []).Select(Named.Member).ToList()),
    };
}

/// <summary>Changes to a group. Properties that are left out stay as they are; a list replaces the old list.</summary>
internal sealed record GroupChangeRequest
{
    /// <summary>The name of a system group cannot be changed.</summary>
    public string? Name { get; init; }

    public string? Description { get; init; }

    public bool? IsAdmin { get; init; }

    public bool? AllResources { get; init; }

    public bool? IsDefault { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    public GroupChange ToChange() => new()
    {
        Name = Name, Description = Description, IsAdmin = IsAdmin, AllResources = AllResources, IsDefault = IsDefault,
        Permissions = Permissions.To<string, string>(p => [.. p]),
        Roles = Roles.To(Named.Roles), Levels = Named.Levels(Levels ?? []), ReplaceLevels = Levels is not null,
    };
}

/// <summary>Members to add and to remove: ids, addresses or `sa::` names.</summary>
internal sealed record MoveRequest
{
    public IReadOnlyList<string>? Add { get; init; }

    public IReadOnlyList<string>? Remove { get; init; }

    public SetChange<MemberKey> ToChange() =>
        SetChange.Edit<MemberKey>([.. (Add ?? []).Select(Named.Member)], [.. (Remove ?? []).Select(Named.Member)]);
}
