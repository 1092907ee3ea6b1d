using System.Text.Json;
using Usher.Core.Access;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Golden;

public sealed class DeployHqStory() : Story("DeployHQ")
{
    private const string Nothing = "00000000-0000-4000-8000-000000000000";

    protected override string Authorize(StoryCaller caller) => $"Basic {caller.Email}:{caller.Key}";

    protected override async Task TellAsync()
    {
        var noor = await InviteAsync("invite-user", """
            {"user":{"first_name":"Noor","last_name":"Haddad","email_address":"noor@acme.test",
              "can_create_projects":true,"all_projects_allowed":false}}
            """);
        await InviteAsync("invite-administrator", """
            {"user":{"first_name":"Ilya","email_address":"Ilya@acme.test","time_zone":"Europe/London",
            "account_administrator":true}}
            """);
        await InviteAsync("invite-loose-booleans", """
            {"user":{"id":"x","first_name":"Lou","email_address":"lou@acme.test","can_manage_users":"1",
              "can_manage_billing":1,"can_create_projects":"true","can_manage_agents":0,"all_projects_allowed":"1"}}
            """);
        await InviteAsync("invite-known", """{"user":{"first_name":"Noor","email_address":"NOOR@acme.test"}}""");
        await InviteAsync("invite-every-fault", """
            {"user":{"first_name":" ","last_name":7,"time_zone":[],"can_manage_users":"yes",
            "all_projects_allowed":null}}
            """);
        await InviteAsync(
            "invite-email-invalid", """{"user":{"first_name":"Mia","email_address":"mia at acme.test"}}""");
        await InviteAsync(
            "invite-time-zone-unknown",
            """{"user":{"first_name":"Mia","email_address":"mia@acme.test","time_zone":"Mars/Olympus"}}""");
        await InviteAsync("invite-no-wrapper", """{"first_name":"Mia","email_address":"mia@acme.test"}""");

        var uma = await Organization.JoinedAsync(
            "uma@acme.test",
            row => row with { FirstName = "Uma", Permissions = [Permissions.UserManagement], TimeZone = "Asia/Tokyo" });
        var asUma = new StoryCaller("uma", "uma@acme.test", uma.Key);
        await CallAsync(
            "invite-more-than-held", HttpMethod.Post, "/users",
            """{"user":{"first_name":"Mia","email_address":"mia@acme.test","can_manage_agents":true}}""", asUma);
        await CallAsync("list-users", HttpMethod.Get, "/users");
        await CallAsync("get-user", HttpMethod.Get, "/users/" + noor!.Value.TextAt("identifier"));
        await CallAsync("get-user-by-number", HttpMethod.Get, $"/users/{uma.Member.Number}");
        await CallAsync("get-user-unknown", HttpMethod.Get, "/users/" + Nothing);
        await CallAsync(
            "resend-invitation", HttpMethod.Post, $"/users/{noor.Value.TextAt("identifier")}/resend_invitation");
        await CallAsync("resend-invitation-activated", HttpMethod.Post, $"/users/{uma.Member.Id}/resend_invitation");
        await CallAsync(
            "resend-invitation-not-covered", HttpMethod.Post,
            $"/users/{noor.Value.TextAt("identifier")}/resend_invitation", caller: asUma);
        await CallAsync("resend-invitation-unknown", HttpMethod.Post, $"/users/{Nothing}/resend_invitation");

        await CallAsync("update-user", HttpMethod.Put, "/users/" + noor.Value.TextAt("identifier"), """
            {"user":{"first_name":"Nora","can_create_projects":"0"},"project_assignments":[{"identifier":"staging",
              "can_deploy_all":true}]}
            """);
        await CallAsync(
            "update-user-zone-none", HttpMethod.Patch, "/users/" + noor.Value.TextAt("identifier"),
            """{"user":{"time_zone":null}}""");
        await CallAsync(
            "update-user-flags-as-manager", HttpMethod.Put, "/users/" + noor.Value.TextAt("identifier"),
            """{"user":{"can_manage_users":true}}""", asUma);
        await CallAsync(
            "update-last-administrator", HttpMethod.Put, $"/users/{Organization.Created.Owner.Id}",
            """{"user":{"account_administrator":false}}""");
        await CallAsync("remove-administrator", HttpMethod.Delete, $"/users/{Organization.Created.Owner.Id}");
        await CallAsync("remove-user", HttpMethod.Delete, "/users/" + noor.Value.TextAt("identifier"));

        var team = await CallAsync("create-team", HttpMethod.Post, "/teams", $$"""
            {"team":{"name":"Release crew","can_create_projects":1,"user_ids":[{{uma.Member.Number}}],
              "project_assignments":[{"identifier":"staging","can_deploy_all":true}] } }
            """);
        await CallAsync(
            "create-team-user-unknown", HttpMethod.Post, "/teams", """{"team":{"name":"Crew","user_ids":[0]}}""");
        await CallAsync("list-teams", HttpMethod.Get, "/teams");
        await CallAsync("get-team", HttpMethod.Get, "/teams/" + team!.Value.TextAt("identifier"));
        await CallAsync(
            "update-team", HttpMethod.Put, "/teams/" + team.Value.TextAt("identifier"),
            """{"team":{"all_projects_allowed":true}}""");
        await CallAsync(
            "update-team-administrators", HttpMethod.Patch, "/teams/" + team.Value.TextAt("identifier"),
            """{"team":{"is_admin":true,"user_ids":[]}}""");
        await CallAsync("delete-team", HttpMethod.Delete, "/teams/" + team.Value.TextAt("identifier"));

        await CallAsync("create-project", HttpMethod.Post, "/projects", """{"project":{"name":"Web Shop"}}""");
        await CallAsync("list-projects", HttpMethod.Get, "/projects");
        await CallAsync("get-project", HttpMethod.Get, "/projects/web-shop");
        await CallAsync("get-project-unknown", HttpMethod.Get, "/projects/nowhere");

        await CallAsync("get-profile", HttpMethod.Get, "/profile", caller: asUma);
        await CallAsync("update-profile", HttpMethod.Put, "/profile", """{"user":{"last_name":"Udo"}}""", asUma);
        await CallAsync(
            "update-profile-zone", HttpMethod.Patch, "/profile", """{"user":{"time_zone":"Asia/Seoul"}}""", asUma);
        await CallAsync("get-account", HttpMethod.Get, "/account");
        await CallAsync("update-account", HttpMethod.Put, "/account", """{"account":{"time_zone":"Europe/Berlin"}}""");
        await CallAsync(
            "update-account-not-supported", HttpMethod.Patch, "/account",
            """{"account":{"permalink":"other","ip_restricted":true}}""");
        await CallAsync("update-account-nothing", HttpMethod.Patch, "/account", """{"account":{}}""");
        await CallAsync("get-billing-status", HttpMethod.Get, "/account/billing_status");
        var made = await CallAsync(
            "create-api-key", HttpMethod.Post, "/security/api_keys",
            """{"api_key":{"description":"Laptop","read_only":true}}""");
        await CallAsync("delete-api-key", HttpMethod.Delete, "/security/api_keys/" + made!.Value.TextAt("identifier"));

        var lee = await Organization.ActiveAsync("lee@acme.test");
        var readOnly = await Organization.WithKeyAsync(Organization.Created.Owner, readOnly: true);
        await TellRefusalsAsync(
            "/users", "/users", """{"user":{"first_name":"Ola","email_address":"ola@acme.test"}}""",
            new("a key that may only read", Owner.Email, readOnly.Key),
            new("lee", "lee@acme.test", lee.Key));
    }

    private Task<JsonElement?> InviteAsync(string name, string body) =>
        CallAsync(name, HttpMethod.Post, "/users", body);
}

/// <summary>DeployHQ's calls, member for member.</summary>
public sealed class DeployHqGoldenTests(DeployHqStory story) : GoldenTests(story), IClassFixture<DeployHqStory>;
