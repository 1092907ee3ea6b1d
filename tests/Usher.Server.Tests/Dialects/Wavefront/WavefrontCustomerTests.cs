using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>What is set for a whole tenant.</summary>
public sealed class WavefrontCustomerTests(UsherApp app)
{
    private const string Preferences = "/api/v2/customer/preferences";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_permissions_are_a_bare_list_with_a_name_for_people_each()
    {
        var org = await app.CreateOrganizationAsync();
        var list = (await org.Admin.GetAsync("/api/v2/customer/permissions", Ct).OkAsync()).EnumerateArray().ToList();
        Assert.Equal(Permissions.BuiltIn.Order(StringComparer.Ordinal), list.Select(p => p.TextAt("groupName")!));
        Assert.All(list, p => Assert.Equal(["groupName", "displayName", "description", "requiredDefault"], p.Names()));
        Assert.Equal("Accounts", list.Single(p => p.TextAt("groupName") is "user_management").TextAt("displayName"));
    }

    [Fact]
    public async Task Preferences_are_bare_and_enveloped_at_once_with_all_that_clients_require()
    {
        var org = await app.CreateOrganizationAsync();
        var fresh = $$"""
            "customerId": "{{org.Slug}}", "invitePermissions": [], "defaultUserGroups": [],
              "hiddenMetricPrefixes": {}, "grantModifyAccessToEveryone": false,
            "hideTSWhenQuerybuilderShown": false, "showOnboarding": false, "showQuerybuilderByDefault": false
            """;
        await org.Admin.GetAsync(Preferences, Ct).AssertAsync(
            200,
            $$"""{ {{fresh}}, "status": { "result": "OK", "message": "", "code": 200 }, "response": { {{fresh}} } }""");
        await org.Admin.GetAsync($"{Preferences}/defaultUserGroups", Ct)
            .AssertAsync(200, """{ "status": { "result": "OK", "message": "", "code": 200 }, "response": [] }""");
    }

    [Fact]
    public async Task What_is_set_is_what_the_next_invite_gives_that_names_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var role = await org.RoleAsync("Reader", "embedded_charts");
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(role.Id)] });
        var set = await org.Admin.PostTextAsync(Preferences, $$"""
            { "invitePermissions": ["ingestion", "alerts_management", "browse"], "defaultUserGroups": ["{{ops.Id}}",
              "{{await org.EveryoneAsync()}}"], "showOnboarding": true,
              "grantModifyAccessToEveryone": true, "hideTSWhenQuerybuilderShown": true,
                "showQuerybuilderByDefault": true, "landingDashboardSlug": "x" }
            """).OkAsync();
        Assert.Equal("""["alerts_management","ingestion"]""", set.At("invitePermissions").GetRawText());
        Assert.Equal(
            ("Ops", 0, "Reader"),
            (
                set.TextAt("defaultUserGroups/0/name"), set.At("defaultUserGroups/0/userCount").GetInt32(),
                set.TextAt("response/defaultUserGroups/0/roles/0/name")));
        Assert.Equal(
            Wire.Compact(set.GetRawText()),
            Wire.Compact((await org.Admin.GetAsync(Preferences, Ct).OkAsync()).GetRawText()));
        Assert.Equal(
            ["Ops"],
            (await org.Admin.GetAsync($"{Preferences}/defaultUserGroups", Ct).OkAsync()).At("response").EnumerateArray()
                .Select(g => g.TextAt("name")!));

        var invited = await InviteAsync(org, """{ "emailAddress": "a@example.com" }""");
        Assert.Equal("""["alerts_management","ingestion"]""", invited.At("groups").GetRawText());
        Assert.Equal(["Everyone", "Ops"], invited.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        var bare = await InviteAsync(org, """{ "emailAddress": "b@example.com", "groups": [], "userGroups": [] }""");
        Assert.Equal((0, 2), (bare.At("groups").GetArrayLength(), bare.At("userGroups").GetArrayLength()));

        var kept = await org.Admin.PostTextAsync(Preferences, """{ "invitePermissions": ["ingestion"] }""").OkAsync();
        Assert.Equal(
            ("""["ingestion"]""", 1),
            (kept.At("invitePermissions").GetRawText(), kept.At("defaultUserGroups").GetArrayLength()));
        Assert.Equal(
            1, (await org.Admin.PostAsync(Preferences, null, Ct).OkAsync()).At("defaultUserGroups").GetArrayLength());
        Assert.Equal(
            1, (await org.Admin.PostTextAsync(Preferences, "null").OkAsync()).At("defaultUserGroups").GetArrayLength());
        var none = await org.Admin.PostTextAsync(
            Preferences, """{ "invitePermissions": null, "defaultUserGroups": [] }""").OkAsync();
        Assert.Equal(
            (0, 0), (none.At("invitePermissions").GetArrayLength(), none.At("defaultUserGroups").GetArrayLength()));
        var last = await InviteAsync(org, """{ "emailAddress": "c@example.com", "groups": null }""");
        Assert.Equal((0, 1), (last.At("groups").GetArrayLength(), last.At("userGroups").GetArrayLength()));
    }

    [Theory]
    [InlineData("""{ "invitePermissions": ["nonsense"] }""")]
    [InlineData("""
        { "invitePermissions": ["ingestion"], "defaultUserGroups": ["8b23136b-ecd2-4cb5-8c92-62477dcc4090"] }
        """)]
    [InlineData("""{ "invitePermissions": "ingestion" }""")]
    [InlineData("""["ingestion"]""")]
    public async Task What_cannot_be_set_is_a_400_and_nothing_is_set(string body)
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await org.Admin.PostTextAsync(Preferences, body)).StatusCode);
        Assert.Equal(0, (await org.Admin.GetAsync(Preferences, Ct).OkAsync()).At("invitePermissions").GetArrayLength());
    }

    [Fact]
    public async Task A_user_manager_sets_no_defaults_beyond_what_he_holds()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ActiveAsync(
            "max@example.com", r => r with { Permissions = [Permissions.UserManagement] });
        var more = await org.GroupAsync(
            new("More") { Roles = [Reference.To((await org.RoleAsync("R", "ingestion")).Id)] });
        var refused = """
            { "status": { "result": "ERROR",
            "message": "You cannot grant or take away access that you do not hold yourself.", "code": 403 } }
            """;
        await manager.Client.PostTextAsync(Preferences, """{ "invitePermissions": ["ingestion"] }""")
            .AssertAsync(403, refused);
        await manager.Client.PostTextAsync(Preferences, $$"""{ "defaultUserGroups": ["{{more.Id}}"] }""")
            .AssertAsync(403, refused);
        Assert.Equal(
            1,
            (
                await manager.Client.PostTextAsync(Preferences, """{ "invitePermissions": ["user_management"] }""")
                    .OkAsync())
                .At("invitePermissions").GetArrayLength());
    }

    [Fact]
    public async Task The_tenants_settings_take_user_management()
    {
        var org = await app.CreateOrganizationAsync();
        var pat = await org.ActiveAsync("pat@example.com");
        foreach (var path in new[] { "/api/v2/customer/permissions", Preferences, $"{Preferences}/defaultUserGroups" })
            Assert.Equal(HttpStatusCode.Forbidden, (await pat.Client.GetAsync(path, Ct)).StatusCode);
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await pat.Client.PostTextAsync(Preferences, """{ "invitePermissions": [] }""")).StatusCode);
    }

    private static async Task<JsonElement> InviteAsync(TestOrganization org, string user) =>
        await org.Admin.PostTextAsync("/api/v2/user/invite", $"[{user}]").OkAsync();
}
