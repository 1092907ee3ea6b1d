using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// A person who forgot the password gets back in by a mailed link, and nothing that was signed in before stays.
/// </summary>
public sealed class PasswordResetTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private readonly UsherApp app = clocked.App;
    private readonly TestClock clock = clocked.Clock;

    [Fact]
    public async Task A_mailed_link_sets_a_new_password_signs_in_and_ends_what_was_signed_in_before()
    {
        var ada = await app.AccountAsync();
        var (other, _) = await app.SignedInAsync(ada.Email);
        var before = await app.UserAsync(ada.UserId);
        var link = await app.ResetLinkAsync(ada.Email.ToUpperInvariant());
        Assert.Equal(
            (PasswordResetState.Open, ada.Email, clock.Now().AddHours(1), false), Told(await app.LookAsync(link)));

        var signedIn = (await app.CompleteAsync(link)).Value;
        Assert.Equal(ada.UserId, signedIn.UserId);
        Assert.Equal(
            [(await app.SessionAsync(signedIn.Secret))!.SessionId],
            (await app.SessionsAsync(ada.UserId)).Select(s => s.Id));
        Assert.DoesNotContain(await app.SessionsAsync(ada.UserId), s => s.Id == other.SessionId);
        Assert.NotNull((await app.SignInAsync(ada.Email)).Error);
        Assert.Null((await app.SignInAsync(ada.Email, NewPassword)).Error);
        var after = await app.UserAsync(ada.UserId);
        Assert.NotEqual(before.SecurityStamp, after.SecurityStamp);
        Assert.Equal(
            [OutboxKind.PasswordReset, OutboxKind.PasswordChanged],
            (await app.OwnMailsAsync(ada.Email)).Select(m => m.Kind));
        var events = await app.EventsOfAsync(ada.UserId);
        Assert.Equal(2, events.Count(e => e is { Type: EventTypes.UserSessionEnded, Cause: "password_reset" }));
        Assert.Single(events, e => e is { Type: EventTypes.UserPasswordReset, Cause: "link_mailed" });
        Assert.DoesNotContain(events, e => Secrets.Any().IsMatch(string.Join(' ', e.Details!.Values)));
    }

    [Fact]
    public async Task Looking_uses_nothing_up_and_the_link_works_once_and_for_an_hour_and_only_the_newest_does()
    {
        var ada = await app.AccountAsync();
        var (first, second) = (await app.ResetLinkAsync(ada.Email), await app.ResetLinkAsync(ada.Email));
        for (var i = 0; i < 3; i++) Assert.Equal(PasswordResetState.Open, (await app.LookAsync(second)).State);
        Assert.Equal(PasswordResetState.Replaced, (await app.LookAsync(first)).State);
        Assert.Equal(AccountErrors.ResetReplaced, (await app.CompleteAsync(first)).Error);
        Assert.Null((await app.CompleteAsync(second)).Error);
        foreach (var link in new[] { first, second })
            Assert.Equal(PasswordResetState.Used, (await app.LookAsync(link)).State);
        Assert.Equal(AccountErrors.ResetUsed, (await app.CompleteAsync(second, "yet another few words")).Error);

        var late = await app.ResetLinkAsync(ada.Email);
        clock.Advance(PasswordReset.MailedLifetime - TimeSpan.FromMilliseconds(1));
        Assert.Equal(PasswordResetState.Open, (await app.LookAsync(late)).State);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(PasswordResetState.Expired, (await app.LookAsync(late)).State);
        Assert.Equal(AccountErrors.ResetExpired, (await app.CompleteAsync(late)).Error);
        Assert.Null((await app.SignInAsync(ada.Email, NewPassword)).Error);
    }

    [Fact]
    public async Task An_older_mail_is_not_sent_any_more_once_there_is_a_newer_link()
    {
        var ada = await app.AccountAsync();
        await app.ResetLinkAsync(ada.Email);
        await app.ResetLinkAsync(ada.Email);
        var mails = await app.OwnMailsAsync(ada.Email);
        Assert.Null(await app.OpenMailAsync(mails[0]));
        Assert.NotNull(await app.OpenMailAsync(mails[1]));
    }

    [Fact]
    public async Task A_form_sent_twice_or_thirty_times_sets_the_password_once_and_each_is_signed_in()
    {
        var ada = await app.AccountAsync();
        var link = await app.ResetLinkAsync(ada.Email);
        var answers = await AtOnceAsync(30, _ => app.CompleteAsync(link));
        Assert.All(answers, a => Assert.Equal(ada.UserId, a.Value.UserId));
        Assert.Single(await app.EventsOfAsync(ada.UserId), e => e.Type is EventTypes.UserPasswordReset);
        Assert.Single(await app.OwnMailsAsync(ada.Email), m => m.Kind is OutboxKind.PasswordChanged);

        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(AccountErrors.ResetUsed, (await app.CompleteAsync(link)).Error);
    }

    [Fact]
    public async Task A_sign_in_with_the_old_password_at_the_same_time_never_outlives_the_reset()
    {
        for (var round = 0; round < 8; round++)
        {
            var ada = await app.AccountAsync();
            var link = await app.ResetLinkAsync(ada.Email);
            SignedIn? reset = null;
            await AtOnceAsync(4, async i =>
            {
                if (i is 0) reset = (await app.CompleteAsync(link)).Value;
                else await app.SignInAsync(ada.Email);
                return true;
            });
            Assert.Equal(
                [(await app.SessionAsync(reset!.Secret))!.SessionId],
                (await app.SessionsAsync(ada.UserId)).Select(s => s.Id));
        }
    }

    [Fact]
    public async Task Nothing_is_told_and_one_commit_is_made_whether_or_not_the_address_has_an_account()
    {
        var ada = await app.AccountAsync();
        var nobody = NewEmail("nobody");
        foreach (var email in new[] { ada.Email, nobody })
        {
            app.Commands.Total.Take();
            await app.RequestResetAsync(email);
            Assert.Equal(1, app.Commands.Total.Commits);
        }

        Assert.Empty(await app.OwnMailsAsync(nobody));
        Assert.Single(await app.OwnMailsAsync(ada.Email));
        foreach (var nonsense in new[] { "", "no address", "a@b,c@d", new string('x', 10_000) })
            await app.RequestResetAsync(nonsense);
    }

    [Fact]
    public async Task An_address_without_an_account_whose_invitation_waits_gets_the_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var (guest, _) = await org.GuestAsync(NewEmail("ada"));
        await app.RequestResetAsync(guest.Identifier);
        Assert.Equal(
            (OutboxKind.Invitation, guest.Identifier),
            Assert.Single((await org.OutboxAsync()).Select(m => (m.Kind, m.Recipient))));
        Assert.Empty(await app.OwnMailsAsync(guest.Identifier));
    }

    [Fact]
    public async Task A_mailed_link_proves_the_address_of_an_account_that_never_did_and_says_so_before()
    {
        var eve = await app.AccountAsync(mailed: false);
        Assert.Null((await app.UserAsync(eve.UserId)).EmailProvedAt);
        var link = await app.ResetLinkAsync(eve.Email);
        Assert.True((await app.LookAsync(link)).TakesOver);
        var owner = (await app.CompleteAsync(link)).Value;
        var user = await app.UserAsync(eve.UserId);
        Assert.Equal((eve.Email, clock.Now()), (user.Email, user.EmailProvedAt));
        Assert.Null(await app.SessionAsync(eve.Secret));
        Assert.NotNull(await app.SessionAsync(owner.Secret));
        Assert.NotNull((await app.SignInAsync(eve.Email)).Error);
        Assert.Equal(eve.UserId, (await app.CompleteAsync(link)).Value.UserId); // the form came twice
    }

    [Theory]
    [InlineData("password_too_short", "short")]
    [InlineData("password_too_common", "password1234")]
    public async Task A_weak_password_is_refused_and_the_link_stays(string code, string password)
    {
        var ada = await app.AccountAsync();
        var link = await app.ResetLinkAsync(ada.Email);
        Assert.Equal(code, (await app.CompleteAsync(link, password)).Error?.Code);
        Assert.Equal(PasswordResetState.Open, (await app.LookAsync(link)).State);
        Assert.NotNull(await app.SessionAsync(ada.Secret));
    }

    [Fact]
    public async Task A_link_mutated_anywhere_is_not_known()
    {
        var ada = await app.AccountAsync();
        var (link, other) = (
            await app.ResetLinkAsync(ada.Email), await app.ResetLinkAsync((await app.AccountAsync()).Email));
        List<PasswordResetLink> wrong =
        [
            link with { Secret = other.Secret }, link with { Id = other.Id }, link with { Id = Guid.NewGuid() },
            link with { Secret = "" },
            link with { Secret = Secret.Create(Secret.ResetPrefix).Text },
            link with { Secret = Secret.AddressPrefix + link.Secret[4..] },
        ];
        for (var i = 0; i < link.Secret.Length; i++)
            wrong.Add(
                link with
                {
                    Secret = $"{link.Secret[..i]}{(link.Secret[i] is 'x' ? 'y' : 'x')}{link.Secret[(i + 1)..]}",
                });
        foreach (var mutated in wrong)
        {
            Assert.Equal(new PasswordResetView(PasswordResetState.Unknown), await app.LookAsync(mutated));
            Assert.Equal(AccountErrors.ResetUnknown, (await app.CompleteAsync(mutated)).Error);
        }

        Assert.Equal(PasswordResetState.Open, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task A_link_an_operator_hands_over_sets_a_password_and_proves_nothing_and_everyone_concerned_is_told()
    {
        var org = await app.CreateOrganizationAsync();
        var eve = await app.AccountAsync(org, mailed: false);
        var handed = (await app.HandOverAsync(eve.UserId)).Value;
        Assert.Equal(clock.Now().AddDays(1), handed.ExpiresAt);
        Assert.Equal(
            (OutboxKind.ResetLinkHandedOver, true),
            Assert.Single((await app.OwnMailsAsync(eve.Email)).Select(m => (m.Kind, m.Secret is null))));
        var admins = (await org.OutboxAsync()).FindAll(m => m.Kind is OutboxKind.ResetLinkHandedOver);
        Assert.Equal([org.Created.Owner.Identifier], admins.Select(m => m.Recipient));
        Assert.Single(
            await app.EventsOfAsync(eve.UserId),
            e => e is { Type: EventTypes.UserResetLinkHandedOver, ActorKind: ActorKind.Operator });

        // A link that the person asks for does not void it, and the other way round.
        var mailed = await app.ResetLinkAsync(eve.Email);
        Assert.Equal(
            (PasswordResetState.Open, false),
            (Told(await app.LookAsync(handed.Link)).State, (await app.LookAsync(handed.Link)).TakesOver));
        Assert.Equal(PasswordResetState.Open, (await app.LookAsync(mailed)).State);

        Assert.Null((await app.CompleteAsync(handed.Link)).Error);
        Assert.Null((await app.UserAsync(eve.UserId)).EmailProvedAt);
        Assert.Null(await app.SessionAsync(eve.Secret));
        Assert.Equal(PasswordResetState.Used, (await app.LookAsync(mailed)).State);
    }

    [Fact]
    public async Task Only_an_operator_hands_a_link_over_and_only_for_an_account()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        foreach (var actor in new[] { org.Owner, org.System })
            Assert.Equal(OrganizationErrors.NotAllowed, (await app.HandOverAsync(ada.UserId, actor)).Error);
        Assert.Equal(AccountErrors.UserNotFound, (await app.HandOverAsync(Guid.NewGuid())).Error);
        Assert.Empty(await app.OwnMailsAsync(ada.Email));
    }

    [Fact]
    public async Task Links_that_ended_are_removed_a_day_later()
    {
        var ada = await app.AccountAsync();
        var link = await app.ResetLinkAsync(ada.Email);
        var change = await app.OwnAddressLinkAsync(ada.Session, NewEmail("augusta"));
        await app.QueryAsync(async db =>
        {
            db.Add(
                new SignInCode
                {
                    Address = ada.Email, Hash = [1], CreatedAt = clock.Now(), ExpiresAt = clock.Now().AddMinutes(10),
                });
            return await db.SaveChangesAsync(Ct);
        });
        clock.Advance(TimeSpan.FromHours(24));
        await SweepAsync();
        Assert.Equal(PasswordResetState.Expired, (await app.LookAsync(link)).State);
        Assert.False(await app.QueryAsync(db => db.SignInCodes.AnyAsync(c => c.Address == ada.Email, Ct)));
        clock.Advance(TimeSpan.FromHours(25));
        await SweepAsync();
        Assert.Equal(PasswordResetState.Unknown, (await app.LookAsync(link)).State);
        Assert.Equal(AddressChangeState.Unknown, (await app.LookAsync(change)).State);
    }

    private async Task SweepAsync()
    {
        await app.WithAsync<PasswordResetService, int>(s => s.SweepEndedAsync(Ct));
        await app.WithAsync<UserAddressService, int>(s => s.SweepEndedAsync(Ct));
        await app.WithAsync<SignInGuard, int>(s => s.SweepExpiredAsync(Ct));
    }

    private static (
        PasswordResetState State, string Email, DateTimeOffset ExpiresAt,
        bool TakesOver) Told(PasswordResetView view) =>
        (view.State, view.Email, view.ExpiresAt, view.TakesOver);
}
