using System.Net;
using Usher.Core;
using Usher.Core.Access;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>
/// The vendor's table of who may call what: an administrator, and users whose highest level is full, read only and
/// none.
/// </summary>
public sealed class ConformityPrivilegeTests(UsherApp app)
{
    private const string Body = """
        { "data": { "role": "USER", "accessList": [], "attributes": { "firstName": "N", "lastName": "N", "role": "USER",
        "email": "new@acme.test", "name": "New" } } }
        """;

    [Theory]
    [InlineData("GET", "/users/whoami", "AFRN")]
    [InlineData("GET", "/users/{user}", "AFRN")]
    [InlineData("GET", "/users", "A")]
    [InlineData("POST", "/users", "A")]
    [InlineData("POST", "/users/sso", "A")]
    [InlineData("PATCH", "/users/{user}", "A")]
    [InlineData("DELETE", "/users/{user}", "A")]
    [InlineData("GET", "/api-keys", "AFRN")]
    [InlineData("GET", "/api-keys/{key}", "AFRN")]
    [InlineData("GET", "/accounts", "AFRN")]
    [InlineData("GET", "/accounts/{account}", "AFR")]
    [InlineData("POST", "/accounts", "A")]
    public async Task Those_of_the_table_may_and_all_others_get_the_401(string method, string path, string allowed)
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Null(
            (await Rules.Steps.UpdateAsync(
                org, org.System,
                new Core.Organizations.OrganizationChange { ExternalIdentityProvider = "Acme ID" })).Error);
        Dictionary<char, AccessLevel> levels = new()
        {
            ['F'] = AccessLevel.Full, ['R'] = AccessLevel.ReadOnly, ['N'] = AccessLevel.None,
        };
        foreach (var who in "FRNA") // the administrator last: his calls change things
        {
            var client = org.Admin;
            if (who is not 'A')
                client = (await org.ActiveAsync(
                    $"{char.ToLowerInvariant(who)}@acme.test",
                    r => r with { Levels = [new(Reference.To(org.Created.Resources[0].Id), levels[who])] })).Client;
            var user = (await org.InviteAsync($"of.{who}@acme.test", sendMail: false)).Id;
            var key = (await client.GetAsync("/v1/api-keys", TestContext.Current.CancellationToken).OkAsync())
                .TextAt("data/0/id");
            foreach (var prefix in new[] { "/v1", "/api" })
            {
                var at = prefix
                    + path.Replace("{user}", ShortId.Of(user), StringComparison.Ordinal)
                          .Replace("{key}", key, StringComparison.Ordinal)
                          .Replace("{account}", org.Accounts[0], StringComparison.Ordinal);
                var answer = await client.SendTextAsync(
                    new(method), at,
                    method is "GET" or "DELETE"
                        ? ""
                        : Body.Replace("new@", prefix[1..] + "@", StringComparison.Ordinal)
                            .Replace("\"New\"", $"\"{prefix}\"", StringComparison.Ordinal));
                var expected = allowed.Contains(who, StringComparison.Ordinal)
                    ? HttpStatusCode.OK
                    : HttpStatusCode.Unauthorized;
                // gone by the first prefix
                if ((method, prefix, who) is ("DELETE", "/api", 'A')) expected = HttpStatusCode.UnprocessableEntity;
                Assert.True(
                    answer.StatusCode == expected,
                    $"{who} {method} {at}: {answer.StatusCode} {await answer.BodyAsync()}");
                if (answer.StatusCode is HttpStatusCode.Unauthorized) await answer.AssertAsync(401, """
                    { "errors": [{ "status": 401, "details": "You are not authorized to perform such actions" }] }
                    """);
            }
        }
    }
}
