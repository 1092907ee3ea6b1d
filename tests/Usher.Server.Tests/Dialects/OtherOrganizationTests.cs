using Microsoft.EntityFrameworkCore;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>
/// What belongs to another organization is not found, everywhere and in the same words as what does not exist.
/// </summary>
public sealed class OtherOrganizationTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_member_of_another_organization_is_not_found()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var theirs = await other.InviteAsync("noor@acme.test", sendMail: false);
        foreach (var (known, unknown) in new[]
        {
            ("/v1/users/" + ShortId.Of(theirs.Id), "/v1/users/" + ShortId.Of(Guid.NewGuid())),
            ("/v1/users/" + ShortId.Of(other.Created.Owner.Id), "/v1/users/" + ShortId.Of(Guid.NewGuid())),
            ("/users/" + theirs.Id, "/users/" + Guid.NewGuid()),
            ("/users/" + theirs.Number, "/users/999999999999"),
        })
        {
            var (answer, same) = (await org.Admin.GetAsync(known, Ct), await org.Admin.GetAsync(unknown, Ct));
            Assert.Contains((int)answer.StatusCode, new[] { 404, 422 });
            await answer.AssertAsync((int)same.StatusCode, await same.BodyAsync());
        }

        await org.Admin.GetAsync("/api/v2/user/noor@acme.test", Ct)
            .AssertAsync(404, """
                { "status": { "result": "ERROR", "message": "User with id noor@acme.test does not exist",
                "code": 404 } }
                """);
    }

    [Fact]
    public async Task Nobody_resends_for_another_organization()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var theirs = await other.InviteAsync("noor@acme.test", sendMail: false);
        foreach (var written in new[] { theirs.Id.ToString(), $"{theirs.Number}" })
            Assert.Equal(
                404, (int)(await org.Admin.PostAsync($"/users/{written}/resend_invitation", null, Ct)).StatusCode);

        Assert.Empty(await other.OutboxAsync());
    }

    [Fact]
    public async Task A_key_of_another_organization_is_not_found()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var key = await app.QueryAsync(db =>
            db.ApiKeys.AsNoTracking().SingleAsync(k => k.OrganizationId == other.Id, Ct));

        await org.Admin.GetAsync("/v1/api-keys/" + ShortId.Of(key.Id), Ct)
            .AssertAsync(422, """
                { "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" },
                "details": "No such API key" }] }
                """);
    }

    [Fact]
    public async Task The_lists_are_the_callers_organizations_alone()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        await other.InviteAsync("noor@acme.test", sendMail: false);
        foreach (var path in new[] { "/v1/users", "/v1/accounts", "/v1/api-keys", "/api/v2/user", "/users" })
        {
            var text = await (await org.Admin.GetAsync(path, Ct)).Content.ReadAsStringAsync(Ct);
            Assert.DoesNotContain("noor", text, StringComparison.Ordinal);
            Assert.DoesNotContain(other.Slug, text, StringComparison.Ordinal);
            Assert.DoesNotContain(ShortId.Of(other.Id), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task One_address_may_be_in_both_and_each_has_its_own()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        foreach (var each in new[] { org, other })
        {
            await each.Admin.PostTextAsync(
                "/users", """{ "user": { "first_name": "Noor", "email_address": "noor@acme.test" } }""").OkAsync(201);
            Assert.Equal(2, (await each.MembersAsync()).Count);
            Assert.Single(await each.OutboxAsync());
        }
    }
}
