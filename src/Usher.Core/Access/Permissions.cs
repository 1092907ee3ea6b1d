namespace Usher.Core.Access;

/// <summary>
/// The built-in permission names. An installation may add its own names with <see cref="AccessOptions"/>.
/// </summary>
public static class Permissions
{
    /// <summary>Manage members, invitations, groups and roles.</summary>
    public const string UserManagement = "user_management";

    /// <summary>Manage the API keys of other members.</summary>
    public const string TokenManagement = "token_management";

    /// <summary>Create resources.</summary>
    public const string ResourceCreation = "resource_creation";

    /// <summary>
    /// Read members, invitations, groups and roles, and check the access of others. Allows no changes.
    /// </summary>
    public const string DirectoryRead = "directory_read";

    public const string BillingManagement = "billing_management";
    public const string AgentManagement = "agent_management";

    /// <summary>
    /// Wavefront's 17 permissions. Source: Wavefront API reference, "groups" of UserToCreate, read 2026-11-21.
    /// </summary>
    public static IReadOnlyList<string> Wavefront { get; } =
    [
        AgentManagement, "alerts_management", "application_management", "batch_query_priority", "dashboard_management",
        "derived_metrics_management",
        "embedded_charts", "events_management", "external_links_management", "host_tag_management", "ingestion",
        "log_management", "metrics_management",
        "monitored_application_service_management", "saml_sso_management", TokenManagement, UserManagement,
    ];

    /// <summary>
    /// The permissions that Usher itself enforces. It stores the others and answers access checks about them.
    /// </summary>
    public static IReadOnlyList<string> Enforced { get; } = [
        UserManagement, TokenManagement, ResourceCreation, DirectoryRead,
    ];

    public static IReadOnlyList<string> BuiltIn { get; } = [
        .. Wavefront, BillingManagement, ResourceCreation, DirectoryRead,
    ];
}

/// <summary>Access settings, bound from <c>Usher:Access</c>.</summary>
public sealed class AccessOptions
{
    public const string Section = "Usher:Access";

    /// <summary>
    /// Gets the permission names to add to the catalogue: 1 to 64 characters of a-z, 0-9, '_', '.', ':' and '-'. Usher
    /// stores them and answers access checks about them, but enforces none of them. The default is empty.
    /// </summary>
    public IList<string> Permissions { get; } = [];
}

/// <summary>The permission names that exist in this installation.</summary>
public sealed class PermissionCatalogue(IEnumerable<string> added)
{
    private readonly HashSet<string> names = [.. Access.Permissions.BuiltIn, .. added];

    /// <summary>All names, in ordinal order.</summary>
    public IReadOnlyList<string> Names => field ??= [.. names.Order(StringComparer.Ordinal)];

    /// <summary>Returns one error for each name that is not in the catalogue.</summary>
    internal IEnumerable<Error> Faults(IEnumerable<string> given) =>
        given.Select((name, i) => (name, i)).Where(p => !Contains(p.name))
            .Select(p => CommonErrors.PermissionUnknown(p.name, $"permissions/{p.i}"));

    public bool Contains(string name) => names.Contains(name);
}
