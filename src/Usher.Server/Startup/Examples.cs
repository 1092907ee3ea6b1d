using Usher.Core.Organizations;
using Usher.Server.Json;

namespace Usher.Server.Startup;

/// <summary>One line of curl for each of the three invite calls, ready to paste.</summary>
internal static class Examples
{
    public static string Of(CreatedOrganization created, string url, string key)
    {
        var levels = string.Join(
            ",",
            created.Resources.Zip(
                ["FULL", "READONLY", "NONE"],
                (r, level) => $$"""{"account":"{{ShortId.Of(r.Id)}}","level":"{{level}}"}"""));
        return $$$$"""

            Invite somebody, in each of the three products' own words:
              curl -H 'Content-Type: application/vnd.api+json' -H 'Authorization: ApiKey {{{{key}}}}' -d '{"data":{"attributes":{"firstName":"Cora","lastName":"Clay","role":"USER","email":"cora@acme.test","accessList":[{{{{levels}}}}]}}}' {{{{url}}}}/v1/users
              curl -H 'Content-Type: application/json' -H 'Authorization: Bearer {{{{key}}}}' -d '[{"emailAddress":"walt@acme.test","groups":["dashboard_management"],"userGroups":[],"roles":[]}]' {{{{url}}}}/api/v2/user/invite
              curl -H 'Content-Type: application/json' --user '{{{{created.Owner.Identifier}}}}:{{{{key}}}}' -d '{"user":{"first_name":"Dana","last_name":"Deploy","email_address":"dana@acme.test","can_create_projects":true,"all_projects_allowed":false}}' {{{{url}}}}/users

            """;
    }
}
