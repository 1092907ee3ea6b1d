using System.Net;
using System.Text.Json;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>An organization's settings by Usher's own API.</summary>
public sealed class SettingsApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task A_change_says_what_it_says_and_leaves_the_rest()
    {
        var org = await app.CreateOrganizationAsync();
        await org.GroupAsync(new("Ops"));
        var changed = await org.PatchAsync("settings", new
        {
            name = "Acme", timeZone = "Europe/Berlin", invitationLifetimeSeconds = 7200,
            allowedEmailDomains = new[] { "Example.TEST", "bücher.example" },
            defaultPermissions = new[] { "ingestion" },
            defaultGroups = new[] { "ops" },
            returnOrigins = new[] { "https://app.example.com", "http://localhost:3000/" },
            externalIdentityProvider = "Okta",
        });
        var settings = await changed.JsonAsync();
        Assert.Equal(
            "Acme Europe/Berlin 7200 Okta",
            settings.Shown("name", "timeZone", "invitationLifetimeSeconds", "externalIdentityProvider"));
        Assert.Equal(["example.test", "xn--bcher-kva.example"], settings.Texts("allowedEmailDomains"));
        Assert.Equal(["ingestion"], settings.Texts("defaultPermissions"));
        Assert.Equal(["Ops"], settings.Named("defaultGroups"));
        Assert.Equal(["https://app.example.com", "http://localhost:3000"], settings.Texts("returnOrigins"));
        var read = await org.GetAsync("settings");
        Assert.Equal(settings.ToString(), (await read.JsonAsync()).ToString());
        Assert.Equal("Acme", await (await org.GetAsync("")).TextAsync("name"));

        // What is offered now is what was set.
        var invited = await (await org.PostAsync("invitations", new { email = "ada@example.test" }))
            .JsonAsync("invitation");
        Assert.Equal(["ingestion"], invited.Texts("permissions"));
        Assert.Equal(["Ops"], invited.Named("groups"));
        Assert.Equal(
            TimeSpan.FromHours(2),
            invited.GetProperty("expiresAt").GetDateTimeOffset() - invited.GetProperty("createdAt")
                .GetDateTimeOffset());
        await (await org.PostAsync("invitations", new { email = "ada@example.com" }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "email_domain_not_allowed");

        var again = await (await org.PatchAsync("settings", """
            {"invitationLifetimeSeconds":null,"externalIdentityProvider":null,"allowedEmailDomains":[],
            "defaultGroups":[],"defaultPermissions":[],"returnOrigins":[]}
            """)).JsonAsync();
        Assert.Equal(
            "Acme   [] [] [] []",
            again.Shown(
                "name", "invitationLifetimeSeconds", "externalIdentityProvider", "allowedEmailDomains",
                "defaultPermissions", "defaultGroups", "returnOrigins"));
    }

    [Fact]
    public async Task What_new_members_get_is_set_by_whoever_manages_users_and_holds_it_the_rest_by_administrators()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(
            NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement, "ingestion"] });
        Assert.Equal(
            ["ingestion"],
            (
                await (await org.PatchAsync(
                    "settings", new { defaultPermissions = new[] { "ingestion" } },
                    by: max.Client)).JsonAsync()).Texts("defaultPermissions"));
        await (await org.PatchAsync(
            "settings", new { defaultPermissions = new[] { "ingestion", "log_management" } },
            by: max.Client)).RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        foreach (var body in new object[]
            {
                new { name = "A" }, new { invitationLifetimeSeconds = 7200 },
                new { returnOrigins = new[] { "https://a.example" } },
                new { allowedEmailDomains = new[] { "a.example" } },
            })
            await (await org.PatchAsync("settings", body, by: max.Client))
                .RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        await (await org.PatchAsync("settings", new { seatLimit = 5 }))
            .RefusedAsync(HttpStatusCode.Forbidden, "operator_only");
    }

    [Fact]
    public async Task An_operator_limits_the_seats_and_lifts_the_limit()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync(NewEmail("ada"));
        Assert.Equal(
            "3 2",
            (await (await org.PatchAsync("settings", new { seatLimit = 3 }, by: operated.Operator)).JsonAsync())
                .Shown("seatLimit", "seatsUsed"));
        var bob = await org.MakeAsync("invitations", new { email = NewEmail("bob") });
        await (await org.PostAsync("invitations", new { email = NewEmail("eve") }))
            .RefusedAsync(HttpStatusCode.Conflict, "seats_exhausted");
        await (await org.PostAsync(bob + "/revoke")).JsonAsync();
        Assert.Equal("3 2", (await (await org.GetAsync("settings")).JsonAsync()).Shown("seatLimit", "seatsUsed"));
        var lifted = await (await org.PatchAsync("settings", """{"seatLimit":null}""", by: operated.Operator))
            .JsonAsync();
        Assert.Equal(
            (JsonValueKind.Null, JsonValueKind.Null),
            (lifted.GetProperty("seatLimit").ValueKind, lifted.GetProperty("seatsUsed").ValueKind));
        Assert.Equal(2, (await org.MembersAsync()).Count(m => m.Status is MemberStatus.Active));
    }

    [Theory]
    [InlineData("""{"invitationLifetimeSeconds":3599}""", "invitation_lifetime_invalid")]
    [InlineData("""{"invitationLifetimeSeconds":7776001}""", "invitation_lifetime_invalid")]
    [InlineData("""{"invitationLifetimeSeconds":2147483648}""", "value_invalid")]
    [InlineData("""{"allowedEmailDomains":["a@b"]}""", "email_domains_invalid")]
    [InlineData("""{"returnOrigins":["javascript:alert(1)"]}""", "return_origins_invalid")]
    [InlineData("""{"returnOrigins":["https://user@app.example.com"]}""", "return_origins_invalid")]
    [InlineData("""{"defaultPermissions":["flying"]}""", "permission_unknown")]
    [InlineData("""{"defaultGroups":["Nowhere"]}""", "reference_unknown")]
    public async Task What_cannot_be_is_refused_with_its_pointer(string body, string code)
    {
        var org = await app.CreateOrganizationAsync();
        var problem = await (await org.PatchAsync("settings", body))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, code);
        Assert.StartsWith(
            "/" + JsonElement.Parse(body).EnumerateObject().Single().Name, problem.Named("errors", "pointer").Single(),
            StringComparison.Ordinal);
    }
}
