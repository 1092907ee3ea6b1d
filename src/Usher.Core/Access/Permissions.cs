namespace Usher.Core.Access;

/// <summary>The catalogue's built-in names. An installation may add its own by <see cref="AccessOptions"/>.</summary>
public static class Permissions
{
    /// <summary>Members, invitations, groups, roles.</summary>
    public const string UserManagement = "user_management";

    /// <summary>Keys of others.</summary>
    public const string TokenManagement = "token_management";

    /// <summary>Making resources.</summary>
    public const string ResourceCreation = "resource_creation";

    /// <summary>
    /// Reading members, invitations, groups and roles, and asking what others may do. Changes nothing.
    /// </summary>
    public const string DirectoryRead = "directory_read";

    public const string BillingManagement = "billing_management";
    public const string AgentManagement = "agent_management";

    /// <summary>
    /// Wavefront's seventeen, then ours. Source: its reference, "groups" of UserToCreate, read 2026-11-21.
    /// </summary>
    public static IReadOnlyList<string> Wavefront { get; } =
    [
        AgentManagement, "alerts_management", "application_management", "batch_query_priority", "dashboard_management",
        "derived_metrics_management",
        "embedded_charts", "events_management", "external_links_management", "host_tag_management", "ingestion",
        "log_management", "metrics_management",
        "monitored_application_service_management", "saml_sso_management", TokenManagement, UserManagement,
    ];

    /// <summary>What Usher itself asks for. The rest it keeps, and answers for.</summary>
    public static IReadOnlyList<string> Enforced { get; } = [
        UserManagement, TokenManagement, ResourceCreation, DirectoryRead,
    ];

    public static IReadOnlyList<string> BuiltIn { get; } = [
        .. Wavefront, BillingManagement, ResourceCreation, DirectoryRead,
    ];
}

/// <summary>Bound from <c>Usher:Access</c>.</summary>
public sealed class AccessOptions
{
    public const string Section = "Usher:Access";

    /// <summary>
    /// Names added to the catalogue: 1 to 64 characters of a-z, 0-9, '_', '.', ':' and '-'. Usher keeps them and
    /// answers for them; it enforces none. Default: none.
    /// </summary>
    public IList<string> Permissions { get; } = [];
}

/// <summary>Which permission names exist in this installation.</summary>
public sealed class PermissionCatalogue(IEnumerable<string> added)
{
    private readonly HashSet<string> names = [.. Access.Permissions.BuiltIn, .. added];

    /// <summary>All names, in ordinal order.</summary>
    public IReadOnlyList<string> Names => field ??= [.. names.Order(StringComparer.Ordinal)];

    /// <summary>One for each name that is none of the catalogue's.</summary>
    internal IEnumerable<Error> Faults(IEnumerable<string> given) =>
        given.Select((name, i) => (name, i)).Where(p => !Contains(p.name))
            .Select(p => Invitations.InvitationErrors.PermissionUnknown(p.name, $"permissions/{p.i}"));

    public bool Contains(string name) => names.Contains(name);
}
