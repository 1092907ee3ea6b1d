using System.Net.Http.Headers;
using System.Text;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>
/// The examples of the three products' own pages, with host, key and ids changed: the answer is the page's, member for
/// member.
/// </summary>
public sealed class SeedDocumentTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Conformity_invites_an_administrator_as_its_page_shows()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await SendAsync(Conformity(org, """
            {
                "data": {
                    "attributes": {
                        "firstName": "Cool",
                        "lastName": "Claude",
                        "role": "ADMIN",
                        "email": "cc_user@cloudconformity.com"
                    }
                }
            }
            """));

        var member = await org.MemberAsync("cc_user@cloudconformity.com");
        await answer.AssertAsync(200, $$"""
            {
                "data": {
                    "type": "users",
                    "id": "{{ShortId.Of(member.Id)}}",
                    "attributes": {
                        "first-name": "Cool",
                        "last-name": "Claude",
                        "role": "ADMIN",
                        "email": "cc_user@cloudconformity.com",
                        "status": "INVITED",
                        "last-login-date": null,
                        "created-date": {{member.CreatedAt.ToUnixTimeMilliseconds()}},
                        "has-credentials": false
                    },
                    "relationships": {
                        "organisation": {
                            "data": {
                                "type": "organisations",
                                "id": "{{ShortId.Of(org.Id)}}"
                            }
                        }
                    }
                }
            }
            """);
        await app.Mail.WaitAsync("cc_user@cloudconformity.com", ofOrganization: org.Slug);
    }

    [Fact]
    public async Task Conformity_invites_somebody_with_custom_permissions_as_its_page_shows()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await SendAsync(Conformity(org, $$"""
            {
                "data": {
                    "attributes": {
                        "firstName": "Cool",
                        "lastName": "Claude",
                        "role": "USER",
                        "email": "cc_user@cloudconformity.com",
                        "accessList": [
                            {
                                "account": "{{org.Accounts[0]}}",
                                "level": "FULL"
                            },
                            {
                                "account": "{{org.Accounts[1]}}",
                                "level": "NONE"
                            },
                            {
                                "account": "{{org.Accounts[2]}}",
                                "level": "READONLY"
                            }
                        ]
                    }
                }
            }
            """));

        var member = await org.MemberAsync("cc_user@cloudconformity.com");
        var id = ShortId.Of(member.Id);
        await answer.AssertAsync(200, $$"""
            { "data": { "type": "users", "id": "{{id}}",
                "attributes": { "first-name": "Cool", "last-name": "Claude", "role": "USER",
                  "email": "cc_user@cloudconformity.com", "status": "INVITED",
                    "last-login-date": null, "created-date": {{member.CreatedAt.ToUnixTimeMilliseconds()}},
                      "has-credentials": false },
                "relationships": { "organisation": { "data": { "type": "organisations",
                  "id": "{{ShortId.Of(org.Id)}}" } } } } }
            """);
        var seen = await org.Admin.GetAsync($"/v1/users/{id}", Ct).OkAsync();
        Assert.Equal(
            Wire.Compact($$"""
                [{"account":"{{org.Accounts[0]}}","level":"FULL"},{"account":"{{org.Accounts[1]}}","level":"NONE"},
                {"account":"{{org.Accounts[2]}}","level":"READONLY"}]
                """),
            Wire.Compact(seen.At("data/relationships/accountAccessList").GetRawText()));
    }

    [Fact]
    public async Task Wavefront_invites_as_its_page_shows()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await SendAsync(Wavefront(org, """
            [
                {
                    "emailAddress": "string@example.com",
                    "groups": [
                        "alerts_management"
                    ],
                    "userGroups": [
                        "04e5fd3a-c916-45aa-923c-2fa02e9eddac"
                    ],
                    "roles": [
                        "string"
                    ]
                }
            ]
            """));

        // The page names a group and a role that do not exist here; that is said, and the rest is done.
        var everyone = await org.EveryoneAsync();
        var user = $$"""
            "identifier": "string@example.com", "customer": "{{org.Slug}}", "groups": ["alerts_management"],
            "userGroups": [{ "id": "{{everyone}}", "name": "Everyone", "customer": "{{org.Slug}}",
              "description": "System group which contains all users", "userCount": 2,
                "properties": { "nameEditable": false, "usersEditable": false, "rolesEditable": true }, "roles": [] }],
            "roles": []
            """;
        const string ignored = "Invalid user groups found and ignored [04e5fd3a-c916-45aa-923c-2fa02e9eddac]; "
            + "Invalid roles found and ignored [string]";
        await answer.AssertAsync(202, $$"""
            { {{user}},
              "status": { "result": "OK", "message": "{{ignored}}", "code": 202 },
              "response": [{ {{user}} }] }
            """);
        await app.Mail.WaitAsync("string@example.com", ofOrganization: org.Slug);
    }

    [Fact]
    public async Task DeployHq_invites_as_its_page_shows()
    {
        var org = await app.CreateOrganizationAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, "/users");
        request.Headers.Authorization = TestOrganization.Basic(org.Created.Owner.Email!, org.Key);
        request.Headers.Accept.ParseAdd("application/json");

        // With the backslashes of the page's curl line, which stand inside its quotes and so are sent.
        request.Content = new StringContent("""
            { \
              "user": { \
                "first_name": "Jane", \
                "last_name": "Smith", \
                "email_address": "jane@example.com", \
                "can_create_projects": true, \
                "all_projects_allowed": false \
              } \
            }
            """, Encoding.UTF8, "application/json");
        var answer = await SendAsync(request);

        var member = await org.MemberAsync("jane@example.com");
        await answer.AssertAsync(201, $$"""
            {
              "id": {{member.Number}},
              "identifier": "{{member.Id}}",
              "first_name": "Jane",
              "last_name": "Smith",
              "email_address": "jane@example.com",
              "time_zone": "Etc/UTC",
              "account_administrator": false,
              "activated": false,
              "can_manage_users": false,
              "can_manage_billing": false,
              "can_create_projects": true,
              "can_manage_agents": false,
              "all_projects_allowed": false
            }
            """);
        await app.Mail.WaitAsync("jane@example.com", ofOrganization: org.Slug);
    }

    private static HttpRequestMessage Conformity(TestOrganization org, string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/users") { Content = new StringContent(body) };
        request.Content.Headers.ContentType = new("application/vnd.api+json");
        request.Headers.Authorization = new("ApiKey", org.Key);
        return request;
    }

    private static HttpRequestMessage Wavefront(TestOrganization org, string body) =>
        new(HttpMethod.Post, "/api/v2/user/invite")
    {
        Headers = { Authorization = new AuthenticationHeaderValue("Bearer", org.Key) },
        Content = new StringContent(body, Encoding.UTF8, "application/json"),
    };

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        using var client = app.CreateClient();
        return await client.SendAsync(request, Ct);
    }
}
