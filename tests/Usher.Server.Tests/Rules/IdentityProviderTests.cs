using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Where somebody else signs people in, a member is active without an invitation, and bound to his user when he proves
/// to be him.
/// </summary>
public sealed class IdentityProviderTests(UsherApp app)
{
    [Fact]
    public async Task Without_one_nobody_is_active_without_joining()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        Assert.Equal(InvitationErrors.NoIdentityProvider, (await org.TryInviteAsync(email, how: AtOnce)).Error);
        Assert.DoesNotContain(await org.MembersAsync(), m => m.Identifier == email);
    }

    [Fact]
    public async Task With_one_he_is_active_at_once_without_mail_and_an_offer_that_was_out_is_superseded()
    {
        var org = await WithProviderAsync();
        var (email, pending) = (NewEmail("ada"), NewEmail("bob"));
        Assert.Null((await org.TryInviteAsync(email, how: AtOnce)).Error);
        var member = await org.MemberAsync(email);
        Assert.Equal((MemberStatus.Active, null), (member.Status, member.UserId));
        Assert.DoesNotContain(await org.OutboxAsync(), m => m.Recipient == email);
        Assert.Contains(await org.EventsAsync(), e => e.Type == EventTypes.MemberCreated && e.SubjectId == member.Id);
        Assert.Equal(InvitationErrors.AlreadyMember, (await org.TryInviteAsync(email, how: AtOnce)).Error);

        var (bob, link) = await org.GuestAsync(pending);
        Assert.Equal(bob.Id, (await org.TryInviteAsync(pending, how: AtOnce)).Value.Member.Id);
        Assert.Equal(InvitationStatus.Superseded, (await org.InvitationAsync(link)).Status);
        Assert.Equal(OfferState.Superseded, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task A_sign_in_binds_nobody_until_the_person_agrees()
    {
        var (org, elsewhere) = (await WithProviderAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        var member = (await org.TryInviteAsync(email, how: AtOnce)).Value.Member;
        var user = (await elsewhere.JoinedAsync(email)).Member.UserId;
        Assert.Null((await app.SignInAsync(email)).Error);
        Assert.Null((await org.MemberAsync(email)).UserId);
        Assert.Null(
            (await app.WithAsync<MembershipService, Result<Member>>(s =>
                s.AgreeAsync(user!.Value, member.Id, Ct))).Error);
        var bound = await org.MemberAsync(email);
        Assert.Equal((member.Id, user), (bound.Id, bound.UserId));
        Assert.NotNull(bound.LastSignInAt);
        Assert.Contains(await org.EventsAsync(), e => e.Type == EventTypes.MemberJoined && e.SubjectId == member.Id);
    }

    [Fact]
    public async Task Who_is_added_so_can_still_ask_for_a_link_and_join_by_it()
    {
        var org = await WithProviderAsync();
        var email = NewEmail("ada");
        await org.TryInviteAsync(email, how: AtOnce);
        await app.WithAsync<GuestService, bool>(async s =>
        {
            await s.SendMyLinkAsync(email, Ct);
            return true;
        });
        Assert.Null((await app.JoinAsync(await app.Mail.LinkToAsync(email))).Error);
        Assert.NotNull((await org.MemberAsync(email)).UserId);
    }

    private async Task<TestOrganization> WithProviderAsync()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Null(
            (await org.UpdateAsync(org.Owner, new OrganizationChange { ExternalIdentityProvider = "Acme ID" })).Error);
        return org;
    }
}
