using System.Text.Json;
using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>The routes of DeployHQ.</summary>
public sealed class DeployHqRoutes : SurfaceRoutes
{
    public override string Surface => "DeployHQ";

    public override IReadOnlyDictionary<string, RouteRow> Rows { get; } = new Dictionary<string, RouteRow>
    {
        ["GET /users"] = new(Entry.UserManagement),
        ["POST /users"] = new(Entry.UserManagement, """{"user":{"first_name":"A","email_address":"{new}"} }"""),
        ["GET /users/{identifier}"] = new(Entry.UserManagement),
        ["POST /users/{identifier}/resend_invitation"] = new(Entry.UserManagement),
        ["PUT /users/{identifier}"] = new(Entry.UserManagement, """{"user":{"first_name":"B"} }"""),
        ["PATCH /users/{identifier}"] = new(Entry.UserManagement, """{"user":{"last_name":"C"} }"""),
        ["DELETE /users/{identifier}"] = new(Entry.UserManagement),
        ["GET /teams"] = new(Entry.UserManagement),
        ["POST /teams"] = new(
            Entry.UserManagement, """{"team":{"name":"{name}","can_manage_users":true,"user_ids":[{number}]} }"""),
        ["GET /teams/{identifier}"] = new(Entry.UserManagement),
        ["PUT /teams/{identifier}"] = new(
            Entry.UserManagement, """{"team":{"name":"{name}","user_ids":[{number}]} }"""),
        ["PATCH /teams/{identifier}"] = new(Entry.UserManagement, """{"team":{"can_manage_users":true} }"""),
        ["DELETE /teams/{identifier}"] = new(Entry.UserManagement),
        ["GET /projects"] = new(Entry.Everybody),
        ["GET /projects/{identifier}"] = new(Entry.Everybody),
        ["POST /projects"] = new(Entry.ResourceCreation, """{"project":{"name":"{name}"} }"""),
        ["GET /profile"] = new(Entry.Everybody),
        ["PUT /profile"] = new(Entry.Persons, """{"user":{"first_name":"{name}"} }"""),
        ["PATCH /profile"] = new(Entry.Persons, """{"user":{"last_name":"{name}"} }"""),
        ["GET /account"] = new(Entry.Admin),
        ["PUT /account"] = new(Entry.Admin, """{"account":{"name":"{name}"} }"""),
        ["PATCH /account"] = new(Entry.Admin, """{"account":{"name":"{name}"} }"""),
        ["GET /account/billing_status"] = new(Entry.Everybody),
        ["POST /security/api_keys"] = new(
            Entry.Everybody, """{"api_key":{"description":"{name}","read_only":true} }"""),
        ["DELETE /security/api_keys/{identifier}"] = new(Entry.Everybody),
    };

    protected override IReadOnlyList<(string Prefix, string[] Ids)> Parameters { get; } =
    [
        ("/users/", ["{member}", "{number}"]), ("/teams/", ["{group}"]), ("/projects/", ["{resource}"]),
        ("/security/api_keys/", ["{key}"]),
    ];

    public override IReadOnlyList<string> Expected(Refusal refusal, RouteRow row) => [refusal switch
    {
        Refusal.KeyMissing or Refusal.KeyRefused => "401 unauthorized Basic realm=\"DeployHQ\"",
        Refusal.KeyReadOnly => "403 api_key_read_only ",
        Refusal.NotAllowed => "403 forbidden ",
    }];

    public override string Told(RouteCall call) =>
        $"{(int)call.Status} {JsonElement.Parse(call.Body).TextAt("error_code")} {call.Challenge}";
}
