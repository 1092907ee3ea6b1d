using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>A server whose clock tests move, and that does nothing by itself.</summary>
public sealed class ClockedApp : IAsyncLifetime
{
    public TestClock Clock { get; } = new();

    public UsherApp App { get; private set; } = null!;

    public async ValueTask InitializeAsync() => App = await UsherApp.StartAsync([], Clock, workers: false);

    public ValueTask DisposeAsync() => App.DisposeAsync();
}

/// <summary>The clock decides, whether or not a sweep has been by.</summary>
public sealed class ExpiryTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly UsherApp app = clocked.App;
    private readonly TestClock clock = clocked.Clock;

    [Fact]
    public async Task Expired_by_one_second_with_the_sweep_stopped_a_link_no_longer_opens()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        clock.Advance(Week - Second);
        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
        clock.Advance(Second + Second);

        var offer = await app.LookAsync(link);
        Assert.Equal((OfferState.Expired, true), (offer.State, offer.CanAskForNew));
        Assert.Equal("invitation_expired", (await app.JoinAsync(link)).Error?.Code);
        Assert.Equal(InvitationStatus.Pending, (await org.InvitationAsync(link)).Status); // nobody has swept
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(ada.Identifier)).Status);
        Assert.Equal(0, await app.QueryAsync(db => db.Users.CountAsync(u => u.Email == ada.Identifier, Ct)));
    }

    [Fact]
    public async Task The_last_moment_is_still_open_and_the_very_moment_of_expiry_is_not()
    {
        var org = await app.CreateOrganizationAsync(o => o.InvitationLifetimeSeconds = 3_600);
        var ((_, first), (_, second)) = (await org.GuestAsync(NewEmail("ada")), await org.GuestAsync(NewEmail("bob")));
        clock.Advance(TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        Assert.Null((await app.JoinAsync(first)).Error);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("invitation_expired", (await app.JoinAsync(second)).Error?.Code);
    }

    [Fact]
    public async Task A_sweep_stores_what_the_clock_has_decided_with_an_event_for_each_and_once()
    {
        var org = await app.CreateOrganizationAsync();
        var ((ada, link), (_, later)) = (await org.GuestAsync(NewEmail("ada")), await org.GuestAsync(NewEmail("bob")));
        clock.Advance(Week - Second);
        later = await org.LinkAsync(await org.MemberAsync((await app.LookAsync(later)).Email));
        clock.Advance(Second);
        await app.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct));
        Assert.Equal(0, await app.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct)));

        Assert.Equal(InvitationStatus.Expired, (await org.InvitationAsync(link)).Status);
        Assert.Equal(InvitationStatus.Pending, (await org.InvitationAsync(later)).Status);
        var told = (await org.EventsAsync()).FindAll(e => e.Type is EventTypes.InvitationExpired);
        Assert.Equal(
            new[] { org.Created.OwnerLink!.InvitationId, link.InvitationId }, told.Select(e => e.SubjectId).Order());
        Assert.All(told, e => Assert.Equal((ActorKind.System, "sweep"), (e.ActorKind, e.Cause)));
        // expiry removes nobody and frees no seat
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(ada.Identifier)).Status);
        Assert.Equal(OfferState.Expired, (await app.LookAsync(link)).State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Resending_an_expired_invitation_makes_it_pending_again(bool swept)
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, older) = await org.GuestAsync(NewEmail("ada"));
        clock.Advance(Week);
        if (swept) await app.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct));
        Assert.Null((await org.ResendAsync(org.Owner, ada)).Error);

        var invitation = await org.InvitationAsync(older); // the same one
        Assert.Equal(
            (InvitationStatus.Pending, clock.Now() + Week, 2),
            (invitation.Status, invitation.ExpiresAt, invitation.SentCount));
        Assert.Equal(OfferState.Replaced, (await app.LookAsync(older)).State);
        Assert.Equal(clock.Now(), (await app.LookAsync(older)).NewerSentAt);
        clock.Advance(Week - Second);
        Assert.Null((await app.JoinAsync(await org.LinkAsync(ada, sponsor: org.Owner))).Error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_holder_of_an_expired_link_gets_a_fresh_mail_by_asking(bool swept)
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"), by: org.Owner);
        Assert.Equal("invitation_open", (await app.AskForNewAsync(link)).Error?.Code); // not before
        clock.Advance(Week);
        if (swept) await app.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct));

        var answers = await AtOnceAsync(5, _ => app.AskForNewAsync(link));
        Assert.Single(answers, a => a.Error is null);
        Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal("invitation_replaced", a.Error!.Code));
        Assert.Equal(ada.Identifier, Assert.Single(await org.OutboxAsync()).Recipient);
        var invitation = await org.InvitationAsync(link);
        // who stood for it still does
        Assert.Equal((InvitationStatus.Pending, org.Created.Owner.Id), (invitation.Status, invitation.SponsorId));
    }

    [Fact]
    public async Task An_expired_invitation_can_still_be_declined()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        clock.Advance(Week);
        Assert.Null((await app.DeclineAsync(link)).Error);
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Identifier)).Status);
    }

    [Fact]
    public async Task A_sweep_and_thirty_resends_at_once_leave_one_pending_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        clock.Advance(Week);
        var results = await AtOnceAsync(30, async i =>
        {
            if (i % 5 is 0) await app.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct));
            return i % 5 is 0 ? null : (await org.ResendAsync(org.Owner, ada)).Error;
        });
        Assert.All(results, Assert.Null);
        var invitation = Assert.Single((await org.MemberAsync(ada.Identifier)).Invitations);
        Assert.Equal(
            (link.InvitationId, InvitationStatus.Pending, 25),
            (invitation.Id, invitation.Status, invitation.SentCount));
    }

    [Fact]
    public async Task A_key_and_a_session_end_when_their_time_is_over()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var key = (await org.CreateKeyAsync(org.Owner, ada.Member.Id, expires: clock.Now() + Second)).Value.Secret;
        Assert.NotNull(await FindAsync(key));
        clock.Advance(Second);
        Assert.Null(await FindAsync(key));
        Assert.NotNull(await FindAsync(ada.Key));

        var session = ada.Joined.Session!.Secret;
        clock.Advance(SessionService.Lifetime - Second - Second);
        Assert.NotNull(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(session, Ct)));
        clock.Advance(Second);
        Assert.Null(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(session, Ct)));
        Assert.True(await app.WithAsync<SessionService, int>(s => s.SweepExpiredAsync(Ct)) >= 1);
    }

    private Task<Caller?> FindAsync(string key) => app.WithAsync<CallerService, Caller?>(s => s.FindAsync(key, Ct));
}
