using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>The whole life of an invitation by Usher's own API.</summary>
public sealed class InvitationApiTests(UsherApp app)
{
    [Fact]
    public async Task An_invitation_is_made_read_edited_resent_and_revoked()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("Ada");
        var made = await org.SendAsync(
            HttpMethod.Post, "invitations",
            new
            {
                email, firstName = "Ada", role = "read_only", permissions = new[] { "ingestion" },
                metadata = new { seat = "7" },
            });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var invitation = await made.JsonAsync("invitation");
        Assert.Equal("pending", invitation.GetProperty("state").GetString());
        Assert.Equal(email, invitation.GetProperty("email").GetString());
        Assert.EndsWith(
            "/invitations/" + invitation.GetProperty("id").GetString(), made.Headers.Location!.ToString(),
            StringComparison.Ordinal);

        var path = "invitations/" + invitation.GetProperty("id").GetString();
        var read = await org.SendAsync(HttpMethod.Get, path);
        Assert.Equal(made.Headers.ETag, read.Headers.ETag);
        foreach (var part in invitation.EnumerateObject().Where(p => p.Name is not "delivery"))
            Assert.Equal(part.Value.ToString(), (await read.JsonAsync(part.Name)).ToString());

        var edited = await org.SendAsync(
            HttpMethod.Patch, path, new { role = "user", metadata = new { seat = (string?)null, team = "a" } },
            ifMatch: read.Headers.ETag!.Tag);
        Assert.Equal(HttpStatusCode.OK, edited.StatusCode);
        Assert.Equal("""{"team":"a"}""", (await edited.JsonAsync("metadata")).ToString());
        Assert.NotEqual(read.Headers.ETag, edited.Headers.ETag);
        Assert.Equal(edited.Headers.ETag, (await org.SendAsync(HttpMethod.Get, path)).Headers.ETag);
        await (await org.SendAsync(HttpMethod.Patch, path, new { role = "admin" }, ifMatch: read.Headers.ETag.Tag))
            .RefusedAsync(HttpStatusCode.PreconditionFailed, "version_mismatch");

        Assert.Equal(
            2, (await (await org.SendAsync(HttpMethod.Post, path + "/resend")).JsonAsync("sentCount")).GetInt32());
        Assert.Equal(
            "revoked", (await (await org.SendAsync(HttpMethod.Post, path + "/revoke")).JsonAsync("state")).GetString());
        await (await org.SendAsync(HttpMethod.Post, path + "/revoke"))
            .RefusedAsync(HttpStatusCode.Gone, "invitation_revoked");
        Assert.Equal("revoked", (await (await org.SendAsync(HttpMethod.Get, path)).JsonAsync("state")).GetString());
    }

    [Fact]
    public async Task Every_fault_of_a_body_is_told_at_once_with_its_pointer()
    {
        var org = await app.CreateOrganizationAsync();
        var refused = await org.SendAsync(HttpMethod.Post, "invitations", """
            {"email":"no address","role":"king","permissions":["ingestion","flying"],"levels":[{"level":"full"}],
            "nonsense":1,"expiresAt":"tomorrow"}
            """);
        var problem = await refused.RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(
            [
                "/email email_invalid", "/expiresAt value_invalid", "/levels/0/resource property_missing",
                "/nonsense property_unknown", "/permissions/1 permission_unknown", "/role value_invalid",
            ],
            problem.GetProperty("errors").EnumerateArray()
                .Select(e => $"{e.GetProperty("pointer")} {e.GetProperty("code")}").Order(StringComparer.Ordinal));
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task A_repeated_request_is_carried_out_once()
    {
        var org = await app.CreateOrganizationAsync();
        var (email, key) = (NewEmail("ada"), Guid.NewGuid().ToString());
        var answers = await AtOnceAsync(
            10,
            _ => org.SendAsync(HttpMethod.Post, "invitations", new { email, delivery = "link" }, idempotencyKey: key));
        var bodies = await Task.WhenAll(answers.Select(a => a.Content.ReadAsStringAsync(Ct)));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.Created, a.StatusCode));
        Assert.Single(bodies.Distinct());
        Assert.Contains("#usi_", bodies[0], StringComparison.Ordinal);
        await (await org.SendAsync(HttpMethod.Post, "invitations", new { email = NewEmail("b") }, idempotencyKey: key))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency_key_reused");
        Assert.Equal(2, (await org.MembersAsync()).Count);
    }

    [Fact]
    public async Task A_rehearsal_answers_and_leaves_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var rehearsed = await org.SendAsync(
            HttpMethod.Post, "invitations?dryRun=true", new { email = NewEmail("ada") });
        Assert.Equal(HttpStatusCode.Created, rehearsed.StatusCode);
        Assert.Single(await org.MembersAsync());
        Assert.Empty(await org.OutboxAsync());
    }

    [Theory]
    [InlineData("created")]
    [InlineData("-created")]
    [InlineData("expires")]
    [InlineData("-expires")]
    [InlineData("email")]
    [InlineData("-email")]
    public async Task Pages_in_every_order_show_each_invitation_once(string sort)
    {
        var org = await app.CreateOrganizationAsync();
        for (var i = 0; i < 7; i++) await org.InviteAsync(NewEmail($"{(char)('g' - i)}"), sendMail: true);
        List<string> seen = [];
        for (string? after = ""; after is not null;)
        {
            var page = await (await org.SendAsync(
                HttpMethod.Get,
                $"invitations?limit=3&sort={sort}{(after is "" ? "" : "&after=" + after)}")).JsonAsync();
            seen.AddRange(page.GetProperty("data").EnumerateArray().Select(i => i.GetProperty("email").GetString()!));
            after = page.GetProperty("next").GetString();
        }

        Assert.Equal(7 + 1, seen.Distinct().Count()); // the owner's own link is an invitation, too
        var ordered = sort.EndsWith("email", StringComparison.Ordinal)
            ? seen.Order(StringComparer.Ordinal)
            : seen.OrderByDescending(e => e, StringComparer.Ordinal);
        if (sort is "email") Assert.Equal(ordered, seen);
    }
}
