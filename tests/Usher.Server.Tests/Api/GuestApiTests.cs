using System.Net;
using System.Net.Http.Headers;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>What an invited person does by Usher's own API.</summary>
public sealed class GuestApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task A_new_person_looks_joins_and_is_signed_in()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var made = await (await org.PostAsync("invitations", new { email, firstName = "Ada", delivery = "link" }))
            .JsonAsync();
        var link = LinkOf(made.GetProperty("link").GetString()!);
        var offer = await (await app.GuestAsync(link, "check")).JsonAsync();
        Assert.Equal(
            $"open undisclosed Org {org.Slug} {email} Ada  Olivia Owner  True",
            offer.Shown(
                "state", "viewer", "organizationName", "email", "firstName", "lastName", "sponsorName", "newerSentAt",
                "canAskForNew"));
        Assert.Equal(
            made.GetProperty("invitation").GetProperty("expiresAt").GetString(),
            offer.GetProperty("expiresAt").GetString());

        var accept = new
        {
            code = link.Secret, firstName = "Ada", lastName = "Lovelace", password = TestOrganization.Password,
        };
        var joined = await (await app.GuestAsync(link, "accept", accept)).JsonAsync();
        Assert.Equal("Org " + org.Slug, joined.GetProperty("organizationName").GetString());
        Assert.StartsWith(
            "uss_", joined.GetProperty("session").GetProperty("token").GetString(), StringComparison.Ordinal);
        var member = await org.MemberAsync(email);
        Assert.Equal((MemberStatus.Active, "Lovelace"), (member.Status, member.LastName));

        // The same person repeating it gets the same answer; nobody else does.
        Assert.Equal(
            "Org " + org.Slug, await (await app.GuestAsync(link, "accept", accept)).TextAsync("organizationName"));
        await (await app.GuestAsync(link, "accept", accept with { password = "not " + TestOrganization.Password }))
            .RefusedAsync(HttpStatusCode.Gone, "invitation_used");
        Assert.Equal("used", await (await app.GuestAsync(link, "check")).TextAsync("state"));
        Assert.Equal(
            "accepted",
            await (await org.GetAsync($"invitations/{made.GetProperty("invitation").GetProperty("id")}"))
                .TextAsync("state"));
    }

    [Fact]
    public async Task Somebody_with_an_account_signs_in_accepts_with_his_session_and_signs_out()
    {
        var (first, org) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var ada = await first.JoinedAsync(NewEmail("ada"));
        var (_, link) = await org.GuestAsync(ada.Member.Identifier);
        Assert.Equal("must_sign_in", await (await app.GuestAsync(link, "check")).TextAsync("viewer"));

        var signIn = await app.CreateClient().SendAsync(
            HttpMethod.Post, "/usher/v1/sessions",
            new { email = ada.Member.Identifier.ToUpperInvariant(), password = TestOrganization.Password });
        Assert.Equal(
            (HttpStatusCode.Created, "no-store"), (signIn.StatusCode, signIn.Headers.CacheControl?.ToString()));
        var token = await signIn.TextAsync("token");
        Assert.Equal("invitee", await (await app.GuestAsync(link, "check", session: token)).TextAsync("viewer"));
        var joined = await (await app.GuestAsync(link, "accept", session: token)).JsonAsync();
        Assert.Equal($"Org {org.Slug} ", joined.Shown("organizationName", "session"));
        Assert.Equal(
            joined.ToString(), (await (await app.GuestAsync(link, "accept", session: token)).JsonAsync()).ToString());
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(ada.Member.Identifier)).Status);

        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        await (await client.SendAsync(HttpMethod.Delete, "/usher/v1/sessions/current", null)).DoneAsync();
        var again = await client.SendAsync(HttpMethod.Delete, "/usher/v1/sessions/current", null);
        await again.RefusedAsync(HttpStatusCode.Unauthorized, "session_refused");
        Assert.Equal("Bearer realm=\"Usher\"", again.Headers.WwwAuthenticate.ToString());
    }

    // As a client sends it that has its key in a default header.
    [Theory]
    [InlineData("Authorization", "ApiKey {key}")]
    [InlineData("Authorization", "Bearer {key}")]
    [InlineData("Authorization", "Basic {basic}")]
    [InlineData("Authorization", "Bearer nonsense")]
    [InlineData("Authorization", "nonsense")]
    [InlineData("X-AUTH-TOKEN", "{key}")]
    public async Task An_api_key_in_a_header_is_not_the_business_of_a_guests_calls(string header, string value)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var key in new[] { org.Key, "usk_" + new string('x', 49), OperatedApp.Key })
        {
            var (ada, link) = await org.GuestAsync(NewEmail("ada"));
            var (_, declined) = await org.GuestAsync(NewEmail("bob"));
            using var client = app.CreateClient();
            var basic = Convert.ToBase64String(
                System.Text.Encoding.UTF8.GetBytes($"{org.Created.Owner.Identifier}:{key}"));
            client.DefaultRequestHeaders.TryAddWithoutValidation(
                header,
                value.Replace("{key}", key, StringComparison.Ordinal)
                    .Replace("{basic}", basic, StringComparison.Ordinal));

            Assert.Equal("new_person", await (await CallAsync(link, "check")).TextAsync("viewer"));
            await (await CallAsync(
                link, "accept",
                new { code = link.Secret, firstName = "Ada", password = TestOrganization.Password })).JsonAsync();
            Assert.Equal(MemberStatus.Active, (await org.MemberAsync(ada.Identifier)).Status);
            await (await CallAsync(declined, "request")).RefusedAsync(HttpStatusCode.Gone, "invitation_open");
            await (await CallAsync(declined, "decline")).JsonAsync();

            Task<HttpResponseMessage> CallAsync(InvitationLink to, string what, object? body = null) =>
                client.SendAsync(
                HttpMethod.Post,
                $"/usher/v1/organizations/{to.OrganizationSlug}/invitations/inv_{ShortId.Of(to.InvitationId)}/{what}",
                body
                    ?? new { code = to.Secret });
        }
    }

    // A session that ended is nobody's: with it nobody joins as a new person.
    [Fact]
    public async Task A_session_that_is_another_persons_or_has_ended_accepts_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var bob = await org.JoinedAsync(NewEmail("bob"));
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        var body = new { code = link.Secret, firstName = "Ada", password = TestOrganization.Password };
        Assert.Equal(
            "somebody_else",
            await (await app.GuestAsync(link, "check", session: bob.Joined.Session!.Secret)).TextAsync("viewer"));
        await (await app.GuestAsync(link, "accept", body, bob.Joined.Session.Secret))
            .RefusedAsync(HttpStatusCode.Forbidden, "invitation_not_yours");
        foreach (var what in new[] { "check", "accept" })
            await (await app.GuestAsync(link, what, what is "accept" ? body : null, "uss_" + new string('x', 49)))
                .RefusedAsync(HttpStatusCode.Unauthorized, "session_ended");
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(ada.Identifier)).Status);
        await (await app.GuestAsync(link, "accept", body)).JsonAsync();
    }

    [Fact]
    public async Task Who_declines_is_removed_and_the_inviting_side_sees_it()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        Assert.Equal("declined", await (await app.GuestAsync(link, "decline")).TextAsync("state"));
        await (await app.GuestAsync(link, "decline")).RefusedAsync(HttpStatusCode.Gone, "invitation_declined");
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Identifier)).Status);
        Assert.Equal(
            "declined",
            await (await org.GetAsync($"invitations/inv_{ShortId.Of(link.InvitationId)}")).TextAsync("state"));
    }

    [Fact]
    public async Task Who_comes_too_late_asks_for_a_new_link_and_gets_a_mail()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        operated.Clock.Advance(TimeSpan.FromDays(8));
        Assert.Equal(
            "expired True", (await (await app.GuestAsync(link, "check")).JsonAsync()).Shown("state", "canAskForNew"));
        Assert.Equal("replaced", await (await app.GuestAsync(link, "request")).TextAsync("state"));
        Assert.Equal([ada.Identifier], (await org.OutboxAsync()).Select(m => m.Recipient));
        await (await app.GuestAsync(link, "request")).RefusedAsync(HttpStatusCode.Gone, "invitation_replaced");
        Assert.NotEqual("", await (await app.GuestAsync(link, "check")).TextAsync("newerSentAt"));
    }

    [Fact]
    public async Task A_wrong_code_tells_nothing_whatever_the_invitation()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        List<string> answers = [];
        foreach (var wrong in new[]
        {
            link with { Secret = "usi_" + new string('x', 49) }, link with { Secret = "" },
            link with { InvitationId = Guid.NewGuid() }, link with { OrganizationSlug = other.Slug },
            link with { OrganizationSlug = "nowhere" }, link with { OrganizationSlug = "UPPER" },
            link with { OrganizationSlug = "org_" + ShortId.Of(other.Id) },
        })
        foreach (var what in new[] { "check", "accept", "decline", "request" })
        {
            var answer = await app.GuestAsync(wrong, what);
            await answer.RefusedAsync(HttpStatusCode.NotFound, "invitation_unknown");
            answers.Add(await answer.Content.ReadAsStringAsync(Ct));
        }

        Assert.Single(answers.Distinct());
        Assert.Equal(
            "open",
            await (await app.GuestAsync(link with { OrganizationSlug = "org_" + ShortId.Of(org.Id) }, "check"))
                .TextAsync("state"));
        await (await app.GuestAsync(link, "check", new { }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "property_missing");
    }

    // The holder of such a link may be the administrator who made it, or a stranger.
    [Fact]
    public async Task Looking_by_a_link_that_was_handed_over_tells_nothing_about_accounts()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (unproven, proven) = (NewEmail("eve"), NewEmail("bob"));
        Assert.Null((await app.JoinAsync((await other.GuestAsync(unproven, mailed: false)).Link)).Error);
        await other.JoinedAsync(proven);
        List<string> answers = [];
        foreach (var email in new[] { NewEmail("no.account"), unproven, proven })
        {
            var (_, link) = await org.GuestAsync(email, mailed: false);
            var answer = await app.GuestAsync(link, "check");
            Assert.Equal("undisclosed", await answer.TextAsync("viewer"));
            answers.Add((await answer.Content.ReadAsStringAsync(Ct)).Replace(email, "", StringComparison.Ordinal));
        }

        Assert.Single(answers.Distinct());
    }

    [Theory]
    [InlineData("Codes:PerSubject", "check")]
    [InlineData("Codes:PerClient", "decline")]
    [InlineData("Mails:PerClient", "request")]
    [InlineData("Passwords:PerSubject", "sessions")]
    [InlineData("Passwords:PerClient", "sessions")]
    public async Task Who_tries_too_often_is_told_when_to_come_again(string limit, string what)
    {
        await using var limited = await UsherApp.StartAsync(
            new() { ["Usher:GuestLimits:" + limit] = "3" }, workers: false);
        var org = await limited.CreateOrganizationAsync();
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        for (var i = 0; i < 3; i++) Assert.NotEqual(HttpStatusCode.TooManyRequests, (await AskAsync()).StatusCode);
        var refused = await AskAsync();
        await refused.RefusedAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));

        async Task<HttpResponseMessage> AskAsync()
        {
            using var client = limited.CreateClient();
            if (what is "sessions")
                return await client.SendAsync(
                    HttpMethod.Post, "/usher/v1/sessions", new { email = "ada@example.test", password = "x" });
            // what succeeds is not counted, but for mails
            return await limited.GuestAsync(link, what, what is "request" ? null : new { code = "usi_wrong" });
        }
    }

    [Fact]
    public async Task A_cookie_is_not_enough_to_accept()
    {
        var (first, org) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var ada = await first.JoinedAsync(NewEmail("ada"));
        var (_, link) = await org.GuestAsync(ada.Member.Identifier);
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Add("Cookie", "usher_session=" + ada.Joined.Session!.Secret);
        var path = $"/usher/v1/organizations/{org.Slug}/invitations/inv_{ShortId.Of(link.InvitationId)}/accept";
        await (await client.SendAsync(
            HttpMethod.Post, path,
            new
            {
                code = link.Secret, firstName = "Ada", password = TestOrganization.Password,
            })).RefusedAsync(HttpStatusCode.Conflict, "must_sign_in");
    }

    private static InvitationLink LinkOf(string url)
    {
        var found = Secrets.Link().Match(url);
        return new(found.Groups["slug"].Value, Guid.Parse(found.Groups["id"].Value), found.Groups["secret"].Value);
    }
}
