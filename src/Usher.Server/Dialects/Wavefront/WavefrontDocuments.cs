using System.Text.Json.Serialization;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// A user as every answer has him at top level. With <see cref="Status"/> and <see cref="Response"/> it is the superset that both kinds of client read: those
/// made from the documentation, which want the members here, and those written against the live service, which want them in <c>response</c>.
/// Members without a value are left out. Source: the vendor's operation pages and clients, read 2026-11-21.
/// </summary>
internal record UserModel
{
    /// <summary>The e-mail address as first given, or <c>sa::name</c>.</summary>
    public required string Identifier { get; init; }

    public required string Customer { get; init; }

    public string? SsoId { get; init; }

    /// <summary>Milliseconds since the epoch; absent until the first sign-in.</summary>
    public long? LastSuccessfulLogin { get; init; }

    /// <summary>Permissions granted directly: the historic name is not about groups.</summary>
    public required IReadOnlyList<string> Groups { get; init; }

    public required IReadOnlyList<UserGroup> UserGroups { get; init; }

    public required IReadOnlyList<RoleDto> Roles { get; init; }

    public static UserModel From(MemberView view, string customer) => new()
    {
        Identifier = view.Member.Email ?? view.Member.Identifier, Customer = customer, SsoId = view.Member.SsoId,
        LastSuccessfulLogin = view.Member.LastSignInAt?.ToUnixTimeMilliseconds(),
        Groups = [.. view.Member.Permissions.Select(p => p.Permission).Order(StringComparer.Ordinal)],
        UserGroups = [.. view.Graph.GroupsOf(view.Member).Select(g => UserGroup.From(g, view.Graph, customer))],
        Roles = [.. view.Member.Roles.Select(r => RoleDto.From(view.Graph.Role(r.RoleId)!, view.Graph, customer))],
    };
}

internal sealed record InvitedUsers : UserModel
{
    [JsonPropertyOrder(1)]
    public required ResponseStatus Status { get; init; }

    /// <summary>All that were invited, in the order of the request.</summary>
    [JsonPropertyOrder(2)]
    public required IReadOnlyList<UserModel> Response { get; init; }

    public static InvitedUsers From(IReadOnlyList<UserModel> users, ResponseStatus status) => new()
    {
        Identifier = users[0].Identifier, Customer = users[0].Customer, SsoId = users[0].SsoId, LastSuccessfulLogin = users[0].LastSuccessfulLogin,
        Groups = users[0].Groups, UserGroups = users[0].UserGroups, Roles = users[0].Roles, Status = status, Response = users,
    };
}

/// <summary>A group inside a user: without its members, which would make a list of users grow with its square.</summary>
internal sealed record UserGroup(
    string Id, string Name, string Customer, string Description, int UserCount, GroupProperties Properties, IReadOnlyList<RoleDto> Roles)
{
    public static UserGroup From(Group group, AccessGraph graph, string customer) => new(
        group.Id.ToString(), group.Name, customer, group.Description, graph.MembersOf(group),
        new(group.SystemKind is SystemGroup.None, group.SystemKind is SystemGroup.None, true),
        [.. group.Roles.Select(r => RoleDto.From(graph.Role(r.RoleId)!, graph, customer))]);
}

internal sealed record GroupProperties(bool NameEditable, bool UsersEditable, bool RolesEditable);

/// <summary>A role inside a user or group: with counts, without samples.</summary>
internal sealed record RoleDto(
    string Id, string Name, string Description, string Customer, IReadOnlyList<string> Permissions, IReadOnlyList<string> RestrictedPermissions,
    RoleProperties Properties, int LinkedGroupsCount, int LinkedAccountsCount, long CreatedEpochMillis, long LastUpdatedMs, string LastUpdatedAccountId)
{
    public static RoleDto From(Role role, AccessGraph graph, string customer) => new(
        role.Id.ToString(), role.Name, role.Description, customer, [.. role.Permissions.Select(p => p.Permission).Order(StringComparer.Ordinal)], [],
        new(true, true, true, true, true), graph.GroupsOf(role), graph.MembersOf(role), role.CreatedAt.ToUnixTimeMilliseconds(),
        role.UpdatedAt.ToUnixTimeMilliseconds(), role.UpdatedBy);
}

internal sealed record RoleProperties(bool NameEditable, bool UsersAddable, bool UsersRemovable, bool PermsEditable, bool Deletable);

/// <summary><c>result</c> is exactly OK or ERROR, <c>code</c> equals the HTTP status.</summary>
internal sealed record ResponseStatus(string Result, string Message, int Code);

internal sealed record Envelope(ResponseStatus Status);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UserModel))]
[JsonSerializable(typeof(InvitedUsers))]
[JsonSerializable(typeof(IAsyncEnumerable<UserModel>))]
[JsonSerializable(typeof(Envelope))]
internal sealed partial class WavefrontJson : JsonSerializerContext;
