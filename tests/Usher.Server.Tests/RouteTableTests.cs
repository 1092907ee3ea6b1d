using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>
/// Every route of every surface with every kind of caller, made from the server's own route table. What is asserted
/// needs to know of a route only its row in <see cref="Rows"/>, and a route without a row fails.
/// </summary>
public sealed partial class RouteTableTests(RouteTableTests.World world) : IClassFixture<RouteTableTests.World>
{
    // Who may enter. What a caller may then do to whom is for the core's own tests.
    private static readonly Entry Everybody = new(_ => true);
    private static readonly Entry UserManagement = new(caller => caller.May(Permissions.UserManagement));
    private static readonly Entry Directory = new(caller =>
        caller.May(Permissions.UserManagement) || caller.May(Permissions.DirectoryRead));
    private static readonly Entry KeysOfOthers = new(caller =>
        caller.May(Permissions.UserManagement) || caller.May(Permissions.TokenManagement));
    // A caller who may not read the keys of others is told that there is no such key.
    private static readonly Entry KeysUnlessOnlyRead = new(caller =>
        caller.May(Permissions.TokenManagement) || !caller.May(Permissions.UserManagement));
    private static readonly Entry Members = new(caller => Directory.Admits(caller) || KeysOfOthers.Admits(caller));
    private static readonly Entry TokenManagement = new(caller => caller.May(Permissions.TokenManagement));
    private static readonly Entry ResourceCreation = new(caller => caller.May(Permissions.ResourceCreation));
    private static readonly Entry Persons = new(caller => caller.IsPerson);
    private static readonly Entry Admin = new(caller => caller.IsAdmin);
    private static readonly Entry Reaches = new(caller => caller.ReachesAll);

    // Of Usher's own API. Nobody here is an operator; levels are given by whoever reaches that far himself.
    private static readonly Entry Operator = new(_ => false, "operator_only");
    private static readonly Entry Levels = new(caller => caller.IsAdmin, "not_allowed", "more_than_you_hold");

    // One line per route: who enters, and for what writes a body that would be accepted. In braces stand ids, see Ids;
    // {new} is an address nobody has, {name} a name. Conformity's alias below /api needs none of its own.
    private static readonly Dictionary<string, Row> Rows = new()
    {
        ["GET /v1/users"] = new(Admin),
        ["POST /v1/users"] = new(Admin, """{"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{new}","accessList":[{"account":"{resource.short}","level":"FULL"}] } } }"""),
        ["POST /v1/users/sso"] = new(
            Admin, """{"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{new}"} } }"""),
        ["GET /v1/users/whoami"] = new(Everybody),
        ["GET /v1/users/{id}"] = new(Everybody),
        ["PATCH /v1/users/{id}"] = new(
            Admin, """{"data":{"role":"USER","accessList":[{"account":"{resource.short}","level":"FULL"}] } }"""),
        ["DELETE /v1/users/{id}"] = new(Admin),
        ["GET /v1/api-keys"] = new(Everybody),
        ["GET /v1/api-keys/{id}"] = new(Everybody),
        ["GET /v1/accounts"] = new(Everybody),
        ["GET /v1/accounts/{id}"] = new(Reaches),
        ["POST /v1/accounts"] = new(Admin, """{"data":{"attributes":{"name":"{new}"} } }"""),

        ["GET /api/v2/user"] = new(UserManagement),
        ["GET /api/v2/user/{id}"] = new(UserManagement),
        ["POST /api/v2/user/invite"] = new(
            UserManagement, """[{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}]"""),

        ["POST /api/v2/user"] = new(
            UserManagement, """{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["PUT /api/v2/user/{id}"] = new(
            UserManagement, """{"groups":["user_management"],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["DELETE /api/v2/user/{id}"] = new(UserManagement),
        ["POST /api/v2/user/deleteUsers"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/user/validateUsers"] = new(UserManagement, """["{email}","{bot}"]""", ChangesNothing: true),
        ["GET /api/v2/user/{id}/businessFunctions"] = new(UserManagement),
        ["POST /api/v2/user/{id}/addUserGroups"] = new(UserManagement, """["{group}"]"""),
        ["POST /api/v2/user/{id}/removeUserGroups"] = new(UserManagement, """["{group}"]"""),
        ["POST /api/v2/user/{id}/grant"] = new(UserManagement, "group=user_management"),
        ["POST /api/v2/user/{id}/revoke"] = new(UserManagement, "group=user_management"),
        ["POST /api/v2/user/grant/{permission}"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/user/revoke/{permission}"] = new(UserManagement, """["{email}","{bot}"]"""),

        ["GET /api/v2/account"] = new(UserManagement),
        ["GET /api/v2/account/{id}"] = new(UserManagement),
        ["DELETE /api/v2/account/{id}"] = new(UserManagement),
        ["POST /api/v2/account/deleteAccounts"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/validateAccounts"] = new(
            UserManagement, """["{email}","{bot}"]""", ChangesNothing: true),
        ["GET /api/v2/account/{id}/businessFunctions"] = new(UserManagement),
        ["POST /api/v2/account/{id}/grant/{permission}"] = new(UserManagement),
        ["POST /api/v2/account/{id}/revoke/{permission}"] = new(UserManagement),
        ["POST /api/v2/account/grant/{permission}"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/revoke/{permission}"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/account/{id}/addUserGroups"] = new(UserManagement, """["{group}"]"""),
        ["POST /api/v2/account/{id}/removeUserGroups"] = new(UserManagement, """["{group}"]"""),
        ["POST /api/v2/account/{id}/addRoles"] = new(UserManagement, """["{role}"]"""),
        ["POST /api/v2/account/{id}/removeRoles"] = new(UserManagement, """["{role}"]"""),
        ["GET /api/v2/account/user"] = new(UserManagement),
        ["POST /api/v2/account/user"] = new(
            UserManagement, """{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["GET /api/v2/account/user/{id}"] = new(UserManagement),
        ["PUT /api/v2/account/user/{id}"] = new(
            UserManagement, """{"groups":["user_management"],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["POST /api/v2/account/user/invite"] = new(
            UserManagement, """[{"emailAddress":"{new}","groups":[],"userGroups":["{group}"],"roles":["{role}"]}]"""),
        ["GET /api/v2/account/user/admin"] = new(UserManagement),
        ["GET /api/v2/account/serviceaccount"] = new(UserManagement),
        ["POST /api/v2/account/serviceaccount"] = new(
            UserManagement,
            """{"identifier":"sa::{name}","active":true,"groups":[],"userGroups":["{group}"],"roles":["{role}"]}"""),
        ["GET /api/v2/account/serviceaccount/{id}"] = new(UserManagement),
        ["PUT /api/v2/account/serviceaccount/{id}"] = new(
            UserManagement, """{"identifier":"{bot}","active":false,"description":"d","userGroups":["{group}"]}"""),
        ["POST /api/v2/account/serviceaccount/{id}/activate"] = new(UserManagement),
        ["POST /api/v2/account/serviceaccount/{id}/deactivate"] = new(UserManagement),

        ["GET /api/v2/apitoken"] = new(Everybody),
        ["POST /api/v2/apitoken"] = new(Everybody, ListsOwn: true),
        ["PUT /api/v2/apitoken/{id}"] = new(Everybody, """{"tokenName":"{name}"}"""),
        ["DELETE /api/v2/apitoken/{id}"] = new(Everybody),
        ["GET /api/v2/apitoken/serviceaccount/{id}"] = new(TokenManagement),
        ["POST /api/v2/apitoken/serviceaccount/{id}"] = new(TokenManagement, """{"tokenName":"{name}"}"""),
        ["PUT /api/v2/apitoken/serviceaccount/{id}/{token}"] = new(TokenManagement, """{"tokenName":"{name}"}"""),
        ["DELETE /api/v2/apitoken/serviceaccount/{id}/{token}"] = new(TokenManagement),

        ["GET /api/v2/usergroup"] = new(UserManagement),
        ["POST /api/v2/usergroup"] = new(UserManagement, """{"name":"{name}","roleIDs":["{role}"]}"""),
        ["GET /api/v2/usergroup/{id}"] = new(UserManagement),
        ["PUT /api/v2/usergroup/{id}"] = new(
            UserManagement, """{"name":"{name}","description":"d","roleIDs":["{role}"]}"""),
        ["DELETE /api/v2/usergroup/{id}"] = new(UserManagement),
        ["POST /api/v2/usergroup/{id}/addUsers"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/usergroup/{id}/removeUsers"] = new(UserManagement, """["{email}","{bot}"]"""),
        ["POST /api/v2/usergroup/{id}/addRoles"] = new(UserManagement, """["{role}"]"""),
        ["POST /api/v2/usergroup/{id}/removeRoles"] = new(UserManagement, """["{role}"]"""),
        ["GET /api/v2/role"] = new(UserManagement),
        ["POST /api/v2/role"] = new(UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["GET /api/v2/role/{id}"] = new(UserManagement),
        ["PUT /api/v2/role/{id}"] = new(
            UserManagement, """{"id":"{role}","name":"{name}","permissions":["user_management"]}"""),
        ["DELETE /api/v2/role/{id}"] = new(UserManagement),
        ["POST /api/v2/role/{id}/addAssignees"] = new(UserManagement, """["{email}","{group}"]"""),
        ["POST /api/v2/role/{id}/removeAssignees"] = new(UserManagement, """["{email}","{group}"]"""),
        ["POST /api/v2/role/grant/{permission}"] = new(UserManagement, """["{role}"]"""),
        ["POST /api/v2/role/revoke/{permission}"] = new(UserManagement, """["{role}"]"""),
        ["POST /api/v2/search/user"] = new(
            UserManagement, """{"query":[{"key":"identifier","value":"{email}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/usergroup"] = new(
            UserManagement, """{"query":[{"key":"id","value":"{group}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/role"] = new(
            UserManagement, """{"query":[{"key":"id","value":"{role}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/account"] = new(
            UserManagement, """{"query":[{"key":"identifier","value":"{email}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["POST /api/v2/search/serviceaccount"] = new(
            UserManagement, """{"query":[{"key":"identifier","value":"{bot}","matchingMethod":"EXACT"}]}""",
            ChangesNothing: true),
        ["GET /api/v2/customer/permissions"] = new(UserManagement),
        ["GET /api/v2/customer/preferences"] = new(UserManagement),
        ["POST /api/v2/customer/preferences"] = new(
            UserManagement, """{"invitePermissions":["user_management"],"defaultUserGroups":["{group}"]}"""),
        ["GET /api/v2/customer/preferences/defaultUserGroups"] = new(UserManagement),

        ["GET /users"] = new(UserManagement),
        ["POST /users"] = new(UserManagement, """{"user":{"first_name":"A","email_address":"{new}"} }"""),
        ["GET /users/{identifier}"] = new(UserManagement),
        ["POST /users/{identifier}/resend_invitation"] = new(UserManagement),
        ["PUT /users/{identifier}"] = new(UserManagement, """{"user":{"first_name":"B"} }"""),
        ["PATCH /users/{identifier}"] = new(UserManagement, """{"user":{"last_name":"C"} }"""),
        ["DELETE /users/{identifier}"] = new(UserManagement),
        ["GET /teams"] = new(UserManagement),
        ["POST /teams"] = new(
            UserManagement, """{"team":{"name":"{name}","can_manage_users":true,"user_ids":[{number}]} }"""),
        ["GET /teams/{identifier}"] = new(UserManagement),
        ["PUT /teams/{identifier}"] = new(UserManagement, """{"team":{"name":"{name}","user_ids":[{number}]} }"""),
        ["PATCH /teams/{identifier}"] = new(UserManagement, """{"team":{"can_manage_users":true} }"""),
        ["DELETE /teams/{identifier}"] = new(UserManagement),
        ["GET /projects"] = new(Everybody),
        ["GET /projects/{identifier}"] = new(Everybody),
        ["POST /projects"] = new(ResourceCreation, """{"project":{"name":"{name}"} }"""),
        ["GET /profile"] = new(Everybody),
        ["PUT /profile"] = new(Persons, """{"user":{"first_name":"{name}"} }"""),
        ["PATCH /profile"] = new(Persons, """{"user":{"last_name":"{name}"} }"""),
        ["GET /account"] = new(Admin),
        ["PUT /account"] = new(Admin, """{"account":{"name":"{name}"} }"""),
        ["PATCH /account"] = new(Admin, """{"account":{"name":"{name}"} }"""),
        ["GET /account/billing_status"] = new(Everybody),
        ["POST /security/api_keys"] = new(Everybody, """{"api_key":{"description":"{name}","read_only":true} }"""),
        ["DELETE /security/api_keys/{identifier}"] = new(Everybody),

        ["GET /usher/v1/organizations"] = new(Operator),
        ["POST /usher/v1/organizations"] = new(
            Operator, """{"slug":"{name}","name":"{name}","owner":{"email":"{new}"} }"""),
        ["GET /usher/v1/organizations/{organization}"] = new(Everybody),
        ["DELETE /usher/v1/organizations/{organization}"] = new(Operator),
        ["POST /usher/v1/organizations/{organization}/suspend"] = new(Operator),
        ["POST /usher/v1/organizations/{organization}/resume"] = new(Operator),
        ["GET /usher/v1/organizations/{organization}/settings"] = new(Admin),
        ["PATCH /usher/v1/organizations/{organization}/settings"] = new(Admin, """{"name":"{name}"}"""),
        ["GET /usher/v1/organizations/{organization}/invitations"] = new(Directory),
        ["POST /usher/v1/organizations/{organization}/invitations"] = new(
            UserManagement, """{"email":"{new}","groups":["{group.id}"],"roles":["{role.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/invitations/{invitation}"] = new(Directory),
        ["PATCH /usher/v1/organizations/{organization}/invitations/{invitation}"] = new(
            UserManagement, """{"firstName":"{name}","groups":["{group.id}"]}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/resend"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/endorse"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/revoke"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/link"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/resend"] = new(
            UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/endorse"] = new(
            UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/revoke"] = new(
            UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/check"] = new(
            Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/accept"] = new(
            Everybody, """{"code":"usi_","firstName":"A","password":"one two three four"}""",
            Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/decline"] = new(
            Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/request"] = new(
            Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/sessions"] = new(
            Everybody, """{"email":"{email}","password":"one two three four"}""", Guest: "401 credentials_wrong"),
        ["DELETE /usher/v1/sessions/current"] = new(Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/sessions/current/confirm"] = new(
            Everybody, """{"password":"one two three four"}""", Guest: "401 session_refused"),
        ["GET /usher/v1/me"] = new(Everybody, Guest: "401 session_refused"),
        ["PATCH /usher/v1/me"] = new(Everybody, """{"firstName":"{name}"}""", Guest: "401 session_refused"),
        ["PUT /usher/v1/me/password"] = new(
            Everybody, """{"password":"one two three four"}""", Guest: "401 session_refused"),
        ["POST /usher/v1/me/address"] = new(Everybody, """{"email":"{new}"}""", Guest: "401 session_refused"),
        ["GET /usher/v1/me/sessions"] = new(Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/sessions"] = new(Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/sessions/{session}"] = new(Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/memberships/{member}"] = new(Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/me/memberships/{member}/agree"] = new(Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/me/memberships/{member}/decline"] = new(Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/password-resets"] = new(Everybody, """{"email":"{new}"}""", Guest: "202 "),
        ["POST /usher/v1/password-resets/{reset}/check"] = new(
            Everybody, """{"code":"usp_"}""", Guest: "404 password_reset_unknown"),
        ["POST /usher/v1/password-resets/{reset}/complete"] = new(
            Everybody, """{"code":"usp_","password":"one two three four"}""", Guest: "404 password_reset_unknown"),
        ["POST /usher/v1/address-changes/{change}/confirm"] = new(
            Everybody, """{"code":"usa_","password":"one two three four"}""", Guest: "404 address_change_unknown"),
        ["GET /usher/v1/users"] = new(Operator),
        ["GET /usher/v1/users/{user}"] = new(Operator),
        ["POST /usher/v1/users/{user}/reset-link"] = new(Operator),
        ["GET /usher/v1/organizations/{organization}/members"] = new(Members),
        ["GET /usher/v1/organizations/{organization}/members/{member}"] = new(Directory),
        ["PATCH /usher/v1/organizations/{organization}/members/{member}"] = new(
            UserManagement, """{"permissions":["user_management"],"groups":["{group.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/members/{member}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/members/{member}/access"] = new(Directory),
        ["GET /usher/v1/organizations/{organization}/service-accounts"] = new(KeysOfOthers),
        ["POST /usher/v1/organizations/{organization}/service-accounts"] = new(
            UserManagement, """{"name":"{name}","groups":["{group.id}"],"roles":["{role.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(KeysOfOthers),
        ["PATCH /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(
            UserManagement, """{"description":"{name}","roles":["{role.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/groups"] = new(Directory),
        ["POST /usher/v1/organizations/{organization}/groups"] = new(
            UserManagement, """{"name":"{name}","roles":["{role.id}"],"members":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/groups/{group}"] = new(Directory),
        ["PATCH /usher/v1/organizations/{organization}/groups/{group}"] = new(
            UserManagement, """{"name":"{name}","roles":["{role.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/groups/{group}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/groups/{group}/members"] = new(Directory),
        ["POST /usher/v1/organizations/{organization}/groups/{group}/members"] = new(
            UserManagement, """{"add":["{bot.id}"],"remove":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/permissions"] = new(Everybody),
        ["GET /usher/v1/organizations/{organization}/roles"] = new(Directory),
        ["POST /usher/v1/organizations/{organization}/roles"] = new(
            UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["GET /usher/v1/organizations/{organization}/roles/{role}"] = new(Directory),
        ["PATCH /usher/v1/organizations/{organization}/roles/{role}"] = new(
            UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/roles/{role}"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/roles/{role}/members"] = new(
            UserManagement, """{"add":["{bot.id}"],"remove":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/resources"] = new(Everybody),
        ["POST /usher/v1/organizations/{organization}/resources"] = new(ResourceCreation, """{"name":"{name}"}"""),
        ["GET /usher/v1/organizations/{organization}/resources/{resource}"] = new(Everybody),
        ["PATCH /usher/v1/organizations/{organization}/resources/{resource}"] = new(
            ResourceCreation, """{"name":"{name}"}"""),
        ["DELETE /usher/v1/organizations/{organization}/resources/{resource}"] = new(ResourceCreation),
        ["GET /usher/v1/organizations/{organization}/resources/{resource}/access"] = new(Directory),
        ["PUT /usher/v1/organizations/{organization}/resources/{resource}/access/{holder}"] = new(
            Levels, """{"level":"read_only"}"""),
        ["DELETE /usher/v1/organizations/{organization}/resources/{resource}/access/{holder}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/api-keys"] = new(Everybody, ListsOwn: true),
        ["POST /usher/v1/organizations/{organization}/api-keys"] = new(Everybody, ListsOwn: true),
        ["GET /usher/v1/organizations/{organization}/api-keys/{key}"] = new(Everybody),
        ["PATCH /usher/v1/organizations/{organization}/api-keys/{key}"] = new(
            KeysUnlessOnlyRead, """{"name":"{name}"}"""),
        ["DELETE /usher/v1/organizations/{organization}/api-keys/{key}"] = new(KeysUnlessOnlyRead),
        ["POST /usher/v1/organizations/{organization}/access/check"] = new(
            Everybody, """{"permission":"user_management","resource":"{resource.id}"}""", ChangesNothing: true),
        ["GET /usher/v1/organizations/{organization}/imports"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/imports"] = new(
            UserManagement, """{"rows":[{"email":"{new}","groups":["{group.id}"]}]}"""),
        ["GET /usher/v1/organizations/{organization}/imports/{job}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/imports/{job}/rows"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/imports/{job}/rows.csv"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/imports/{job}/cancel"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}/rows"] = new(UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}/rows.csv"] = new(UserManagement),
        ["POST /usher/v1/organizations/{organization}/jobs/{job}/cancel"] = new(UserManagement),
    };

    // How parameters are filled: by the first of these that the pattern begins with, once with each of its ids; of
    // several in one pattern one after the other.
    private static readonly (string Prefix, string[] Ids)[] Parameters =
    [
        ("/v1/users/", ["{member.short}"]), ("/v1/api-keys/", ["{key.short}"]), ("/v1/accounts/", ["{resource.short}"]),
        ("/api/v2/usergroup/", ["{group}"]), ("/api/v2/role/", ["{role}"]),
        ("/api/v2/account/serviceaccount/", ["{bot}"]), ("/api/v2/apitoken/serviceaccount/", ["{bot} {key}"]),
        ("/api/v2/apitoken/", ["{key}"]),
        ("/api/v2/user/", ["{email}", "{bot}"]), ("/api/v2/account/", ["{email}", "{bot}"]),
        ("/users/", ["{member}", "{number}"]), ("/teams/", ["{group}"]), ("/projects/", ["{resource}"]),
        ("/security/api_keys/", ["{key}"]),
        (Organization + "invitations/", ["{invitation.id}"]), (Organization + "members/", ["{member.id}"]),
        (Organization + "service-accounts/", ["{bot.id}"]),
        (Organization + "groups/", ["{group.id}"]), (Organization + "roles/", ["{role.id}"]),
        (Organization + "resources/", ["{resource.id} {member.id}", "{resource.id} {group.id}"]),
        ("/usher/v1/me/sessions/", ["{session.id}"]), ("/usher/v1/me/memberships/", ["{member.id}"]),
        ("/usher/v1/password-resets/", ["{reset.id}"]), ("/usher/v1/address-changes/", ["{change.id}"]),
        ("/usher/v1/users/", ["{user.id}"]),
        (Organization + "api-keys/", ["{key.id}"]), (Organization + "imports/", ["{job.id}"]),
        (Organization + "jobs/", ["{job.id}"]),
    ];

    // Every path below it names the organization, by slug: {organization} is filled like an id.
    private const string Organization = "/usher/v1/organizations/{organization}/";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_route_has_its_row_and_every_row_its_route()
    {
        var names = world.Routes.Select(r => r.Name).ToHashSet();
        Assert.Empty(names.Except(Rows.Keys));
        Assert.Empty(Rows.Keys.Except(names));
    }

    [Fact]
    public Task Without_a_key_that_may_act_nobody_enters() => ForEachAsync(world.Locked, async (_, caller, call) =>
    {
        call.AssertRefused(caller.Key is null ? Refusal.KeyMissing : Refusal.KeyRefused);
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");
    }, only: (route, _) => !IsForGuests(route));

    // Whoever joins or signs in has no key: one that is sent all the same says nothing.
    [Fact]
    public Task A_guest_who_knows_no_secret_is_refused_alike_with_any_key_and_with_none() =>
        ForEachAsync([.. world.Locked, .. world.Members, world.ReadOnlyKey], async (route, _, call) =>
    {
        Assert.Equal(
            RowOf(route)!.Guest,
            $"{(int)call.Status} {(call.Body is "" ? "" : JsonElement.Parse(call.Body).TextAt("code"))}");
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");
    }, only: (route, _) => IsForGuests(route));

    [Fact]
    public Task A_key_that_may_only_read_reads_and_changes_nothing() =>
        ForEachAsync([world.ReadOnlyKey], async (route, caller, call) =>
    {
        if (!route.Reads && RowOf(route)?.ChangesNothing is not true) call.AssertRefused(Refusal.KeyReadOnly);
        if (route.Reads && RowOf(route)?.Entry.Admits(caller) is not false)
            Assert.DoesNotContain(call.Status, new[] { HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden });
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");
    }, only: (route, _) => !IsForGuests(route));

    [Fact]
    public Task Whoever_does_not_meet_the_condition_of_entry_is_refused_and_changes_nothing() =>
        ForEachAsync(world.Members, async (route, _, call) =>
    {
        call.AssertRefused(Refusal.NotAllowed, RowOf(route)!.Entry.Codes);
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");
    }, only: (route, caller) => RowOf(route)?.Entry.Admits(caller) is false);

    [Fact]
    public Task Whoever_meets_it_is_let_in() => ForEachAsync(world.Members, async (route, _, call) =>
    {
        Assert.DoesNotContain(call.Status, new[] { HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden });
        if (route.Reads || RowOf(route)!.ChangesNothing)
            Assert.True(await world.IsUnchangedAsync(), "Something changed.");
        else await world.RebuildIfChangedAsync();
    }, only: (route, caller) => !IsForGuests(route) && RowOf(route)?.Entry.Admits(caller) is true);

    [Fact]
    public Task An_administrator_of_another_organization_finds_and_learns_nothing() =>
        ForEachAsync([world.Foreigner], async (route, caller, call) =>
    {
        // The same with ids that nobody has: where the same is answered, nothing is told.
        var same = await SendAsync(route, caller, call.Template, world.MadeUp);
        Assert.Equal(same.Status, call.Status);
        if (RowOf(route)?.ListsOwn is not true) Assert.Equal(same.Comparable, call.Comparable);
        // A route for operators alone refuses before it looks for anything.
        var isOperators = RowOf(route)?.Entry == Operator
            && !route.Pattern.Contains("{organization}", StringComparison.Ordinal);
        if (isOperators) Assert.Equal(HttpStatusCode.Forbidden, call.Status);
        else if (!IsForGuests(route) && call.Template.Contains('{', StringComparison.Ordinal)) Assert.Equal(
            route.Surface is "Conformity" ? HttpStatusCode.UnprocessableEntity : HttpStatusCode.NotFound, call.Status);
        Assert.True(await world.IsUnchangedAsync(), "Something changed.");

        var told = call.Body;
        foreach (var sent in call.Sent) told = told.Replace(sent, "", StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("quokka", told, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(world.Slug, told, StringComparison.Ordinal);
        Assert.All(world.AllIds, id => Assert.DoesNotContain(id, told, StringComparison.Ordinal));
    });

    // What arrives at a route that expects something else, or nothing. The third of each: whether it is sent in pieces
    // without a length.
    private static readonly (string Body, string MediaType, bool Chunked)[] OddBodies =
    [
        ("", "application/json", false), ("", "application/json", true), ("null", "application/json", true),
        ("null", "text/plain", false), ("{}", "application/json", true),
        ("[]", "application/json", false), ("[null]", "application/json", false), ("[[]]", "application/json", false),
        ("[{}]", "application/json", false), ("7", "application/json", false),
        ("\"text\"", "application/json", false), ("{\"user\":", "application/json", false),
        ("{\"user\":[],\"team\":7,\"data\":{\"attributes\":[]},\"account\":\"x\"}", "application/json", false),
        (
            "{\"user\":{},\"team\":{},\"project\":{},\"account\":{},\"api_key\":{},\"data\":{\"attributes\":{}}}",
            "application/vnd.api+json", false),
        ("[\"\\u0000\",\"a\\ud800\",\"" + "\\n\"]", "application/json", false),
        ("{\"name\":\"a\\u0000b\",\"description\":\"\\ud800\"}", "application/json", false),
        (
            "{\"name\":{},\"permissions\":{},\"groups\":7,\"query\":7,\"sort\":[],\"limit\":\"x\"}", "application/json",
            false),
        ("a=b", "application/x-www-form-urlencoded", false),
        ("group=", "application/x-www-form-urlencoded", false), ("<user/>", "application/xml", false),
    ];

    private static readonly string[] OddIds =
    [
        "0", "-1", "9223372036854775808", "null", "undefined", "%20", "%2B", "%40", "%3A%3A", "sa::", "sa%3A%3A",
        "a%2Fb", "..%2F..", "%F0%9F%98%80", "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-4000-8000-000000000000}", "a@b", "%25", "'--", "a;b", "~", "%E2%80%AE", "xn--", "1e3", "0x10",
    ];

    [Fact]
    public Task Whatever_body_is_sent_the_answer_is_the_surfaces_own_and_a_refusal_changes_nothing() =>
        TryAllAsync(world.Routes, route =>
        from template in Templates(route)
        from odd in OddBodies
        select (
            template, Content(odd.Body, odd.MediaType, odd.Chunked),
            $"{odd.Body} as {odd.MediaType}{(odd.Chunked ? ", chunked" : "")}"));

    [Fact]
    public Task Whatever_id_is_asked_for_the_answer_is_the_surfaces_own_and_a_refusal_changes_nothing() =>
        TryAllAsync(world.Routes.Where(r => r.Pattern.Contains('{', StringComparison.Ordinal)), route =>
        from id in OddIds.Append(new string('x', 300))
        from pattern in new[]
        {
            Parameter().Replace(route.Pattern, id),
            Parameter().Replace(route.Pattern, id).Replace("{organization}", id, StringComparison.Ordinal),
        }.Distinct()
        select (
            pattern,
            Content(
                RowOf(route)?.Body ?? "{}",
                RowOf(route)?.Body is ['g', ..] ? "application/x-www-form-urlencoded" : "application/json", false),
            id));

    // Methods are told apart by letter case; what none of them is has an answer of the surface, too.
    [Fact]
    public async Task A_method_in_odd_case_is_answered_as_the_surface_answers_and_changes_nothing()
    {
        foreach (var route in world.Routes)
        {
            using var request = new HttpRequestMessage(
                new(route.Method[..1] + route.Method[1..].ToLowerInvariant()), Templates(route).First());
            request.Headers.Add("X-AUTH-TOKEN", world.Members[^1].Key);
            using var answer = await world.Http.SendAsync(request, Ct);
            Assert.True(
                await AnswersInWordsOfAsync(route, answer),
                $"{request.Method} {route.Pattern}: {(int)answer.StatusCode} {answer.Content.Headers.ContentType}");
            if (!answer.IsSuccessStatusCode)
                Assert.True(await world.IsUnchangedAsync(), $"{request.Method} {route.Pattern} changed something.");
            await world.RebuildIfChangedAsync();
        }
    }

    // After every answer that is no refusal, and after every route, what is stored is looked at: between two looks only
    // refusals lie.
    private async Task TryAllAsync(
        IEnumerable<ApiRoute> routes,
        Func<ApiRoute, IEnumerable<(string Template, HttpContent Content, string Told)>> requests)
    {
        List<string> failures = [];
        foreach (var route in routes)
        {
            foreach (var (template, content, told) in requests(route))
            {
                var path = Token().Replace(template, found => world.Ids.GetValueOrDefault(found.Value, found.Value));
                using var request = new HttpRequestMessage(
                    new(route.Method),
                    Wire.Raw(world.Http.BaseAddress!.GetLeftPart(UriPartial.Authority), path)) { Content = content };
                request.Headers.Add("X-AUTH-TOKEN", world.Members[^1].Key);
                using var answer = await world.Http.SendAsync(request, Ct);
                if (!await AnswersInWordsOfAsync(route, answer))
                    failures.Add(
                        $"{route} with {told}: {(int)answer.StatusCode} {answer.Content.Headers.ContentType} "
                        + $"{await answer.Content.ReadAsStringAsync(Ct)}");
                if (answer.IsSuccessStatusCode && !route.Reads) await world.RebuildIfChangedAsync();
            }

            if (await world.IsUnchangedAsync()) continue;
            failures.Add($"{route} refused, and something changed");
            await world.RebuildIfChangedAsync();
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    private static HttpContent Content(string body, string mediaType, bool chunked)
    {
        HttpContent content = chunked
            ? new StreamContent(new Unsized(Encoding.UTF8.GetBytes(body)))
            : new StringContent(body, Encoding.UTF8);
        content.Headers.ContentType = new(mediaType);
        return content;
    }

    // Never a fault of the server, never "not acceptable", always JSON of the surface's media type, or what else
    // Usher's own API has: nothing, a download.
    private static async Task<bool> AnswersInWordsOfAsync(ApiRoute route, HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode >= 500 || answer.StatusCode is HttpStatusCode.NotAcceptable) return false;
        var (text, mediaType) = (
            await answer.Content.ReadAsStringAsync(Ct), answer.Content.Headers.ContentType?.MediaType);
        if (route.Surface is "Usher" && (answer.StatusCode is HttpStatusCode.NoContent || text is ""))
            return text is "" && answer.IsSuccessStatusCode;
        if (answer.IsSuccessStatusCode && route.Pattern.EndsWith(".csv", StringComparison.Ordinal))
            return mediaType is "text/csv";
        JsonDocument.Parse(text).Dispose();
        return mediaType == route.Surface switch
        {
            "Conformity" => "application/vnd.api+json",
            "Usher" when !answer.IsSuccessStatusCode => "application/problem+json", _ => "application/json",
        };
    }

    // A body whose length nobody knows, and so sent in chunks.
    private sealed class Unsized(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }

    // Calls every route as each of these callers, and tells all failures at once.
    private async Task ForEachAsync(
        IEnumerable<Caller> callers, Func<ApiRoute, Caller, Call, Task> judge,
        Func<ApiRoute, Caller, bool>? only = null)
    {
        List<string> failures = [];
        foreach (var route in world.Routes)
        foreach (var caller in callers.Where(c => only?.Invoke(route, c) ?? true))
        foreach (var template in Templates(route, caller))
        {
            var call = await SendAsync(route, caller, template, world.Ids);
            try
            {
                Assert.True((int)call.Status < 500, "A fault of the server.");
                await judge(route, caller, call);
            }
            catch (Xunit.Sdk.XunitException e)
            {
                failures.Add($"{route} as {template} by {caller.Name}: {e.Message}\n  {(int)call.Status} {call.Body}");
                await world.RebuildIfChangedAsync();
            }
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    private static Row? RowOf(ApiRoute route) => Rows.GetValueOrDefault(route.Name);

    private static bool IsForGuests(ApiRoute route) => RowOf(route)?.Guest is not null;

    // Somebody of another organization tries both: to enter this one, and to reach from his own into it.
    private IEnumerable<string> Templates(ApiRoute route, Caller caller) =>
        Templates(route).SelectMany(t =>
            caller == world.Foreigner && t.Contains("{organization}", StringComparison.Ordinal)
                ? [t, t.Replace("{organization}", world.ForeignSlug, StringComparison.Ordinal)]
                : new[] { t });

    private static IEnumerable<string> Templates(ApiRoute route)
    {
        var pattern = route.Pattern.Replace("{permission}", Permissions.UserManagement, StringComparison.Ordinal);
        if (!Parameter().IsMatch(pattern)) return [pattern];
        var name = route.Name[(route.Name.IndexOf(' ', StringComparison.Ordinal) + 1)..];
        var found = Array.Find(Parameters, p => name.StartsWith(p.Prefix, StringComparison.Ordinal));
        Assert.True(found.Ids is not null, $"Nothing says how to fill the parameter of {route}.");
        return found.Ids.Select(ids =>
        {
            var each = new Queue<string>(ids.Split(' '));
            return Parameter().Replace(pattern, _ => each.Count > 1 ? each.Dequeue() : each.Peek());
        }).Distinct();
    }

    private async Task<Call> SendAsync(ApiRoute route, Caller caller, string template, Dictionary<string, string> ids)
    {
        Dictionary<string, string> all = new(ids)
        {
            ["{new}"] = $"{Guid.NewGuid():N}@example.test", ["{name}"] = $"n{Guid.NewGuid():N}",
        };
        Dictionary<string, string> sent = [];
        using var request = new HttpRequestMessage(new(route.Method), Fill(template));
        if (caller.Key is not null) request.Headers.Add("X-AUTH-TOKEN", caller.Key);
        if (!route.Reads)
        {
            var body = RowOf(route)?.Body ?? "{}";
            request.Content = new StringContent(
                Fill(body), Encoding.UTF8,
                body is ['{' or '[', ..] ? "application/json" : "application/x-www-form-urlencoded");
        }

        using var answer = await world.Http.SendAsync(request, Ct);
        return new(
            route.Surface, template, answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct), sent,
            answer.Headers.WwwAuthenticate.ToString());

        string Fill(string text) =>
            Token().Replace(
                text, found => all.TryGetValue(found.Value, out var id) ? sent[found.Value] = id : found.Value);
    }

    // In a pattern any parameter but the organization, which is the same in all; in templates and bodies the names of
    // ids.
    [GeneratedRegex(@"\{(?!organization\})[^}]+\}", RegexOptions.None, 1000)]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\{[a-z.]+\}", RegexOptions.None, 1000)]
    private static partial Regex Token();

    [GeneratedRegex("usk_[A-Za-z0-9_-]{43,}|(org|mem|inv|grp|rol|res|key|job|usr|ses|rst|adc)_[A-Za-z0-9_-]{22}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])|[0-9]+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Made();

    private enum Refusal
    {
        KeyMissing,
        KeyRefused,
        KeyReadOnly,
        NotAllowed,
    }

    /// <summary>Whom a route lets in.</summary>
    /// <param name="Admits">Whether it lets this one in.</param>
    /// <param name="Codes">What Usher's own API says to whom it does not; nothing: <c>not_allowed</c>.</param>
    private sealed record Entry(Func<Caller, bool> Admits, params IReadOnlyList<string> Codes);

    /// <param name="Entry">Whom it lets in.</param>
    /// <param name="Body">For what writes: JSON, or a form.</param>
    /// <param name="ChangesNothing">A POST that only reads, such as a search.</param>
    /// <param name="ListsOwn">Whether it answers with the caller's own keys, which differ from call to call.</param>
    /// <param name="Guest">For a route without keys: what everybody is told who knows no secret.</param>
    private sealed record Row(
        Entry Entry, string Body = "{}", bool ChangesNothing = false, bool ListsOwn = false, string? Guest = null);

    /// <summary>One of the kinds of callers, with what he holds.</summary>
    public sealed record Caller(string Name, string? Key, params IReadOnlyList<string> Permissions)
    {
        public bool IsAdmin
        {
            get;
            init => (field, ReachesAll) = (value, value);
        }

        public bool IsPerson { get; init; } = true;

        /// <summary>Whether he reads every resource.</summary>
        public bool ReachesAll { get; init; }

        public bool May(string permission) => IsAdmin || Permissions.Contains(permission);
    }

    private sealed record Call(
        string Surface, string Template, HttpStatusCode Status, string Body, Dictionary<string, string> SentIds,
        string Challenge)
    {
        public IEnumerable<string> Sent => SentIds.Values;

        /// <summary>
        /// The answer without what was sent; of one that is no refusal also without what was made for it.
        /// </summary>
        public string Comparable
        {
            get
            {
                var text = SentIds.Aggregate(
                    Body,
                    (body, sent) =>
                        Regex.Replace(
                            body, $@"(?<!\w){Regex.Escape(sent.Value)}(?!\w)", sent.Key, RegexOptions.None,
                            TimeSpan.FromSeconds(1)));
                return (int)Status < 300 ? Made().Replace(text, "#") : text;
            }
        }

        public void AssertRefused(Refusal refusal, IReadOnlyList<string>? codes = null)
        {
            var (status, told) = (Surface, refusal) switch
            {
                ("Conformity", Refusal.KeyMissing) => (401, """{"message":"Unauthorized"}"""),
                ("Conformity", Refusal.KeyRefused) =>
                    (403, """{"Message":"User is not authorized to access this resource with an explicit deny"}"""),
                ("Conformity", Refusal.KeyReadOnly) =>
                    (401, """{"errors":[{"status":401,"details":"This API key may only read."}]}"""),
                ("Conformity", _) =>
                    (401, """{"errors":[{"status":401,"details":"You are not authorized to perform such actions"}]}"""),
                ("Wavefront", Refusal.KeyMissing or Refusal.KeyRefused) => (401, "ERROR 401"),
                ("Wavefront", _) => (403, "ERROR 403"),
                ("Usher", Refusal.KeyMissing) => (401, "key_missing"),
                ("Usher", Refusal.KeyRefused) => (401, "key_refused"),
                ("Usher", Refusal.KeyReadOnly) => (403, "key_read_only"),
                ("Usher", _) => (403, codes is [_, ..] ? string.Join(" or ", codes) : "not_allowed"),
                (_, Refusal.KeyMissing or Refusal.KeyRefused) => (401, "unauthorized"),
                (_, Refusal.KeyReadOnly) => (403, "api_key_read_only"),
                _ => (403, "forbidden"),
            };
            Assert.Equal(status, (int)Status);
            var body = JsonDocument.Parse(Body).RootElement;
            Assert.Equal(told, Surface switch
            {
                "Conformity" => Wire.Compact(Body),
                "Wavefront" => $"{body.TextAt("status/result")} {body.At("status/code")}",
                "Usher" =>
                    body.TextAt("code") is { } code && told.Split(" or ").Contains(code) ? told : body.TextAt("code"),
                _ => body.TextAt("error_code"),
            });
            if (status is 401 && Surface is "DeployHQ") Assert.Equal("Basic realm=\"DeployHQ\"", Challenge);
            if (status is 401 && Surface is "Usher") Assert.Equal("Bearer realm=\"Usher\"", Challenge);
        }
    }

    /// <summary>
    /// An organization with one caller of each kind and something of each kind to reach for; its names all have a
    /// quokka in them. Nothing happens in it by itself.
    /// </summary>
    public sealed class World : IAsyncLifetime
    {
        private UsherApp app = null!;
        private TestOrganization org = null!;
        private OrganizationDigest digest = null!;
        private HashSet<Guid> kept = [];
        private int built;

        public HttpClient Http { get; private set; } = null!;

        public string Slug => org.Slug;

        public string ForeignSlug { get; private set; } = "";

        public List<ApiRoute> Routes { get; private set; } = [];

        /// <summary>Nobody, and those whose keys may not act.</summary>
        public List<Caller> Locked { get; private set; } = [];

        /// <summary>Everybody who may, from least to most.</summary>
        public List<Caller> Members { get; private set; } = [];

        public Caller ReadOnlyKey { get; private set; } = null!;

        public Caller Foreigner { get; private set; } = null!;

        /// <summary>Of what there is in the organization, in the forms that paths and bodies have them.</summary>
        public Dictionary<string, string> Ids { get; private set; } = [];

        /// <summary>The same forms, of nothing there is.</summary>
        public Dictionary<string, string> MadeUp { get; } = Forms(
            "no-such-organization", Guid.NewGuid(), 999_999_999_999, "nobody@example.test", Guid.NewGuid(),
            Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), "sa::nobody", Guid.NewGuid(),
            Guid.NewGuid());

        public async ValueTask InitializeAsync()
        {
            app = await UsherApp.StartAsync([], workers: false);
            (Http, Routes) = (app.CreateClient(), ApiRoute.Of(app));
            (org, var other) =
                (await app.CreateOrganizationAsync(o => o.Name = "Quokka Inc"), await app.CreateOrganizationAsync());
            ForeignSlug = other.Slug;
            digest = new(app, org.Id);
            var nothing = await org.ActiveAsync("quokka-nothing@example.test");
            var readOnly = await org.ActiveAsync(
                "quokka-read@example.test", row => row with { Role = BuiltInRole.ReadOnly });
            var power = await org.ActiveAsync(
                "quokka-power@example.test", row => row with { Role = BuiltInRole.PowerUser });
            var manager = await org.ActiveAsync(
                "quokka-manager@example.test", row => row with { Permissions = [Permissions.UserManagement] });
            var all = await org.ActiveAsync(
                "quokka-all@example.test", row => row with { Permissions = Permissions.BuiltIn });
            var directory = await org.ActiveAsync(
                "quokka-directory@example.test", row => row with { Permissions = [Permissions.DirectoryRead] });
            var tokens = await org.ActiveAsync(
                "quokka-tokens@example.test", row => row with { Permissions = [Permissions.TokenManagement] });
            var service = await org.ServiceAccountAsync("quokka-service");
            var suspended = await org.ActiveAsync(
                "quokka-suspended@example.test", row => row with { Role = BuiltInRole.Admin });
            await org.SetStatusAsync(suspended.Member, MemberStatus.Suspended);
            Members =
            [
                new("user with nothing", nothing.Key), new("read_only", readOnly.Key) { ReachesAll = true },
                new("power_user", power.Key) { ReachesAll = true },
                new("service account", service.Key) { IsPerson = false },
                new("user with directory_read", directory.Key, Permissions.DirectoryRead),
                new("user with token_management", tokens.Key, Permissions.TokenManagement),
                new("user with user_management", manager.Key, Permissions.UserManagement),
                new("user with every permission", all.Key, Permissions.BuiltIn),
                new("admin", org.Key) { IsAdmin = true },
            ];
            Locked = [
                new("nobody", null), new("unknown key", "usk_0000000000000000000000000000000000000000000000000"),
                new("suspended admin", suspended.Key),
            ];
            ReadOnlyKey = new(
                "admin with a read-only key",
                (await org.WithKeyAsync(org.Created.Owner, readOnly: true)).Key) { IsAdmin = true };
            Foreigner = new("admin of another organization", other.Key) { IsAdmin = true };
            kept = await app.QueryAsync(
                async db => (await db.Members.Where(m => m.OrganizationId == org.Id).Select(m => m.Id)
                .Concat(db.ApiKeys.Where(k => k.OrganizationId == org.Id).Select(k => k.Id))
                    .Concat(db.Resources.Where(r => r.OrganizationId == org.Id).Select(r => r.Id))
                    .ToListAsync(Ct)).ToHashSet());
            await RebuildAsync();
        }

        public ValueTask DisposeAsync()
        {
            Http.Dispose();
            return app.DisposeAsync();
        }

        public Task<bool> IsUnchangedAsync() => digest.IsUnchangedAsync();

        /// <summary>All there are in the organization, as UUIDs and in short.</summary>
        public List<string> AllIds => digest.Ids;

        /// <summary>New things to reach for, when a call may have used up the old ones.</summary>
        public async Task RebuildIfChangedAsync()
        {
            if (!await digest.IsUnchangedAsync()) await RebuildAsync();
        }

        // What thousands of calls made would have to be read after each of them.
        private Task<int> SweepAsync() => app.QueryAsync(async db =>
        {
            await db.ApiKeys.Where(k => k.OrganizationId == org.Id && !kept.Contains(k.Id)).ExecuteDeleteAsync(Ct);
            await db.Jobs.Where(j => j.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
            await db.OutboxMessages.Where(m => m.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
            await db.Groups.Where(g => g.OrganizationId == org.Id && g.SystemKind == SystemGroup.None)
                .ExecuteDeleteAsync(Ct);
            await db.Roles.Where(r => r.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
            await db.Resources.Where(r => r.OrganizationId == org.Id && !kept.Contains(r.Id)).ExecuteDeleteAsync(Ct);
            await db.Invitations.Where(i => i.OrganizationId == org.Id && !kept.Contains(i.MemberId))
                .ExecuteDeleteAsync(Ct);
            return await db.Members.Where(m => m.OrganizationId == org.Id && !kept.Contains(m.Id))
                .ExecuteDeleteAsync(Ct);
        });

        // Whoever manages users covers them: group and role confer nothing.
        private async Task RebuildAsync()
        {
            await SweepAsync();
            var name = $"quokka{++built}";
            var (group, role) = (await org.GroupAsync(new(name)), await org.RoleAsync(name));
            var member = await org.InviteAsync(name + "@example.test", row => row with
            {
                FirstName = name, LastName = "Quokka", Groups = [Core.Invitations.Reference.To(group.Id)],
                Roles = [Core.Invitations.Reference.To(role.Id)],
            });
            var resource = (await app.WithAsync<ResourceService, Core.Result<Resource>>(s =>
                s.CreateAsync(org.System, name, new Dictionary<string, string>(), Ct))).Value;
            var bot = await org.ServiceAccountAsync(name);
            var key = (await app.WithAsync<Core.ApiKeys.ApiKeyService, Core.Result<Core.ApiKeys.CreatedApiKey>>(s =>
                s.CreateAsync(org.System, bot.Member.Id, name, false, null, Ct))).Value.Key;
            var job = (await app.WithAsync<Core.Jobs.JobService, Core.Result<Core.Jobs.Job>>(s =>
                s.ResendAllAsync(org.System, new() { GroupId = group.Id }, dryRun: false, Ct))).Value;
            Ids = Forms(
                org.Slug, member.Id, member.Number, member.Identifier, member.Invitations[0].Id, group.Id, role.Id,
                resource.Id, key.Id, bot.Member.Identifier, bot.Member.Id, job.Id);
            await digest.IsUnchangedAsync();
        }

        private static Dictionary<string, string> Forms(
            string organization, Guid member, long number, string email, Guid invitation, Guid group, Guid role,
            Guid resource, Guid key, string bot, Guid botId, Guid job) => new()
        {
            ["{organization}"] = organization,
            ["{member}"] = member.ToString(), ["{member.short}"] = ShortId.Of(member), ["{number}"] = $"{number}",
            ["{email}"] = email, ["{bot}"] = bot,
            ["{group}"] = group.ToString(), ["{role}"] = role.ToString(), ["{resource}"] = resource.ToString(),
            ["{resource.short}"] = ShortId.Of(resource),
            ["{key}"] = key.ToString(), ["{key.short}"] = ShortId.Of(key),
            ["{member.id}"] = "mem_" + ShortId.Of(member), ["{bot.id}"] = "mem_"
                + ShortId.Of(botId), ["{invitation.id}"] = "inv_" + ShortId.Of(invitation), ["{group.id}"] = "grp_"
                + ShortId.Of(group),
            ["{role.id}"] = "rol_" + ShortId.Of(role), ["{resource.id}"] = "res_"
                + ShortId.Of(resource), ["{key.id}"] = "key_" + ShortId.Of(key), ["{job.id}"] = "job_"
                + ShortId.Of(job),
            ["{user.id}"] = "usr_" + ShortId.Of(member), ["{session.id}"] = "ses_"
                + ShortId.Of(member), ["{reset.id}"] = "rst_" + ShortId.Of(member), ["{change.id}"] = "adc_"
                + ShortId.Of(member),
        };
    }
}
