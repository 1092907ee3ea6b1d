using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// A person changes their own account by their own session, and what changes how they sign in needs the password again.
/// </summary>
public sealed class OwnAccountTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private const string Umlaut = "pässwörd mit Umlaut";

    private readonly UsherApp app = clocked.App;
    private readonly TestClock clock = clocked.Clock;

    private static string Composed => Umlaut.Normalize(NormalizationForm.FormC);

    private static string Decomposed => Umlaut.Normalize(NormalizationForm.FormD);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_password_is_the_same_however_its_accents_are_typed(bool composedFirst)
    {
        var (one, two) = composedFirst ? (Composed, Decomposed) : (Decomposed, Composed);
        var org = await app.CreateOrganizationAsync();
        var (guest, link) = await org.GuestAsync(NewEmail("ada"));
        Assert.Null((await app.JoinAsync(link, one)).Error);
        var (session, _) = await app.SignedInAsync(guest.Identifier, two);
        Assert.Null((await app.ConfirmSessionAsync(session, two)).Error);

        Assert.Null((await app.ChangePasswordAsync(session, two + "!")).Error);
        Assert.Null((await app.SignInAsync(guest.Identifier, one + "!")).Error);

        Assert.Null((await app.CompleteAsync(await app.ResetLinkAsync(guest.Identifier), one + "?")).Error);
        Assert.Null((await app.SignInAsync(guest.Identifier, two + "?")).Error);
        Assert.NotNull((await app.SignInAsync(guest.Identifier, "passwort mit Umlaut?")).Error);
    }

    [Fact]
    public async Task A_hash_made_of_a_decomposed_password_still_signs_in_and_is_made_anew()
    {
        var ada = await app.AccountAsync();
        var old = app.Services.GetRequiredService<IPasswordHasher<User>>().HashPassword(null!, Decomposed);
        await app.ChangeAsync(async db => (await db.Users.SingleAsync(u => u.Id == ada.UserId, Ct)).PasswordHash = old);
        Assert.NotNull((await app.SignInAsync(ada.Email, Composed)).Error); // as it was before
        Assert.Null((await app.SignInAsync(ada.Email, Decomposed)).Error);
        Assert.NotEqual(old, (await app.UserAsync(ada.UserId)).PasswordHash);
        Assert.Null((await app.SignInAsync(ada.Email, Composed)).Error);
    }

    [Fact]
    public async Task Another_password_ends_the_other_sessions_links_and_waiting_changes_and_is_told()
    {
        var ada = await app.AccountAsync();
        var (other, otherSecret) = await app.SignedInAsync(ada.Email);
        var (reset, change) = (
            await app.ResetLinkAsync(ada.Email), await app.OwnAddressLinkAsync(other, NewEmail("eve")));
        var before = await app.UserAsync(ada.UserId);

        Assert.Null((await app.ChangePasswordAsync(ada.Session)).Error);
        Assert.NotNull(await app.SessionAsync(ada.Secret));
        Assert.Null(await app.SessionAsync(otherSecret));
        Assert.Equal(PasswordResetState.Used, (await app.LookAsync(reset)).State);
        Assert.Equal(AddressChangeState.Void, (await app.LookAsync(change)).State);
        Assert.NotEqual(before.SecurityStamp, (await app.UserAsync(ada.UserId)).SecurityStamp);
        Assert.NotNull((await app.SignInAsync(ada.Email)).Error);
        Assert.Null((await app.SignInAsync(ada.Email, NewPassword)).Error);
        Assert.Equal(OutboxKind.PasswordChanged, (await app.OwnMailsAsync(ada.Email))[^1].Kind);
        Assert.Single(await app.EventsOfAsync(ada.UserId), e => e.Type is EventTypes.UserPasswordChanged);
        Assert.Equal("password_too_short", (await app.ChangePasswordAsync(ada.Session, "short")).Error?.Code);
    }

    // A stolen session alone changes nothing about how the person signs in.
    [Fact]
    public async Task Ten_minutes_after_the_password_was_given_it_is_asked_for_again()
    {
        var ada = await app.AccountAsync();
        clock.Advance(Session.StepUp - TimeSpan.FromMilliseconds(1));
        await app.OwnAddressLinkAsync(ada.Session, NewEmail("augusta"));
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(AccountErrors.StepUpNeeded, (await app.ChangePasswordAsync(ada.Session)).Error);
        Assert.Equal(AccountErrors.StepUpNeeded, (await app.AskForAddressAsync(ada.Session, NewEmail("eve"))).Error);
        // What the request remembers of the session does not count, only what is stored of it.
        Assert.Equal(
            AccountErrors.StepUpNeeded,
            (await app.ChangePasswordAsync(ada.Session with { AuthenticatedAt = clock.Now() })).Error);

        Assert.Equal(
            AccountErrors.PasswordWrong, (await app.ConfirmSessionAsync(ada.Session, "not the right one")).Error);
        Assert.Equal(AccountErrors.StepUpNeeded, (await app.ChangePasswordAsync(ada.Session)).Error);
        var confirmed = (await app.ConfirmSessionAsync(ada.Session)).Value;
        Assert.Equal(clock.Now() + Session.StepUp, confirmed.ConfirmedUntil);
        Assert.Null((await app.ChangePasswordAsync(confirmed)).Error);
        var events = await app.EventsOfAsync(ada.UserId);
        Assert.Single(events, e => e is { Type: EventTypes.UserSignInFailed, Cause: "session_confirmation" });
        Assert.Single(events, e => e.Type is EventTypes.UserSessionConfirmed);
    }

    [Fact]
    public async Task A_session_that_was_ended_meanwhile_changes_nothing()
    {
        var ada = await app.AccountAsync();
        var (other, _) = await app.SignedInAsync(ada.Email);
        Assert.Null((await app.ChangePasswordAsync(ada.Session)).Error);
        Assert.Equal(
            AccountErrors.SessionRefused, (await app.ChangePasswordAsync(other, "a third few words in a row")).Error);
        Assert.Equal(AccountErrors.SessionRefused, (await app.AskForAddressAsync(other, NewEmail("eve"))).Error);
        Assert.Equal(AccountErrors.SessionRefused, (await app.ConfirmSessionAsync(other, NewPassword)).Error);
        Assert.Equal(
            AccountErrors.SessionRefused,
            (await app.WithAsync<UserService, Result<Me>>(s =>
                s.UpdateAsync(other, new() { FirstName = "Eve" }, Ct))).Error);
        Assert.Equal("Ada", (await app.UserAsync(ada.UserId)).FirstName);
    }

    [Fact]
    public async Task Sessions_are_listed_with_when_they_were_used_and_each_or_all_others_end()
    {
        var ada = await app.AccountAsync();
        clock.Advance(TimeSpan.FromHours(1));
        var (second, _) = await app.SignedInAsync(ada.Email);
        var (third, _) = await app.SignedInAsync(ada.Email);
        Assert.Equal(
            [third.SessionId, second.SessionId, ada.Session.SessionId],
            (await app.SessionsAsync(ada.UserId)).Select(s => s.Id));

        // Used again: written down by the worker, at most every few minutes, and by no request.
        var bob = await app.AccountAsync();
        await app.SessionAsync(ada.Secret);
        await FlushAsync();
        Assert.Equal(
            clock.Now(), (await app.SessionsAsync(ada.UserId)).Single(s => s.Id == ada.Session.SessionId).LastSeenAt);
        clock.Advance(SessionUsage.Precision - TimeSpan.FromMilliseconds(1));
        await app.SessionAsync(ada.Secret);
        await FlushAsync();
        Assert.NotEqual(
            clock.Now(), (await app.SessionsAsync(ada.UserId)).Single(s => s.Id == ada.Session.SessionId).LastSeenAt);

        Assert.Equal(AccountErrors.SessionNotFound, (await EndAsync(bob.Session, second.SessionId)).Error);
        Assert.Null((await EndAsync(ada.Session, second.SessionId)).Error);
        Assert.Equal(AccountErrors.SessionNotFound, (await EndAsync(ada.Session, second.SessionId)).Error);
        await app.SignedInAsync(ada.Email);
        Assert.Equal(2, await app.WithAsync<OwnSessionService, int>(s => s.EndOthersAsync(ada.Session, Ct)));
        Assert.Equal([ada.Session.SessionId], (await app.SessionsAsync(ada.UserId)).Select(s => s.Id));
        Assert.Single(await app.SessionsAsync(bob.UserId));
        Assert.Equal(3, (await app.EventsOfAsync(ada.UserId)).Count(e => e.Type is EventTypes.UserSessionEnded));
    }

    [Fact]
    public async Task Names_zone_and_language_are_the_persons_own_and_no_member_follows()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        var me = (await app.WithAsync<UserService, Result<Me>>(s => s.UpdateAsync(
            ada.Session,
            new() { FirstName = " Augusta ", LastName = "King", TimeZone = "Europe/London", Locale = "en-GB" },
            Ct))).Value;
        Assert.Equal(
            ("Augusta", "King", "Europe/London", "en-GB"),
            (me.User.FirstName, me.User.LastName, me.User.TimeZone, me.User.Locale));
        var member = await org.MemberAsync(ada.Email);
        Assert.Equal(("Ada", "Lovelace", null), (member.FirstName, member.LastName, member.TimeZone));

        var refused = (await app.WithAsync<UserService, Result<Me>>(s => s.UpdateAsync(
            ada.Session,
            new() { FirstName = " ", LastName = new('x', 121), TimeZone = "Mars/Olympus", Locale = "not a language" },
            Ct))).Error!;
        Assert.Equal(
            ["first_name", "last_name", "time_zone", "locale"], refused.Also.Prepend(refused).Select(e => e.Field));
    }

    [Fact]
    public async Task A_new_address_counts_once_its_mail_and_the_password_confirm_it()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await app.AccountAsync(org);
        var email = NewEmail("augusta");
        var link = await app.OwnAddressLinkAsync(ada.Session, email.ToUpperInvariant());
        Assert.Equal(
            (AddressChangeState.Open, email, clock.Now() + UserAddressChange.Lifetime),
            Told(await app.LookAsync(link)));
        Assert.Equal(ada.Email, (await app.UserAsync(ada.UserId)).Email);
        Assert.Equal(AccountErrors.PasswordWrong, (await app.ConfirmAsync(link, "not the right one")).Error);

        Assert.Equal(AddressChangeState.Used, (await app.ConfirmAsync(link)).Value.State);
        Assert.Equal(AddressChangeState.Used, (await app.ConfirmAsync(link, "whatever")).Value.State); // repeated
        var user = await app.UserAsync(ada.UserId);
        Assert.Equal((email, clock.Now()), (user.Email, user.EmailProvedAt));
        Assert.Equal(ada.Email, (await org.MemberAsync(ada.Email)).Identifier);
        Assert.Null((await app.SignInAsync(email)).Error);
        Assert.NotNull((await app.SignInAsync(ada.Email)).Error);
        var told = Assert.Single(await app.OwnMailsAsync(ada.Email), m => m.Kind is OutboxKind.UserAddressChanged);
        Assert.Equal((email, null), (told.Parameters[OutboxParameters.Email], told.Secret));
        Assert.Equal(
            [EventTypes.UserAddressChangeRequested, EventTypes.UserAddressChanged],
            (await app.EventsOfAsync(ada.UserId)).TakeLast(3).Take(2).Select(e => e.Type));
    }

    // A change of address that an attacker asked for must not survive what the owner does. The same for an account that
    // never proved its address is in PreHijackingTests.
    [Theory]
    [InlineData("reset")]
    [InlineData("password")]
    [InlineData("another change")]
    public async Task A_waiting_address_change_is_void_once_the_owner_has_acted(string how)
    {
        var eve = await app.AccountAsync();
        var attackers = NewEmail("eve");
        var link = await app.OwnAddressLinkAsync(eve.Session, attackers);
        var (own, _) = await app.SignedInAsync(eve.Email);
        if (how is "reset") Assert.Null((await app.CompleteAsync(await app.ResetLinkAsync(eve.Email))).Error);
        if (how is "password") Assert.Null((await app.ChangePasswordAsync(own)).Error);
        if (how is "another change")
            Assert.Null((await app.ConfirmAsync(await app.OwnAddressLinkAsync(own, NewEmail("ada")))).Error);

        foreach (var password in new[] { TestOrganization.Password, NewPassword })
            Assert.NotNull((await app.ConfirmAsync(link, password)).Error);
        Assert.Contains(
            (await app.LookAsync(link)).State, new[] { AddressChangeState.Void, AddressChangeState.Replaced });
        Assert.NotEqual(attackers, (await app.UserAsync(eve.UserId)).Email);
        Assert.NotNull((await app.SignInAsync(attackers)).Error);
        Assert.NotNull((await app.SignInAsync(attackers, NewPassword)).Error);
    }

    [Fact]
    public async Task Confirming_and_resetting_at_once_never_leaves_the_attackers_address_with_the_owners_reset()
    {
        for (var round = 0; round < 6; round++)
        {
            var eve = await app.AccountAsync();
            var attackers = NewEmail("eve");
            var (change, reset) = (
                await app.OwnAddressLinkAsync(eve.Session, attackers), await app.ResetLinkAsync(eve.Email));
            var answers = await AtOnceAsync(
                2, async i => i is 0 ? (await app.ConfirmAsync(change)).Error : (await app.CompleteAsync(reset)).Error);
            // Either the reset came first, and voids the change; or the change came first, and the link to the old
            // address is void.
            Assert.Single(answers, a => a is null);
            Assert.Equal(answers[0] is null ? attackers : eve.Email, (await app.UserAsync(eve.UserId)).Email);
        }
    }

    [Fact]
    public async Task An_address_that_another_account_has_proven_stays_there_and_only_the_links_holder_learns_of_it()
    {
        var (ada, bob) = (await app.AccountAsync(), await app.AccountAsync());
        var link = await app.OwnAddressLinkAsync(ada.Session, bob.Email); // as for an address nobody has
        Assert.Equal(AddressChangeState.Taken, (await app.LookAsync(link)).State);
        Assert.Equal(AccountErrors.EmailTaken, (await app.ConfirmAsync(link)).Error);
        Assert.Equal(
            (ada.Email, bob.Email), ((await app.UserAsync(ada.UserId)).Email, (await app.UserAsync(bob.UserId)).Email));
    }

    [Fact]
    public async Task An_account_that_never_proved_the_address_loses_it_keeps_its_memberships_and_can_prove_another()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, eve) = (await app.AccountAsync(), await app.AccountAsync(org, mailed: false));
        var reset = await app.ResetLinkAsync(eve.Email);
        Assert.Null((await app.ConfirmAsync(await app.OwnAddressLinkAsync(ada.Session, eve.Email))).Error);
        Assert.Equal(eve.Email, (await app.UserAsync(ada.UserId)).Email);
        var lost = await app.UserAsync(eve.UserId);
        Assert.Equal((null, null), (lost.Email, lost.EmailProvedAt));
        Assert.Equal(eve.UserId, (await org.MemberAsync(eve.Email)).UserId);
        Assert.Equal(PasswordResetState.Void, (await app.LookAsync(reset)).State);

        var session = (await app.SessionAsync(eve.Secret))!;
        Assert.Null(session.Email);
        var own = NewEmail("eve");
        Assert.Null((await app.ConfirmAsync(await app.OwnAddressLinkAsync(session, own))).Error);
        Assert.Equal(own, (await app.UserAsync(eve.UserId)).Email);
    }

    [Fact]
    public async Task Of_two_accounts_that_confirm_one_address_at_once_one_gets_it()
    {
        for (var round = 0; round < 5; round++)
        {
            var email = NewEmail("wanted");
            var links = new List<UserAddressLink>();
            for (var i = 0; i < 3; i++)
                links.Add(await app.OwnAddressLinkAsync((await app.AccountAsync()).Session, email));
            var answers = await AtOnceAsync(links.Count, i => app.ConfirmAsync(links[i]));
            Assert.Single(answers, a => a.Error is null);
            Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal(AccountErrors.EmailTaken, a.Error));
        }
    }

    // The account's own address needs no password to ask, and all the more to confirm: the mail alone may be a
    // stranger's.
    [Fact]
    public async Task An_account_that_proved_nothing_proves_its_own_address_by_mail_and_password()
    {
        var ada = await app.AccountAsync(mailed: false);
        clock.Advance(Session.StepUp);
        var link = await app.OwnAddressLinkAsync(ada.Session, ada.Email);
        Assert.True((await app.LookAsync(link)).OnlyProves);
        Assert.Equal(AccountErrors.PasswordWrong, (await app.ConfirmAsync(link, "the mailbox is not enough")).Error);
        Assert.Null((await app.UserAsync(ada.UserId)).EmailProvedAt);
        Assert.Null((await app.ConfirmAsync(link)).Error);
        Assert.Equal(
            (ada.Email, clock.Now()),
            ((await app.UserAsync(ada.UserId)).Email, (await app.UserAsync(ada.UserId)).EmailProvedAt));
        Assert.NotNull(await app.SessionAsync(ada.Secret));
        Assert.DoesNotContain(await app.OwnMailsAsync(ada.Email), m => m.Kind is OutboxKind.UserAddressChanged);
        Assert.Equal(AccountErrors.EmailUnchanged, (await app.AskForAddressAsync(ada.Session, ada.Email)).Error);
    }

    [Fact]
    public async Task Asking_many_times_at_once_leaves_one_waiting_change_and_no_more_mails_than_a_day_has()
    {
        var ada = await app.AccountAsync();
        var answers = await AtOnceAsync(
            UserAddressService.MaxAskedADay + 5, _ => app.AskForAddressAsync(ada.Session, NewEmail("ada")));
        Assert.Equal(5, answers.Count(a => a.Error == AccountErrors.TooManyAddressChanges));
        Assert.Equal(
            1,
            await app.QueryAsync(db =>
                db.UserAddressChanges.CountAsync(
                    c => c.UserId == ada.UserId && c.Status == AddressChangeStatus.Pending, Ct)));
    }

    [Fact]
    public async Task A_link_to_a_new_address_mutated_anywhere_is_not_known()
    {
        var ada = await app.AccountAsync();
        var link = await app.OwnAddressLinkAsync(ada.Session, NewEmail("augusta"));
        for (var i = 0; i < link.Secret.Length; i++)
        {
            var wrong = link with
            {
                Secret = $"{link.Secret[..i]}{(link.Secret[i] is 'x' ? 'y' : 'x')}{link.Secret[(i + 1)..]}",
            };
            Assert.Equal(new NewUserAddress(AddressChangeState.Unknown), await app.LookAsync(wrong));
            Assert.Equal(AccountErrors.AddressChangeUnknown, (await app.ConfirmAsync(wrong)).Error);
        }

        Assert.Equal(
            AccountErrors.AddressChangeUnknown,
            (await app.ConfirmAsync(link with { Secret = Secret.Create(Secret.AddressPrefix).Text })).Error);
    }

    private Task<Result<bool>> EndAsync(SessionUser session, Guid id) =>
        app.WithAsync<OwnSessionService, Result<bool>>(s => s.EndAsync(session, id, Ct));

    private Task<bool> FlushAsync() => app.WithAsync<Database, bool>(async database =>
    {
        await app.Services.GetRequiredService<SessionUsage>().FlushAsync(database, Ct);
        return true;
    });

    private static (AddressChangeState State, string Email, DateTimeOffset ExpiresAt) Told(NewUserAddress address) =>
        (address.State, address.Email, address.ExpiresAt);
}
