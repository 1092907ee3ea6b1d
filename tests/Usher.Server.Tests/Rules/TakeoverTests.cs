using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// An account whose address was never proven: Eve made it by a link that was handed over to her. Ada, who reads the
/// address's mail, gets a mailed link of another organization.
/// </summary>
public sealed class TakeoverTests(UsherApp app)
{
    private const string EvesPassword = "eve has a password too";

    [Fact]
    public async Task A_mailed_link_and_the_accounts_password_prove_the_address_and_change_nothing_else()
    {
        var (first, second, email, eve) = await UnprovenAsync();
        var before = (await app.AccountAsync(email))!;
        var key = (await first.CreateKeyAsync(first.System, (await first.MemberAsync(email)).Id)).Value.Secret;
        var (_, mailed) = await second.GuestAsync(email);
        Assert.Equal(Viewer.UnprovenAccount, (await app.LookAsync(mailed)).Viewer);
        Assert.Equal(SessionService.Wrong, (await app.ProveAsync(mailed, "not the password of it")).Error);
        Assert.Null((await app.AccountAsync(email))!.EmailProvedAt);

        var joined = (await app.ProveAsync(mailed, EvesPassword)).Value;
        Assert.Equal(before.Id, joined.Session!.UserId);
        Assert.Equal(before.Id, (await app.ProveAsync(mailed, EvesPassword)).Value.Session!.UserId); // a second click
        var account = (await app.AccountAsync(email))!;
        Assert.NotNull(account.EmailProvedAt);
        Assert.Equal(
            (before.PasswordHash, before.SecurityStamp, before.FirstName),
            (account.PasswordHash, account.SecurityStamp, account.FirstName));
        Assert.NotNull(await app.FindSessionAsync(eve.Secret));
        Assert.Equal(
            (MemberStatus.Active, MemberStatus.Active),
            ((await first.MemberAsync(email)).Status, (await second.MemberAsync(email)).Status));
        Assert.True((await first.ClientOf(key).GetAsync("/v1/users/whoami", Ct)).IsSuccessStatusCode);
        Assert.DoesNotContain(await first.OutboxAsync(), m => m.Kind is OutboxKind.AccountTakenOver);
        Assert.Contains(await InstallationEventsAsync(account.Id), e => e.Type is EventTypes.UserAddressProven);
    }

    [Fact]
    public async Task A_session_of_the_account_alone_proves_nothing()
    {
        var (_, second, email, eve) = await UnprovenAsync();
        var (_, mailed) = await second.GuestAsync(email);
        Assert.Equal(Viewer.UnprovenAccount, (await app.LookAsync(mailed, eve.UserId)).Viewer);
        Assert.Equal(InvitationErrors.AccountUnproven, (await app.AcceptAsync(mailed, eve.UserId)).Error);
        // nor is an account taken over without saying so
        Assert.Equal(InvitationErrors.AccountUnproven, (await app.JoinAsync(mailed)).Error);
        Assert.Null((await app.AccountAsync(email))!.EmailProvedAt);
        Assert.Equal(MemberStatus.Invited, (await second.MemberAsync(email)).Status);
        Assert.Equal(OfferState.Open, (await app.LookAsync(mailed)).State);
    }

    // What ends with it is in PreHijackingTests.
    [Fact]
    public async Task A_takeover_gives_the_account_to_the_person_and_leaves_its_memberships_to_the_administrators()
    {
        var (first, second, email, eve) = await UnprovenAsync();
        var member = await first.MemberAsync(email);
        var before = (await app.AccountAsync(email))!;
        var (_, mailed) = await second.GuestAsync(email);

        var ada = (await app.TakeOverAsync(mailed)).Value.Session!;
        Assert.Equal(eve.UserId, ada.UserId);
        var account = (await app.AccountAsync(email))!;
        Assert.NotNull(account.EmailProvedAt);
        Assert.NotEqual(before.SecurityStamp, account.SecurityStamp);
        Assert.Equal(("Ada", "Lovelace", null), (account.FirstName, account.LastName, account.TimeZone));

        Assert.Equal(MemberStatus.Suspended, (await first.MemberAsync(email)).Status);
        Assert.Equal(MemberStatus.Active, (await second.MemberAsync(email)).Status);
        Assert.Null((await first.UpdateAsync(first.Owner, member.Id, new() { Suspended = false })).Error);
        Assert.Equal(MemberStatus.Active, (await first.MemberAsync(email)).Status);
    }

    [Fact]
    public async Task The_administrators_of_each_suspended_membership_are_told_and_it_is_recorded()
    {
        var (first, second, email, eve) = await UnprovenAsync();
        var third = await app.CreateOrganizationAsync();
        Assert.Null((await app.AcceptAsync((await third.GuestAsync(email, mailed: false)).Link, eve.UserId)).Error);
        var (_, waiting) = await (await app.CreateOrganizationAsync()).GuestAsync(email, mailed: false);
        var admin = await third.JoinedAsync(NewEmail("admin"), row => row with { Role = BuiltInRole.Admin });
        Assert.Null((await app.TakeOverAsync((await second.GuestAsync(email)).Link)).Error);

        foreach (var (org, administrators) in new[]
        {
            (first, new[] { first.Created.Owner.Identifier }),
            (third, [third.Created.Owner.Identifier, admin.Member.Identifier]),
        })
        {
            var told = (await org.OutboxAsync()).FindAll(m => m.Kind is OutboxKind.AccountTakenOver);
            Assert.Equal(administrators.Order(), told.Select(m => m.Recipient).Order());
            Assert.All(told, m => Assert.Equal(email, m.Parameters[OutboxParameters.Email]));
            var member = await org.MemberAsync(email);
            Assert.Equal(MemberStatus.Suspended, member.Status);
            var recorded = Assert.Single(
                await org.EventsAsync(), e => e is { Type: EventTypes.MemberUpdated, Cause: "account_taken_over" });
            Assert.Equal((member.Id, "active → suspended"), (recorded.SubjectId, recorded.Details!["status"]));
        }

        Assert.DoesNotContain(await second.OutboxAsync(), m => m.Kind is OutboxKind.AccountTakenOver);
        Assert.Single(await InstallationEventsAsync(eve.UserId), e => e.Type is EventTypes.UserTakenOver);
        // An invitation to the address is not Eve's: it waits for Ada.
        Assert.Equal(OfferState.Open, (await app.LookAsync(waiting)).State);
        Assert.Equal([first.Slug, third.Slug], (await app.WithAsync<MembershipService, IReadOnlyList<OwnMembership>>(
            s => s.SuspendedAsync(eve.UserId, Ct))).Select(m => m.OrganizationSlug).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Invitations_that_a_suspended_member_sponsors_wait_for_a_decision()
    {
        var (first, second, email, _) = await UnprovenAsync(row =>
            row with { Permissions = [Permissions.UserManagement] });
        var (_, bobs) = await first.GuestAsync(
            NewEmail("bob"), by: await first.ActorAsync(await first.MemberAsync(email)));
        Assert.Equal(OfferState.Open, (await app.LookAsync(bobs)).State);
        Assert.Null((await app.TakeOverAsync((await second.GuestAsync(email)).Link)).Error);
        Assert.Equal(OfferState.Blocked, (await app.LookAsync(bobs)).State);
        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(bobs)).Error);
    }

    [Fact]
    public async Task The_person_can_leave_what_was_suspended()
    {
        var (first, second, email, eve) = await UnprovenAsync();
        Assert.Null((await app.TakeOverAsync((await second.GuestAsync(email)).Link)).Error);
        var member = (await first.MemberAsync(email)).Id;
        Assert.Null(
            (await app.WithAsync<MemberService, Result<Member>>(s => s.LeaveAsync(eve.UserId, member, Ct))).Error);
        Assert.Equal(MemberStatus.Removed, (await first.MemberAsync(email)).Status);
    }

    [Theory]
    [InlineData("handed over")]
    [InlineData("replaced")]
    [InlineData("expired")]
    [InlineData("revoked")]
    [InlineData("declined")]
    [InlineData("used")]
    [InlineData("blocked")]
    public async Task Only_an_open_invitations_newest_mailed_link_proves_an_address(string what)
    {
        var (_, second, email, eve) = await UnprovenAsync();
        var before = (await app.AccountAsync(email))!;
        var max = await second.ManagerAsync();
        var (guest, link) = await second.GuestAsync(email, mailed: what is not "handed over", by: max);
        switch (what)
        {
            case "replaced":
                await second.LinkAsync(guest);
                break;
            case "expired":
                await app.QueryAsync(db =>
                    db.Invitations.Where(i => i.Id == link.InvitationId)
                        .ExecuteUpdateAsync(set => set.SetProperty(i => i.ExpiresAt, i => i.CreatedAt), Ct));
                break;
            case "revoked":
                await second.RemoveAsync(second.Owner, guest.Id);
                break;
            case "declined":
                await app.DeclineAsync(link);
                break;
            case "used":
                var (_, handed) = (guest, await second.LinkAsync(guest, mailed: false));
                Assert.Null((await app.AcceptAsync(handed, eve.UserId)).Error);
                before = (await app.AccountAsync(email))!;
                break;
            case "blocked":
                await second.RemoveAsync(second.Owner, max.Id);
                break;
        }

        Assert.NotNull((await app.TakeOverAsync(link)).Error);
        Assert.NotNull((await app.JoinAsync(link, "another long password")).Error);
        // there it signs in, as everywhere
        if (what is not "used") Assert.NotNull((await app.ProveAsync(link, EvesPassword)).Error);
        var account = (await app.AccountAsync(email))!;
        Assert.Equal(
            (null, before.SecurityStamp, before.PasswordHash),
            (account.EmailProvedAt, account.SecurityStamp, account.PasswordHash));
        Assert.NotNull(await app.FindSessionAsync(eve.Secret));
    }

    [Fact]
    public async Task A_takeover_and_sign_ins_at_once_leave_no_session_of_the_old_password()
    {
        for (var round = 0; round < 10; round++)
        {
            var (_, second, email, eve) = await UnprovenAsync();
            var (_, mailed) = await second.GuestAsync(email);
            var secrets = await AtOnceAsync(8, async i => i is 3
                ? ((await app.TakeOverAsync(mailed)).Value.Session!.Secret, true)
                : (await app.SignInAsync(email, EvesPassword)) is { Error: null } signedIn
                    ? (signedIn.Value.Secret, false)
                    : ("", false));
            foreach (var (secret, isAdas) in secrets.Where(s => s.Item1 is not ""))
                Assert.Equal(isAdas, await app.FindSessionAsync(secret) is not null);
            Assert.Equal(1, await app.QueryAsync(db => db.Sessions.CountAsync(s => s.UserId == eve.UserId, Ct)));
            Assert.Equal(SessionService.Wrong, (await app.SignInAsync(email, EvesPassword)).Error);
        }
    }

    [Fact]
    public async Task Of_takeovers_by_one_link_at_once_one_gets_the_account()
    {
        var (_, second, email, eve) = await UnprovenAsync();
        var (_, mailed) = await second.GuestAsync(email);
        var answers = await AtOnceAsync(8, i => app.TakeOverAsync(mailed, $"the password of number {i}"));
        Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal("invitation_used", a.Error!.Code));
        var winner = Assert.Single(answers, a => a.Error is null).Value.Session!;
        Assert.NotNull(await app.FindSessionAsync(winner.Secret));
        Assert.Single(await InstallationEventsAsync(eve.UserId), e => e.Type is EventTypes.UserTakenOver);

        // Thirty clicks with one password are one takeover, too.
        var (_, third, another, _) = await UnprovenAsync();
        var (_, link) = await third.GuestAsync(another);
        answers = await AtOnceAsync(8, _ => app.TakeOverAsync(link));
        Assert.All(answers, a => Assert.Null(a.Error));
    }

    [Fact]
    public async Task Of_takeovers_by_two_organizations_links_at_once_one_gets_the_account_and_the_other_signs_in()
    {
        for (var round = 0; round < 5; round++)
        {
            var (first, second, email, eve) = await UnprovenAsync();
            var third = await app.CreateOrganizationAsync();
            var links = new[] { (await second.GuestAsync(email)).Link, (await third.GuestAsync(email)).Link };
            var answers = await AtOnceAsync(2, i => app.TakeOverAsync(links[i], $"the password of number {i}"));
            Assert.Single(answers, a => a.Error is null);
            Assert.Equal(InvitationErrors.MustSignIn, Assert.Single(answers, a => a.Error is not null).Error);
            Assert.Single(await InstallationEventsAsync(eve.UserId), e => e.Type is EventTypes.UserTakenOver);
            Assert.Equal(MemberStatus.Suspended, (await first.MemberAsync(email)).Status);
            Assert.Single(
                new[] { await second.MemberAsync(email), await third.MemberAsync(email) },
                m => m.Status is MemberStatus.Active);
        }
    }

    [Fact]
    public async Task A_takeover_and_the_old_password_at_once_leave_one_of_them()
    {
        for (var round = 0; round < 5; round++)
        {
            var (first, second, email, _) = await UnprovenAsync();
            var (_, mailed) = await second.GuestAsync(email);
            var answers = await AtOnceAsync(
                2, i => i is 0 ? app.TakeOverAsync(mailed) : app.ProveAsync(mailed, EvesPassword));
            Assert.Single(answers, a => a.Error is null);
            var tookOver = answers[0].Error is null;
            Assert.Equal(tookOver, (await first.MemberAsync(email)).Status is MemberStatus.Suspended);
            Assert.Equal(tookOver, (await app.SignInAsync(email, EvesPassword)).Error is not null);
            Assert.Equal(tookOver, (await app.SignInAsync(email, "Ada's own password")).Error is null);
        }
    }

    [Fact]
    public async Task A_membership_that_is_accepted_during_a_takeover_is_suspended_or_refused()
    {
        for (var round = 0; round < 10; round++)
        {
            var (_, second, email, eve) = await UnprovenAsync();
            var third = await app.CreateOrganizationAsync();
            var (mailed, handed) = (
                (await second.GuestAsync(email)).Link, (await third.GuestAsync(email, mailed: false)).Link);
            var answers = await AtOnceAsync(
                2, i => i is 0 ? app.TakeOverAsync(mailed) : app.AcceptAsync(handed, eve.UserId));
            Assert.Null(answers[0].Error);
            // Called without the session's check, which the request makes before: then it is refused only where both
            // ran at once.
            var member = await third.MemberAsync(email);
            if (answers[1].Error is not null)
                Assert.Equal((InvitationErrors.NotYours, MemberStatus.Invited), (answers[1].Error, member.Status));
            else if (member.Status is MemberStatus.Active) Assert.True(
                member.LastSignInAt >= (await app.AccountAsync(email))!.EmailProvedAt);
            else Assert.Equal(MemberStatus.Suspended, member.Status);
        }
    }

    private async Task<(TestOrganization First, TestOrganization Second, string Email, SignedIn Eve)> UnprovenAsync(
        Func<NewInvitation, NewInvitation>? change = null)
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        var (_, handed) = await first.GuestAsync(email, change, mailed: false);
        return (first, second, email, (await app.JoinAsync(handed, EvesPassword, "Eve")).Value.Session!);
    }

    private Task<List<UsherEvent>> InstallationEventsAsync(Guid user) => app.QueryAsync(
        db =>
            db.Events.AsNoTracking().Where(e => e.OrganizationId == Organization.Installation && e.SubjectId == user)
                .ToListAsync(Ct));
}
