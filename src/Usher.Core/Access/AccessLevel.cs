namespace Usher.Core.Access;

/// <summary>
/// How much access a member or group has to a resource. Ordered: a higher level includes the lower ones.
/// </summary>
public enum AccessLevel
{
    None,
    ReadOnly,
    Full,
}

/// <summary>The built-in role of a member. Each member has exactly one.</summary>
public enum BuiltInRole
{
    /// <summary>Has only what was granted.</summary>
    User,

    /// <summary>Has read-only access to every resource.</summary>
    ReadOnly,

    /// <summary>Has full access to every resource, but no administration rights.</summary>
    PowerUser,

    /// <summary>Has every permission and full access to every resource.</summary>
    Admin,
}

/// <summary>
/// Single actions on a resource that can be granted without the full level. They are DeployHQ's three flags.
/// <see cref="AccessLevel.Full"/> implies all of them.
/// </summary>
public static class Capabilities
{
    public const string DeployAll = "deploy_all";
    public const string UpdateConfig = "update_config";
    public const string ManageConfigFiles = "manage_config_files";

    public static IReadOnlyList<string> All { get; } = [DeployAll, UpdateConfig, ManageConfigFiles];
}
