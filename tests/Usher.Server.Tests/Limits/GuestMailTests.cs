using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Outbox;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Pages;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Limits;

/// <summary>
/// Mail that somebody without an account can cause: how much, and that the person is answered as if it were the first
/// time.
/// </summary>
public sealed class GuestMailTests(GuessingTests.Server server) : IClassFixture<GuessingTests.Server>
{
    private static int clients = 5_000;

    private UsherApp App => server.App;

    [Fact]
    public async Task Asking_the_administrators_for_another_invitation_tells_them_once_a_day()
    {
        var guests = new Guests(App);
        var guest = await guests.InviteAsync();
        await guests.EndAsync(guest, InvitationStatus.Revoked, InvitationErrors.SponsorLostRight.Code);
        var owner = guest.Organization.Created.Owner.Identifier;
        for (var day = 1; day <= 2; day++)
        {
            for (var i = 0; i < 25; i++) Assert.Equal(HttpStatusCode.OK, (await AskAsync(guest)).StatusCode);
            await AtOnceAsync(8, _ => AskAsync(guest));
            Assert.Equal(day, await RequestsToAsync(owner));
            server.Clock.Advance(GuestService.BetweenRequests + TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public async Task The_page_answers_every_time_that_the_administrators_know()
    {
        var guests = new Guests(App);
        var guest = await guests.InviteAsync();
        await guests.EndAsync(guest, InvitationStatus.Revoked, InvitationErrors.SponsorLostRight.Code);
        for (var i = 0; i < 3; i++)
        {
            using var client = Clients.At(App.Url, Interlocked.Increment(ref clients));
            var visitor = new Visitor(client);
            await visitor.PostAsync(guest.Path, guest.Path, ("step", "check"), ("code", guest.Link.Secret));
            Assert.Equal(
                HttpStatusCode.SeeOther, (await visitor.PostAsync(guest.Path, guest.Path, ("step", "ask"))).StatusCode);
            Assert.Contains(
                "have been notified", await Visitor.TextAsync(await visitor.GetAsync(guest.Path)),
                StringComparison.Ordinal);
        }

        Assert.Equal(1, await RequestsToAsync(guest.Organization.Created.Owner.Identifier));
    }

    [Fact]
    public async Task A_lost_link_is_mailed_again_only_some_minutes_after_the_last_mail()
    {
        var guest = await new Guests(App).InviteAsync();
        for (var i = 0; i < 6; i++) await SendLinkAsync(guest.Email);
        Assert.Equal(1, await InvitationsToAsync(guest.Email));
        server.Clock.Advance(GuestService.BetweenMails + TimeSpan.FromSeconds(1));
        server.Clock.Advance(TimeSpan.FromHours(1)); // the recipient's own limit
        await SendLinkAsync(guest.Email.ToUpperInvariant());
        Assert.Equal(2, await InvitationsToAsync(guest.Email));
    }

    [Fact]
    public async Task A_recipient_gets_five_mails_an_hour_whoever_asks_and_each_answer_is_the_same()
    {
        var guest = await new Guests(App).InviteAsync();
        for (var i = 0; i < 8; i++)
        {
            await SendLinkAsync(i % 2 is 0 ? guest.Email : $" {guest.Email.ToUpperInvariant()} ");
            server.Clock.Advance(GuestService.BetweenMails + TimeSpan.FromSeconds(1));
        }

        Assert.Equal(5, await InvitationsToAsync(guest.Email));
    }

    [Fact]
    public async Task A_client_asks_for_thirty_mails_an_hour()
    {
        using var client = Clients.At(App.Url, Interlocked.Increment(ref clients));
        var visitor = new Visitor(client);
        for (var i = 0; i < 30; i++)
            Assert.Equal(
                HttpStatusCode.SeeOther,
                (await visitor.PostAsync("/sign-in", "/sign-in/link", ("email", NewEmail("nobody")))).StatusCode);
        var refused = await visitor.PostAsync("/sign-in", "/sign-in/link", ("email", NewEmail("nobody")));
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task A_link_handed_over_causes_one_mail_in_some_minutes_however_often_it_is_asked_for()
    {
        var org = await App.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var (_, link) = await org.GuestAsync(email, mailed: false);
        for (var i = 0; i < 4; i++) await App.AskForNewAsync(link);
        Assert.InRange(await InvitationsToAsync(email), 0, 1);
    }

    private async Task<HttpResponseMessage> AskAsync(Guest guest)
    {
        using var client = Clients.At(App.Url, Interlocked.Increment(ref clients));
        var path = $"/usher/v1/organizations/{guest.Link.OrganizationSlug}/invitations/"
            + $"inv_{Usher.Server.Json.ShortId.Of(guest.Link.InvitationId)}/request";
        return await client.SendAsync(HttpMethod.Post, path, new { code = guest.Link.Secret });
    }

    private async Task SendLinkAsync(string email)
    {
        using var client = Clients.At(App.Url, Interlocked.Increment(ref clients));
        var answer = await new Visitor(client).PostAsync("/sign-in", "/sign-in/link", ("email", email));
        Assert.Equal("/sign-in?sent", answer.Headers.Location?.OriginalString);
    }

    private Task<int> RequestsToAsync(string email) => CountAsync(email, OutboxKind.InvitationRequested);

    private Task<int> InvitationsToAsync(string email) => CountAsync(email, OutboxKind.Invitation);

    private Task<int> CountAsync(string email, OutboxKind kind) =>
        App.QueryAsync(db => db.OutboxMessages.CountAsync(m => m.Recipient == email && m.Kind == kind, Ct));
}
