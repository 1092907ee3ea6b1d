using System.Net;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>
/// A person's own account by Usher's own API, with the person's session; and what an operator does for a person who
/// cannot get in.
/// </summary>
public sealed class OwnAccountApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task A_person_sees_and_changes_the_account_with_the_session()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        using var client = app.ClientOf(ada.Secret);
        var answer = await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        var me = await answer.JsonAsync();
        Assert.Equal(
            $"usr_{ShortId.Of(ada.UserId)} {ada.Email} True Ada Lovelace",
            me.Shown("id", "email", "emailProven", "firstName", "lastName"));
        Assert.Equal("True", me.GetProperty("session").Shown("confirmed"));
        var membership = me.GetProperty("memberships")[0];
        Assert.Equal(
            "mem_" + ShortId.Of((await org.MemberAsync(ada.Email)).Id), membership.GetProperty("memberId").GetString());
        Assert.Equal(org.Slug, membership.GetProperty("organization").GetProperty("slug").GetString());

        var changed = await (await client.SendAsync(
            HttpMethod.Patch, "/usher/v1/me",
            new { firstName = "Augusta", timeZone = "Europe/London", locale = "en-GB" })).JsonAsync();
        Assert.Equal(
            "Augusta Lovelace Europe/London en-GB", changed.Shown("firstName", "lastName", "timeZone", "locale"));
        changed = await (await client.SendAsync(HttpMethod.Patch, "/usher/v1/me", """{"timeZone":null}""")).JsonAsync();
        Assert.Equal("Augusta  en-GB", changed.Shown("firstName", "timeZone", "locale"));
        await (await client.SendAsync(HttpMethod.Patch, "/usher/v1/me", new { firstName = "" }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "first_name_missing");
        Assert.Equal("Ada", (await org.MemberAsync(ada.Email)).FirstName);
    }

    [Fact]
    public async Task A_changed_password_needs_the_present_one_within_ten_minutes()
    {
        var ada = await app.AccountAsync();
        using var client = app.ClientOf(ada.Secret);
        operated.Clock.Advance(Session.StepUp);
        var password = new { password = NewPassword };
        await (await client.SendAsync(HttpMethod.Put, "/usher/v1/me/password", password))
            .RefusedAsync(HttpStatusCode.Forbidden, "step_up_needed");
        await (await client.SendAsync(HttpMethod.Post, "/usher/v1/sessions/current/confirm", password))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "password_wrong");
        await (await client.SendAsync(
            HttpMethod.Post, "/usher/v1/sessions/current/confirm",
            new { password = TestOrganization.Password })).JsonAsync();
        await (await client.SendAsync(HttpMethod.Put, "/usher/v1/me/password", password)).DoneAsync();
        Assert.Null((await app.SignInAsync(ada.Email, NewPassword)).Error);
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended()
    {
        var ada = await app.AccountAsync();
        var (other, otherSecret) = await app.SignedInAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        var listed = (await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me/sessions", null)).JsonAsync("data"))
            .EnumerateArray().ToList();
        Assert.Equal(
            ["ses_" + ShortId.Of(ada.Session.SessionId)],
            listed.Where(s => s.GetProperty("current").GetBoolean()).Select(s => s.GetProperty("id").GetString()!));
        Assert.Equal(2, listed.Count);
        await (await client.SendAsync(
            HttpMethod.Delete, "/usher/v1/me/sessions/ses_" + ShortId.Of(other.SessionId), null)).DoneAsync();
        await (await app.ClientOf(otherSecret).SendAsync(HttpMethod.Get, "/usher/v1/me", null))
            .RefusedAsync(HttpStatusCode.Unauthorized, "session_refused");
        await app.SignedInAsync(ada.Email);
        await (await client.SendAsync(HttpMethod.Delete, "/usher/v1/me/sessions", null)).DoneAsync();
        Assert.Single(await app.SessionsAsync(ada.UserId));
    }

    [Fact]
    public async Task A_person_leaves_an_organization_unless_nobody_else_could_act_there()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        var (member, other) = (await org.MemberAsync(ada.Email), await org.JoinedAsync(NewEmail("bob")));
        using var client = app.ClientOf(ada.Secret);
        await (await client.SendAsync(
            HttpMethod.Delete, $"/usher/v1/me/memberships/mem_{ShortId.Of(other.Member.Id)}",
            null)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await client.SendAsync(HttpMethod.Delete, $"/usher/v1/me/memberships/mem_{ShortId.Of(member.Id)}", null))
            .DoneAsync();
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Email)).Status);

        var owner = (await app.JoinAsync(org.Created.OwnerLink!)).Value.Session!;
        await (await app.ClientOf(owner.Secret).SendAsync(
            HttpMethod.Delete, $"/usher/v1/me/memberships/mem_{ShortId.Of(org.Created.Owner.Id)}", null))
            .RefusedAsync(HttpStatusCode.Conflict, "last_admin");
    }

    [Fact]
    public async Task An_address_is_asked_for_and_confirmed()
    {
        var ada = await app.AccountAsync();
        var email = NewEmail("augusta");
        using var client = app.ClientOf(ada.Secret);
        Assert.Equal(
            HttpStatusCode.Accepted,
            (await client.SendAsync(HttpMethod.Post, "/usher/v1/me/address", new { email })).StatusCode);
        Assert.Equal(
            email, await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null)).TextAsync("pendingEmail"));
        var link = await app.OwnAddressLinkAsync(ada.Session, email);
        await (await app.ConfirmByApiAsync(link, "not the right one"))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "password_wrong");
        Assert.Equal($"{email} True", (await (await app.ConfirmByApiAsync(link)).JsonAsync()).Shown("email", "proven"));
        Assert.Equal(email, await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null)).TextAsync("email"));
    }

    [Fact]
    public async Task A_forgotten_password_is_set_anew_and_the_answer_to_the_request_is_always_the_same()
    {
        var ada = await app.AccountAsync();
        using var client = app.CreateClient();
        List<string> answers = [];
        foreach (var email in new[] { ada.Email, NewEmail("nobody"), $"  {ada.Email.ToUpperInvariant()} " })
        {
            var answer = await client.SendAsync(HttpMethod.Post, "/usher/v1/password-resets", new { email });
            answers.Add($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}");
        }

        Assert.Equal("202 ", Assert.Single(answers.Distinct()));
        await (await client.SendAsync(HttpMethod.Post, "/usher/v1/password-resets", new { email = "no address" }))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "email_invalid");
        await (await client.SendAsync(
            HttpMethod.Post, "/usher/v1/password-resets",
            new
            {
                email = ada.Email, returnTo = "//evil.test/",
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "value_invalid");
        Assert.Equal(2, (await app.OwnMailsAsync(ada.Email)).Count(m => m.Kind is OutboxKind.PasswordReset));

        var link = await app.ResetLinkAsync(ada.Email);
        foreach (var id in new[] { "rst_" + ShortId.Of(link.Id), link.Id.ToString() })
            Assert.Equal(
                $"open {ada.Email} False",
                (
                    await (await client.SendAsync(
                        HttpMethod.Post, $"/usher/v1/password-resets/{id}/check",
                        new { code = link.Secret })).JsonAsync()).Shown("state", "email", "takesOver"));
        var done = await app.CompleteByApiAsync(link);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        Assert.Equal(
            ada.Email,
            await (await app.ClientOf(await done.TextAsync("token")).SendAsync(HttpMethod.Get, "/usher/v1/me", null))
                .TextAsync("email"));
    }

    [Fact]
    public async Task No_key_and_no_cookie_is_a_persons_session()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        using var cookie = app.CreateClient();
        cookie.DefaultRequestHeaders.Add("Cookie", "usher_session=" + ada.Joined.Session!.Secret);
        foreach (var client in new[]
            {
                ada.Client, org.Admin, operated.Operator, cookie, app.ClientOf(ada.Key),
                app.ClientOf("uss_" + new string('x', 49)),
            })
        {
            await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null))
                .RefusedAsync(HttpStatusCode.Unauthorized, "session_refused");
            await (await client.SendAsync(HttpMethod.Put, "/usher/v1/me/password", new { password = NewPassword }))
                .RefusedAsync(HttpStatusCode.Unauthorized, "session_refused");
        }
    }

    [Fact]
    public async Task An_operator_finds_a_person_and_hands_over_a_link_that_is_shown_once()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        var found = (
            await (await operated.Operator.SendAsync(
                HttpMethod.Get, $"/usher/v1/users?email={Uri.EscapeDataString(ada.Email.ToUpperInvariant())}",
                null)).JsonAsync("data"))
            .EnumerateArray().Single();
        Assert.Equal($"usr_{ShortId.Of(ada.UserId)} {ada.Email} True", found.Shown("id", "email", "emailProven"));
        Assert.Equal(
            [org.Slug],
            found.GetProperty("memberships").EnumerateArray()
                .Select(m => m.GetProperty("organization").GetProperty("slug").GetString()!));
        Assert.Empty(
            (
                await (await operated.Operator.SendAsync(
                    HttpMethod.Get, $"/usher/v1/users?email={NewEmail("nobody")}",
                    null)).JsonAsync("data")).EnumerateArray());
        foreach (var query in new[] { "", "?email=", "?email=nonsense" })
            await (await operated.Operator.SendAsync(HttpMethod.Get, "/usher/v1/users" + query, null))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "parameter_invalid");

        var path = $"/usher/v1/users/usr_{ShortId.Of(ada.UserId)}";
        Assert.Equal(
            ada.Email, await (await operated.Operator.SendAsync(HttpMethod.Get, path, null)).TextAsync("email"));
        var link = Secrets.Reset().Match(
            await (await operated.Operator.SendAsync(HttpMethod.Post, path + "/reset-link", null)).TextAsync("link"));
        Assert.Null(
            (await app.CompleteAsync(new(Guid.Parse(link.Groups["id"].Value), link.Groups["secret"].Value))).Error);
        await (await org.Admin.SendAsync(HttpMethod.Post, path + "/reset-link", null))
            .RefusedAsync(HttpStatusCode.Forbidden, "operator_only");
    }
}
