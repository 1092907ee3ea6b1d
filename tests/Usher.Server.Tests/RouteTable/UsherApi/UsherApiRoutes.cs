using System.Net;
using System.Text.Json;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable.UsherApi;

/// <summary>The routes of Usher's own API.</summary>
public sealed class UsherApiRoutes : SurfaceRoutes
{
    // Every path below it names the organization by its slug: {organization} is filled like an id.
    private const string Organization = "/usher/v1/organizations/{organization}/";

    public override string Surface => "Usher";

    public override string ErrorMediaType => "application/problem+json";

    public override IReadOnlyDictionary<string, RouteRow> Rows { get; } = new Dictionary<string, RouteRow>
    {
        ["GET /usher/v1/organizations"] = new(Entry.Operator),
        ["POST /usher/v1/organizations"] = new(
            Entry.Operator, """{"slug":"{name}","name":"{name}","owner":{"email":"{new}"} }"""),
        ["GET /usher/v1/organizations/{organization}"] = new(Entry.Everybody),
        ["DELETE /usher/v1/organizations/{organization}"] = new(Entry.Operator),
        ["POST /usher/v1/organizations/{organization}/suspend"] = new(Entry.Operator),
        ["POST /usher/v1/organizations/{organization}/resume"] = new(Entry.Operator),
        ["GET /usher/v1/organizations/{organization}/settings"] = new(Entry.Admin),
        ["PATCH /usher/v1/organizations/{organization}/settings"] = new(Entry.Admin, """{"name":"{name}"}"""),
        ["GET /usher/v1/organizations/{organization}/invitations"] = new(Entry.Directory),
        ["POST /usher/v1/organizations/{organization}/invitations"] = new(
            Entry.UserManagement, """{"email":"{new}","groups":["{group.id}"],"roles":["{role.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/invitations/{invitation}"] = new(Entry.Directory),
        ["PATCH /usher/v1/organizations/{organization}/invitations/{invitation}"] = new(
            Entry.UserManagement, """{"firstName":"{name}","groups":["{group.id}"]}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/resend"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/endorse"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/revoke"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/link"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/invitations/resend"] = new(
            Entry.UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/endorse"] = new(
            Entry.UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/revoke"] = new(
            Entry.UserManagement, """{"group":"{group.id}"}"""),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/check"] = new(
            Entry.Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/accept"] = new(
            Entry.Everybody, """{"code":"usi_","firstName":"A","password":"one two three four"}""",
            Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/decline"] = new(
            Entry.Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/organizations/{organization}/invitations/{invitation}/request"] = new(
            Entry.Everybody, """{"code":"usi_"}""", Guest: "404 invitation_unknown"),
        ["POST /usher/v1/sessions"] = new(
            Entry.Everybody, """{"email":"{email}","password":"one two three four"}""", Guest: "401 credentials_wrong"),
        ["DELETE /usher/v1/sessions/current"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/sessions/current/confirm"] = new(
            Entry.Everybody, """{"password":"one two three four"}""", Guest: "401 session_refused"),
        ["GET /usher/v1/me"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["PATCH /usher/v1/me"] = new(Entry.Everybody, """{"firstName":"{name}"}""", Guest: "401 session_refused"),
        ["PUT /usher/v1/me/password"] = new(
            Entry.Everybody, """{"password":"one two three four"}""", Guest: "401 session_refused"),
        ["POST /usher/v1/me/address"] = new(Entry.Everybody, """{"email":"{new}"}""", Guest: "401 session_refused"),
        ["GET /usher/v1/me/sessions"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/sessions"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/sessions/{session}"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["DELETE /usher/v1/me/memberships/{member}"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/me/memberships/{member}/agree"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/me/memberships/{member}/decline"] = new(Entry.Everybody, Guest: "401 session_refused"),
        ["POST /usher/v1/password-resets"] = new(Entry.Everybody, """{"email":"{new}"}""", Guest: "202 "),
        ["POST /usher/v1/password-resets/{reset}/check"] = new(
            Entry.Everybody, """{"code":"usp_"}""", Guest: "404 password_reset_unknown"),
        ["POST /usher/v1/password-resets/{reset}/complete"] = new(
            Entry.Everybody,
            """{"code":"usp_","password":"one two three four"}""", Guest: "404 password_reset_unknown"),
        ["POST /usher/v1/address-changes/{change}/confirm"] = new(
            Entry.Everybody,
            """{"code":"usa_","password":"one two three four"}""", Guest: "404 address_change_unknown"),
        ["GET /usher/v1/users"] = new(Entry.Operator),
        ["GET /usher/v1/users/{user}"] = new(Entry.Operator),
        ["POST /usher/v1/users/{user}/reset-link"] = new(Entry.Operator),
        ["GET /usher/v1/organizations/{organization}/members"] = new(Entry.Members),
        ["GET /usher/v1/organizations/{organization}/members/{member}"] = new(Entry.Directory),
        ["PATCH /usher/v1/organizations/{organization}/members/{member}"] = new(
            Entry.UserManagement, """{"permissions":["user_management"],"groups":["{group.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/members/{member}"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/members/{member}/access"] = new(Entry.Directory),
        ["GET /usher/v1/organizations/{organization}/service-accounts"] = new(Entry.KeysOfOthers),
        ["POST /usher/v1/organizations/{organization}/service-accounts"] = new(
            Entry.UserManagement, """{"name":"{name}","groups":["{group.id}"],"roles":["{role.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(Entry.KeysOfOthers),
        ["PATCH /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(
            Entry.UserManagement, """{"description":"{name}","roles":["{role.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/service-accounts/{account}"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/groups"] = new(Entry.Directory),
        ["POST /usher/v1/organizations/{organization}/groups"] = new(
            Entry.UserManagement, """{"name":"{name}","roles":["{role.id}"],"members":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/groups/{group}"] = new(Entry.Directory),
        ["PATCH /usher/v1/organizations/{organization}/groups/{group}"] = new(
            Entry.UserManagement, """{"name":"{name}","roles":["{role.id}"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/groups/{group}"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/groups/{group}/members"] = new(Entry.Directory),
        ["POST /usher/v1/organizations/{organization}/groups/{group}/members"] = new(
            Entry.UserManagement, """{"add":["{bot.id}"],"remove":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/permissions"] = new(Entry.Everybody),
        ["GET /usher/v1/organizations/{organization}/roles"] = new(Entry.Directory),
        ["POST /usher/v1/organizations/{organization}/roles"] = new(
            Entry.UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["GET /usher/v1/organizations/{organization}/roles/{role}"] = new(Entry.Directory),
        ["PATCH /usher/v1/organizations/{organization}/roles/{role}"] = new(
            Entry.UserManagement, """{"name":"{name}","permissions":["user_management"]}"""),
        ["DELETE /usher/v1/organizations/{organization}/roles/{role}"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/roles/{role}/members"] = new(
            Entry.UserManagement, """{"add":["{bot.id}"],"remove":["{member.id}"]}"""),
        ["GET /usher/v1/organizations/{organization}/resources"] = new(Entry.Everybody),
        ["POST /usher/v1/organizations/{organization}/resources"] = new(
            Entry.ResourceCreation, """{"name":"{name}"}"""),
        ["GET /usher/v1/organizations/{organization}/resources/{resource}"] = new(Entry.Everybody),
        ["PATCH /usher/v1/organizations/{organization}/resources/{resource}"] = new(
            Entry.ResourceCreation, """{"name":"{name}"}"""),
        ["DELETE /usher/v1/organizations/{organization}/resources/{resource}"] = new(Entry.ResourceCreation),
        ["GET /usher/v1/organizations/{organization}/resources/{resource}/access"] = new(Entry.Directory),
        ["PUT /usher/v1/organizations/{organization}/resources/{resource}/access/{holder}"] = new(
            Entry.Levels, """{"level":"read_only"}"""),
        ["DELETE /usher/v1/organizations/{organization}/resources/{resource}/access/{holder}"] = new(
            Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/api-keys"] = new(Entry.Everybody, ListsOwn: true),
        ["POST /usher/v1/organizations/{organization}/api-keys"] = new(Entry.Everybody, ListsOwn: true),
        ["GET /usher/v1/organizations/{organization}/api-keys/{key}"] = new(Entry.Everybody),
        ["PATCH /usher/v1/organizations/{organization}/api-keys/{key}"] = new(
            Entry.KeysUnlessOnlyRead, """{"name":"{name}"}"""),
        ["DELETE /usher/v1/organizations/{organization}/api-keys/{key}"] = new(Entry.KeysUnlessOnlyRead),
        ["POST /usher/v1/organizations/{organization}/access/check"] = new(
            Entry.Everybody, """{"permission":"user_management","resource":"{resource.id}"}""", ChangesNothing: true),
        ["GET /usher/v1/organizations/{organization}/imports"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/imports"] = new(
            Entry.UserManagement, """{"rows":[{"email":"{new}","groups":["{group.id}"]}]}"""),
        ["GET /usher/v1/organizations/{organization}/imports/{job}"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/imports/{job}/rows"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/imports/{job}/rows.csv"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/imports/{job}/cancel"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}/rows"] = new(Entry.UserManagement),
        ["GET /usher/v1/organizations/{organization}/jobs/{job}/rows.csv"] = new(Entry.UserManagement),
        ["POST /usher/v1/organizations/{organization}/jobs/{job}/cancel"] = new(Entry.UserManagement),
    };

    protected override IReadOnlyList<(string Prefix, string[] Ids)> Parameters { get; } =
    [
        (Organization + "invitations/", ["{invitation.id}"]), (Organization + "members/", ["{member.id}"]),
        (Organization + "service-accounts/", ["{bot.id}"]),
        (Organization + "groups/", ["{group.id}"]), (Organization + "roles/", ["{role.id}"]),
        (Organization + "resources/", ["{resource.id} {member.id}", "{resource.id} {group.id}"]),
        (Organization + "api-keys/", ["{key.id}"]), (Organization + "imports/", ["{job.id}"]),
        (Organization + "jobs/", ["{job.id}"]),
        ("/usher/v1/me/sessions/", ["{session.id}"]), ("/usher/v1/me/memberships/", ["{member.id}"]),
        ("/usher/v1/password-resets/", ["{reset.id}"]), ("/usher/v1/address-changes/", ["{change.id}"]),
        ("/usher/v1/users/", ["{user.id}"]),
    ];

    public override IReadOnlyList<string> Expected(Refusal refusal, RouteRow row) => refusal switch
    {
        Refusal.KeyMissing => ["401 key_missing Bearer realm=\"Usher\""],
        Refusal.KeyRefused => ["401 key_refused Bearer realm=\"Usher\""],
        Refusal.KeyReadOnly => ["403 key_read_only "],
        Refusal.NotAllowed => [.. row.Entry.Codes.DefaultIfEmpty("not_allowed").Select(code => $"403 {code} ")],
    };

    public override string Told(RouteCall call) =>
        $"{(int)call.Status} {JsonElement.Parse(call.Body).TextAt("code")} {call.Challenge}";

    // Also nothing, or a download.
    public override bool IsOwnAnswer(ApiRoute route, HttpStatusCode status, string? mediaType, string body)
    {
        var succeeded = (int)status is >= 200 and < 300;
        if (status is HttpStatusCode.NoContent || body is "") return body is "" && succeeded;
        if (succeeded && route.Pattern.EndsWith(".csv", StringComparison.Ordinal)) return mediaType is "text/csv";
        return base.IsOwnAnswer(route, status, mediaType, body);
    }
}
