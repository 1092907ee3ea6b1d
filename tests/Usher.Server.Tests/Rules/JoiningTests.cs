using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>One link makes one member and one account, and there is one account for an address.</summary>
public sealed class JoiningTests(UsherApp app)
{
    [Theory]
    [InlineData(2)]
    [InlineData(30)]
    public async Task Joining_by_one_link_many_times_at_once_makes_one_member_one_user_and_the_same_answer(int times)
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        var answers = await AtOnceAsync(times, _ => app.JoinAsync(link));

        Assert.All(answers, a => Assert.Null(a.Error));
        Assert.All(answers, a => Assert.Equal(org.Created.Organization.Name, a.Value.OrganizationName));
        var user = Assert.Single(answers.Select(a => a.Value.Session!.UserId).Distinct());
        Assert.Equal(times, answers.Select(a => a.Value.Session!.Secret).Distinct().Count());
        Assert.Equal(user, Assert.Single(await UsersOfAsync(ada.Identifier)).Id);
        var member = Assert.Single(await org.MembersAsync(), m => m.Identifier == ada.Identifier);
        Assert.Equal((MemberStatus.Active, user), (member.Status, member.UserId));
        var invitation = await org.InvitationAsync(link);
        Assert.Equal((InvitationStatus.Accepted, user), (invitation.Status, invitation.AcceptedBy));
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberJoined);
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.InvitationAccepted);
    }

    [Fact]
    public async Task Of_two_people_who_join_by_one_link_at_once_with_passwords_of_their_own_one_gets_in()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        var answers = await AtOnceAsync(10, i => app.JoinAsync(link, $"a quiet password of number {i}"));
        Assert.Single(answers, a => a.Error is null);
        Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal("invitation_used", a.Error!.Code));
        Assert.Single(await UsersOfAsync(ada.Identifier));
    }

    [Fact]
    public async Task A_new_persons_name_and_password_must_be_ones()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        Assert.Equal("first_name_missing", (await app.JoinAsync(link, firstName: " ")).Error?.Code);
        Assert.Equal(
            "name_invalid", (await app.JoinAsync(link, firstName: "Ada\r\nBcc: eve@example.test")).Error?.Code);
        Assert.Equal("name_invalid", (await app.JoinAsync(link, firstName: "Ada\uD800")).Error?.Code);
        Assert.Equal("password_too_short", (await app.JoinAsync(link, "short")).Error?.Code);
        Assert.Equal("password_too_common", (await app.JoinAsync(link, ada.Identifier.Split('@')[0])).Error?.Code);
        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
        Assert.Null((await app.JoinAsync(link)).Error);
    }

    [Fact]
    public async Task Somebody_with_an_account_signs_in_and_accepts()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        await first.JoinedAsync(email);
        var (_, link) = await second.GuestAsync(email);
        Assert.Equal(Viewer.MustSignIn, (await app.LookAsync(link)).Viewer);
        Assert.Equal(InvitationErrors.MustSignIn, (await app.TakeOverAsync(link)).Error);
        Assert.Equal(InvitationErrors.MustSignIn, (await app.ProveAsync(link)).Error);
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(link, "another long password")).Error);
        // not even with the right one: the link signs nobody in
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(link)).Error);

        var user = (await app.SignInAsync(email)).Value.UserId;
        Assert.Equal(Viewer.Invitee, (await app.LookAsync(link, user)).Viewer);
        var answers = await AtOnceAsync(30, _ => app.AcceptAsync(link, user));
        Assert.All(answers, a => Assert.Null(a.Error));
        Assert.Equal(user, (await second.MemberAsync(email)).UserId);
        Assert.Single(await second.EventsAsync(), e => e.Type is EventTypes.MemberJoined);
        Assert.Null((await app.AcceptAsync(link, user)).Error);
    }

    [Fact]
    public async Task Somebody_else_who_is_signed_in_is_told_so_and_cannot_accept()
    {
        var org = await app.CreateOrganizationAsync();
        var bob = await org.JoinedAsync(NewEmail("bob"));
        var (_, link) = await (await app.CreateOrganizationAsync()).GuestAsync(NewEmail("ada"));
        var user = bob.Joined.Session!.UserId;
        var offer = await app.LookAsync(link, user);
        Assert.Equal((Viewer.SomebodyElse, bob.Member.Identifier), (offer.Viewer, offer.SignedInAs));
        Assert.Equal(InvitationErrors.NotYours, (await app.AcceptAsync(link, user)).Error);
        Assert.Equal(InvitationErrors.NotYours, (await app.AcceptAsync(link, Guid.NewGuid())).Error);
        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Joins_of_one_address_in_two_organizations_at_once_make_one_account(
        bool firstMailed, bool secondMailed)
    {
        for (var round = 0; round < 5; round++)
        {
            var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
            var email = NewEmail("ada");
            var links = new[]
            {
                (await first.GuestAsync(email, mailed: firstMailed)).Link,
                (await second.GuestAsync(email, mailed: secondMailed)).Link,
            };
            var answers = await AtOnceAsync(6, i => app.JoinAsync(links[i % 2]));
            Assert.Contains(answers, a => a.Error is null);
            Assert.All(
                answers.Where(a => a.Error is not null),
                a => Assert.True(a.Error!.Code is "must_sign_in" or "account_unproven", a.Error.Code));

            var user = Assert.Single(await UsersOfAsync(email));
            var joined = new[] { await first.MemberAsync(email), await second.MemberAsync(email) }
                .Where(m => m.UserId is not null).ToList();
            Assert.Equal(user.Id, Assert.Single(joined).UserId);
            Assert.Equal(
                joined[0].OrganizationId == first.Id ? firstMailed : secondMailed, user.EmailProvedAt is not null);
        }
    }

    [Fact]
    public async Task An_unproven_account_signs_in_to_accept_a_link_that_was_handed_over_and_stays_unproven()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        Assert.Null((await app.JoinAsync((await first.GuestAsync(email, mailed: false)).Link)).Error);
        var (_, link) = await second.GuestAsync(email, mailed: false);
        // not even with the right password
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(link)).Error);

        var user = (await app.SignInAsync(email)).Value.UserId;
        Assert.Equal(Viewer.Invitee, (await app.LookAsync(link, user)).Viewer);
        Assert.Null((await app.AcceptAsync(link, user)).Error);
        Assert.Null((await app.AcceptAsync(link, user)).Error);
        Assert.Equal(user, (await second.MemberAsync(email)).UserId);
        Assert.Null(Assert.Single(await UsersOfAsync(email)).EmailProvedAt);
    }

    // There is one account for an address, and it is never somebody else's who joined by another link.
    [Fact]
    public async Task A_person_who_repeats_a_join_is_the_one_who_joined()
    {
        var email = NewEmail("ada");
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (_, link) = await org.GuestAsync(email, mailed: false);
        var user = (await app.JoinAsync(link)).Value.Session!.UserId;
        Assert.Equal(user, (await app.JoinAsync(link)).Value.Session!.UserId);
        var (_, unused) = await other.GuestAsync(email, mailed: false);
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(unused)).Error);
        Assert.Equal("invitation_used", (await app.JoinAsync(link, "not the password of this one")).Error?.Code);
    }

    [Fact]
    public async Task Entering_an_organization_is_its_members_sign_in_and_no_other_organizations()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var ada = await first.JoinedAsync(NewEmail("ada"));
        var before = (await first.MemberAsync(ada.Member.Identifier)).LastSignInAt;
        Assert.NotNull(before);
        var (_, link) = await second.GuestAsync(ada.Member.Identifier);
        var user = (await app.SignInAsync(ada.Member.Identifier)).Value.UserId;
        Assert.Equal(before, (await first.MemberAsync(ada.Member.Identifier)).LastSignInAt);
        Assert.Null((await app.AcceptAsync(link, user)).Error);
        Assert.NotNull((await second.MemberAsync(ada.Member.Identifier)).LastSignInAt);
        Assert.Equal(before, (await first.MemberAsync(ada.Member.Identifier)).LastSignInAt);
    }

    // Whoever knows the password already proves nothing by it, and an account is not made anew for one.
    [Fact]
    public async Task An_owner_named_with_a_password_keeps_the_account_that_is_there()
    {
        var email = NewEmail("olivia");
        Assert.Null(
            (await app.JoinAsync(
                (await (await app.CreateOrganizationAsync()).GuestAsync(email, mailed: false)).Link)).Error);
        var slug = $"own-{Guid.NewGuid():N}"[..20];
        var made = (await app.WithAsync<OrganizationService, Result<CreatedOrganization>>(s => s.CreateAsync(
            Actor.System(Organization.Installation),
            new(slug, "Acme", email) { OwnerPassword = "another long password" }, Ct))).Value;
        Assert.Null(made.Owner.UserId);
        Assert.NotNull(made.OwnerLink);
        Assert.Single(await UsersOfAsync(email));
        Assert.NotNull((await app.SignInAsync(email, "another long password")).Error);
        Assert.Null((await app.SignInAsync(email)).Error);
    }

    [Fact]
    public async Task Two_mailed_links_of_two_organizations_opened_at_once_make_one_account()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        var links = new[] { (await first.GuestAsync(email)).Link, (await second.GuestAsync(email)).Link };
        var answers = await AtOnceAsync(20, i => app.JoinAsync(links[i % 2]));
        Assert.Contains(answers, a => a.Error is null);
        Assert.All(answers.Where(a => a.Error is not null), a => Assert.Equal(InvitationErrors.MustSignIn, a.Error));

        var user = Assert.Single(await UsersOfAsync(email)).Id;
        foreach (var link in links) Assert.Null((await app.AcceptAsync(link, user)).Error);
        Assert.Equal(
            (user, user),
            ((await first.MemberAsync(email)).UserId!.Value, (await second.MemberAsync(email)).UserId!.Value));
    }

    [Fact]
    public async Task The_owner_sets_his_password_by_his_first_link()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(OfferState.Open, (await app.LookAsync(org.Created.OwnerLink!)).State);
        var answers = await AtOnceAsync(5, _ => app.JoinAsync(org.Created.OwnerLink!));
        Assert.All(answers, a => Assert.Null(a.Error));
        Assert.Null((await app.SignInAsync(org.Created.Owner.Identifier)).Error);
    }

    [Fact]
    public async Task Thirty_sign_ins_at_once_all_get_in()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var answers = await AtOnceAsync(30, _ => app.SignInAsync(ada.Member.Identifier));
        Assert.All(answers, a => Assert.Null(a.Error));
        Assert.Equal(ada.Member.Version, (await org.MemberAsync(ada.Member.Identifier)).Version);
    }

    private Task<List<User>> UsersOfAsync(string email) =>
        app.QueryAsync(db => db.Users.AsNoTracking().Where(u => u.Email == email).ToListAsync(Ct));
}
