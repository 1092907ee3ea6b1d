using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Golden;

public sealed class WavefrontStory() : Story("Wavefront")
{
    private const string Nothing = "00000000-0000-4000-8000-000000000000";

    protected override string Authorize(StoryCaller caller) => "Bearer " + caller.Key;

    protected override async Task TellAsync()
    {
        var reader = await Organization.RoleAsync("Reader", "alerts_management");
        var ops = await Organization.GroupAsync(new("Ops") { Description = "On call", Roles = [Reference.To(reader.Id)] });
        await InviteAsync("invite-one", """[{"emailAddress":"pat@example.com","groups":["ingestion","alerts_management"],"userGroups":[],"roles":[]}]""");
        await InviteAsync("invite-several", $$"""
            [
              {"emailAddress":"Sam@Example.com","groups":["dashboard_management","browse"],"userGroups":["{{ops.Id}}"],"roles":[]},
              {"emailAddress":"kim@example.com","groups":[],"userGroups":null,"roles":["{{reader.Id}}"]},
              {"emailAddress":"sam@example.com","groups":[]}
            ]
            """);
        await InviteAsync("invite-some-known", """[{"emailAddress":"pat@example.com","groups":[]},{"emailAddress":"lou@example.com"}]""");
        await InviteAsync("invite-unknown-references", $$"""[{"emailAddress":"max@example.com","userGroups":["{{Nothing}}"],"roles":["{{Nothing}}","Reader"]}]""");
        await InviteAsync("invite-all-known", """[{"emailAddress":"pat@example.com"},{"emailAddress":"kim@example.com"}]""");
        await InviteAsync("invite-email-invalid", """[{"emailAddress":"new@example.com"},{"emailAddress":"pat at example.com"}]""");
        await InviteAsync("invite-email-missing", """[{"groups":[]}]""");
        await InviteAsync("invite-permission-unknown", """[{"emailAddress":"new@example.com","groups":["no_such_permission"]}]""");
        await InviteAsync("invite-groups-invalid", """[{"emailAddress":"new@example.com","groups":"ingestion"}]""");
        await InviteAsync("invite-no-array", """{"emailAddress":"new@example.com"}""");
        await InviteAsync("invite-nobody", "[]");

        var uma = await Organization.JoinedAsync("uma@example.com", row => row with { Permissions = [Permissions.UserManagement], Groups = [Reference.To(ops.Id)] });
        var asUma = new StoryCaller("uma", "uma@example.com", uma.Key);
        await CallAsync("invite-more-than-held", HttpMethod.Post, "/api/v2/user/invite", """[{"emailAddress":"new@example.com","groups":["ingestion"]}]""", asUma);
        await CallAsync("list-users", HttpMethod.Get, "/api/v2/user");
        await CallAsync("get-user", HttpMethod.Get, "/api/v2/user/sam@example.com");
        await CallAsync("get-user-signed-in", HttpMethod.Get, "/api/v2/user/UMA%40example.com");
        await CallAsync("get-user-unknown", HttpMethod.Get, "/api/v2/user/nobody@example.com");
        var lee = await Organization.ActiveAsync("lee@example.com");
        var asLee = new StoryCaller("lee", "lee@example.com", lee.Key);
        await CallAsync("get-user-himself", HttpMethod.Get, "/api/v2/user/lee@example.com", caller: asLee);
        await CallAsync("get-user-lacking-privilege", HttpMethod.Get, "/api/v2/user/sam@example.com", caller: asLee);
        await Organization.ServiceAccountAsync("bot");
        await CallAsync("get-user-service-account", HttpMethod.Get, "/api/v2/user/sa::bot");

        var readOnly = await Organization.WithKeyAsync(Organization.Created.Owner, readOnly: true);
        await TellRefusalsAsync(
            "/api/v2/user", "/api/v2/user/invite", """[{"emailAddress":"ola@example.com"}]""", new("a key that may only read", Owner.Email, readOnly.Key), asLee);
    }

    private Task InviteAsync(string name, string body) => CallAsync(name, HttpMethod.Post, "/api/v2/user/invite", body);
}

/// <summary>Wavefront's calls, member for member.</summary>
public sealed class WavefrontGoldenTests(WavefrontStory story) : GoldenTests(story), IClassFixture<WavefrontStory>;
