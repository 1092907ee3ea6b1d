using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

public sealed class WavefrontCreateTests(UsherApp app)
{
    [Fact]
    public async Task A_user_is_made_with_what_the_request_gives_him_and_answered_twice_at_top_and_in_the_response()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        var made = await org.Admin.SendAsync(
            "/user", $$"""
                { "emailAddress": "Pat@example.com", "groups": ["ingestion"], "userGroups": ["{{ops.Id}}"],
                "roles": ["{{reader.Id}}"] }
                """).OkAsync();

        Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles", "status", "response"], made.Names());
        Assert.Equal(("OK", "", 200), made.Status());
        Assert.Equal(made.Top(), Wire.Compact(made.At("response").GetRawText()));
        Assert.Equal(made.Top(), await org.Admin.UserAsync("pat@example.com"));
        Assert.Equal(["Everyone", "Ops"], made.Texts("userGroups", "name"));
        Assert.Equal(["Reader"], made.Texts("roles", "name"));
        Assert.Equal(["ingestion"], made.Texts("groups"));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("?sendEmail=false", 0)]
    [InlineData("?sendEmail=False", 0)]
    [InlineData("?sendEmail=true", 1)]
    [InlineData("?sendEmail=True", 1)]
    [InlineData("?sendEmail=TRUE", 1)]
    public async Task Only_when_asked_a_mail_is_sent(string query, int mails)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync(
            "/user" + query, """{ "emailAddress": "pat@example.com", "groups": [], "userGroups": [] }""").OkAsync();

        Assert.Equal(mails, (await org.OutboxAsync()).Count);
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync("pat@example.com")).Status);
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("1")]
    [InlineData("")]
    [InlineData("true&sendEmail=false")]
    public async Task Any_other_sendEmail_is_refused_and_nobody_made(string value)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync("/user?sendEmail=" + value, """{ "emailAddress": "pat@example.com" }""")
            .RefusedAsync(400, "sendEmail must be true or false");
        Assert.Single(await org.MembersAsync());
    }

    [Theory]
    [InlineData("", "The body must be a JSON object.")]
    [InlineData("null", "The body must be a JSON object.")]
    [InlineData("""[{ "emailAddress": "pat@example.com" }]""", "The body must be a JSON object.")]
    [InlineData("{", "The body is not valid JSON.")]
    [InlineData("{}", "emailAddress is required")]
    [InlineData("""{ "identifier": "pat@example.com" }""", "emailAddress is required")]
    [InlineData("""{ "emailAddress": "pat" }""", "pat is not an e-mail address")]
    [InlineData("""{ "emailAddress": "sa::pat" }""", "sa::pat is not an e-mail address")]
    [InlineData(
        """{ "emailAddress": "pat@example.com", "groups": "ingestion" }""",
        "groups must be an array of permission names")]
    [InlineData(
        """{ "emailAddress": "pat@example.com", "groups": ["nonsense"] }""", "There is no permission nonsense.")]
    [InlineData(
        """{ "emailAddress": "pat@example.com", "userGroups": [{ "id": "x" }] }""",
        "userGroups must be an array of group ids")]
    [InlineData("""{ "emailAddress": "pat@example.com", "roles": [1] }""", "roles must be an array of role ids")]
    public async Task A_body_that_is_no_user_is_refused_and_nobody_made(string body, string message)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync("/user", body).RefusedAsync(400, message);
        Assert.Single(await org.MembersAsync());
    }

    [Fact]
    public async Task Groups_and_roles_that_are_not_there_or_are_anothers_are_left_out_and_named()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (theirs, role) = (await other.GroupAsync(new("Theirs")), await other.RoleAsync("Theirs", "ingestion"));
        var made = await org.Admin.SendAsync(
            "/user", $$"""
                { "emailAddress": "pat@example.com", "groups": [], "userGroups": ["{{theirs.Id}}", "nothing"],
                "roles": ["{{role.Id}}"] }
                """).OkAsync(202);

        Assert.Equal(
            (
                "OK",
                $"Invalid user groups found and ignored [{theirs.Id}, nothing]; Invalid roles found and ignored "
                    + $"[{role.Id}]",
                202),
            made.Status());
        Assert.Equal(["Everyone"], made.Texts("response/userGroups", "name"));
    }

    [Fact]
    public async Task A_manager_gives_what_he_holds_and_nothing_else()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "manager@example.com", r => r with { Permissions = [Permissions.UserManagement, "ingestion"] });
        await manager.Client.SendAsync(
            "/user", """{ "emailAddress": "pat@example.com", "groups": ["alerts_management"] }""")
            .RefusedAsync(403, "You cannot grant or take away access that you do not hold yourself.");
        Assert.Equal(2, (await org.MembersAsync()).Count);

        await manager.Client.SendAsync("/user", """{ "emailAddress": "pat@example.com", "groups": ["ingestion"] }""")
            .OkAsync();
    }

    [Fact]
    public async Task The_newer_face_makes_who_is_not_there_and_changes_who_is()
    {
        var org = await app.CreateOrganizationAsync();
        var (ops, reader) = (
            await org.GroupAsync(new("Ops") { IsDefault = true }), await org.RoleAsync("Reader", "alerts_management"));
        const string Body = """{ "emailAddress": "Pat@example.com", "groups": ["ingestion"], "userGroups": [] }""";
        var made = await org.Admin.SendAsync("/account/user", Body).OkAsync();
        var repeated = await org.Admin.SendAsync("/account/user?sendEmail=true", Body).OkAsync();
        Assert.Equal(Wire.Compact(made.GetRawText()), Wire.Compact(repeated.GetRawText()));
        Assert.Equal(["Everyone", "Ops"], repeated.Texts("userGroups", "name"));
        Assert.Empty(await org.OutboxAsync());

        var changed = await org.Admin.SendAsync("/account/user", $$"""
            { "emailAddress": "pat@EXAMPLE.com", "groups": [], "roles": ["{{reader.Id}}", "none"] }
            """).OkAsync(202);
        Assert.Equal(("OK", "Invalid roles found and ignored [none]", 202), changed.Status());
        Assert.Equal(("Pat@example.com", "[]"), (changed.TextAt("identifier"), changed.At("groups").GetRawText()));
        Assert.Equal(["Everyone", "Ops"], changed.Texts("response/userGroups", "name"));
        Assert.Equal(["Reader"], changed.Texts("response/roles", "name"));
        Assert.Contains(ops.Id.ToString(), changed.Texts("userGroups", "id"));
    }
}
