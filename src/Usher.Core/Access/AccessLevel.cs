namespace Usher.Core.Access;

/// <summary>How far a member or group reaches a resource. Ordered: a higher level holds the lower ones.</summary>
public enum AccessLevel
{
    None,
    ReadOnly,
    Full,
}

/// <summary>Exactly one per member.</summary>
public enum BuiltInRole
{
    /// <summary>Only what was granted.</summary>
    User,

    /// <summary>Reads every resource.</summary>
    ReadOnly,

    /// <summary>Full on every resource, no administration.</summary>
    PowerUser,

    /// <summary>Everything.</summary>
    Admin,
}

/// <summary>
/// Single things one may do with a resource below a full level (DeployHQ's three flags). <see cref="AccessLevel.Full"/>
/// implies all.
/// </summary>
public static class Capabilities
{
    public const string DeployAll = "deploy_all";
    public const string UpdateConfig = "update_config";
    public const string ManageConfigFiles = "manage_config_files";

    public static IReadOnlyList<string> All { get; } = [DeployAll, UpdateConfig, ManageConfigFiles];
}
