using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// A user at the top level of an answer. With <c>Status</c> and <c>Response</c> it is the superset for both kinds of
/// clients: those generated from the documentation read the members here, and those written against the live service
/// read them in <c>response</c>. Members without a value are left out. Source: the vendor's operation pages and
/// clients, read 2026-11-21.
/// </summary>
internal record UserModel
{
    /// <summary>The e-mail address as first given, or <c>sa::name</c>.</summary>
    public required string Identifier { get; init; }

    public required string Customer { get; init; }

    public string? SsoId { get; init; }

    /// <summary>Milliseconds since the epoch; absent until the first sign-in.</summary>
    public long? LastSuccessfulLogin { get; init; }

    /// <summary>Permissions granted directly. Despite its historic name, this is not about groups.</summary>
    public required IReadOnlyList<string> Groups { get; init; }

    public required IReadOnlyList<UserGroup> UserGroups { get; init; }

    public required IReadOnlyList<RoleDto> Roles { get; init; }

    public static UserModel From(MemberView view, string customer) => new()
    {
        Identifier = view.Member.ShownAs, Customer = customer, SsoId = view.Member.SsoId,
        LastSuccessfulLogin = view.Member.LastSignInAt?.ToUnixTimeMilliseconds(),
        Groups = view.Member.Permissions,
        UserGroups = [.. view.Graph.GroupsOf(view.Member).Select(g => UserGroup.From(g, view.Graph, customer))],
        Roles = [.. view.Graph.RolesOf(view.Member.Roles).Select(r => RoleDto.From(r, view.Graph, customer))],
    };
}

/// <summary>A user at the top level with an envelope beside the members.</summary>
internal sealed record Superset<T> : UserModel
{
    [SetsRequiredMembers]
    internal Superset(UserModel top, ResponseStatus status, T response)
        : base(top) => (Status, Response) = (status, response);

    [JsonPropertyOrder(1)]
    public ResponseStatus Status { get; }

    [JsonPropertyOrder(2)]
    public T Response { get; }
}

/// <summary>
/// A group inside a user. It omits its members; otherwise a list of users would grow with the square of its length.
/// </summary>
internal sealed record UserGroup(
    string Id, string Name, string Customer, string Description, int UserCount, GroupProperties Properties,
    IReadOnlyList<RoleDto> Roles)
{
    public static UserGroup From(Group group, AccessGraph graph, string customer) => new(
        group.Id.ToString(), group.Name, customer, group.Description, graph.MembersOf(group),
        new(group.SystemKind is SystemGroup.None, group.SystemKind is SystemGroup.None, true),
        [.. graph.RolesOf(group.Roles).Select(r => RoleDto.From(r, graph, customer))]);
}

internal sealed record GroupProperties(bool NameEditable, bool UsersEditable, bool RolesEditable);

/// <summary>A role inside a user or group, with counts and without samples.</summary>
internal sealed record RoleDto(
    string Id, string Name, string Description, string Customer, IReadOnlyList<string> Permissions,
    IReadOnlyList<string> RestrictedPermissions,
    RoleProperties Properties, int LinkedGroupsCount, int LinkedAccountsCount, long CreatedEpochMillis,
    long LastUpdatedMs, string LastUpdatedAccountId)
{
    public static RoleDto From(Role role, AccessGraph graph, string customer) => new(
        role.Id.ToString(), role.Name, role.Description, customer, role.Permissions, [],
        new(true, true, true, true, true), graph.GroupsOf(role), graph.MembersOf(role),
        role.CreatedAt.ToUnixTimeMilliseconds(),
        role.UpdatedAt.ToUnixTimeMilliseconds(), role.UpdatedBy);
}

internal sealed record RoleProperties(
    bool NameEditable, bool UsersAddable, bool UsersRemovable, bool PermsEditable, bool Deletable);

/// <summary>The status. <c>result</c> is OK or ERROR; <c>code</c> equals the HTTP status.</summary>
internal sealed record ResponseStatus(string Result, string Message, int Code);

internal sealed record Envelope(ResponseStatus Status);

internal sealed record Envelope<T>(ResponseStatus Status, T Response);

/// <summary>A page of a list. The next page starts at offset + limit.</summary>
internal sealed record Page<T>(
    IReadOnlyList<T> Items, int Offset, int Limit, int TotalItems, bool MoreItems, PageSort Sort);

internal sealed record PageSort(bool Ascending, string Field, bool Default);

/// <summary>The result of validating identifiers. Unknown identifiers are returned as they were written.</summary>
internal sealed record Validation(IReadOnlyList<UserModel> ValidUsers, IReadOnlyList<string> InvalidIdentifiers);

/// <summary>
/// A user or service account in the newer API, with groups and roles by id, and the effective roles and permissions.
/// </summary>
/// <param name="Identifier">The e-mail address as first given, or <c>sa::name</c>.</param>
/// <param name="Groups">The permissions granted directly.</param>
/// <param name="UserGroups">The groups' ids.</param>
/// <param name="Roles">The ids of the roles held directly.</param>
/// <param name="UnitedRoles">The ids of all roles, including those from groups.</param>
/// <param name="UnitedPermissions">All effective permissions; for an administrator the whole catalogue.</param>
internal sealed record Account(
    string Identifier, IReadOnlyList<string> Groups, IReadOnlyList<string> UserGroups, IReadOnlyList<string> Roles,
    IReadOnlyList<string> UnitedRoles, IReadOnlyList<string> UnitedPermissions)
{
    public static Account From(MemberView view, PermissionCatalogue catalogue)
    {
        var (member, graph) = view;
        var access = graph.Of(member);
        var own = graph.RolesOf(member.Roles).Select(r => r.Id).ToList();
        var united = own.Concat(graph.RolesOf(graph.GroupsOf(member).SelectMany(g => g.Roles)).Select(r => r.Id))
            .Distinct();
        return new(
            member.ShownAs, member.Permissions, [.. graph.GroupsOf(member).Select(g => g.Id.ToString())],
            [.. own.Select(r => r.ToString())], [.. united.Select(r => r.ToString())],
            access.IsAdmin ? catalogue.Names : [.. access.Permissions.Order(StringComparer.Ordinal)]);
    }
}

/// <summary>A service account, with groups and roles as objects and its tokens.</summary>
internal sealed record ServiceAccount(
    string Identifier, bool Active, string Description, IReadOnlyList<string> Groups,
    IReadOnlyList<UserGroup> UserGroups, IReadOnlyList<RoleDto> Roles,
    IReadOnlyList<UserApiToken> Tokens, IReadOnlyList<string> UnitedRoles, IReadOnlyList<string> UnitedPermissions,
    long? LastUsed)
{
    public static ServiceAccount From(MemberView view, string customer, PermissionCatalogue catalogue)
    {
        var (member, graph) = view;
        var (user, account) = (UserModel.From(view, customer), Account.From(view, catalogue));
        List<UserApiToken> tokens = [
            .. graph.KeysOf(member).Select(k => UserApiToken.From(k, member.ShownAs, UserApiToken.TypeOf(member)))];
        return new(
            user.Identifier, member.Status is MemberStatus.Active, member.Description, user.Groups, user.UserGroups,
            user.Roles, tokens, account.UnitedRoles, account.UnitedPermissions,
            tokens.Max(t => t.LastUsed));
    }
}

/// <summary>An API token. Times are milliseconds since the epoch.</summary>
/// <param name="TokenID">The secret in the answer that creates the token; the id in all later answers.</param>
/// <param name="TokenName">The name; empty by default.</param>
/// <param name="Account">The account that the token belongs to.</param>
/// <param name="AccountType"><c>USER_ACCOUNT</c>, <c>SERVICE_ACCOUNT</c> or <c>INACTIVE_SERVICE_ACCOUNT</c>.</param>
/// <param name="DateGenerated">When it was created.</param>
/// <param name="LastUsed">When it was last used; absent until its first use.</param>
internal sealed record UserApiToken(
    [property: JsonPropertyName("tokenID")] string TokenID, string TokenName, string Account, string AccountType,
    long DateGenerated, long? LastUsed)
{
    public static string TypeOf(Member holder) =>
        holder switch
        {
            { Kind: MemberKind.Person } => "USER_ACCOUNT", { Status: MemberStatus.Active } => "SERVICE_ACCOUNT",
            _ => "INACTIVE_SERVICE_ACCOUNT",
        };

    public static UserApiToken From(ApiKey key, string account, string accountType) =>
        new(
            key.Id.ToString(), key.Name, account, accountType, key.CreatedAt.ToUnixTimeMilliseconds(),
            key.LastUsedAt?.ToUnixTimeMilliseconds());
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UserModel))]
[JsonSerializable(typeof(Superset<UserModel>))]
[JsonSerializable(typeof(Superset<IReadOnlyList<UserModel>>))]
[JsonSerializable(typeof(Superset<IReadOnlyList<string>>))]
[JsonSerializable(typeof(IAsyncEnumerable<UserModel>))]
[JsonSerializable(typeof(Envelope))]
[JsonSerializable(typeof(Envelope<IReadOnlyList<string>>))]
[JsonSerializable(typeof(Envelope<IAsyncEnumerable<string>>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Envelope<IAsyncEnumerable<UserModel>>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Envelope<Validation>))]
[JsonSerializable(typeof(Envelope<Account>))]
[JsonSerializable(typeof(Envelope<Page<Account>>))]
[JsonSerializable(typeof(Envelope<ServiceAccount>))]
[JsonSerializable(
    typeof(Envelope<IAsyncEnumerable<ServiceAccount>>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Envelope<UserApiToken>))]
[JsonSerializable(typeof(Envelope<IReadOnlyList<UserApiToken>>))]
[JsonSerializable(typeof(Envelope<UserGroupModel>))]
[JsonSerializable(typeof(Envelope<Page<UserGroupModel>>))]
[JsonSerializable(typeof(Envelope<RoleModel>))]
[JsonSerializable(typeof(Envelope<Page<RoleModel>>))]
[JsonSerializable(typeof(Envelope<Page<FoundUser>>))]
[JsonSerializable(typeof(Envelope<Page<ServiceAccount>>))]
[JsonSerializable(typeof(Envelope<IReadOnlyList<UserGroup>>))]
[JsonSerializable(typeof(IReadOnlyList<PermissionInfo>))]
[JsonSerializable(typeof(CustomerPreferencesAnswer))]
internal sealed partial class WavefrontJson : JsonSerializerContext;
