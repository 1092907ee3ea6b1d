using System.Net.Http.Headers;
using System.Text;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

public sealed class NoStoreTests(UsherApp app)
{
    public static TheoryData<string, string> Answers => new()
    {
        { "GET", "/v1/users" }, { "GET", "/v1/users/whoami" }, { "GET", "/v1/nothing" }, { "GET", "/api/users" },
        { "POST", "/v1/users" }, { "GET", "/api/v2/user" },
        { "GET", "/api/v2/nothing" }, { "POST", "/api/v2/user" }, { "GET", "/users" }, { "GET", "//users/.json" },
        { "GET", "/users/nobody" }, { "POST", "/users" },
        { "GET", "/profile" }, { "GET", "/account" }, { "GET", "/teams" }, { "GET", "/projects" },
        { "GET", "/usher/v1/organizations/{slug}" },
        { "GET", "/usher/v1/organizations/{slug}/members" }, { "GET", "/usher/v1/organizations/nobody" },
        { "POST", "/usher/v1/sessions" }, { "PUT", "/usher/v1/sessions" },
        { "DELETE", "/usher/v1/sessions/current" }, { "GET", "/usher/v1/nothing" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Every_answer_of_an_api_is_no_store_however_the_key_is_sent(string method, string path)
    {
        var org = await app.CreateOrganizationAsync();
        // Whole: by itself "//users" would be a host.
        var address = new Uri(app.Url.TrimEnd('/') + path.Replace("{slug}", org.Slug, StringComparison.Ordinal));
        foreach (var form in new[] { "X-AUTH-TOKEN", "ApiKey", "Bearer", "Basic", "", "wrong" })
        {
            using var client = new HttpClient();
            using var request = new HttpRequestMessage(new(method), address);
            if (method is "POST") request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
            if (form is "X-AUTH-TOKEN" or "wrong") request.Headers.Add("X-AUTH-TOKEN", form is "wrong" ? "x" : org.Key);
            else if (form is "Basic") request.Headers.Authorization = new(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{org.Created.Owner.Identifier}:{org.Key}")));
            else if (form is not "") request.Headers.Authorization = new AuthenticationHeaderValue(form, org.Key);
            using var answer = await client.SendAsync(request, Ct);
            Assert.True(
                answer.Headers.CacheControl?.ToString() is "no-store",
                $"{method} {path} with {form}: {(int)answer.StatusCode}, {answer.Headers.CacheControl}");
        }
    }
}
