using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// Every invitation ends in a member, or in a clear answer to both sides. What the clock does to it is in
/// <see cref="ExpiryTests"/>.
/// </summary>
public sealed class InvitationLifeTests(UsherApp app)
{
    public static TheoryData<string> LostRights =>
        ["the permission", "the membership", "his being active", "the level"];

    [Theory]
    [MemberData(nameof(LostRights))]
    public async Task When_the_sponsor_has_lost_what_he_gave_the_invitation_is_revoked_and_both_sides_are_told(
        string what)
    {
        var org = await app.CreateOrganizationAsync();
        var place = Reference.To(org.Created.Resources[0].Id);
        var max = (await org.JoinedAsync(
            NewEmail("max"),
            row =>
                row with
                {
                    Permissions = [Permissions.UserManagement, "ingestion"], Levels = [new(place, AccessLevel.Full)],
                })).Member;
        var (ada, link) = await org.GuestAsync(
            NewEmail("ada"), row =>
                row with { Permissions = ["ingestion"], Levels = [new(place, AccessLevel.Full)] },
                by: await org.ActorAsync(max));
        await app.QueryAsync(db => what switch
        {
            "the permission" =>
                db.Members.Where(m => m.Id == max.Id).ExecuteUpdateAsync(
                    set => set.SetProperty(m => m.Grants, max.Grants.Without(Grant.Permission("ingestion"))), Ct),
            "the level" =>
                db.ResourceAccess.Where(a => a.MemberId == max.Id)
                    .ExecuteUpdateAsync(set => set.SetProperty(a => a.Level, AccessLevel.ReadOnly), Ct),
            "his being active" =>
                db.Members.Where(m => m.Id == max.Id)
                    .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Suspended), Ct),
            _ => Task.FromResult(0),
        });
        if (what is "the membership") await org.RemoveAsync(org.Owner, max.Id);

        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.Equal(OfferState.Blocked, (await app.LookAsync(link)).State);

        var invitation = await org.InvitationAsync(link);
        Assert.Equal((InvitationStatus.Pending, true), (invitation.Status, invitation.BlockedAt is not null));
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(ada.Identifier)).Status);
        Assert.Equal(0, await app.QueryAsync(db => db.Users.CountAsync(u => u.Email == ada.Identifier, Ct)));
    }

    [Fact]
    public async Task An_administrators_resend_makes_him_the_sponsor_and_saves_the_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ManagerAsync("ingestion");
        var (ada, _) = await org.GuestAsync(NewEmail("ada"), row => row with { Permissions = ["ingestion"] }, by: max);
        await org.RemoveAsync(org.Owner, max.Id);
        Assert.Null((await org.ResendAsync(org.Owner, ada)).Error);
        var invitation = Assert.Single((await org.MemberAsync(ada.Identifier)).Invitations);
        Assert.Equal((org.Created.Owner.Id, "Olivia Owner"), (invitation.SponsorId, invitation.SponsorName));
        Assert.Null((await app.JoinAsync(await org.LinkAsync(ada, sponsor: org.Owner))).Error);
    }

    // Somebody brought back since has an invitation of his own, or is in: the old link must not start another.
    [Fact]
    public async Task Who_came_back_another_way_cannot_ask_by_the_revoked_link_any_more()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ManagerAsync("ingestion");
        var (ada, old) = await org.GuestAsync(
            NewEmail("ada"), row => row with { Permissions = ["ingestion"] }, by: max);
        var revoke = new MemberRemoveOptions { Sponsored = SponsoredAction.Revoke };
        Assert.Null(
            (await app.WithAsync<MemberService, Result<MemberSelection>>(s =>
                s.RemoveAsync(org.Owner, [new(Id: max.Id)], revoke, Ct))).Error);
        Assert.True((await app.LookAsync(old)).CanAskForNew);
        Assert.Equal(
            InviteOutcome.Revived,
            (await org.TryInviteAsync(ada.Identifier, by: org.Owner, how: Refresh)).Value.Outcome);
        Assert.Null((await app.JoinAsync(await org.LinkAsync(ada, sponsor: org.Owner))).Error);
        var before = (await org.OutboxAsync()).Count;

        Assert.False((await app.LookAsync(old)).CanAskForNew);
        Assert.NotNull((await app.AskForNewAsync(old)).Error);
        Assert.Equal(before, (await org.OutboxAsync()).Count);
        Assert.DoesNotContain(
            (await org.MemberAsync(ada.Identifier)).Invitations, i => i.Status is InvitationStatus.Pending);
    }

    [Fact]
    public async Task Declining_removes_the_membership_and_says_so_ever_after()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        var declined = await AtOnceAsync(10, _ => app.DeclineAsync(link));
        Assert.Single(declined, d => d.Error is null);
        Assert.All(declined.Where(d => d.Error is not null), d => Assert.Equal("invitation_declined", d.Error!.Code));

        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Identifier)).Status);
        Assert.Equal(InvitationStatus.Declined, (await org.InvitationAsync(link)).Status);
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.InvitationDeclined);
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberRemoved);
        Assert.Equal(OfferState.Declined, (await app.LookAsync(link)).State);
        Assert.Equal("invitation_declined", (await app.JoinAsync(link)).Error?.Code);
        Assert.Equal("invitation_declined", (await app.AskForNewAsync(link)).Error?.Code);
    }

    [Fact]
    public async Task A_newer_mail_replaces_the_older_link_and_says_when_it_was_sent()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, older) = await org.GuestAsync(NewEmail("ada"));
        var newer = await org.LinkAsync(ada);
        var sent = (await org.InvitationAsync(newer)).LastSentAt;

        var offer = await app.LookAsync(older);
        Assert.Equal((OfferState.Replaced, sent, false), (offer.State, offer.NewerSentAt, offer.CanAskForNew));
        Assert.Equal("invitation_replaced", (await app.JoinAsync(older)).Error?.Code);
        Assert.Equal("invitation_replaced", (await app.DeclineAsync(older)).Error?.Code);
        Assert.Equal("invitation_replaced", (await app.AskForNewAsync(older)).Error?.Code);
        Assert.Equal(OfferState.Open, (await app.LookAsync(newer)).State);
        Assert.Null((await app.JoinAsync(newer)).Error);
    }

    [Fact]
    public async Task A_used_link_says_that_it_was_used()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, older) = await org.GuestAsync(NewEmail("ada"));
        var link = await org.LinkAsync(ada);
        var joined = (await app.JoinAsync(link)).Value;
        Assert.Equal(OfferState.Used, (await app.LookAsync(link)).State);
        Assert.Equal(OfferState.Used, (await app.LookAsync(older)).State);
        Assert.Equal("invitation_used", (await app.DeclineAsync(link)).Error?.Code);
        Assert.Equal("invitation_used", (await app.AskForNewAsync(link)).Error?.Code);
        Assert.Equal("invitation_used", (await app.AcceptAsync(link, Guid.NewGuid())).Error?.Code);
        Assert.Null((await app.AcceptAsync(link, joined.Session!.UserId)).Error);
        Assert.Equal(InvitationErrors.AlreadyJoined, (await org.ResendAsync(org.Owner, ada)).Error);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(ada.Identifier)).Status);
    }

    // As when somebody who is a member already signs in through his organization's own identity provider.
    [Fact]
    public async Task Who_got_in_another_way_has_no_use_for_the_link()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, link) = await org.GuestAsync(NewEmail("ada"));
        var elsewhere = await app.CreateOrganizationAsync();
        var user = (await elsewhere.JoinedAsync(NewEmail("else"))).Joined.Session!.UserId;
        await app.ChangeAsync(
            async db => (await db.Members.SingleAsync(m => m.Id == ada.Id, Ct)).Join(user, ada.CreatedAt));
        Assert.Equal("invitation_superseded", (await app.JoinAsync(link)).Error?.Code);
        Assert.Equal(InvitationErrors.AlreadyJoined, (await org.ResendAsync(org.Owner, ada)).Error);
        Assert.NotNull((await app.DeclineAsync(link)).Error);
        Assert.Equal(user, (await org.MemberAsync(ada.Identifier)).UserId);
    }

    [Fact]
    public async Task A_wrong_secret_a_wrong_id_and_a_wrong_organization_are_all_nothing()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var (_, link) = await org.GuestAsync(NewEmail("ada"));
        var (_, another) = await org.GuestAsync(NewEmail("bob"));
        foreach (var wrong in new[]
        {
            link with { Secret = another.Secret }, link with { InvitationId = another.InvitationId },
            link with { InvitationId = Guid.NewGuid() },
            link with { OrganizationSlug = other.Slug }, link with { OrganizationSlug = "nowhere" },
        })
        {
            Assert.Equal(new Offer(OfferState.Unknown, Viewer.NewPerson), await app.LookAsync(wrong));
            Assert.Equal(InvitationErrors.LinkUnknown, (await app.JoinAsync(wrong)).Error);
            Assert.Equal(InvitationErrors.LinkUnknown, (await app.DeclineAsync(wrong)).Error);
            Assert.Equal(InvitationErrors.LinkUnknown, (await app.AskForNewAsync(wrong)).Error);
        }

        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task Invited_without_a_mail_there_is_no_invitation_until_somebody_sends_one()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = (await org.TryInviteAsync(NewEmail("ada"), how: RefuseSecond with { SendMail = false })).Value.Member;
        Assert.Empty((await org.MemberAsync(ada.Identifier)).Invitations);
        Assert.Empty(await org.OutboxAsync());
        Assert.Null((await org.ResendAsync(org.Owner, ada)).Error);
        Assert.Equal(
            InvitationStatus.Pending, Assert.Single((await org.MemberAsync(ada.Identifier)).Invitations).Status);
        Assert.Equal(ada.Identifier, Assert.Single(await org.OutboxAsync()).Recipient);
    }
}
