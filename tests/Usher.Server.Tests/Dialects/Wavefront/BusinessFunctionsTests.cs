using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class BusinessFunctionsTests(UsherApp app)
{
    // The closed set of version 2.223: a made client refuses any other name.
    private static readonly string[] Known = """
        VIEW_MONITORED_APPLICATION_SERVICE VIEW_MONITORED_CLUSTER VIEW_MONITORED_CLUSTER_TAGS VIEW_DASHBOARDS
        VIEW_DASHBOARDS_TAGS VIEW_METRIC_TIMESERIES VIEW_EPHEMERAL_METRIC_TIMESERIES VIEW_HOSTS VIEW_HOST_TAGS
        VIEW_AGENT_TAGS VIEW_EVENTS VIEW_EVENT_TAGS VIEW_ALERTS VIEW_ALERT_TAGS VIEW_REGISTERED_QUERIES
        VIEW_REGISTERED_QUERY_TAGS VIEW_MAINTENANCE_WINDOWS VIEW_NOTIFICANTS VIEW_CUSTOM_METRICS VIEW_TARGETS
        VIEW_AGENTS VIEW_SSH_CONFIGS VIEW_EXTERNAL_SERVICES VIEW_EXTERNAL_SERVICES_TAGS VIEW_EXTERNAL_LINKS
        VIEW_EXTERNAL_LINK_DIGESTS VIEW_EXTERNAL_LINK_TAGS VIEW_LOGS VIEW_SLOW_QUERY_PAGE VIEW_SAVED_SEARCHES
        VIEW_MY_MESSAGES VIEW_APPLICATIONS VIEW_ANOMALY SPY_ON_POINTS SPY_ON_ID_CREATIONS SPY_UNUSED_METRICS
        VIEW_SAML_SSO_SETTINGS VIEW_INGESTION_POLICY VIEW_CLUSTER_INFO VIEW_QUERY_FEDERATION
        MODIFY_MONITORED_APPLICATION_SERVICE MODIFY_MONITORED_CLUSTER MODIFY_MONITORED_CLUSTER_TAGS MODIFY_PRIVATE_TAGS
        MODIFY_CUSTOM_METRICS MODIFY_DASHBOARDS MODIFY_EVENTS MODIFY_EVENT_TAGS MODIFY_AGENTS MODIFY_AGENT_TAGS
        MODIFY_HOSTS MODIFY_HOST_TAGS MODIFY_MACHINES MODIFY_SSH_CONFIGS MODIFY_ALERTS MODIFY_ALERT_TAGS
        MODIFY_REGISTERED_QUERIES MODIFY_REGISTERED_QUERY_TAGS MODIFY_MAINTENANCE_WINDOWS MODIFY_NOTIFICANTS
        MODIFY_DASHBOARD_TAGS MODIFY_TARGETS MODIFY_EXTERNAL_SERVICES MODIFY_EXTERNAL_SERVICES_TAGS
        CREATE_EMBEDDED_CHARTS MODIFY_METRIC_VISIBILITY MODIFY_METRIC_TYPE MODIFY_EXTERNAL_LINKS
        MODIFY_EXTERNAL_LINK_TAGS MODIFY_SAVED_SEARCHES MODIFY_SAVED_TRACES_SEARCH MODIFY_OWN_ONBOARDING_STATE
        MODIFY_APPLICATIONS INGESTION_POLICY_MANAGEMENT SECURITY_POLICY_MANAGEMENT MODIFY_SAML_SSO_SETTINGS
        METRIC_INGESTION METRIC_INGESTION_LISTENER LOGIN LOGOUT CHANGE_PASSWORD SEND_FORGOTTEN_PASSWORD_EMAILS
        CHANGE_USER_PREFERENCE CREATE_TOKEN REVOKE_ALL_SESSIONS REVOKE_ALL_TOKENS REVOKE_TOKEN GET_TOKENS
        GET_ALL_ACCOUNTS GET_ALL_USERS GET_ALL_SERVICE_ACCOUNTS ADMINISTER_GROUPS DELETE_ACCOUNT INVITE_USER
        ADMINISTER_SERVICE_ACCOUNTS NO_REAUTH_INVITE_USER ADMINISTER_USER_GROUPS ADMINISTER_ALL_TOKENS
        ADMINISTER_CUSTOMER_PREFERENCES ROLES_MANAGEMENT VIEW_CUSTOMERS MODIFY_CUSTOMER DELETE_CUSTOMER SEND_UI_METRICS
        UPGRADE_CUSTOMER TOKEN
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    [Fact]
    public async Task An_administrator_has_those_of_every_permission_and_all_are_names_that_clients_know()
    {
        var org = await app.CreateOrganizationAsync();
        var owner = await FunctionsAsync(org, org.Created.Owner.Email!);
        Assert.Equal(106, Known.Length);
        Assert.Empty(owner.Except(Known));
        Assert.Equal(owner.Order(StringComparer.Ordinal).Distinct(), owner);
        Assert.Superset(
            new HashSet<string>
            {
                "LOGIN", "INVITE_USER", "CREATE_TOKEN", "MODIFY_ALERTS", "VIEW_LOGS", "METRIC_INGESTION",
            },
            owner.ToHashSet());
    }

    [Fact]
    public async Task What_comes_by_a_role_counts_and_what_is_taken_away_is_gone_at_once()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Watchers", "alerts_management");
        await org.ActiveAsync("kim@example.com");
        var plain = await FunctionsAsync(org, "kim@example.com");
        Assert.Equal(22, plain.Length);

        await org.Admin.NameAsync("/account/kim@example.com/addRoles", $"{role.Id}").OkAsync();
        Assert.Equal(
            [
                "MODIFY_ALERTS", "MODIFY_ALERT_TAGS", "MODIFY_MAINTENANCE_WINDOWS", "MODIFY_NOTIFICANTS",
                "MODIFY_TARGETS",
            ],
            (await FunctionsAsync(org, "kim@example.com")).Except(plain));
        await org.Admin.NameAsync("/account/kim@example.com/removeRoles", $"{role.Id}").OkAsync();
        Assert.Equal(plain, await FunctionsAsync(org, "kim@example.com"));
    }

    [Fact]
    public async Task A_service_account_has_TOKEN_and_what_its_permissions_give()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync(
            "/account/serviceaccount",
            """{ "identifier": "sa::bot", "groups": ["ingestion", "batch_query_priority"] }""").OkAsync();
        Assert.Equal(["METRIC_INGESTION", "TOKEN"], await FunctionsAsync(org, "sa::bot"));
    }

    [Fact]
    public async Task Every_permission_of_wavefronts_has_a_row()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var plain = await FunctionsAsync(org, "kim@example.com");
        foreach (var permission in Permissions.Wavefront.Except(["batch_query_priority"]))
        {
            await org.Admin.SendNothingAsync($"/account/kim@example.com/grant/{permission}").OkAsync();
            Assert.NotEqual(plain, await FunctionsAsync(org, "kim@example.com"));
            await org.Admin.SendNothingAsync($"/account/kim@example.com/revoke/{permission}").OkAsync();
        }
    }

    private static async Task<string[]> FunctionsAsync(TestOrganization org, string id) =>
        [.. (await org.Admin.AskAsync($"/account/{id}/businessFunctions").OkAsync()).Texts("response")];
}
