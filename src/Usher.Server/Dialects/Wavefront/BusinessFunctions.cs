using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// The names of single actions that an account may perform, by which a user interface shows or hides its controls. They
/// are computed from the effective permissions and never stored. The set of names is closed, and the vendor's generated
/// clients refuse others. The vendor does not document which permission yields which name; the mapping is ours. Source:
/// the client of version 2.223, read 2026-11-21.
/// </summary>
internal static class BusinessFunctions
{
    private static readonly string[] EveryPerson =
    [
        "LOGIN", "LOGOUT", "CHANGE_PASSWORD", "CHANGE_USER_PREFERENCE", "GET_TOKENS", "REVOKE_TOKEN", "VIEW_DASHBOARDS",
        "VIEW_DASHBOARDS_TAGS", "VIEW_ALERTS", "VIEW_ALERT_TAGS",
        "VIEW_METRIC_TIMESERIES", "VIEW_HOSTS", "VIEW_HOST_TAGS", "VIEW_EVENTS", "VIEW_EVENT_TAGS",
        "VIEW_MAINTENANCE_WINDOWS", "VIEW_NOTIFICANTS", "VIEW_SAVED_SEARCHES",
        "MODIFY_SAVED_SEARCHES", "VIEW_MY_MESSAGES", "VIEW_EXTERNAL_LINKS", "VIEW_APPLICATIONS",
    ];

    private static readonly string[] EveryServiceAccount = ["TOKEN"];

    private static readonly Dictionary<string, string[]> ByPermission = new()
    {
        [Permissions.UserManagement] =
        [
            "GET_ALL_ACCOUNTS", "GET_ALL_USERS", "GET_ALL_SERVICE_ACCOUNTS", "INVITE_USER", "DELETE_ACCOUNT",
            "ADMINISTER_GROUPS", "ADMINISTER_USER_GROUPS", "ADMINISTER_SERVICE_ACCOUNTS",
            "ADMINISTER_ALL_TOKENS", "ADMINISTER_CUSTOMER_PREFERENCES", "ROLES_MANAGEMENT",
        ],
        [Permissions.TokenManagement] = ["CREATE_TOKEN"],
        ["alerts_management"] = [
            "MODIFY_ALERTS", "MODIFY_ALERT_TAGS", "MODIFY_MAINTENANCE_WINDOWS", "MODIFY_NOTIFICANTS", "MODIFY_TARGETS",
        ],
        ["dashboard_management"] = ["MODIFY_DASHBOARDS", "MODIFY_DASHBOARD_TAGS"],
        ["events_management"] = ["MODIFY_EVENTS", "MODIFY_EVENT_TAGS"],
        ["host_tag_management"] = ["MODIFY_HOSTS", "MODIFY_HOST_TAGS"],
        ["external_links_management"] = ["MODIFY_EXTERNAL_LINKS", "MODIFY_EXTERNAL_LINK_TAGS"],
        ["derived_metrics_management"] = [
            "VIEW_REGISTERED_QUERIES", "MODIFY_REGISTERED_QUERIES", "MODIFY_REGISTERED_QUERY_TAGS",
        ],
        ["metrics_management"] = ["MODIFY_METRIC_VISIBILITY", "MODIFY_METRIC_TYPE", "SECURITY_POLICY_MANAGEMENT"],
        [Permissions.AgentManagement] = [
            "VIEW_AGENTS", "MODIFY_AGENTS", "MODIFY_AGENT_TAGS", "MODIFY_EXTERNAL_SERVICES",
        ],
        ["ingestion"] = ["METRIC_INGESTION"],
        ["embedded_charts"] = ["CREATE_EMBEDDED_CHARTS"],
        ["application_management"] = ["MODIFY_APPLICATIONS"],
        ["monitored_application_service_management"] = [
            "VIEW_MONITORED_APPLICATION_SERVICE", "MODIFY_MONITORED_APPLICATION_SERVICE",
        ],
        ["saml_sso_management"] = ["VIEW_SAML_SSO_SETTINGS", "MODIFY_SAML_SSO_SETTINGS"],
        ["log_management"] = ["VIEW_LOGS"],
        ["batch_query_priority"] = [],
    };

    /// <summary>A member's business functions, in ordinal order.</summary>
    public static IReadOnlyList<string> Of(MemberView view)
    {
        var access = view.Graph.Of(view.Member);
        var own = view.Member.Kind is MemberKind.Person ? EveryPerson : EveryServiceAccount;
        return [
            .. own.Concat(ByPermission.Where(p => access.Has(p.Key)).SelectMany(p => p.Value)).Distinct()
                .Order(StringComparer.Ordinal)];
    }
}
