using System.Text.Json.Serialization;
using Usher.Core.Organizations;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>A permission as user interfaces show it: BusinessActionGroupBasicDTO.</summary>
/// <param name="GroupName">The name in requests and answers.</param>
/// <param name="DisplayName">The name for people.</param>
/// <param name="Description">The description for people.</param>
/// <param name="RequiredDefault">Whether every account has it. It is always false.</param>
internal sealed record PermissionInfo(string GroupName, string DisplayName, string Description, bool RequiredDefault)
{
    private static readonly Dictionary<string, string> Shown = new()
    {
        ["agent_management"] = "Proxies", ["alerts_management"] = "Alerts", ["application_management"] = "Applications",
        ["batch_query_priority"] = "Batch Query Priority",
        ["dashboard_management"] = "Dashboards", ["derived_metrics_management"] = "Derived Metrics",
        ["embedded_charts"] = "Chart Embedding", ["events_management"] = "Events",
        ["external_links_management"] = "External Links", ["host_tag_management"] = "Source Tags",
        ["ingestion"] = "Direct Data Ingestion", ["log_management"] = "Logs",
        ["metrics_management"] = "Metrics", ["monitored_application_service_management"] = "Integrations",
        ["saml_sso_management"] = "SAML IdP Admin", ["token_management"] = "API Tokens",
        ["user_management"] = "Accounts", ["billing_management"] = "Billing", ["resource_creation"] = "Resources",
    };

    /// <summary>A permission from the configuration has no display name of its own.</summary>
    public static PermissionInfo Of(string permission)
    {
        var shown = Shown.GetValueOrDefault(permission, permission);
        return new(permission, shown, $"Permission: {shown}", false);
    }
}

/// <summary>The tenant's preferences: those about users, and others that clients require.</summary>
internal record CustomerPreferences
{
    public required string CustomerId { get; init; }

    /// <summary>The permissions for invitations that name none.</summary>
    public required IReadOnlyList<string> InvitePermissions { get; init; }

    /// <summary>The groups for invitations that name none, in addition to the system groups.</summary>
    public required IReadOnlyList<UserGroup> DefaultUserGroups { get; init; }

    public IReadOnlyDictionary<string, int> HiddenMetricPrefixes { get; } = new Dictionary<string, int>();

    public bool GrantModifyAccessToEveryone { get; }

    [JsonPropertyName("hideTSWhenQuerybuilderShown")]
    public bool HideTsWhenQuerybuilderShown { get; }

    public bool ShowOnboarding { get; }

    public bool ShowQuerybuilderByDefault { get; }

    public static CustomerPreferences From(DefaultsView defaults) => new()
    {
        CustomerId = defaults.Organization.Slug,
        InvitePermissions = [.. defaults.Organization.DefaultPermissions.Order(StringComparer.Ordinal)],
        DefaultUserGroups = GroupsOf(defaults),
    };

    public static IReadOnlyList<UserGroup> GroupsOf(DefaultsView defaults) =>
        [.. defaults.Groups.Select(g => UserGroup.From(g, defaults.Graph, defaults.Organization.Slug))];
}

/// <summary>The preferences both bare, as documented, and in an envelope, as other answers were recorded.</summary>
internal sealed record CustomerPreferencesAnswer : CustomerPreferences
{
    [JsonPropertyOrder(1)]
    public required ResponseStatus Status { get; init; }

    [JsonPropertyOrder(2)]
    public required CustomerPreferences Response { get; init; }

    public static CustomerPreferencesAnswer Of(CustomerPreferences preferences) => new()
    {
        CustomerId = preferences.CustomerId, InvitePermissions = preferences.InvitePermissions,
        DefaultUserGroups = preferences.DefaultUserGroups,
        Status = new("OK", "", StatusCodes.Status200OK), Response = preferences,
    };
}
