using System.Text.Json;
using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>The routes of Wavefront.</summary>
public sealed class WavefrontRoutes : SurfaceRoutes
{
    public override string Surface => "Wavefront";

    public override IReadOnlyDictionary<string, RouteRow> Rows { get; } = new Dictionary<string, RouteRow>
    {
        ["GET /api/v2/user"] = new(Entry.UserManagement),
        ["GET /api/v2/user/{id}"] = new(Entry.UserManagement),
        ["POST /api/v2/user/invite"] = new(
            Entry.UserManagement,
            """[{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}]"""),
        ["POST /api/v2/user"] = new(
            Entry.UserManagement,
            """{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["PUT /api/v2/user/{id}"] = new(
            Entry.UserManagement, """{"groups":["user_management"],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["DELETE /api/v2/user/{id}"] = new(Entry.UserManagement),
        ["POST /api/v2/user/deleteUsers"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/user/validateUsers"] = new(
            Entry.UserManagement, """["{email}","{bot}"]""", ChangesNothing: true),
        ["GET /api/v2/user/{id}/businessFunctions"] = new(Entry.UserManagement),
        ["POST /api/v2/user/{id}/addUserGroups"] = new(Entry.UserManagement, """["{group}"]"""),
        ["POST /api/v2/user/{id}/removeUserGroups"] = new(Entry.UserManagement, """["{group}"]"""),
        ["POST /api/v2/user/{id}/grant"] = new(Entry.UserManagement, "group=user_management"),
        ["POST /api/v2/user/{id}/revoke"] = new(Entry.UserManagement, "group=user_management"),
        ["POST /api/v2/user/grant/{permission}"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/user/revoke/{permission}"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["GET /api/v2/account"] = new(Entry.UserManagement),
        ["GET /api/v2/account/{id}"] = new(Entry.UserManagement),
        ["DELETE /api/v2/account/{id}"] = new(Entry.UserManagement),
        ["POST /api/v2/account/deleteAccounts"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/validateAccounts"] = new(
            Entry.UserManagement, """["{email}","{bot}"]""", ChangesNothing: true),
        ["GET /api/v2/account/{id}/businessFunctions"] = new(Entry.UserManagement),
        ["POST /api/v2/account/{id}/grant/{permission}"] = new(Entry.UserManagement),
        ["POST /api/v2/account/{id}/revoke/{permission}"] = new(Entry.UserManagement),
        ["POST /api/v2/account/grant/{permission}"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/revoke/{permission}"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/{id}/addUserGroups"] = new(Entry.UserManagement, """["{group}"]"""),
        ["POST /api/v2/account/{id}/removeUserGroups"] = new(Entry.UserManagement, """["{group}"]"""),
        ["POST /api/v2/account/{id}/addRoles"] = new(Entry.UserManagement, """["{role}"]"""),
        ["POST /api/v2/account/{id}/removeRoles"] = new(Entry.UserManagement, """["{role}"]"""),
        ["GET /api/v2/account/user"] = new(Entry.UserManagement),
        ["POST /api/v2/account/user"] = new(
            Entry.UserManagement,
            """{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["GET /api/v2/account/user/{id}"] = new(Entry.UserManagement),
        ["PUT /api/v2/account/user/{id}"] = new(
            Entry.UserManagement, """{"groups":["user_management"],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["POST /api/v2/account/user/invite"] = new(
            Entry.UserManagement,
            """[{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}]"""),
        ["GET /api/v2/account/user/admin"] = new(Entry.UserManagement),
        ["GET /api/v2/account/serviceaccount"] = new(Entry.UserManagement),
        ["POST /api/v2/account/serviceaccount"] = new(
            Entry.UserManagement,
            """{"identifier":"sa::{name}","active":true,"groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["GET /api/v2/account/serviceaccount/{id}"] = new(Entry.UserManagement),
        ["PUT /api/v2/account/serviceaccount/{id}"] = new(
            Entry.UserManagement,
            """{"identifier":"{bot}","active":false,"description":"d","userGroups":["{group}"]}"""),
        ["POST /api/v2/account/serviceaccount/{id}/activate"] = new(Entry.UserManagement),
        ["POST /api/v2/account/serviceaccount/{id}/deactivate"] = new(Entry.UserManagement),
        ["GET /api/v2/apitoken"] = new(Entry.Everybody),
        ["POST /api/v2/apitoken"] = new(Entry.Everybody, ListsOwn: true),
        ["PUT /api/v2/apitoken/{id}"] = new(Entry.Everybody, """{"tokenName":"{name}"}"""),
        ["DELETE /api/v2/apitoken/{id}"] = new(Entry.Everybody),
        ["GET /api/v2/apitoken/serviceaccount/{id}"] = new(Entry.TokenManagement),
        ["POST /api/v2/apitoken/serviceaccount/{id}"] = new(Entry.TokenManagement, """{"tokenName":"{name}"}"""),
        ["PUT /api/v2/apitoken/serviceaccount/{id}/{token}"] = new(Entry.TokenManagement, """{"tokenName":"{name}"}"""),
        ["DELETE /api/v2/apitoken/serviceaccount/{id}/{token}"] = new(Entry.TokenManagement),
        ["GET /api/v2/usergroup"] = new(Entry.UserManagement),
        ["POST /api/v2/usergroup"] = new(Entry.UserManagement, """{"name":"{name}","roleIDs":["{role}"]}"""),
        ["GET /api/v2/usergroup/{id}"] = new(Entry.UserManagement),
        ["PUT /api/v2/usergroup/{id}"] = new(
            Entry.UserManagement, """{"name":"{name}","description":"d","roleIDs":["{role}"]}"""),
        ["DELETE /api/v2/usergroup/{id}"] = new(Entry.UserManagement),
        ["POST /api/v2/usergroup/{id}/addUsers"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/usergroup/{id}/removeUsers"] = new(Entry.UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/usergroup/{id}/addRoles"] = new(Entry.UserManagement, """["{role}"]"""),
        ["POST /api/v2/usergroup/{id}/removeRoles"] = new(Entry.UserManagement, """["{role}"]"""),
        ["GET /api/v2/role"] = new(Entry.UserManagement),
        ["POST /api/v2/role"] = new(Entry.UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["GET /api/v2/role/{id}"] = new(Entry.UserManagement),
        ["PUT /api/v2/role/{id}"] = new(
            Entry.UserManagement, """{"id":"{role}","name":"{name}","permissions":["user_management"]}"""),
        ["DELETE /api/v2/role/{id}"] = new(Entry.UserManagement),
        ["POST /api/v2/role/{id}/addAssignees"] = new(Entry.UserManagement, """["{email}","{group}"]"""),
        ["POST /api/v2/role/{id}/removeAssignees"] = new(Entry.UserManagement, """["{email}","{group}"]"""),
        ["POST /api/v2/role/grant/{permission}"] = new(Entry.UserManagement, """["{role}"]"""),
        ["POST /api/v2/role/revoke/{permission}"] = new(Entry.UserManagement, """["{role}"]"""),
        ["POST /api/v2/search/user"] = new(
            Entry.UserManagement, """{"query":[{"key":"identifier","value":"{email}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/usergroup"] = new(
            Entry.UserManagement, """{"query":[{"key":"id","value":"{group}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/role"] = new(
            Entry.UserManagement, """{"query":[{"key":"id","value":"{role}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/account"] = new(
            Entry.UserManagement, """{"query":[{"key":"identifier","value":"{email}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/serviceaccount"] = new(
            Entry.UserManagement, """{"query":[{"key":"identifier","value":"{bot}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["GET /api/v2/customer/permissions"] = new(Entry.UserManagement),
        ["GET /api/v2/customer/preferences"] = new(Entry.UserManagement),
        ["POST /api/v2/customer/preferences"] = new(
            Entry.UserManagement, """{"invitePermissions":["user_management"],"defaultUserGroups":["{group}"]}"""),
        ["GET /api/v2/customer/preferences/defaultUserGroups"] = new(Entry.UserManagement),
    };

    protected override IReadOnlyList<(string Prefix, string[] Ids)> Parameters { get; } =
    [
        ("/api/v2/usergroup/", ["{group}"]), ("/api/v2/role/", ["{role}"]),
        ("/api/v2/account/serviceaccount/", ["{bot}"]), ("/api/v2/apitoken/serviceaccount/", ["{bot} {key}"]),
        ("/api/v2/apitoken/", ["{key}"]),
        ("/api/v2/user/", ["{email}", "{bot}"]), ("/api/v2/account/", ["{email}", "{bot}"]),
    ];

    public override IReadOnlyList<string> Expected(Refusal refusal, RouteRow row) =>
        [refusal is Refusal.KeyMissing or Refusal.KeyRefused ? "401 ERROR 401" : "403 ERROR 403"];

    public override string Told(RouteCall call)
    {
        var body = JsonElement.Parse(call.Body);
        return $"{(int)call.Status} {body.TextAt("status/result")} {body.At("status/code")}";
    }
}
