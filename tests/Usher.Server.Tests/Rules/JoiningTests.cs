using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>One link makes one member and one user. An address is his who has proved it.</summary>
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
        Assert.Equal("name_invalid", (await app.JoinAsync(link, firstName: "Ada\r\nBcc: eve@example.test")).Error?.Code);
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
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(link, "another long password")).Error);
        Assert.Equal(InvitationErrors.MustSignIn, (await app.JoinAsync(link)).Error); // not even with the right one: the link signs nobody in

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

    [Fact]
    public async Task An_account_with_the_same_unproven_address_cannot_accept_and_loses_it_to_who_proves_it()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");

        // Eve was handed a link, and typed Ada's address.
        var (_, handed) = await first.GuestAsync(email, mailed: false);
        var eve = (await app.JoinAsync(handed, "eve has a password too")).Value.Session!;
        Assert.Null(Assert.Single(await UsersOfAsync(email)).EmailProvedAt);

        // Ada gets a mail. Eve can make nothing of it, link or not.
        var (_, mailed) = await second.GuestAsync(email);
        Assert.Equal(Viewer.SomebodyElse, (await app.LookAsync(mailed, eve.UserId)).Viewer);
        Assert.Equal(InvitationErrors.NotYours, (await app.AcceptAsync(mailed, eve.UserId)).Error);
        Assert.Equal(Viewer.NewPerson, (await app.LookAsync(mailed)).Viewer);

        var ada = (await app.JoinAsync(mailed)).Value.Session!;
        var owner = Assert.Single(await UsersOfAsync(email));
        Assert.Equal(ada.UserId, owner.Id);
        Assert.NotNull(owner.EmailProvedAt);

        // Eve keeps what she joined, and her session, but not the address.
        var me = (await app.WithAsync<UserService, Me?>(s => s.MeAsync(eve.UserId, Ct)))!;
        Assert.Equal((null, false), (me.Email, me.EmailProved));
        Assert.Equal(first.Slug, Assert.Single(me.Memberships).OrganizationSlug);
        Assert.NotNull(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(eve.Secret, Ct)));
        Assert.Equal(SessionService.Wrong, (await app.SignInAsync(email, "eve has a password too")).Error);
        Assert.Equal(ada.UserId, (await app.SignInAsync(email)).Value.UserId);
        Assert.Equal(second.Slug, Assert.Single((await app.WithAsync<UserService, Me?>(s => s.MeAsync(ada.UserId, Ct)))!.Memberships).OrganizationSlug);
    }

    [Fact]
    public async Task Several_people_with_one_unproven_address_each_sign_in_by_their_own_password()
    {
        var email = NewEmail("ada");
        List<(string Password, Guid User)> people = [];
        for (var i = 0; i < 2; i++)
        {
            var (_, link) = await (await app.CreateOrganizationAsync()).GuestAsync(email, mailed: false);
            var password = $"the password of number {i}";
            people.Add((password, (await app.JoinAsync(link, password)).Value.Session!.UserId));
        }

        Assert.Equal(2, people.Select(p => p.User).Distinct().Count());
        foreach (var (password, user) in people) Assert.Equal(user, (await app.SignInAsync(email, password)).Value.UserId);
        Assert.Equal(SessionService.Wrong, (await app.SignInAsync(email, "the password of number 3")).Error);
    }

    // The second of two people repeating his join must not come in as the first, whose password happens to be the same.
    [Fact]
    public async Task Who_repeats_his_join_is_the_one_who_joined()
    {
        var email = NewEmail("ada");
        var (_, first) = await (await app.CreateOrganizationAsync()).GuestAsync(email, mailed: false);
        var (_, second) = await (await app.CreateOrganizationAsync()).GuestAsync(email, mailed: false);
        var users = new[] { (await app.JoinAsync(first)).Value.Session!.UserId, (await app.JoinAsync(second)).Value.Session!.UserId };
        Assert.NotEqual(users[0], users[1]);
        Assert.Equal(users[0], (await app.JoinAsync(first)).Value.Session!.UserId);
        Assert.Equal(users[1], (await app.JoinAsync(second)).Value.Session!.UserId);
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
        Assert.Equal((user, user), ((await first.MemberAsync(email)).UserId!.Value, (await second.MemberAsync(email)).UserId!.Value));
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

    private Task<List<User>> UsersOfAsync(string email) => app.QueryAsync(db => db.Users.AsNoTracking().Where(u => u.NormalizedEmail == email).ToListAsync(Ct));
}
