using System.Text;
using System.Text.Json;
using Usher.Core;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

/// <summary>However much is wrong with a body, the answer stays small.</summary>
public sealed class FaultCountTests(UsherApp app)
{
    private const int Many = 5_000;

    [Fact]
    public async Task At_most_a_hundred_faults_are_told_by_every_surface()
    {
        var org = await app.CreateOrganizationAsync();
        var texts = Enumerable.Range(0, Many).Select(i => $"no_such_{i}").ToArray();
        var email = NewEmail("ada");
        (string Path, object Body)[] calls =
        [
            (org.Path("invitations"), new { email, permissions = texts }),
            (org.Path("invitations"), new { email, groups = texts }),
            (org.Path("invitations"), new { email, roles = texts }),
            (org.Path("invitations"), new { email, levels = texts.Select(t => new { resource = t, level = "full" }) }),
            (org.Path("invitations"), new { email, levels = texts.Select(_ => new { }) }),
            (org.Path("invitations"), texts.Take(900).ToDictionary(t => t, _ => 0)),
            (org.Path("access/check"), new { checks = texts.Take(1000).Select(t => new { permission = t }) }),
            (org.Path("groups"), new { name = "A", permissions = texts }),
            (org.Path("roles"), new { name = "A", permissions = texts }),
            (org.Path("service-accounts"), new { name = "a", permissions = texts }),
            ("/v1/users", new { data = new { attributes = new { accessList = texts.Select(_ => new { }) } } }),
            (
                "/v1/users",
                new
                {
                    data = new
                    {
                        attributes = new
                        {
                            firstName = "A", lastName = "B", email, role = "USER",
                            accessList = texts.Select(t => new { account = t, level = "FULL" }),
                        },
                    },
                }),
            ("/api/v2/user/invite", new[] { new { emailAddress = email, groups = texts } }),
            ("/api/v2/user/deleteUsers", texts.Take(1000).ToArray()),
            ("/api/v2/usergroup", new { name = "A", roleIDs = texts }),
            ("/users", new { user = new { email_address = email }, project_assignments = texts }),
            ("/teams", new { team = new { name = "", user_ids = texts, project_assignments = texts } }),
        ];
        foreach (var (path, body) in calls)
        {
            var (status, answer) = await PostAsync(org, path, JsonSerializer.Serialize(body));
            Assert.InRange(status, 200, 499);
            Assert.True(
                answer.Length < 40_000,
                $"{path} answers {status} with {answer.Length} characters: {answer[..Math.Min(200, answer.Length)]}");
            Assert.InRange(CountOf(answer), 0, FaultList.Max);
        }
    }

    [Fact]
    public async Task A_hundred_faults_are_told_and_no_more()
    {
        var org = await app.CreateOrganizationAsync();
        var (_, own) = await PostAsync(
            org, org.Path("invitations"),
            JsonSerializer.Serialize(
                new { email = "x", permissions = Enumerable.Range(0, 150).Select(i => $"no{i}") }));
        Assert.Equal(FaultList.Max, CountOf(own));
        var (_, conformity) = await PostAsync(
            org, "/v1/users",
            JsonSerializer.Serialize(
                new
                {
                    data = new { attributes = new { accessList = Enumerable.Range(0, 150).Select(_ => new { }) } },
                }));
        Assert.Equal(FaultList.Max, CountOf(conformity));
    }

    [Theory]
    [InlineData("invitations", """{"email":"a@example.test","permissions":[*"x",*"x"]}""", "/permissions")]
    [InlineData("invitations", """{"email":"a@example.test","metadata":{*"k":"",*"k":""}}""", "/metadata")]
    [InlineData("access/check", """{"checks":[{},{"permission":[*"x",*"x"]}]}""", "/checks/1/permission")]
    [InlineData("invitations", """{*"":0,*"":0}""", "")]
    public async Task A_list_that_is_too_long_is_named(string path, string shape, string at)
    {
        var org = await app.CreateOrganizationAsync();
        var piece = shape.Split('*')[1];
        var body = shape.Split('*') is [var before, _, var end]
            ? before + string.Concat(Enumerable.Repeat(piece, 10_500)) + end
            : "";
        var (status, answer) = await PostAsync(org, org.Path(path), body);
        Assert.Equal(422, status);
        var problem = JsonElement.Parse(answer);
        Assert.Equal("too_many_values", problem.GetProperty("code").GetString());
        Assert.Equal(at, problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task A_body_with_too_many_values_is_refused_in_each_surfaces_form()
    {
        var org = await app.CreateOrganizationAsync();
        var list = string.Join(',', Enumerable.Repeat("{}", 11_000));
        var (status, answer) = await PostAsync(
            org, "/v1/users", """{"data":{"attributes":{"accessList":[""" + list + "]}}}");
        Assert.Equal(
            (422, "/data/attributes"),
            (
                status,
                JsonElement.Parse(answer).GetProperty("errors")[0].GetProperty("source").GetProperty("pointer")
                    .GetString()));
        (status, answer) = await PostAsync(org, "/api/v2/user/invite", $"[{list}]");
        Assert.Equal(
            (400, "ERROR"),
            (status, JsonElement.Parse(answer).GetProperty("status").GetProperty("result").GetString()));
        (status, answer) = await PostAsync(org, "/users", """{"user":{},"project_assignments":[""" + list + "]}");
        Assert.Equal(422, status);
        Assert.Contains(
            "project_assignments", JsonElement.Parse(answer).GetProperty("base")[0].GetString(),
            StringComparison.Ordinal);
    }

    private static int CountOf(string answer)
    {
        var root = JsonElement.Parse(answer);
        return root.ValueKind is JsonValueKind.Object && root.TryGetProperty("errors", out var errors)
            ? errors.GetArrayLength()
            : 0;
    }

    private async Task<(int Status, string Body)> PostAsync(TestOrganization org, string path, string json)
    {
        using var client = new HttpClient { BaseAddress = new(app.Url)
            , DefaultRequestHeaders = { { "X-AUTH-TOKEN", org.Key } } };
        using var answer = await client.PostAsync(
            new Uri(path, UriKind.Relative), new StringContent(json, Encoding.UTF8, "application/json"), Ct);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct));
    }
}
