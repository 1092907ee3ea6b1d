using System.Text.Json;
using Usher.Core.Access;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Dialects;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Golden;

public sealed class ConformityStory() : Story("Conformity")
{
    protected override string Authorize(StoryCaller caller) => "ApiKey " + caller.Key;

    protected override async Task TellAsync()
    {
        var (production, staging, nothing) = (
            Organization.Accounts[0], Organization.Accounts[1],
            ShortId.Of(Guid.Parse("00000000-0000-4000-8000-000000000000")));
        await CallAsync("list-accounts", HttpMethod.Get, "/v1/accounts");
        await PostAsync("create-account", "/v1/accounts", """
            {"data":{"type":"account","attributes":{"name":"Billing","environment":"prod",
              "access":{"keys":{"roleArn":"arn:aws:iam::123456789012:role/Conformity","externalId":"E1"}}}}}
            """);
        await PostAsync("create-account-name-taken", "/v1/accounts", """{"data":{"attributes":{"name":"BILLING"}}}""");
        await PostAsync("create-account-no-name", "/v1/accounts", """{"data":{"attributes":{"environment":"prod"}}}""");
        await PostAsync(
            "create-account-environment-invalid", "/v1/accounts",
            """{"data":{"attributes":{"name":"Ledger","environment":7}}}""");

        var levels = $$"""[{"account":"{{production}}","level":"FULL"},{"account":"{{staging}}","level":"NONE"}]""";
        var mara = await PostAsync("invite-user", "/v1/users", Invite("mara.lind@acme.test", "USER", levels));
        await PostAsync("invite-admin", "/v1/users", Invite("noor@acme.test", "ADMIN"));
        await PostAsync(
            "invite-again", "/v1/users",
            Invite("Mara.Lind@acme.test", "USER", $$"""[{"account":"{{staging}}","level":"READONLY"}]"""));
        await PostAsync("invite-with-junk", "/v1/users", """
            {"data":{"meta":{"IsApiKeyUser":false},"relationships":{"accountAccessList":null},
              "attributes":{"firstName":"Jun","lastName":"K","role":"USER","email":"jun@acme.test","accessList":null,
              "IsCloudOneUser":true}}}
            """);
        var kim = await Organization.JoinedAsync(
            "kim@acme.test",
            row =>
                row with
                {
                    FirstName = "Kim", LastName = "Reyes",
                    Levels = [new(new(production, Organization.Created.Resources[0].Id), AccessLevel.ReadOnly)],
                });
        var asKim = new StoryCaller("kim", "kim@acme.test", kim.Key);
        await PostAsync("invite-active", "/v1/users", Invite("kim@acme.test", "USER"));
        await PostAsync("invite-no-attributes", "/v1/users", """{"data":{}}""");
        await PostAsync("invite-every-fault", "/v1/users", """
            {"data":{"attributes":{"firstName":"","email":7,"role":"POWER_USER","accessList":[{"level":"FULL"},
              {"account":"x","level":"ALL"}]}}}
            """);
        await PostAsync("invite-email-invalid", "/v1/users", Invite("mara at acme.test", "USER"));
        await PostAsync(
            "invite-account-unknown", "/v1/users",
            Invite("lee@acme.test", "USER", $$"""[{"account":"{{nothing}}","level":"FULL"}]"""));
        await PostAsync("invite-access-list-invalid", "/v1/users", Invite("lee@acme.test", "USER", "{}"));

        await Organization.ActiveAsync(
            "pia@acme.test", row => row with { FirstName = "Pia", LastName = "Power", Role = BuiltInRole.PowerUser });
        await Organization.ActiveAsync(
            "rio@acme.test", row => row with { FirstName = "Rio", LastName = "Reader", Role = BuiltInRole.ReadOnly });
        await CallAsync("list-users", HttpMethod.Get, "/v1/users");
        await CallAsync("whoami-admin", HttpMethod.Get, "/v1/users/whoami");
        await CallAsync("whoami-user", HttpMethod.Get, "/v1/users/whoami", caller: asKim);
        var bot = await Organization.ServiceAccountAsync("bot");
        await CallAsync(
            "whoami-key-only", HttpMethod.Get, "/v1/users/whoami", caller: new("the bot", "sa::bot", bot.Key));
        await CallAsync("get-user", HttpMethod.Get, "/v1/users/" + mara!.Value.TextAt("data/id"));
        await CallAsync(
            "get-user-as-another", HttpMethod.Get, "/v1/users/" + mara.Value.TextAt("data/id"), caller: asKim);
        await CallAsync("get-user-himself", HttpMethod.Get, "/v1/users/" + ShortId.Of(kim.Member.Id), caller: asKim);
        await CallAsync("get-user-unknown", HttpMethod.Get, "/v1/users/" + nothing);
        await CallAsync("list-accounts-as-user", HttpMethod.Get, "/v1/accounts", caller: asKim);
        await CallAsync("get-account", HttpMethod.Get, "/v1/accounts/" + production, caller: asKim);
        await CallAsync("get-account-not-reached", HttpMethod.Get, "/v1/accounts/" + staging, caller: asKim);
        await CallAsync("get-account-unknown", HttpMethod.Get, "/v1/accounts/" + nothing);

        var (hers, his) = ("/v1/users/" + mara.Value.TextAt("data/id"), "/v1/users/" + ShortId.Of(kim.Member.Id));
        await PatchAsync(
            "update-user", his,
            $$"""{"data":{"role":"USER","accessList":[{"account":"{{staging}}","level":"READONLY"}] } }""");
        await PatchAsync("update-user-to-power-user", hers, """{"data":{"role":"POWER_USER","accessList":[]} }""");
        await PatchAsync(
            "update-every-fault", his,
            """{"data":{"role":"CUSTOM","accessList":[{"level":"FULL"},{"account":"x","level":"ALL"}]} }""");
        await PatchAsync("update-no-access-list", his, """{"data":{"role":"USER"} }""");
        await PatchAsync(
            "update-account-unknown", his,
            $$"""{"data":{"role":"USER","accessList":[{"account":"{{nothing}}","level":"FULL"}]} }""");
        await PatchAsync("update-unknown", "/v1/users/" + nothing, """{"data":{"role":"ADMIN"} }""");
        var owner = "/v1/users/" + ShortId.Of(Organization.Created.Owner.Id);
        await PatchAsync("update-last-admin", owner, """{"data":{"role":"USER","accessList":[]} }""");
        await CallAsync("revoke-last-admin", HttpMethod.Delete, owner);
        await CallAsync("revoke-user", HttpMethod.Delete, hers);
        await CallAsync("revoke-user-again", HttpMethod.Delete, hers);
        await PostAsync(
            "invite-revoked", "/v1/users",
            Invite("mara.lind@acme.test", "USER", $$"""[{"account":"{{staging}}","level":"FULL"}]"""));

        await PostAsync("add-sso-user-no-provider", "/v1/users/sso", Invite("sid@acme.test", "USER"));
        Assert.Null(
            (await Organization.UpdateAsync(
                Organization.System, new OrganizationChange { ExternalIdentityProvider = "Acme ID" })).Error);
        await PostAsync("add-sso-user", "/v1/users/sso", Invite("sid@acme.test", "USER", levels));
        await PostAsync("add-sso-user-again", "/v1/users/sso", Invite("sid@acme.test", "USER"));

        var keys = await CallAsync("list-api-keys", HttpMethod.Get, "/v1/api-keys");
        await CallAsync("get-api-key", HttpMethod.Get, "/v1/api-keys/" + keys!.Value.TextAt("data/0/id"));
        await CallAsync("get-api-key-unknown", HttpMethod.Get, "/v1/api-keys/" + nothing);

        var readOnly = await Organization.WithKeyAsync(Organization.Created.Owner, readOnly: true);
        await TellRefusalsAsync(
            "/v1/users", "/v1/users", Invite("ola@acme.test", "USER"),
            new("a key that may only read", Owner.Email, readOnly.Key), asKim);
    }

    private static string Invite(string email, string role, string levels = "null") => $$"""
        {"data":{"attributes":{"firstName":"Mara","lastName":"Lind","role":"{{role}}","email":"{{email}}",
          "accessList":{{levels}} } } }
        """;

    private Task<JsonElement?> PatchAsync(string name, string path, string body) =>
        CallAsync(name, HttpMethod.Patch, path, body, mediaType: "application/vnd.api+json");

    private Task<JsonElement?> PostAsync(string name, string path, string body) =>
        CallAsync(name, HttpMethod.Post, path, body, mediaType: "application/vnd.api+json");
}

/// <summary>Cloud Conformity's calls, member for member.</summary>
public sealed class ConformityGoldenTests(ConformityStory story) : GoldenTests(story), IClassFixture<ConformityStory>;
