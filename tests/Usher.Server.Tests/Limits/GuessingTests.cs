using System.Net;
using System.Net.Http.Headers;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

/// <summary>
/// What stops the guessing of passwords and codes, and what does not stop the owner. On a server with the default
/// limits, whose clock the tests move.
/// </summary>
public sealed class GuessingTests(GuessingTests.Server server) : IClassFixture<GuessingTests.Server>
{
    private const string Password = TestOrganization.Password;

    private static int clients = 500;

    private UsherApp App => server.App;

    [Theory]
    [InlineData(" {0}")]
    [InlineData("{0}\t")]
    [InlineData("  {0}  ")]
    [InlineData("{1}")]
    public async Task Spellings_of_an_address_share_their_tries(string spelling)
    {
        var email = NewEmail("ada");
        using var client = Next();
        for (var i = 0; i < 10; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.SignInAsync(email, "wrong")).StatusCode);
        var other = string.Format(
            System.Globalization.CultureInfo.InvariantCulture, spelling, email, email.ToUpperInvariant());
        await RefusedAsync(await client.SignInAsync(other, "wrong"), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Sign_ins_that_succeed_are_not_counted()
    {
        var email = await AccountAsync();
        using var client = Next();
        for (var i = 0; i < 35; i++)
            Assert.Equal(HttpStatusCode.Created, (await client.SignInAsync(email, Password)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.SignInAsync(email, "wrong")).StatusCode);
    }

    [Fact]
    public async Task Many_guesses_at_once_are_counted_as_those_one_after_another()
    {
        var email = await AccountAsync();
        using var client = Next();
        var answers = await AtOnceAsync(40, _ => client.SignInAsync(email, "wrong"));
        Assert.InRange(answers.Count(a => a.StatusCode is HttpStatusCode.Unauthorized), 1, 10);
        Assert.All(
            answers.Where(a => a.StatusCode is not HttpStatusCode.Unauthorized),
            a => Assert.NotNull(a.Headers.RetryAfter));
    }

    [Fact]
    public async Task Wrong_passwords_from_elsewhere_do_not_keep_the_owner_out()
    {
        var email = await AccountAsync();
        using (var attacker = Next())
            for (var i = 0; i < 15; i++) await attacker.SignInAsync(email, "wrong");
        using var owner = Next();
        Assert.Equal(HttpStatusCode.Created, (await owner.SignInAsync(email, Password)).StatusCode);
    }

    [Fact]
    public async Task After_many_failures_an_unknown_device_needs_the_mailed_code_and_gets_in_with_it()
    {
        var email = await AccountAsync();
        await GuessAsync(email, 20);
        using var owner = Next();
        Assert.Equal("sign_in_code_needed", await (await owner.SignInAsync(email, Password)).CodeAsync());
        // which tells nothing about the password
        Assert.Equal("sign_in_code_needed", await (await owner.SignInAsync(email, "wrong")).CodeAsync());
        var code = await CodeOfAsync(email);
        Assert.Equal(
            "sign_in_code_wrong",
            await (await owner.SignInAsync(email, Password, new { code = "00000-00000" })).CodeAsync());
        Assert.Equal("credentials_wrong", await (await owner.SignInAsync(email, "wrong", new { code })).CodeAsync());
        Assert.Equal(
            HttpStatusCode.Created,
            (await owner.SignInAsync(
                email, Password,
                new { code = code.ToLowerInvariant().Replace("-", " ", StringComparison.Ordinal) })).StatusCode);
        Assert.Equal("sign_in_code_needed", await (await Next().SignInAsync(email, Password)).CodeAsync());
        // used
        Assert.Equal("sign_in_code_wrong", await (await Next().SignInAsync(email, Password, new { code })).CodeAsync());
    }

    [Fact]
    public async Task A_known_device_needs_no_code_until_it_has_failed_ten_times()
    {
        var email = await AccountAsync();
        var deviceToken = await (await Next().SignInAsync(email, Password)).TextAsync("deviceToken");
        await GuessAsync(email, 20);
        Assert.Equal(
            HttpStatusCode.Created, (await Next().SignInAsync(email, Password, new { deviceToken })).StatusCode);
        for (var i = 0; i < 10; i++)
            Assert.Equal(
                "credentials_wrong", await (await Next().SignInAsync(email, "wrong", new { deviceToken })).CodeAsync());
        Assert.Equal(
            "sign_in_code_needed", await (await Next().SignInAsync(email, Password, new { deviceToken })).CodeAsync());
    }

    [Fact]
    public async Task A_device_is_known_for_one_account_alone_and_until_the_password_changes()
    {
        var (email, other) = (await AccountAsync(), await AccountAsync());
        var mine = await (await Next().SignInAsync(email, Password)).TextAsync("deviceToken");
        var foreign = await (await Next().SignInAsync(other, Password)).TextAsync("deviceToken");
        await GuessAsync(email, 20);
        foreach (var deviceToken in new[] { foreign, mine[..^2], "x", new string('x', 5_000) })
            Assert.Equal(
                "sign_in_code_needed",
                await (await Next().SignInAsync(email, Password, new { deviceToken })).CodeAsync());

        await App.ChangeAsync(
            async db => (await db.Users.SingleAsync(u => u.Email == email, Ct)).SecurityStamp = "another");
        Assert.Equal(
            "sign_in_code_needed",
            await (await Next().SignInAsync(email, Password, new { deviceToken = mine })).CodeAsync());
    }

    [Fact]
    public async Task Addresses_with_and_without_an_account_are_answered_alike_and_only_an_account_gets_a_mail()
    {
        var (known, unknown) = (await AccountAsync(), NewEmail("nobody"));
        foreach (var email in new[] { known, unknown })
        {
            await GuessAsync(email, 20);
            Assert.Equal("sign_in_code_needed", await (await Next().SignInAsync(email, "wrong")).CodeAsync());
            Assert.Equal(
                "sign_in_code_wrong",
                await (await Next().SignInAsync(email, "wrong", new { code = "12345-ABCDE" })).CodeAsync());
        }

        Assert.Equal(1, await CodeMailsAsync(known));
        Assert.Equal(0, await CodeMailsAsync(unknown));
    }

    [Fact]
    public async Task An_address_gets_one_code_in_ten_minutes_however_often_it_is_asked_for()
    {
        var email = await AccountAsync();
        await GuessAsync(email, 20);
        for (var i = 0; i < 5; i++) await Next().SignInAsync(email, Password);
        await AtOnceAsync(8, _ => Next().SignInAsync(email, Password));
        Assert.Equal(1, await CodeMailsAsync(email));
        server.Clock.Advance(SignInGuard.BetweenCodes + TimeSpan.FromSeconds(1));
        await Next().SignInAsync(email, Password);
        Assert.Equal(2, await CodeMailsAsync(email));
    }

    [Fact]
    public async Task An_hour_after_the_failures_no_code_is_needed()
    {
        var email = await AccountAsync();
        await GuessAsync(email, 20);
        server.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.Created, (await Next().SignInAsync(email, Password)).StatusCode);
    }

    [Fact]
    public async Task The_sign_in_page_asks_for_the_code_and_its_browser_is_known_afterwards()
    {
        var email = await AccountAsync();
        await GuessAsync(email, 20);
        using var client = Next();
        var visitor = new Visitor(client);
        var asks = await Visitor.TextAsync(await visitor.PostAsync(
            "/sign-in", "/sign-in", ("email", email), ("password", Password)));
        Assert.Contains($"Code from the mail we sent to {email}", asks, StringComparison.Ordinal);
        var signedIn = await visitor.PostAsync(
            "/sign-in", "/sign-in", ("email", email), ("password", Password), ("code", await CodeOfAsync(email)));
        Assert.Equal("/me", signedIn.Headers.Location?.OriginalString);
        Assert.Contains("usher_device", visitor.Cookies.Keys);

        await visitor.PostAsync("/me", "/sign-out");
        var again = await visitor.PostAsync("/sign-in", "/sign-in", ("email", email), ("password", Password));
        Assert.Equal("/me", again.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task The_code_arrives_by_mail_and_is_in_no_event_and_no_plain_column()
    {
        var email = await AccountAsync();
        await GuessAsync(email, 20);
        await Next().SignInAsync(email, Password);
        var message = await App.QueryAsync(db =>
            db.OutboxMessages.AsNoTracking()
                .SingleAsync(m => m.Recipient == email && m.Kind == OutboxKind.SignInCode, Ct));
        var code = await CodeOfAsync(email);
        Assert.DoesNotContain(code, string.Join(' ', message.Parameters.Values), StringComparison.Ordinal);
        var opened = await App.OpenMailAsync(message);
        var mail = await App.WithAsync<Usher.Server.Mail.MailRenderer, Usher.Server.Mail.OutgoingMail>(r =>
            r.RenderAsync(opened!));
        Assert.Contains(code, mail.Text, StringComparison.Ordinal);
        Assert.Contains(code, mail.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_tried_with_a_used_link_counts_for_the_address()
    {
        var org = await App.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var (_, link) = await org.GuestAsync(email);
        Assert.Null((await App.JoinAsync(link)).Error);
        using var client = Next();
        var path = $"/usher/v1/organizations/{org.Slug}/invitations/inv_{ShortId.Of(link.InvitationId)}/accept";
        for (var i = 0; i < 10; i++)
        {
            var answer = await client.SendAsync(
                HttpMethod.Post, path, new { code = link.Secret, firstName = "Ada", password = $"wrong number {i}" });
            Assert.Equal(HttpStatusCode.Gone, answer.StatusCode);
        }

        await RefusedAsync(
            await client.SendAsync(
                HttpMethod.Post, path, new { code = link.Secret, firstName = "Ada", password = Password }),
            TimeSpan.FromMinutes(1));
        await RefusedAsync(await client.SignInAsync(email, Password), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Spellings_of_an_invitations_id_share_their_tries_and_only_one_of_them_opens()
    {
        var guest = await new Guests(App).InviteAsync();
        var id = guest.Link.InvitationId;
        string[] spellings = [$"{id:D}", $"{id:N}", $"{{{id:D}}}", $"{id:D}".ToUpperInvariant(), $"({id:D})"];
        using var client = Next();
        var visitor = new Visitor(client);
        for (var i = 0; i < 30; i++)
        {
            var page = $"/join/{guest.Link.OrganizationSlug}/{spellings[i % spellings.Length]}";
            Assert.Equal(
                HttpStatusCode.UnprocessableEntity,
                (await visitor.PostAsync(page, page, ("step", "check"), ("code", "usi_wrong"))).StatusCode);
        }

        var refused = await visitor.PostAsync(guest.Path, guest.Path, ("step", "check"), ("code", guest.Link.Secret));
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        var api = $"/usher/v1/organizations/{guest.Link.OrganizationSlug}/invitations/inv_{ShortId.Of(id)}/check";
        await RefusedAsync(
            await client.SendAsync(HttpMethod.Post, api, new { code = guest.Link.Secret }), TimeSpan.FromMinutes(1));

        // From another place the person is not held up; of the spellings one opens.
        using var other = Next();
        foreach (var spelling in spellings)
        {
            var page = $"/join/{guest.Link.OrganizationSlug}/{spelling}";
            var answer = await new Visitor(other).PostAsync(page, page, ("step", "check"), ("code", guest.Link.Secret));
            Assert.Equal(
                spelling == spellings[0] ? HttpStatusCode.SeeOther : HttpStatusCode.UnprocessableEntity,
                answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_caller_with_an_operators_key_is_not_counted_by_its_address()
    {
        using var product = Next();
        product.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Server.OperatorKey);
        for (var i = 0; i < 40; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await product.SignInAsync(NewEmail("ada"), "wrong")).StatusCode);

        using var pretender = Next();
        pretender.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", "usk_" + new string('x', 49));
        for (var i = 0; i < 30; i++)
            Assert.Equal(
                HttpStatusCode.Unauthorized, (await pretender.SignInAsync(NewEmail("ada"), "wrong")).StatusCode);
        await RefusedAsync(await pretender.SignInAsync(NewEmail("ada"), "wrong"), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_signed_in_person_and_a_product_can_use_the_api_while_their_address_is_limited()
    {
        var org = await App.CreateOrganizationAsync();
        using var client = Next();
        for (var i = 0; i < 31; i++) await client.SignInAsync(NewEmail("ada"), "wrong");
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", org.Key);
        Assert.Equal(
            HttpStatusCode.OK, (await client.GetAsync(new Uri(org.Path("members"), UriKind.Relative), Ct)).StatusCode);
    }

    private static async Task RefusedAsync(HttpResponseMessage answer, TimeSpan atMost)
    {
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal("too_many_requests", await answer.CodeAsync());
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), atMost);
    }

    private HttpClient Next() => Clients.At(App.Url, Interlocked.Increment(ref clients));

    private async Task GuessAsync(string email, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var client = Next();
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.SignInAsync(email, "wrong")).StatusCode);
        }
    }

    private async Task<string> AccountAsync()
    {
        var email = NewEmail("ada");
        await new Guests(App).MakeAccountAsync(email);
        return email;
    }

    private Task<int> CodeMailsAsync(string email) =>
        App.QueryAsync(db =>
            db.OutboxMessages.CountAsync(m => m.Recipient == email && m.Kind == OutboxKind.SignInCode, Ct));

    private async Task<string> CodeOfAsync(string email)
    {
        var hidden = await App.QueryAsync(db =>
            db.OutboxMessages.Where(m => m.Recipient == email && m.Kind == OutboxKind.SignInCode)
                .OrderByDescending(m => m.Id).Select(m => m.Secret).FirstAsync(Ct));
        return await App.WithAsync<OutboxSecrets, string>(s => Task.FromResult(s.Reveal(hidden!)));
    }

    public sealed class Server : IAsyncLifetime
    {
        public const string OperatorKey = "guessing-tests-operator-0123456789-ABCDEF";

        public UsherApp App { get; private set; } = null!;

        public TestClock Clock { get; } = new();

        public async ValueTask InitializeAsync() =>
            App = await UsherApp.StartAsync(
                new(Clients.DefaultLimits) { ["Usher:Operator:ApiKey"] = OperatorKey }, Clock, workers: false);

        public ValueTask DisposeAsync() => App.DisposeAsync();
    }
}
