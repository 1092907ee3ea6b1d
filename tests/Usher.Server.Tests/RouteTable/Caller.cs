namespace Usher.Server.Tests.RouteTable;

/// <summary>One kind of caller, and what it holds.</summary>
public sealed record Caller(string Name, params IReadOnlyList<string> Permissions)
{
    public static readonly Caller Admin = new("admin") { IsAdmin = true };
    public static readonly Caller ReadOnlyRole = new("read_only") { ReachesAll = true };
    public static readonly Caller PowerUser = new("power_user") { ReachesAll = true };
    public static readonly Caller ServiceAccount = new("service account") { IsPerson = false };
    public static readonly Caller ReadOnlyKey = new("admin with a read-only key") { IsAdmin = true };
    public static readonly Caller Foreigner = new("admin of another organization") { IsAdmin = true };
    public static readonly Caller WithoutKey = new("caller without a key");
    public static readonly Caller UnknownKey = new("caller with an unknown key");
    public static readonly Caller Suspended = new("suspended admin");

    /// <summary>Callers with a key that may not act, or with none.</summary>
    public static readonly IReadOnlyList<Caller> Locked = [WithoutKey, UnknownKey, Suspended];

    /// <summary>Callers who may act, from least to most.</summary>
    public static readonly IReadOnlyList<Caller> Members =
    [
        new("user with nothing"), ReadOnlyRole, PowerUser, ServiceAccount,
        new("user with directory_read", Core.Access.Permissions.DirectoryRead),
        new("user with token_management", Core.Access.Permissions.TokenManagement),
        new("user with user_management", Core.Access.Permissions.UserManagement),
        new("user with every permission", Core.Access.Permissions.BuiltIn), Admin,
    ];

    public bool IsAdmin
    {
        get;
        init => (field, ReachesAll) = (value, value);
    }

    public bool IsPerson { get; init; } = true;

    /// <summary>Whether this caller reads every resource.</summary>
    public bool ReachesAll { get; init; }

    public bool May(string permission) => IsAdmin || Permissions.Contains(permission);

    public override string ToString() => Name;
}
