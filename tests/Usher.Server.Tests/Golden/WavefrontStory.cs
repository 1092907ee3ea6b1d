using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Golden;

public sealed class WavefrontStory() : Story("Wavefront")
{
    private const string Nothing = "00000000-0000-4000-8000-000000000000";

    protected override string Authorize(StoryCaller caller) => "Bearer " + caller.Key;

    protected override async Task TellAsync()
    {
        var reader = await Organization.RoleAsync("Reader", "alerts_management");
        var ops = await Organization.GroupAsync(
            new("Ops") { Description = "On call", Roles = [Reference.To(reader.Id)] });
        await InviteAsync("invite-one", """
            [{"emailAddress":"pat@example.com","groups":["ingestion","alerts_management"],"userGroups":[],"roles":[]}]
            """);
        await InviteAsync("invite-several", $$"""
            [
              {"emailAddress":"Sam@Example.com","groups":["dashboard_management","browse"],
                "userGroups":["{{ops.Id}}"],"roles":[]},
              {"emailAddress":"kim@example.com","groups":[],"userGroups":null,"roles":["{{reader.Id}}"]},
              {"emailAddress":"sam@example.com","groups":[]}
            ]
            """);
        await InviteAsync(
            "invite-some-known",
            """[{"emailAddress":"pat@example.com","groups":[]},{"emailAddress":"lou@example.com"}]""");
        await InviteAsync(
            "invite-unknown-references",
            $$"""[{"emailAddress":"max@example.com","userGroups":["{{Nothing}}"],"roles":["{{Nothing}}","Reader"]}]""");
        await InviteAsync(
            "invite-all-known", """[{"emailAddress":"pat@example.com"},{"emailAddress":"kim@example.com"}]""");
        await InviteAsync(
            "invite-email-invalid", """[{"emailAddress":"new@example.com"},{"emailAddress":"pat at example.com"}]""");
        await InviteAsync("invite-email-missing", """[{"groups":[]}]""");
        await InviteAsync(
            "invite-permission-unknown", """[{"emailAddress":"new@example.com","groups":["no_such_permission"]}]""");
        await InviteAsync("invite-groups-invalid", """[{"emailAddress":"new@example.com","groups":"ingestion"}]""");
        await InviteAsync("invite-no-array", """{"emailAddress":"new@example.com"}""");
        await InviteAsync("invite-nobody", "[]");

        var uma = await Organization.JoinedAsync(
            "uma@example.com",
            row => row with { Permissions = [Permissions.UserManagement], Groups = [Reference.To(ops.Id)] });
        var asUma = new StoryCaller("uma", "uma@example.com", uma.Key);
        await CallAsync(
            "invite-more-than-held", HttpMethod.Post, "/api/v2/user/invite",
            """[{"emailAddress":"new@example.com","groups":["ingestion"]}]""", asUma);
        await CallAsync("list-users", HttpMethod.Get, "/api/v2/user");
        await CallAsync("get-user", HttpMethod.Get, "/api/v2/user/sam@example.com");
        await CallAsync("get-user-signed-in", HttpMethod.Get, "/api/v2/user/UMA%40example.com");
        await CallAsync("get-user-unknown", HttpMethod.Get, "/api/v2/user/nobody@example.com");
        var lee = await Organization.ActiveAsync("lee@example.com");
        var asLee = new StoryCaller("lee", "lee@example.com", lee.Key);
        await CallAsync("get-user-himself", HttpMethod.Get, "/api/v2/user/lee@example.com", caller: asLee);
        await CallAsync("get-user-lacking-privilege", HttpMethod.Get, "/api/v2/user/sam@example.com", caller: asLee);
        await Organization.ServiceAccountAsync("bot");
        await CallAsync("get-user-service-account", HttpMethod.Get, "/api/v2/user/sa::bot");

        await TellOfUsersAsync(ops.Id, reader.Id, asUma);
        await TellOfAccountsAsync(ops.Id, reader.Id);
        await TellOfGroupsAndRolesAsync(reader.Id);
        await TellOfSearchAsync();
        await TellOfTheCustomerAsync(ops.Id);

        var readOnly = await Organization.WithKeyAsync(Organization.Created.Owner, readOnly: true);
        await TellRefusalsAsync(
            "/api/v2/user", "/api/v2/user/invite", """[{"emailAddress":"ola@example.com"}]""",
            new("a key that may only read", Owner.Email, readOnly.Key), asLee);
    }

    private async Task TellOfUsersAsync(Guid ops, Guid reader, StoryCaller uma)
    {
        await PostAsync("create-user", "/api/v2/user?sendEmail=True", $$"""
            {"emailAddress":"Ann@example.com","groups":["alerts_management"],"userGroups":[],"roles":["{{reader}}"]}
            """);
        await PostAsync("create-user-groups-ignored", "/api/v2/user", $$"""
            {"emailAddress":"ben@example.com","groups":[],"userGroups":["{{Nothing}}","{{ops}}"],
            "roles":["{{Nothing}}"]}
            """);
        await PostAsync("create-user-known", "/api/v2/user", """{"emailAddress":"ann@example.com"}""");
        await PostAsync(
            "create-user-send-email-invalid", "/api/v2/user?sendEmail=maybe", """{"emailAddress":"new@example.com"}""");
        await PutAsync("update-user", "/api/v2/user/ann@example.com", $$"""
            {"identifier":"ann@example.com","ssoId":"ann","groups":["ingestion"],"userGroups":["{{ops}}"],"roles":[]}
            """);
        await PutAsync(
            "update-user-groups-null", "/api/v2/user/ann@example.com",
            """{"userGroups":null,"credential":"not kept"}""");
        await PutAsync(
            "update-user-groups-ignored", "/api/v2/user/ann@example.com", $$"""{"userGroups":["{{Nothing}}"]}""");
        await PutAsync("update-user-renamed", "/api/v2/user/ann@example.com", """{"identifier":"other@example.com"}""");
        await PutAsync(
            "update-user-permission-unknown", "/api/v2/user/ann@example.com", """{"groups":["no_such_permission"]}""");
        await PutAsync("update-user-unknown", "/api/v2/user/nobody@example.com", "{}");
        await PutAsync(
            "update-user-last-admin-not-covered", "/api/v2/user/olivia@acme.test", """{"ssoId":"mine"}""", uma);
        await PostAsync("add-user-groups", "/api/v2/user/ann@example.com/addUserGroups", $$"""["{{ops}}"]""");
        await PostAsync("remove-user-groups", "/api/v2/user/ann@example.com/removeUserGroups", $$"""["{{ops}}"]""");
        await PostAsync(
            "add-user-groups-unknown", "/api/v2/user/ann@example.com/addUserGroups", $$"""["{{Nothing}}"]""");
        await FormAsync("grant-permission", "/api/v2/user/ann@example.com/grant", "group=host_tag_management");
        await FormAsync("revoke-permission", "/api/v2/user/ann@example.com/revoke", "group=host_tag_management");
        await FormAsync("grant-permission-missing", "/api/v2/user/ann@example.com/grant", "");
        await FormAsync("grant-permission-unknown", "/api/v2/user/ann@example.com/grant", "group=no_such_permission");
        await PostAsync(
            "grant-to-users", "/api/v2/user/grant/log_management",
            """["ben@example.com","ann@example.com","ben@example.com"]""");
        await PostAsync(
            "grant-to-users-some-unknown", "/api/v2/user/grant/log_management",
            """["nobody@example.com","ann@example.com"]""");
        await PostAsync("grant-to-users-none-known", "/api/v2/user/grant/log_management", """["nobody@example.com"]""");
        await PostAsync(
            "revoke-from-users", "/api/v2/user/revoke/log_management", """["ann@example.com","ben@example.com"]""");
        await CallAsync("get-business-functions", HttpMethod.Get, "/api/v2/user/uma@example.com/businessFunctions");
        await PostAsync(
            "validate-users", "/api/v2/user/validateUsers",
            """["ann@example.com","nobody@example.com","no-such-thing","SA::bot"]""");
        await CallAsync("delete-user", HttpMethod.Delete, "/api/v2/user/ann@example.com");
        await CallAsync("delete-user-unknown", HttpMethod.Delete, "/api/v2/user/ann@example.com");
        await CallAsync("delete-last-admin", HttpMethod.Delete, "/api/v2/user/olivia@acme.test");
        await PostAsync("delete-users", "/api/v2/user/deleteUsers", """["ben@example.com","lou@example.com"]""");
        await PostAsync(
            "delete-users-some-unknown", "/api/v2/user/deleteUsers", """["max@example.com","nobody@example.com"]""");
        await PostAsync("delete-users-nobody", "/api/v2/user/deleteUsers", "[]");
    }

    private async Task TellOfAccountsAsync(Guid ops, Guid reader)
    {
        await PostAsync("create-service-account", "/api/v2/account/serviceaccount", $$"""
            {"identifier":"CI","active":true,"description":"builds","groups":["ingestion"],"userGroups":["{{ops}}"],
            "roles":["{{reader}}"],"tokens":[]}
            """);
        await PostAsync(
            "create-service-account-known", "/api/v2/account/serviceaccount", """{"identifier":"sa::ci"}""");
        await PostAsync(
            "create-service-account-token-management", "/api/v2/account/serviceaccount",
            """{"identifier":"sa::other","groups":["token_management"]}""");
        var made = await PostAsync(
            "create-token-of-service-account", "/api/v2/apitoken/serviceaccount/sa::ci", """{"tokenName":"nightly"}""");
        var token = made!.Value.TextAt("response/0/tokenID")!;
        var id = (await CallAsync(
            "list-tokens-of-service-account", HttpMethod.Get,
            "/api/v2/apitoken/serviceaccount/sa%3A%3Aci"))!.Value.TextAt("response/0/tokenID");
        await PutAsync(
            "rename-token-of-service-account", $"/api/v2/apitoken/serviceaccount/sa::ci/{id}",
            """{"tokenID":"ignored","tokenName":"weekly"}""");
        await CallAsync("list-service-accounts", HttpMethod.Get, "/api/v2/account/serviceaccount");
        await CallAsync("get-service-account", HttpMethod.Get, "/api/v2/account/serviceaccount/sa::ci");
        await CallAsync("get-service-account-unknown", HttpMethod.Get, "/api/v2/account/serviceaccount/sa::nobody");
        await PutAsync(
            "update-service-account", "/api/v2/account/serviceaccount/sa::ci",
            """{"identifier":"sa::ci","description":"builds and tests","active":true,"groups":[]}""");
        await PostAsync(
            "deactivate-service-account", "/api/v2/account/serviceaccount/sa::ci/deactivate", "null", "text/plain");
        await PostAsync("activate-service-account", "/api/v2/account/serviceaccount/sa::ci/activate", "{}");
        await CallAsync(
            "delete-token-of-service-account", HttpMethod.Delete, $"/api/v2/apitoken/serviceaccount/sa::ci/{token}");

        await CallAsync("list-accounts", HttpMethod.Get, "/api/v2/account?offset=0&limit=2");
        await CallAsync("list-accounts-limit-invalid", HttpMethod.Get, "/api/v2/account?limit=1001");
        await CallAsync("get-account", HttpMethod.Get, "/api/v2/account/kim@example.com");
        await CallAsync("get-account-business-functions", HttpMethod.Get, "/api/v2/account/sa::ci/businessFunctions");
        await PostAsync(
            "grant-permission-to-account", "/api/v2/account/kim@example.com/grant/ingestion", "null", "text/plain");
        await PostAsync("revoke-permission-from-account", "/api/v2/account/kim@example.com/revoke/ingestion", "{}");
        await PostAsync(
            "grant-to-accounts", "/api/v2/account/grant/log_management", """["kim@example.com","sa::ci"]""");
        await PostAsync(
            "revoke-from-accounts", "/api/v2/account/revoke/log_management", """["kim@example.com","sa::ci"]""");
        await PostAsync("add-groups-to-account", "/api/v2/account/kim@example.com/addUserGroups", $$"""["{{ops}}"]""");
        await PostAsync(
            "remove-groups-from-account", "/api/v2/account/kim@example.com/removeUserGroups", $$"""["{{ops}}"]""");
        await PostAsync(
            "remove-roles-from-account", "/api/v2/account/kim@example.com/removeRoles", $$"""["{{reader}}"]""");
        await PostAsync("add-roles-to-account", "/api/v2/account/kim@example.com/addRoles", $$"""["{{reader}}"]""");
        await CallAsync("list-account-users", HttpMethod.Get, "/api/v2/account/user?offset=0&limit=1");
        await CallAsync("list-account-admins", HttpMethod.Get, "/api/v2/account/user/admin");
        await PostAsync(
            "create-account-user", "/api/v2/account/user?sendEmail=false",
            """{"emailAddress":"zoe@example.com","groups":[],"userGroups":[]}""");
        await PostAsync(
            "create-account-user-known", "/api/v2/account/user",
            """{"emailAddress":"zoe@example.com","groups":["ingestion"],"userGroups":[]}""");
        await CallAsync("get-account-user", HttpMethod.Get, "/api/v2/account/user/zoe@example.com");
        await PutAsync("update-account-user", "/api/v2/account/user/zoe@example.com", """{"groups":[]}""");
        await PostAsync(
            "invite-account-users", "/api/v2/account/user/invite",
            """[{"emailAddress":"yan@example.com","groups":[],"userGroups":[]}]""");
        await PostAsync("validate-accounts", "/api/v2/account/validateAccounts", "[]");
        await CallAsync("delete-account", HttpMethod.Delete, "/api/v2/account/zoe@example.com");
        await PostAsync("delete-accounts", "/api/v2/account/deleteAccounts", """["yan@example.com"]""");

        var own = (await PostAsync("create-token", "/api/v2/apitoken", "{}"))!.Value.At("response").EnumerateArray()
            .Last().TextAt("tokenID")!;
        var tokens = (await CallAsync("list-tokens", HttpMethod.Get, "/api/v2/apitoken"))!.Value.At("response")
            .EnumerateArray().Last().TextAt("tokenID");
        await PutAsync("rename-token", $"/api/v2/apitoken/{tokens}", """{"tokenName":"laptop"}""");
        await CallAsync("delete-token", HttpMethod.Delete, $"/api/v2/apitoken/{own}");
        await CallAsync("delete-token-unknown", HttpMethod.Delete, $"/api/v2/apitoken/{Nothing}");
    }

    private async Task TellOfGroupsAndRolesAsync(Guid reader)
    {
        var group = (await PostAsync("create-group", "/api/v2/usergroup", $$"""
            {"id":"","name":"Night shift","description":"","roleIDs":["{{reader}}"]}
            """))!.Value.TextAt("response/id");
        await PostAsync("create-group-name-taken", "/api/v2/usergroup", """{"name":"NIGHT SHIFT"}""");
        await PostAsync("create-group-no-name", "/api/v2/usergroup", """{"description":"d"}""");
        await PostAsync(
            "create-group-role-unknown", "/api/v2/usergroup", $$"""{"name":"Other","roleIDs":["{{Nothing}}"]}""");
        await PostAsync(
            "add-users-to-group", $"/api/v2/usergroup/{group}/addUsers", """["kim@example.com","uma@example.com"]""");
        await PostAsync(
            "add-users-to-group-some-unknown", $"/api/v2/usergroup/{group}/addUsers",
            """["kim@example.com","nobody@example.com"]""");
        await PostAsync(
            "add-users-to-group-none-known", $"/api/v2/usergroup/{group}/addUsers", """["nobody@example.com"]""");
        await PostAsync("remove-users-from-group", $"/api/v2/usergroup/{group}/removeUsers", """["uma@example.com"]""");
        await PostAsync("remove-roles-from-group", $"/api/v2/usergroup/{group}/removeRoles", $$"""["{{reader}}"]""");
        await PostAsync("add-roles-to-group", $"/api/v2/usergroup/{group}/addRoles", $$"""["{{reader}}"]""");
        await PutAsync("update-group", $"/api/v2/usergroup/{group}", """
            {"name":"Late shift","description":"d","users":[],"userCount":0,"Roles":[],"properties":{},
            "customer":"acme","createdEpochMillis":0}
            """);
        await CallAsync("get-group", HttpMethod.Get, $"/api/v2/usergroup/{group}");
        await CallAsync("get-group-unknown", HttpMethod.Get, $"/api/v2/usergroup/{Nothing}");
        await CallAsync("list-groups", HttpMethod.Get, "/api/v2/usergroup?offset=0&limit=3");
        var everyone = await Organization.SystemGroupAsync(Core.Groups.SystemGroup.Everyone);
        await PutAsync("update-group-system", $"/api/v2/usergroup/{everyone.Id}", """{"name":"Nobody"}""");
        await CallAsync("delete-group-system", HttpMethod.Delete, $"/api/v2/usergroup/{everyone.Id}");
        await PostAsync(
            "grant-permission-to-groups-withdrawn", "/api/v2/usergroup/grant/ingestion", $$"""["{{group}}"]""");

        var role = (await PostAsync("create-role", "/api/v2/role", """
            {"id":"","name":"Writer","permissions":["ingestion"],"description":"writes"}
            """))!.Value.TextAt("response/id");
        await PostAsync("create-role-name-taken", "/api/v2/role", """{"name":"reader"}""");
        await PostAsync(
            "create-role-permission-unknown", "/api/v2/role",
            """{"name":"Other","permissions":["no_such_permission"]}""");
        await PostAsync("add-assignees", $"/api/v2/role/{role}/addAssignees", $$"""["kim@example.com","{{group}}"]""");
        await PostAsync(
            "add-assignees-unknown", $"/api/v2/role/{role}/addAssignees",
            """["nobody@example.com","uma@example.com"]""");
        await CallAsync("get-role", HttpMethod.Get, $"/api/v2/role/{role}");
        await CallAsync("get-role-unknown", HttpMethod.Get, $"/api/v2/role/{Nothing}");
        await PostAsync("grant-permission-to-roles", "/api/v2/role/grant/log_management", $$"""["{{role}}"]""");
        await PostAsync("revoke-permission-from-roles", "/api/v2/role/revoke/log_management", $$"""["{{role}}"]""");
        await PutAsync(
            "update-role", $"/api/v2/role/{role}", $$"""{"id":"{{role}}","name":"Author","description":"writes"}""");
        await CallAsync("list-roles", HttpMethod.Get, "/api/v2/role");
        await PostAsync(
            "remove-assignees", $"/api/v2/role/{role}/removeAssignees", $$"""["kim@example.com","{{group}}"]""");
        await CallAsync("delete-role", HttpMethod.Delete, $"/api/v2/role/{role}");
        await CallAsync("delete-group", HttpMethod.Delete, $"/api/v2/usergroup/{group}");
    }

    private async Task TellOfSearchAsync()
    {
        await PostAsync(
            "search-users", "/api/v2/search/user",
            """{"query":[{"key":"id","value":"UMA@example.com","matchingMethod":"EXACT"}],"limit":10,"offset":0}""");
        await PostAsync(
            "search-groups", "/api/v2/search/usergroup",
            """{"query":[{"key":"name","value":"Everyone","matchingMethod":"EXACT"}]}""");
        await PostAsync("search-roles", "/api/v2/search/role", """{"query":null,"limit":1}""");
        await PostAsync("search-accounts", "/api/v2/search/account", """
            {"query":[{"key":"unitedPermissions","values":["alerts_management"]},{"key":"identifier","value":"olivia",
            "negated":true}],"sort":{"field":"identifier","ascending":false} }
            """);
        await PostAsync("search-service-accounts", "/api/v2/search/serviceaccount", "{}");
        await PostAsync("search-key-unknown", "/api/v2/search/user", """{"query":[{"key":"shoeSize","value":"44"}]}""");
        await PostAsync("search-limit-invalid", "/api/v2/search/user", """{"limit":0}""");
    }

    private async Task TellOfTheCustomerAsync(Guid ops)
    {
        await CallAsync("list-permissions", HttpMethod.Get, "/api/v2/customer/permissions");
        await PostAsync(
            "set-preferences", "/api/v2/customer/preferences",
            $$"""{"invitePermissions":["ingestion"],"defaultUserGroups":["{{ops}}"]}""");
        await CallAsync("get-preferences", HttpMethod.Get, "/api/v2/customer/preferences");
        await CallAsync("list-default-groups", HttpMethod.Get, "/api/v2/customer/preferences/defaultUserGroups");
    }

    private Task<JsonElement?> PostAsync(
        string name, string path, string body, string mediaType = "application/json") =>
        CallAsync(name, HttpMethod.Post, path, body, mediaType: mediaType);

    private Task<JsonElement?> PutAsync(string name, string path, string body, StoryCaller? caller = null) =>
        CallAsync(name, HttpMethod.Put, path, body, caller);

    private Task<JsonElement?> FormAsync(string name, string path, string body) =>
        PostAsync(name, path, body, "application/x-www-form-urlencoded");

    private Task InviteAsync(string name, string body) => CallAsync(name, HttpMethod.Post, "/api/v2/user/invite", body);
}

/// <summary>Wavefront's calls, member for member.</summary>
public sealed class WavefrontGoldenTests(WavefrontStory story) : GoldenTests(story), IClassFixture<WavefrontStory>;
