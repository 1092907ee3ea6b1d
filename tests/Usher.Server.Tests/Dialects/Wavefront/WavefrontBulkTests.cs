using System.Text.Json;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Calls that name many accounts, and the one rule they follow.</summary>
public sealed class WavefrontBulkTests(UsherApp app)
{
    public static TheoryData<string> Calls =>
        [
            "/user/deleteUsers", "/account/deleteAccounts", "/user/grant/ingestion", "/user/revoke/ingestion",
            "/account/grant/ingestion", "/account/revoke/ingestion",
        ];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task All_known_is_a_200_and_duplicates_count_once(string path)
    {
        var org = await PeopleAsync();
        var answer = await org.Admin.NameAsync(path, "kim@example.com", "Sam@Example.com", "KIM@example.com").OkAsync();
        Assert.Equal(("OK", "", 200), answer.Status());
        Assert.Equal(["kim@example.com", "sam@example.com"], Identifiers(answer));
        await AssertDoneAsync(org, path, "kim@example.com", "sam@example.com");
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Some_unknown_is_a_202_that_names_them_as_they_were_written(string path)
    {
        var (org, other) = (await PeopleAsync(), await PeopleAsync());
        await other.ActiveAsync("foreign@example.com");
        var answer = await org.Admin.NameAsync(
            path, "Nobody@example.com", "sam@example.com", "no address", "foreign@example.com",
            "kim@example.com").OkAsync(202);

        Assert.Equal(
            ("OK", "Invalid accounts found and ignored [Nobody@example.com, no address, foreign@example.com]", 202),
            answer.Status());
        Assert.Equal(["sam@example.com", "kim@example.com"], Identifiers(answer));
        await AssertDoneAsync(org, path, "kim@example.com", "sam@example.com");
        await other.Admin.AskAsync("/user/foreign@example.com").OkAsync();
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task None_known_is_a_404(string path)
    {
        var org = await PeopleAsync();
        await org.Admin.NameAsync(path, "nobody@example.com", "no address")
            .RefusedAsync(404, "None of these accounts exists [nobody@example.com, no address]");
        await org.Admin.NameAsync(path, "no address").RefusedAsync(404, "None of these accounts exists [no address]");
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Nothing_and_what_is_no_array_of_texts_is_a_400(string path)
    {
        var org = await PeopleAsync();
        foreach (var body in new[]
            {
                "", "[]", "{}", "null", "\"kim@example.com\"", "[\"kim@example.com\", null]",
                "[{\"identifier\":\"kim@example.com\"}]",
            })
            await org.Admin.SendAsync(path, body, "application/json")
                .RefusedAsync(400, "The body must be a JSON array of account identifiers.");
        await org.Admin.SendAsync(path, "[\"kim", "application/json").RefusedAsync(400, "The body is not valid JSON.");
        Assert.Equal(3, (await org.Admin.AskAsync("/user").OkAsync()).GetArrayLength());
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Ten_thousand_are_refused_with_the_limit_and_nothing_is_done(string path)
    {
        var org = await PeopleAsync();
        var before = await org.Admin.UserAsync("kim@example.com");
        await org.Admin.NameAsync(
            path,
            [
                "kim@example.com", .. Enumerable.Range(0, 9_999).Select(i => $"user{i}@example.com"),
            ]).RefusedAsync(400, "At most 1,000 entries are allowed in one request.");
        await org.Admin.NameAsync("/user/validateUsers", [.. Enumerable.Repeat("nothing", 10_000)])
            .RefusedAsync(400, "At most 1,000 entries are allowed in one request.");
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
    }

    [Fact]
    public async Task A_thousand_are_granted_and_deleted_in_one_call()
    {
        var org = await app.CreateOrganizationAsync();
        string[] people = [.. Enumerable.Range(0, 1_000).Select(i => $"user{i}@example.com")];
        await org.Admin.SendAsync(
            "/user/invite",
            JsonSerializer.Serialize(people.Select(p => new { emailAddress = p, groups = Array.Empty<string>() })),
            "application/json").OkAsync();

        Assert.Equal(people, Identifiers(await org.Admin.NameAsync("/user/grant/ingestion", people).OkAsync()));
        Assert.Equal(people, Identifiers(await org.Admin.NameAsync("/user/deleteUsers", people).OkAsync()));
    }

    [Theory]
    [InlineData("/user/grant/nonsense")]
    [InlineData("/account/revoke/nonsense")]
    public async Task An_unknown_permission_is_a_400_and_nothing_is_changed(string path)
    {
        var org = await PeopleAsync();
        var before = await org.Admin.UserAsync("kim@example.com");
        await org.Admin.NameAsync(path, "kim@example.com").RefusedAsync(400, "There is no permission nonsense.");
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
    }

    [Fact]
    public async Task One_who_may_not_be_touched_stops_all()
    {
        var org = await PeopleAsync();
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        await manager.Client.NameAsync("/user/deleteUsers", "kim@example.com", org.Created.Owner.Email!)
            .RefusedAsync(403, "This account holds access that you do not hold yourself.");
        await org.Admin.NameAsync("/user/deleteUsers", "kim@example.com", org.Created.Owner.Email!)
            .RefusedAsync(400, "The last administrator cannot be deleted or deactivated.");
        Assert.Equal(4, (await org.Admin.AskAsync("/user").OkAsync()).GetArrayLength());
    }

    [Theory]
    [InlineData("/user/validateUsers")]
    [InlineData("/account/validateAccounts")]
    public async Task Validation_tells_who_is_there_and_changes_nothing(string path)
    {
        var (org, other) = (await PeopleAsync(), await PeopleAsync());
        await other.ActiveAsync("foreign@example.com");
        await org.ServiceAccountAsync("bot");
        var answer = await org.Admin.NameAsync(
            path, "no-such-thing", "KIM@example.com", "foreign@example.com", "sa::Bot", "", "Nobody@Example.com",
            "no-such-thing").OkAsync();

        Assert.Equal(["status", "response"], answer.Names());
        Assert.Equal(["validUsers", "invalidIdentifiers"], answer.At("response").Names());
        Assert.Equal(["kim@example.com", "sa::bot"], answer.Texts("response/validUsers", "identifier"));
        Assert.Equal(
            ["no-such-thing", "foreign@example.com", "", "Nobody@Example.com"],
            answer.Texts("response/invalidIdentifiers"));
        Assert.Equal(
            await org.Admin.UserAsync("kim@example.com"),
            Wire.Compact(answer.At("response/validUsers/0").GetRawText()));
        await org.Admin.SendAsync(path, "[]", "application/json").AssertAsync(200, """
            { "status": { "result": "OK", "message": "", "code": 200 }, "response": { "validUsers": [],
            "invalidIdentifiers": [] } }
            """);
        await org.Admin.SendAsync(path, "{}", "application/json")
            .RefusedAsync(400, "The body must be a JSON array of account identifiers.");
    }

    private async Task<TestOrganization> PeopleAsync()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["log_management"] });
        await org.ActiveAsync("sam@example.com");
        return org;
    }

    private static IEnumerable<string> Identifiers(JsonElement answer) =>
        answer.At("response").EnumerateArray()
            .Select(e => e.ValueKind is JsonValueKind.String ? e.GetString()! : e.TextAt("identifier")!);

    private static async Task AssertDoneAsync(TestOrganization org, string path, params string[] people)
    {
        foreach (var person in people)
        {
            var user = org.Admin.AskAsync("/user/" + person);
            if (path.Contains("delete", StringComparison.Ordinal))
                await user.RefusedAsync(404, $"User with id {person} does not exist");
            else
                Assert.Equal(
                    path.Contains("grant", StringComparison.Ordinal),
                    (await user.OkAsync()).Texts("groups").Contains("ingestion"));
        }
    }
}
