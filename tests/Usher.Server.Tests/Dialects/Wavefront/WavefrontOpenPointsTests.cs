using Usher.Core;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>What the public sources leave open, row by row as the reference lists it, and what is done here.</summary>
public sealed class WavefrontOpenPointsTests(UsherApp app)
{
    [Fact]
    public async Task Body_of_create_and_update_is_a_superset()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var answer in new[]
        {
            await org.Admin.SendAsync(
                "/user", """{ "emailAddress": "pat@example.com", "groups": [], "userGroups": [] }""").OkAsync(),
            await org.Admin.WriteAsync("/user/pat@example.com", """{ "groups": ["ingestion"] }""").OkAsync(),
        })
        {
            Assert.Equal(
                ["identifier", "customer", "groups", "userGroups", "roles", "status", "response"], answer.Names());
            Assert.Equal(answer.Top(), Wire.Compact(answer.At("response").GetRawText()));
            Assert.Equal(("OK", "", 200), answer.Status());
        }
    }

    [Fact]
    public async Task Body_of_invite_for_several_people_has_the_first_on_top_and_all_in_response()
    {
        var org = await app.CreateOrganizationAsync();
        var answer = await org.Admin.SendAsync(
            "/user/invite",
            """[{ "emailAddress": "sam@example.com" }, { "emailAddress": "kim@example.com" }]""").OkAsync();
        Assert.Equal("sam@example.com", answer.TextAt("identifier"));
        Assert.Equal(["sam@example.com", "kim@example.com"], answer.Texts("response", "identifier"));
    }

    [Fact]
    public async Task Invite_or_create_of_an_existing_address_is_a_409_and_part_of_a_batch_a_202()
    {
        const string Known = "User with id Pat@Example.com is already created in our system.";
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("pat@example.com", sendMail: false);
        var before = await org.Admin.UserAsync("pat@example.com");
        await org.Admin.SendAsync("/user", """{ "emailAddress": "Pat@Example.com", "groups": ["ingestion"] }""")
            .RefusedAsync(409, Known);
        await org.Admin.SendAsync(
            "/user/invite",
            """[{ "emailAddress": "Pat@Example.com", "groups": ["ingestion"] }]""").RefusedAsync(409, Known);
        var batch = await org.Admin.SendAsync("/user/invite", """
            [{ "emailAddress": "pat@example.com", "groups": ["ingestion"] }, { "emailAddress": "sam@example.com" }]
            """).OkAsync(202);
        Assert.Equal("Existing users found and ignored [pat@example.com]", batch.Status().Message);
        Assert.Equal(
            before.Replace("\"userCount\":2", "\"userCount\":3", StringComparison.Ordinal),
            await org.Admin.UserAsync("pat@example.com"));
    }

    [Fact]
    public async Task Delete_user_body_is_a_200_with_a_status_envelope()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("pat@example.com", sendMail: false);
        await org.Admin.EndAsync("/user/pat@example.com")
            .AssertAsync(200, """{ "status": { "result": "OK", "message": "", "code": 200 } }""");
    }

    [Fact]
    public async Task User_businessFunctions_body_is_a_superset_with_names_in_response()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["ingestion"] });
        var answer = await org.Admin.AskAsync("/user/kim@example.com/businessFunctions").OkAsync();
        Assert.Equal(await org.Admin.UserAsync("kim@example.com"), answer.Top());
        Assert.Contains("METRIC_INGESTION", answer.Texts("response"));
        Assert.DoesNotContain("MODIFY_ALERTS", answer.Texts("response"));
        var account = await org.Admin.AskAsync("/account/kim@example.com/businessFunctions").OkAsync();
        Assert.Equal(["status", "response"], account.Names());
        Assert.Equal(answer.Texts("response"), account.Texts("response"));
    }

    [Fact]
    public async Task Put_merges_by_the_presence_of_members_and_null_is_empty()
    {
        var org = await app.CreateOrganizationAsync();
        var ops = await org.GroupAsync(new("Ops"));
        await org.ActiveAsync(
            "kim@example.com", r => r with { Permissions = ["ingestion"], Groups = [Reference.To(ops.Id)] });
        var kim = await org.Admin.WriteAsync("/user/kim@example.com", """{ "userGroups": null }""").OkAsync();
        Assert.Equal(["ingestion"], kim.Texts("groups"));
        Assert.Equal(["Everyone"], kim.Texts("userGroups", "name"));
    }

    [Fact]
    public async Task Unknown_ids_in_bulk_calls_are_ignored_and_named_in_a_202()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        var answer = await org.Admin.NameAsync("/user/grant/ingestion", "nobody@example.com", "kim@example.com")
            .OkAsync(202);
        Assert.Equal(("OK", "Invalid accounts found and ignored [nobody@example.com]", 202), answer.Status());
        Assert.Equal("kim@example.com", answer.TextAt("identifier"));
        Assert.Equal(["kim@example.com"], answer.Texts("response", "identifier"));
    }

    [Fact]
    public async Task Unknown_permission_is_a_400_and_nothing_is_changed()
    {
        const string Unknown = "There is no permission nonsense.";
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com", r => r with { Permissions = ["ingestion"] });
        var before = await org.Admin.UserAsync("kim@example.com");
        await org.Admin.SendAsync("/user", """{ "emailAddress": "pat@example.com", "groups": ["nonsense"] }""")
            .RefusedAsync(400, Unknown);
        await org.Admin.SendAsync("/user/invite", """[{ "emailAddress": "pat@example.com", "groups": ["nonsense"] }]""")
            .RefusedAsync(400, Unknown);
        await org.Admin.WriteAsync("/user/kim@example.com", """{ "ssoId": "kim", "groups": ["nonsense"] }""")
            .RefusedAsync(400, Unknown);
        await org.Admin.SendFormAsync("/user/kim@example.com/grant", "group=nonsense").RefusedAsync(400, Unknown);
        await org.Admin.SendFormAsync("/user/kim@example.com/revoke", "group=nonsense").RefusedAsync(400, Unknown);
        await org.Admin.SendNothingAsync("/account/kim@example.com/grant/nonsense").RefusedAsync(400, Unknown);
        await org.Admin.NameAsync("/user/grant/nonsense", "kim@example.com").RefusedAsync(400, Unknown);
        Assert.Equal(before, await org.Admin.UserAsync("kim@example.com"));
        Assert.Equal(2, (await org.MembersAsync()).Count);
    }

    [Fact]
    public async Task Leaving_Everyone_is_no_error_and_he_stays()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("kim@example.com");
        await org.ServiceAccountAsync("bot");
        var everyone = (await org.EveryoneAsync()).ToString();
        Assert.Equal(
            ["Everyone"],
            (await org.Admin.NameAsync("/user/kim@example.com/removeUserGroups", everyone).OkAsync())
                .Texts("userGroups", "name"));
        Assert.Equal(
            ["Everyone"],
            (await org.Admin.WriteAsync("/user/kim@example.com", """{ "userGroups": [] }""").OkAsync())
                .Texts("userGroups", "name"));
        Assert.Equal(
            ["Service Accounts"],
            (await org.Admin.NameAsync("/account/sa::bot/addUserGroups", everyone).OkAsync())
                .Texts("userGroups", "name"));
    }

    [Fact]
    public async Task Default_permissions_when_groups_is_absent_are_the_tenants_and_none_by_default()
    {
        var (plain, generous) = (
            await app.CreateOrganizationAsync(),
            await app.CreateOrganizationAsync(o => o.DefaultPermissions = ["ingestion"]));
        Assert.Equal(
            "[]",
            (await plain.Admin.SendAsync("/user", """{ "emailAddress": "pat@example.com" }""").OkAsync()).At("groups")
                .GetRawText());
        Assert.Equal(
            ["ingestion"],
            (await generous.Admin.SendAsync("/user", """{ "emailAddress": "pat@example.com" }""").OkAsync())
                .Texts("groups"));
        Assert.Equal(
            ["ingestion"],
            (
                await generous.Admin.SendAsync("/user", """{ "emailAddress": "sam@example.com", "groups": null }""")
                    .OkAsync()).Texts("groups"));
        Assert.Equal(
            "[]",
            (
                await generous.Admin.SendAsync("/user", """{ "emailAddress": "kim@example.com", "groups": [] }""")
                    .OkAsync())
                .At("groups").GetRawText());
    }

    [Fact]
    public async Task Error_statuses_are_those_of_the_table_in_the_envelope()
    {
        var org = await app.CreateOrganizationAsync();
        var kim = await org.ActiveAsync("kim@example.com");
        await org.Admin.SendAsync("/user", "{").RefusedAsync(400, "The body is not valid JSON.");
        await app.CreateClient().AskAsync("/user").RefusedAsync(401, "An API key is needed.");
        await org.ClientOf("00000000-0000-0000-0000-000000000000").AskAsync("/user")
            .RefusedAsync(401, "This API key is unknown, revoked, expired or suspended.");
        await kim.Client.AskAsync("/user").RefusedAsync(403, "You may not do this.");
        await org.Admin.AskAsync("/user/nobody@example.com")
            .RefusedAsync(404, "User with id nobody@example.com does not exist");
        await org.Admin.SendNothingAsync("/user/kim@example.com")
            .RefusedAsync(405, "This address does not support that method.");
        await org.Admin.SendAsync("/user", "<user/>", "application/xml").RefusedAsync(415, "The body must be JSON.");
        await org.Admin.SendAsync("/user", """{ "emailAddress": "kim@example.com" }""")
            .RefusedAsync(409, "User with id kim@example.com is already created in our system.");
    }

    [Fact]
    public async Task Case_of_email_addresses_is_not_compared_and_the_spelling_first_given_is_shown()
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.SendAsync("/user", """{ "emailAddress": "Pat@Example.com" }""").OkAsync();
        Assert.Equal(
            "Pat@Example.com",
            (await org.Admin.SendFormAsync("/user/PAT@example.COM/grant", "group=ingestion").OkAsync())
                .TextAt("identifier"));
        Assert.Equal(
            ["Pat@Example.com"],
            (await org.Admin.NameAsync("/user/deleteUsers", "pat@example.com").OkAsync()).Texts("response"));
    }

    [Fact]
    public async Task Resend_is_outside_this_API_and_a_second_invite_is_a_409_that_sends_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        const string Sam = """[{ "emailAddress": "sam@example.com" }]""";
        await org.Admin.SendAsync("/user/invite", Sam).OkAsync();
        await org.Admin.SendAsync("/user/invite", Sam)
            .RefusedAsync(409, "User with id sam@example.com is already created in our system.");
        Assert.Single(await org.OutboxAsync());
    }
}
