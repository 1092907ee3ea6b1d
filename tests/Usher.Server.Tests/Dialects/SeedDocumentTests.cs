using System.Net;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>The examples of the three products' own pages, with host and key changed: member for member.</summary>
public sealed class SeedDocumentTests(UsherApp app)
{
    [Fact]
    public async Task Conformity_invites_an_administrator_as_its_page_shows()
    {
        var org = await app.CreateOrganizationAsync();
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("ApiKey", org.Key);
        var answer = await client.PostTextAsync("/v1/users", """
            { "data": { "attributes": { "firstName": "Cool", "lastName": "Claude", "role": "ADMIN", "email": "cc_user@cloudconformity.com" } } }
            """, "application/vnd.api+json");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var data = (await answer.JsonAsync()).GetProperty("data");
        Assert.Equal(["type", "id", "attributes", "relationships"], data.EnumerateObject().Select(p => p.Name));
        var attributes = data.GetProperty("attributes");
        Assert.Equal(["first-name", "last-name", "role", "email", "status", "last-login-date", "created-date", "has-credentials"], attributes.EnumerateObject().Select(p => p.Name));
        Assert.Equal("INVITED", attributes.GetProperty("status").GetString());
    }
}
