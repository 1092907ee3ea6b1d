using System.Net;
using Usher.Core.Access;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>API keys by Usher's own API.</summary>
public sealed class ApiKeyApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task A_key_is_made_shown_once_renamed_and_revoked()
    {
        var org = await app.CreateOrganizationAsync();
        var made = await org.PostAsync("api-keys", new { name = "ci" });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var (secret, key) = (await made.TextAsync("secret"), await made.JsonAsync("apiKey"));
        Assert.StartsWith(key.GetProperty("hint").GetString(), secret, StringComparison.Ordinal);
        Assert.Equal(
            $"mem_{ShortId.Of(org.Created.Owner.Id)} ci False enabled  ",
            key.Shown("memberId", "name", "readOnly", "status", "expiresAt", "lastUsedAt"));
        var path = $"api-keys/{key.GetProperty("id")}";
        Assert.EndsWith("/" + path, made.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            secret, await (await org.GetAsync(path)).Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.DoesNotContain(
            secret, await (await org.GetAsync("api-keys")).Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);

        var client = org.ClientOf(secret);
        Assert.Equal("build", await (await org.PatchAsync(path, new { name = "build" }, by: client)).TextAsync("name"));
        await (await org.DeleteAsync(path, by: client)).RefusedAsync(HttpStatusCode.Conflict, "api_key_in_use");
        await (await org.DeleteAsync(path)).DoneAsync();
        await (await org.GetAsync("", by: client)).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "api_key_not_found");
    }

    [Fact]
    public async Task A_key_acts_until_it_runs_out()
    {
        var org = await app.CreateOrganizationAsync();
        var ends = operated.Clock.GetUtcNow().AddHours(1);
        var client = org.ClientOf(
            await (await org.PostAsync("api-keys", new { expiresAt = ends.ToString("O") })).TextAsync("secret"));
        await (await org.GetAsync("", by: client)).JsonAsync();
        operated.Clock.Advance(TimeSpan.FromHours(1));
        await (await org.GetAsync("", by: client)).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
    }

    [Fact]
    public async Task A_key_that_may_only_read_is_refused_on_writes_and_may_ask_what_is_allowed()
    {
        var org = await app.CreateOrganizationAsync();
        var client = org.ClientOf(await (await org.PostAsync("api-keys", new { readOnly = true })).TextAsync("secret"));
        await (await org.GetAsync("members", by: client)).JsonAsync();
        await (await org.PostAsync("groups", new { name = "A" }, by: client))
            .RefusedAsync(HttpStatusCode.Forbidden, "key_read_only");
        await (await org.PostAsync("groups?dryRun=true", new { name = "A" }, by: client))
            .RefusedAsync(HttpStatusCode.Forbidden, "key_read_only");
        Assert.True(
            (
                await (await org.PostAsync("access/check", new { permission = "ingestion" }, by: client))
                    .JsonAsync("allowed")).GetBoolean());
    }

    [Fact]
    public async Task Keys_of_others_need_token_management_and_to_hold_what_they_hold()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"));
        var tom = await org.ActiveAsync(
            NewEmail("tom"), row => row with { Permissions = [Permissions.TokenManagement] });
        var (adas, owners) = ("mem_" + ShortId.Of(ada.Member.Id), "mem_" + ShortId.Of(org.Created.Owner.Id));
        Assert.Equal(
            [adas], (await (await org.GetAsync("api-keys", by: ada.Client)).JsonAsync()).Named("data", "memberId"));
        await (await org.GetAsync("api-keys?member=" + owners, by: ada.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        await (await org.PostAsync("api-keys", new { member = owners }, by: ada.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");

        Assert.Equal(3, (await (await org.GetAsync("api-keys", by: tom.Client)).JsonAsync("data")).GetArrayLength());
        var path = await org.MakeAsync("api-keys", new { member = adas }, by: tom.Client);
        Assert.Equal("x", await (await org.PatchAsync(path, new { name = "x" }, by: tom.Client)).TextAsync("name"));
        await (await org.DeleteAsync(path, by: tom.Client)).DoneAsync();
        var owner = (await (await org.GetAsync("api-keys?member=" + owners, by: tom.Client)).JsonAsync("data"))[0]
            .GetProperty("id").GetString();
        foreach (var refused in new[]
        {
            await org.PostAsync("api-keys", new { member = owners }, by: tom.Client),
            await org.PatchAsync("api-keys/" + owner, new { name = "x" }, by: tom.Client),
            await org.DeleteAsync("api-keys/" + owner, by: tom.Client),
        })
            await refused.RefusedAsync(HttpStatusCode.Forbidden, "member_not_covered");
        await (await org.GetAsync("api-keys/" + owner, by: ada.Client))
            .RefusedAsync(HttpStatusCode.NotFound, "api_key_not_found");
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("ApiKey")]
    [InlineData("Basic")]
    public async Task A_key_is_taken_in_every_form(string scheme)
    {
        var org = await app.CreateOrganizationAsync();
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = scheme is "Basic"
            ? TestOrganization.Basic(org.Created.Owner.Identifier, org.Key)
            : new(scheme, org.Key);
        await (await org.GetAsync("", by: client)).JsonAsync();
    }

    [Fact]
    public async Task An_operator_makes_keys_for_members_and_has_none_of_his_own_there()
    {
        var org = await app.CreateOrganizationAsync();
        await (await org.PostAsync("api-keys", new { }, by: operated.Operator))
            .RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        var secret = await (await org.PostAsync(
            "api-keys", new { member = "mem_" + ShortId.Of(org.Created.Owner.Id) },
            by: operated.Operator)).TextAsync("secret");
        await (await org.GetAsync("", by: org.ClientOf(secret))).JsonAsync();
    }
}
