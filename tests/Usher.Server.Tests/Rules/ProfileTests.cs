using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// A member changes their own record by a key, and never the account. A new address counts once mail to it was shown to
/// arrive.
/// </summary>
public sealed class ProfileTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    private readonly UsherApp app = clocked.App;
    private readonly TestClock clock = clocked.Clock;

    [Fact]
    public async Task Names_and_zone_change_the_member_at_once_and_are_recorded_and_the_account_stays()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var before = await app.UserAsync(member.UserId!.Value);
        var changed = await app.UpdateAsync(
            ada, new() { FirstName = " Augusta ", LastName = "King", TimeZone = "Europe/London" });

        Assert.Equal(
            ("Augusta", "King", "Europe/London"),
            (changed.Value.FirstName, changed.Value.LastName, changed.Value.TimeZone));
        var (today, user) = (await org.TodayAsync(member), await app.UserAsync(member.UserId!.Value));
        Assert.Equal(
            ("Augusta", "King", "Europe/London", member.Identifier),
            (today.FirstName, today.LastName, today.TimeZone, today.Identifier));
        Assert.Equal(
            ("Ada", "Lovelace", null, member.Identifier), (user.FirstName, user.LastName, user.TimeZone, user.Email));
        Assert.Equal(before.ConcurrencyStamp, user.ConcurrencyStamp);
        var recorded = Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberUpdated);
        Assert.Equal((member.Id, member.Id), (recorded.ActorId, recorded.SubjectId));
        Assert.Equal(
            "actor=Ada Lovelace first_name=Ada → Augusta last_name=Lovelace → King time_zone= → Europe/London",
            string.Join(
                ' ', recorded.Details!.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => $"{v.Key}={v.Value}")));
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task What_is_absent_stays_and_what_is_the_same_is_no_change()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        await app.UpdateAsync(ada, new() { TimeZone = "Europe/London" });
        var version = (await org.TodayAsync(member)).Version;
        await app.UpdateAsync(ada, new());
        await app.UpdateAsync(
            ada, new() { FirstName = "Ada", LastName = "Lovelace", TimeZone = "Europe/London", Email = member.Email });
        Assert.Equal(version, (await org.TodayAsync(member)).Version);
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberUpdated);

        await app.UpdateAsync(ada, new() { TimeZone = (string?)null, LastName = "" });
        var today = await org.TodayAsync(member);
        Assert.Equal(("Ada", "", null), (today.FirstName, today.LastName, today.TimeZone));
    }

    [Fact]
    public async Task Another_spelling_of_his_address_counts_at_once()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        Assert.Null((await app.UpdateAsync(ada, new() { Email = " " + member.Identifier.ToUpperInvariant() })).Error);
        var today = await org.TodayAsync(member);
        Assert.Equal((member.Identifier, member.Identifier.ToUpperInvariant()), (today.Identifier, today.Email));
        Assert.Empty(await org.OutboxAsync());
        Assert.Empty(await app.AddressChangesAsync(member.Id));
    }

    [Fact]
    public async Task He_needs_no_permission_and_it_costs_one_read_and_one_commit()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        Assert.DoesNotContain(Core.Access.Permissions.BuiltIn, ada.May);
        await app.AskAsync(ada, NewEmail("ada")); // so that there is one to supersede
        foreach (var change in new ProfileChange[]
            {
                new() { FirstName = "Augusta" }, new() { LastName = "King", Email = NewEmail("ada") },
            })
        {
            app.Commands.Total.Take();
            Assert.Null((await app.UpdateAsync(ada, change)).Error);
            var commits = app.Commands.Total.Commits;
            // those lock
            var reads = app.Commands.Total.Take().Count(c =>
                c.TrimStart().StartsWith("SELECT", StringComparison.Ordinal)
                    && !c.StartsWith("SELECT 1 FROM", StringComparison.Ordinal));
            Assert.Equal((1, 1), (reads, commits));
        }

        Assert.Equal("Augusta", (await org.TodayAsync(member)).FirstName);
    }

    [Theory]
    [InlineData("name_invalid", "first_name")]
    [InlineData("name_invalid", "last_name")]
    [InlineData("time_zone_unknown", "time_zone")]
    [InlineData("email_invalid", "email")]
    public async Task What_cannot_be_a_name_zone_or_address_is_refused_and_nothing_else_is_changed(
        string code, string field)
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var good = new ProfileChange
        {
            FirstName = "Augusta", LastName = "King", TimeZone = "Europe/London", Email = NewEmail("ada"),
        };
        var refused = await app.UpdateAsync(ada, field switch
        {
            "first_name" => good with { FirstName = "Ada\r\nBcc: eve@example.test" },
            "last_name" => good with { LastName = new('x', 121) },
            "time_zone" => good with { TimeZone = "Mars/Olympus" },
            _ => good with { Email = $"Ada <{NewEmail("ada")}>" },
        });
        Assert.Equal((code, field), (refused.Error?.Code, refused.Error?.Field));
        Assert.Equal(
            ("Ada", member.Version),
            ((await org.TodayAsync(member)).FirstName, (await org.TodayAsync(member)).Version));
        Assert.Empty(await org.OutboxAsync());
    }

    [Fact]
    public async Task Only_an_active_person_can()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var change = new ProfileChange { FirstName = "Eve", Email = NewEmail("eve") };
        var robot = await org.ServiceAccountAsync(Core.Access.Permissions.UserManagement);
        foreach (var actor in new[]
            {
                await org.ActorAsync(robot), org.System, Actor.Operator(Guid.NewGuid(), "operator", org.Id),
            })
            Assert.Equal(
                (ProfileErrors.NotAPerson, ErrorKind.Forbidden),
                ((await app.UpdateAsync(actor, change)).Error, ProfileErrors.NotAPerson.Kind));

        Assert.Equal(
            "member_not_active",
            (await app.UpdateAsync(
                ada with { OrganizationId = (await app.CreateOrganizationAsync()).Id }, change)).Error?.Code);
        foreach (var status in new[] { MemberStatus.Suspended, MemberStatus.Invited, MemberStatus.Removed })
        {
            await org.SetStatusAsync(member, status);
            Assert.Equal("member_not_active", (await app.UpdateAsync(ada, change)).Error?.Code);
        }

        Assert.Empty(await org.OutboxAsync());
        Assert.DoesNotContain(await org.MembersAsync(), m => m.FirstName is "Eve");
    }

    [Fact]
    public async Task A_new_address_counts_once_it_is_confirmed_for_the_member_alone()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var (old, email) = (member.Identifier, NewEmail("augusta"));
        var link = await app.AskAsync(ada, email.ToUpperInvariant());

        Assert.Equal(old, (await org.TodayAsync(member)).Identifier);
        Assert.Equal(old, (await app.UserAsync(member.UserId!.Value)).Email);
        Assert.Equal(
            (OutboxKind.AddressChange, email),
            Assert.Single((await org.OutboxAsync()).Select(m => (m.Kind, m.Recipient))));
        var address = await app.LookAsync(link);
        Assert.Equal(
            (AddressChangeState.Open, email.ToUpperInvariant(), clock.Now() + Day),
            (address.State, address.Email, address.ExpiresAt));

        Assert.Equal(AddressChangeState.Used, (await app.ConfirmAsync(link)).Value.State);
        var (today, user) = (await org.TodayAsync(member), await app.UserAsync(member.UserId!.Value));
        Assert.Equal(
            (email, email.ToUpperInvariant(), MemberStatus.Active), (today.Identifier, today.Email, today.Status));
        Assert.Equal(old, user.Email);
        Assert.Equal(user.Id, (await app.SignInAsync(old)).Value.UserId);
        Assert.NotNull((await app.SignInAsync(email)).Error);

        Assert.Equal(
            (OutboxKind.AddressChanged, old, null),
            (await org.OutboxAsync()).Select(m => (m.Kind, m.Recipient, m.Secret)).Last());
        Assert.Equal(
            [EventTypes.AddressChangeRequested, EventTypes.MemberUpdated],
            (await org.EventsAsync()).TakeLast(2).Select(e => e.Type));
        var recorded = (await org.EventsAsync())[^1];
        Assert.Equal(
            ("address_confirmed", member.Id, $"{old} → {email.ToUpperInvariant()}"),
            (recorded.Cause, recorded.ActorId, recorded.Details!["email"]));
    }

    [Fact]
    public async Task Repeating_it_gives_the_same_answer_and_changes_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var link = await app.AskAsync(ada, NewEmail("ada"));
        var answers = await AtOnceAsync(20, _ => app.ConfirmAsync(link));
        Assert.All(answers, a => Assert.Equal(AddressChangeState.Used, a.Value.State));
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberUpdated);
        Assert.Single(await org.OutboxAsync(), m => m.Kind is OutboxKind.AddressChanged);

        // Not even when he has moved on since.
        var next = NewEmail("ada");
        await app.ConfirmAsync(await app.AskAsync(ada, next));
        Assert.Equal(AddressChangeState.Used, (await app.ConfirmAsync(link)).Value.State);
        Assert.Equal(next, (await org.TodayAsync(member)).Identifier);
    }

    [Fact]
    public async Task An_address_of_another_live_member_is_refused_when_asked_for_and_when_confirmed()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var (_, bob) = await org.PersonAsync("bob");
        var refused = (await app.UpdateAsync(
            ada, new() { FirstName = "Augusta", Email = bob.Identifier.ToUpperInvariant() })).Error;
        Assert.Equal((ErrorKind.Conflict, "email_taken", "email"), (refused?.Kind, refused?.Code, refused?.Field));
        Assert.Equal("Ada", (await org.TodayAsync(member)).FirstName);

        // Free when he asked, and taken since.
        var link = await app.AskAsync(ada, NewEmail("ada"));
        var guest = await org.GuestAsync((await app.LookAsync(link)).Email);
        Assert.Equal(AddressChangeState.Taken, (await app.LookAsync(link)).State);
        Assert.Equal(ProfileErrors.EmailTaken, (await app.ConfirmAsync(link)).Error);
        await org.RemoveAsync(org.System, guest.Member.Id);
        Assert.Null((await app.ConfirmAsync(link)).Error);

        // And a removed member's is free.
        await org.RemoveAsync(org.System, bob.Id);
        // his user still has it
        Assert.Equal(AddressChangeState.Taken, (await app.LookAsync(await app.AskAsync(ada, bob.Identifier))).State);
    }

    [Fact]
    public async Task An_address_that_another_user_has_proved_is_told_to_none_but_its_reader_and_stays_his()
    {
        var (here, elsewhere) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (_, bob) = await elsewhere.PersonAsync("bob");
        var (ada, member) = await here.PersonAsync();
        var link = await app.AskAsync(ada, bob.Identifier); // as for an address nobody has

        Assert.Equal(AddressChangeState.Taken, (await app.LookAsync(link)).State);
        Assert.Equal("email_taken", (await app.ConfirmAsync(link)).Error?.Code);
        Assert.Equal(member.Identifier, (await here.TodayAsync(member)).Identifier);
        Assert.Equal(member.Identifier, (await app.UserAsync(member.UserId!.Value)).Email);
        Assert.Equal(bob.Identifier, (await app.UserAsync(bob.UserId!.Value)).Email);
        Assert.Equal(AddressChangeStatus.Pending, Assert.Single(await app.AddressChangesAsync(member.Id)).Status);
    }

    // Whoever may make keys for a member could ask in the member's name. That must not reach what the person signs in
    // with, whatever else holds.
    [Theory]
    [InlineData("a member here alone", true)]
    [InlineData("a member elsewhere, too", true)]
    [InlineData("an account that proved nothing", false)]
    public async Task By_a_key_only_the_members_record_moves(string who, bool mailed)
    {
        var (here, elsewhere) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (guest, link) = await here.GuestAsync(NewEmail("ada"), mailed: mailed);
        Assert.Null((await app.JoinAsync(link)).Error);
        var member = await here.TodayAsync(guest);
        var user = await app.UserAsync(member.UserId!.Value);
        if (who.Contains("elsewhere", StringComparison.Ordinal))
            Assert.Null((await app.AcceptAsync((await elsewhere.GuestAsync(member.Identifier)).Link, user.Id)).Error);

        var email = NewEmail("augusta");
        Assert.Null((await app.ConfirmAsync(await app.AskAsync(await here.ActorAsync(member), email))).Error);
        var after = await app.UserAsync(user.Id);
        Assert.Equal(email, (await here.TodayAsync(member)).Identifier);
        Assert.Equal(
            (user.Email, user.EmailProvedAt, user.PasswordHash, user.ConcurrencyStamp),
            (after.Email, after.EmailProvedAt, after.PasswordHash, after.ConcurrencyStamp));
        Assert.NotNull((await app.SignInAsync(email)).Error);
        Assert.Null((await app.SignInAsync(member.Identifier)).Error);
    }

    [Fact]
    public async Task An_account_that_never_proved_the_address_keeps_it_when_a_member_elsewhere_takes_it()
    {
        var (here, elsewhere) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (ada, member) = await here.PersonAsync();
        var email = NewEmail("augusta");
        var (_, handed) = await elsewhere.GuestAsync(email, mailed: false);
        var eve = (await app.JoinAsync(handed)).Value.Session!;
        Assert.Null((await app.ConfirmAsync(await app.AskAsync(ada, email))).Error);
        Assert.Equal(email, (await here.TodayAsync(member)).Identifier);
        Assert.Equal(email, (await app.UserAsync(eve.UserId)).Email);
    }

    [Fact]
    public async Task Asking_again_leaves_only_the_newest_link()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var (first, second) = (await app.AskAsync(ada, NewEmail("first")), await app.AskAsync(ada, NewEmail("second")));
        Assert.Equal(AddressChangeState.Replaced, (await app.LookAsync(first)).State);
        Assert.Equal(
            (ErrorKind.Gone, "address_change_replaced"),
            ((await app.ConfirmAsync(first)).Error?.Kind, (await app.ConfirmAsync(first)).Error?.Code));
        Assert.Equal(
            [AddressChangeStatus.Superseded, AddressChangeStatus.Pending],
            (await app.AddressChangesAsync(member.Id)).Select(c => c.Status));

        // Nor is the first one's mail sent any more.
        var mails = (await org.OutboxAsync()).FindAll(m => m.Kind is OutboxKind.AddressChange);
        Assert.Null(await app.OpenMailAsync(mails[0]));
        Assert.Equal(second.Secret, (await app.OpenMailAsync(mails[1]))!.Secret);
        Assert.Equal(
            [(OutboxState.Abandoned, true), (OutboxState.Queued, false)],
            (await org.OutboxAsync()).Select(m => (m.State, m.Secret is null)));
        Assert.Null((await app.ConfirmAsync(second)).Error);
        Assert.Equal((await app.LookAsync(second)).Email, (await org.TodayAsync(member)).Identifier);
    }

    [Fact]
    public async Task Asking_many_times_at_once_leaves_one_pending_change_and_no_more_mails_than_a_day_has()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var answers = await AtOnceAsync(
            ProfileService.MaxAddressChangesADay + 10, _ => app.UpdateAsync(ada, new() { Email = NewEmail("ada") }));
        Assert.Equal(10, answers.Count(a => a.Error == ProfileErrors.TooManyChanges));
        Assert.Equal(ProfileService.MaxAddressChangesADay, answers.Count(a => a.Error is null));
        Assert.Equal(ProfileService.MaxAddressChangesADay, (await org.OutboxAsync()).Count);
        Assert.Single(await app.AddressChangesAsync(member.Id), c => c.Status is AddressChangeStatus.Pending);

        // what needs no mail is not limited
        Assert.Null((await app.UpdateAsync(ada, new() { FirstName = "Augusta", Email = member.Email })).Error);
        clock.Advance(Day);
        await app.AskAsync(ada, NewEmail("ada"));
    }

    [Fact]
    public async Task Expired_by_the_clock_it_can_be_neither_confirmed_nor_mailed()
    {
        var org = await app.CreateOrganizationAsync();
        var ((ada, first), (bob, second)) = (await org.PersonAsync(), await org.PersonAsync("bob"));
        var links = new[] { await app.AskAsync(ada, NewEmail("ada")), await app.AskAsync(bob, NewEmail("bob")) };
        clock.Advance(Day - TimeSpan.FromMilliseconds(1));
        Assert.Null((await app.ConfirmAsync(links[0])).Error);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(AddressChangeState.Expired, (await app.LookAsync(links[1])).State);
        Assert.Equal("address_change_expired", (await app.ConfirmAsync(links[1])).Error?.Code);
        Assert.Equal(AddressChangeState.Used, (await app.LookAsync(links[0])).State);
        Assert.Equal(second.Identifier, (await org.TodayAsync(second)).Identifier);
        var unsent = (await org.OutboxAsync()).Single(m =>
            m.Kind is OutboxKind.AddressChange
                && m.Parameters[OutboxParameters.AddressChange] == links[1].ChangeId.ToString());
        Assert.Null(await app.OpenMailAsync(unsent));
        Assert.NotEqual(first.Identifier, (await org.TodayAsync(first)).Identifier);
    }

    [Fact]
    public async Task Removed_and_back_again_the_same_day_his_old_link_stays_void()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var link = await app.AskAsync(ada, NewEmail("augusta"));
        Assert.Null((await org.RemoveAsync(org.Owner, member.Id)).Error);
        await AssertVoidAsync(org, link, member);

        var revived = (await org.TryInviteAsync(member.Identifier, by: org.Owner, how: Refresh)).Value;
        Assert.Equal((InviteOutcome.Revived, member.Id), (revived.Outcome, revived.Member.Id));
        Assert.Null((await app.AcceptAsync(await org.LinkAsync(member), member.UserId!.Value)).Error);
        await AssertVoidAsync(org, link, member);
    }

    [Fact]
    public async Task Suspended_or_with_another_address_by_now_his_link_is_void()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var link = await app.AskAsync(ada, NewEmail("augusta"));
        await org.SetStatusAsync(member, MemberStatus.Suspended);
        await AssertVoidAsync(org, link, member);
        await org.SetStatusAsync(member, MemberStatus.Active);
        Assert.Equal(AddressChangeState.Open, (await app.LookAsync(link)).State);

        var other = NewEmail("other");
        await app.ChangeAsync(
            async db => (await db.Members.SingleAsync(m => m.Id == member.Id, Ct)).Identifier = other);
        Assert.Equal(AddressChangeState.Void, (await app.LookAsync(link)).State);
        Assert.Equal("address_change_void", (await app.ConfirmAsync(link)).Error?.Code);
        Assert.Equal(other, (await org.TodayAsync(member)).Identifier);
    }

    [Fact]
    public async Task In_a_suspended_organization_no_link_is_known()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, _) = await org.PersonAsync();
        var link = await app.AskAsync(ada, NewEmail("ada"));
        await app.ChangeAsync(
            async db => (await db.Organizations.SingleAsync(o => o.Id == org.Id, Ct)).SuspendedAt = clock.Now());
        Assert.Equal(AddressChangeState.Unknown, (await app.LookAsync(link)).State);
        Assert.Equal(ProfileErrors.LinkUnknown, (await app.ConfirmAsync(link)).Error);
    }

    [Fact]
    public async Task Nobody_leaves_the_domains_his_organization_allows_by_himself()
    {
        var org = await app.CreateOrganizationAsync(o => o.AllowedEmailDomains.Add("example.test"));
        var (ada, _) = await org.PersonAsync();
        Assert.Equal(
            InvitationErrors.DomainNotAllowed,
            (await app.UpdateAsync(ada, new() { Email = "ada@elsewhere.test" })).Error);
        await app.AskAsync(ada, NewEmail("ada"));
    }

    // The owner an operator named is active before he joined. What was mailed to his old address must not prove the new
    // one.
    [Fact]
    public async Task Who_is_active_before_he_joined_voids_his_invitations_link_by_moving()
    {
        var org = await app.CreateOrganizationAsync();
        var owner = org.Created.Owner;
        var email = NewEmail("olivia");
        Assert.Equal(OfferState.Open, (await app.LookAsync(org.Created.OwnerLink!)).State);
        Assert.Null((await app.ConfirmAsync(await app.AskAsync(org.Owner, email))).Error);
        Assert.Equal(OfferState.Unknown, (await app.LookAsync(org.Created.OwnerLink!)).State);
        Assert.Equal(InvitationErrors.LinkUnknown, (await app.JoinAsync(org.Created.OwnerLink!)).Error);

        Assert.Null((await app.JoinAsync(await org.LinkAsync(owner))).Error); // a newer one, to the new address
        Assert.Equal(
            (email, email),
            (
                (await org.TodayAsync(owner)).Identifier,
                (await app.UserAsync((await org.TodayAsync(owner)).UserId!.Value)).Email));
    }

    [Fact]
    public async Task Of_two_members_who_confirm_one_address_at_once_one_gets_it()
    {
        var org = await app.CreateOrganizationAsync();
        for (var round = 0; round < 5; round++)
        {
            var email = NewEmail("wanted");
            var links = new List<AddressChangeLink>();
            foreach (var name in new[] { "ada", "bob", "eve" })
                links.Add(await app.AskAsync((await org.PersonAsync(name)).Actor, email));
            var answers = await AtOnceAsync(links.Count, i => app.ConfirmAsync(links[i]));
            Assert.Single(answers, a => a.Error is null);
            Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal("email_taken", a.Error!.Code));
            Assert.Single(await org.MembersAsync(), m => m.Identifier == email);
        }
    }

    [Fact]
    public async Task One_user_who_confirms_in_two_organizations_at_once_moves_in_both_and_signs_in_as_before()
    {
        for (var round = 0; round < 5; round++)
        {
            var (one, two) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
            var email = NewEmail("ada");
            var user = (await one.JoinedAsync(email)).Joined.Session!.UserId;
            var (there, invitation) = await two.GuestAsync(email);
            Assert.Null((await app.AcceptAsync(invitation, user)).Error);
            var addresses = new[] { NewEmail("one"), NewEmail("two") };
            var links = new[]
            {
                await app.AskAsync(await one.ActorAsync(await one.MemberAsync(email)), addresses[0]),
                await app.AskAsync(await two.ActorAsync(there), addresses[1]),
            };

            var answers = await AtOnceAsync(2, i => app.ConfirmAsync(links[i]));
            Assert.All(answers, a => Assert.Null(a.Error));
            Assert.Equal(
                addresses,
                new[]
                {
                    (await one.MembersAsync()).Single(m => m.UserId == user).Identifier,
                    (await two.TodayAsync(there)).Identifier,
                });
            Assert.Equal(email, (await app.UserAsync(user)).Email);
        }
    }

    [Fact]
    public async Task Asking_confirming_and_removing_at_once_leaves_nothing_half_done()
    {
        var org = await app.CreateOrganizationAsync();
        for (var round = 0; round < 8; round++)
        {
            var (ada, member) = await org.PersonAsync();
            var link = await app.AskAsync(ada, NewEmail("first"));
            var answers = await AtOnceAsync(3, async i => i switch
            {
                0 => (await app.ConfirmAsync(link)).Error,
                1 => (await app.UpdateAsync(ada, new() { FirstName = "Augusta", Email = NewEmail("second") })).Error,
                _ => (await org.RemoveAsync(org.Owner, member.Id)).Error,
            });

            Assert.Null(answers[2]);
            var (today, changes) = (await org.TodayAsync(member), await app.AddressChangesAsync(member.Id));
            Assert.Equal(MemberStatus.Removed, today.Status);
            Assert.DoesNotContain(changes, c => c.Status is AddressChangeStatus.Pending);
            var first = changes.Single(c => c.Id == link.ChangeId);
            Assert.Equal(answers[0] is null, first.Status is AddressChangeStatus.Used);
            Assert.Equal(answers[0] is null ? first.NewIdentifier : member.Identifier, today.Identifier);
            Assert.Equal(answers[1] is null, today.FirstName is "Augusta");
        }
    }

    [Fact]
    public async Task A_link_mutated_anywhere_is_not_known()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, member) = await org.PersonAsync();
        var (link, other) = (
            await app.AskAsync(ada, NewEmail("ada")),
            await app.AskAsync((await org.PersonAsync("bob")).Actor, NewEmail("bob")));
        List<AddressChangeLink> wrong =
        [
            link with { Secret = other.Secret }, link with { ChangeId = other.ChangeId },
            link with { ChangeId = Guid.NewGuid() }, link with { OrganizationSlug = "nowhere" },
            link with { OrganizationSlug = (await app.CreateOrganizationAsync()).Slug },
            link with { Secret = Secret.Create(Secret.AddressPrefix).Text }, link with { Secret = Forge() },
            link with { Secret = "" }, link with { Secret = Secret.InvitationPrefix + link.Secret[4..] },
        ];
        for (var i = 0; i < link.Secret.Length; i++)
            wrong.Add(
                link with
                {
                    Secret = $"{link.Secret[..i]}{(link.Secret[i] is 'x' ? 'y' : 'x')}{link.Secret[(i + 1)..]}",
                });
        foreach (var mutated in wrong)
        {
            Assert.Equal(new NewAddress(AddressChangeState.Unknown), await app.LookAsync(mutated));
            Assert.Equal(ProfileErrors.LinkUnknown, (await app.ConfirmAsync(mutated)).Error);
        }

        Assert.Equal(member.Identifier, (await org.TodayAsync(member)).Identifier);
        Assert.Equal(AddressChangeState.Open, (await app.LookAsync(link)).State);
    }

    private async Task AssertVoidAsync(TestOrganization org, AddressChangeLink link, Member member)
    {
        Assert.Equal(AddressChangeState.Void, (await app.LookAsync(link)).State);
        Assert.Equal("address_change_void", (await app.ConfirmAsync(link)).Error?.Code);
        Assert.Equal(member.Identifier, (await org.TodayAsync(member)).Identifier);
    }

    // Check characters are no secret: anybody can work them out.
    private static string Forge()
    {
        var body = Secret.AddressPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return body + Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(body)))[..6];
    }
}
