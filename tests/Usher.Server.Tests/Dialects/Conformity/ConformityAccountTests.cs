using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>The neighbours its clients ask first: API keys and accounts.</summary>
public sealed class ConformityAccountTests(UsherApp app)
{
    private const string NotAuthorized =
        """{ "errors": [{ "status": 401, "details": "You are not authorized to perform such actions" }] }""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_caller_sees_his_own_keys_oldest_first_and_never_a_secret()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        var second = await org.WithKeyAsync(mara.Member);
        var used = DateTimeOffset.UnixEpoch.AddMilliseconds(1718000000456);
        await app.QueryAsync(
            db => db.ApiKeys.Where(k => k.MemberId == mara.Member.Id && k.Hash != Core.Secret.Hash(mara.Key))
            .ExecuteUpdateAsync(
                set => set.SetProperty(k => k.Status, ApiKeyStatus.Disabled).SetProperty(k => k.LastUsedAt, used), Ct));
        var keys = await app.QueryAsync(db =>
            db.ApiKeys.AsNoTracking().Where(k => k.MemberId == mara.Member.Id).OrderBy(k => k.Id).ToListAsync(Ct));

        var answer = await mara.Client.GetAsync(Wire.Raw(app.Url, "/v1//api-keys/"), Ct);
        await answer.AssertAsync(200, $$"""
            { "data": [
                { "type": "api-keys", "id": "{{ShortId.Of(keys[0].Id)}}",
                  "attributes": { "created-date": {{keys[0].CreatedAt.ToUnixTimeMilliseconds()}}, "status": "ENABLED",
                    "last-used-date": null }, "relationships": {} },
                { "type": "api-keys", "id": "{{ShortId.Of(keys[1].Id)}}",
                  "attributes": { "created-date": {{keys[1].CreatedAt.ToUnixTimeMilliseconds()}},
                    "status": "DISABLED", "last-used-date": 1718000000456 }, "relationships": {} }] }
            """);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.DoesNotContain(mara.Key[4..], text, StringComparison.Ordinal);
        Assert.DoesNotContain(second.Key[4..], text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_key_is_shown_to_its_owner_alone()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");
        var key = await app.QueryAsync(db =>
            db.ApiKeys.AsNoTracking().SingleAsync(k => k.MemberId == mara.Member.Id, Ct));
        await mara.Client.GetAsync("/v1/api-keys/" + ShortId.Of(key.Id), Ct).AssertAsync(200, $$"""
            { "data": { "type": "api-keys", "id": "{{ShortId.Of(key.Id)}}",
                "attributes": { "created-date": {{key.CreatedAt.ToUnixTimeMilliseconds()}}, "status": "ENABLED",
                  "last-used-date": null }, "relationships": {} } }
            """);

        const string NoSuchKey = """
            { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" }, "details": "No such API key" }] }
            """;
        await org.Admin.GetAsync("/v1/api-keys/" + ShortId.Of(key.Id), Ct).AssertAsync(422, NoSuchKey);
        await mara.Client.GetAsync("/v1/api-keys/Zt4mWq8LsB0c", Ct).AssertAsync(422, NoSuchKey);
    }

    [Fact]
    public async Task An_administrator_adds_an_account()
    {
        var org = await app.CreateOrganizationAsync();
        var added = await org.Admin.PostTextAsync("/v1/accounts", """
            { "data": { "type": "account", "attributes": { "name": "Billing", "environment": "Live", "tags": ["a"],
                "access": { "keys": { "roleArn": "arn:aws:iam::123456789012:role/Conformity",
                  "externalId": "77ba5e41" } } } } }
            """, "application/vnd.api+json");

        var resource = (await app.QueryAsync(db =>
            db.Resources.AsNoTracking().Where(r => r.OrganizationId == org.Id).ToListAsync(Ct))).MaxBy(r => r.Id)!;
        var expected = $$"""
            { "type": "accounts", "id": "{{ShortId.Of(resource.Id)}}",
              "attributes": { "name": "Billing", "environment": "Live", "awsaccount-id": "123456789012",
                "cloud-type": "aws", "status": "ACTIVE",
                "has-real-time-monitoring": false, "subscription-type": "advanced",
                  "created-date": {{resource.CreatedAt.ToUnixTimeMilliseconds()}},
                "last-checked-date": null, "last-notified-date": null, "last-monitoring-event-date": null },
              "relationships": { "organisation": { "data": { "type": "organisations",
                "id": "{{ShortId.Of(org.Id)}}" } } } }
            """;
        await added.AssertAsync(200, $$"""{ "data": {{expected}} }""");
        var list = await org.Admin.GetAsync("/v1/accounts", Ct).OkAsync();
        Assert.Equal(
            ["Production", "Staging", "Sandbox", "Billing"],
            list.At("data").EnumerateArray().Select(a => a.TextAt("attributes/name")!));
        Assert.Equal(Wire.Compact(expected), Wire.Compact(list.At("data/3").GetRawText()));
    }

    [Theory]
    [InlineData("""{ "name": "Billing" }""")]
    [InlineData("""{ "name": "Billing", "environment": null, "access": null }""")]
    [InlineData("""{ "name": "Billing", "access": { "keys": { "roleArn": 7 } } }""")]
    [InlineData("""{ "name": "Billing", "access": { "keys": { "roleArn": "arn:aws:iam::12:role/Short" } } }""")]
    [InlineData("""{ "name": "Billing", "access": [] }""")]
    public async Task An_account_needs_a_name_alone(string attributes)
    {
        var org = await app.CreateOrganizationAsync();
        var added = await AddAsync(org.Admin, attributes).OkAsync();

        Assert.Equal(JsonValueKind.Null, added.At("data/attributes/environment").ValueKind);
        Assert.DoesNotContain("awsaccount-id", added.At("data/attributes").Names());
    }

    [Fact]
    public async Task A_name_is_there_once_whatever_its_case()
    {
        var org = await app.CreateOrganizationAsync();
        await AddAsync(org.Admin, """{ "name": " PRODUCTION " }""")
            .AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes/name" },
                "details": "Name is already in use" }] }
                """);
        Assert.Equal(3, (await org.Admin.GetAsync("/v1/accounts", Ct).OkAsync()).At("data").GetArrayLength());
    }

    [Fact]
    public async Task Only_an_administrator_adds_accounts()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (name, change) in new (string, Func<NewInvitation, NewInvitation>)[]
        {
            ("power", r => r with { Role = BuiltInRole.PowerUser }),
            ("maker", r => r with { Permissions = [Permissions.ResourceCreation] }),
        })
        {
            var caller = await org.ActiveAsync(name + "@acme.test", change);
            await AddAsync(caller.Client, """{ "name": "Billing" }""").AssertAsync(401, NotAuthorized);
        }
    }

    [Fact]
    public async Task Everybody_lists_the_accounts_he_can_see()
    {
        var org = await app.CreateOrganizationAsync();
        var some = await org.ActiveAsync("some@acme.test", r => r with
        {
            Levels = [
                Level(org, 0, AccessLevel.ReadOnly), Level(org, 1, AccessLevel.None), Level(org, 2, AccessLevel.Full),
            ],
        });
        var none = await org.ActiveAsync("none@acme.test");
        var reader = await org.ActiveAsync("reader@acme.test", r => r with { Role = BuiltInRole.ReadOnly });
        var group = await org.GroupAsync(new("Stagers") { Levels = [Level(org, 1, AccessLevel.ReadOnly)] });
        var grouped = await org.ActiveAsync("grouped@acme.test", r => r with { Groups = [Reference.To(group.Id)] });

        Assert.Equal(["Production", "Sandbox"], await NamesAsync(some.Client));
        Assert.Empty(await NamesAsync(none.Client));
        Assert.Equal(["Production", "Staging", "Sandbox"], await NamesAsync(reader.Client));
        Assert.Equal(["Staging"], await NamesAsync(grouped.Client));
        Assert.Equal(["Production", "Staging", "Sandbox"], await NamesAsync(org.Admin));
    }

    [Fact]
    public async Task One_account_is_an_object_for_a_caller_who_reaches_it_and_a_401_for_all_others()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var some = await org.ActiveAsync(
            "some@acme.test",
            r => r with { Levels = [Level(org, 0, AccessLevel.ReadOnly), Level(org, 1, AccessLevel.None)] });
        var listed = (await org.Admin.GetAsync("/v1/accounts", Ct).OkAsync()).At("data/0").GetRawText();
        foreach (var client in new[] { some.Client, org.Admin })
            await client.GetAsync("/v1/accounts/" + org.Accounts[0], Ct)
                .AssertAsync(200, $$"""{ "data": {{listed}} }""");

        // Whoever does not reach an account is not told whether there is one.
        foreach (var id in new[] { org.Accounts[1], org.Accounts[2], other.Accounts[0], "nope" })
            await some.Client.GetAsync("/v1/accounts/" + id, Ct).AssertAsync(401, NotAuthorized);
        foreach (var id in new[] { other.Accounts[0], "nope" })
            await org.Admin.GetAsync("/v1/accounts/" + id, Ct).AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" },
                "details": "No such account" }] }
                """);
    }

    private static NewLevel Level(TestOrganization org, int resource, AccessLevel level) =>
        new(Reference.To(org.Created.Resources[resource].Id), level);

    private static Task<HttpResponseMessage> AddAsync(HttpClient client, string attributes) =>
        client.PostTextAsync(
            "/v1/accounts", $$"""{ "data": { "type": "account", "attributes": {{attributes}} } }""",
            "application/vnd.api+json");

    private static async Task<IEnumerable<string?>> NamesAsync(HttpClient client) =>
        (await client.GetAsync("/v1/accounts", Ct).OkAsync()).At("data").EnumerateArray()
            .Select(a => a.TextAt("attributes/name")).ToList();
}
