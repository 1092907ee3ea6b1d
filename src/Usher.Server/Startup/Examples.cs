using Usher.Core.Organizations;
using Usher.Server.Json;

namespace Usher.Server.Startup;

/// <summary>A curl command for each of the three invite calls, ready to paste.</summary>
internal static class Examples
{
    public static string Of(CreatedOrganization created, string url, string key)
    {
        var levels = string.Join(
            ",",
            created.Resources.Zip(
                ["FULL", "READONLY", "NONE"],
                (r, level) => $$"""{"account":"{{ShortId.Of(r.Id)}}","level":"{{level}}"}"""));
        var conformity = Curl(
            "application/vnd.api+json", $"-H 'Authorization: ApiKey {key}'", $"{url}/v1/users",
            """{"data":{"attributes":{"firstName":"Cora","lastName":"Clay","role":"USER","email":"cora@acme.test","""
            + $$$$"""
            "accessList":[{{{{levels}}}}]}}}
            """);
        var wavefront = Curl(
            "application/json", $"-H 'Authorization: Bearer {key}'", $"{url}/api/v2/user/invite",
            """[{"emailAddress":"walt@acme.test","groups":["dashboard_management"],"userGroups":[],"roles":[]}]""");
        var deployHq = Curl(
            "application/json", $"--user '{created.Owner.Identifier}:{key}'", $"{url}/users",
            """{"user":{"first_name":"Dana","last_name":"Deploy","email_address":"dana@acme.test","""
            + """
            "can_create_projects":true,"all_projects_allowed":false}}
            """);
        return $"""

            Invite people with the three products' APIs:
              {conformity}
              {wavefront}
              {deployHq}

            """;
    }

    private static string Curl(string mediaType, string credentials, string url, string body) =>
        $"curl -H 'Content-Type: {mediaType}' {credentials} -d '{body}' {url}";
}
