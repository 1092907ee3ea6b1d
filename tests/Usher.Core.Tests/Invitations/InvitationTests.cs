using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Tests.Invitations;

public sealed class InvitationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);
    private static readonly Actor Olivia = new(
        ActorKind.Member, Guid.NewGuid(), "Olivia Owner", Guid.NewGuid(), EffectiveAccess.Everything);
    private static readonly Actor Max = Olivia with { Id = Guid.NewGuid(), Name = "Max Manager" };

    [Fact]
    public void Sending_starts_the_clock_and_names_the_sponsor()
    {
        var invitation = Sent();
        Assert.Equal(InvitationStatus.Pending, invitation.Status);
        Assert.Equal((Now + Week, Now, 1), (invitation.ExpiresAt, invitation.LastSentAt!.Value, invitation.SentCount));
        Assert.Equal(
            (ActorKind.Member, Olivia.Id, "Olivia Owner"),
            (invitation.SponsorKind, invitation.SponsorId, invitation.SponsorName));
        Assert.Equal(DeliveryState.Queued, invitation.Delivery);
    }

    [Fact]
    public void It_is_open_until_the_very_moment_it_expires_whoever_has_swept_or_not()
    {
        var invitation = Sent();
        Assert.True(invitation.IsOpen(Now + Week - TimeSpan.FromMilliseconds(1)));
        Assert.False(invitation.IsOpen(Now + Week));
        Assert.Equal(InvitationStatus.Pending, invitation.StatusAt(Now + Week - TimeSpan.FromMilliseconds(1)));
        Assert.Equal(InvitationStatus.Expired, invitation.StatusAt(Now + Week));
        Assert.Equal(InvitationStatus.Pending, invitation.Status);
    }

    [Fact]
    public void Sending_again_restarts_the_clock_and_adds_a_secret_and_the_sponsor_is_the_members()
    {
        var invitation = Sent();
        invitation.Member.SponsoredBy(Max);
        invitation.Send([2], provesAddress: true, Now.AddDays(1), Week);
        Assert.Equal((Now.AddDays(8), 2, Max.Id), (invitation.ExpiresAt, invitation.SentCount, invitation.SponsorId));
        Assert.Equal([1, 2], invitation.Secrets.Select(s => s.Sequence));
        Assert.Equal(new byte[] { 2 }, invitation.Secrets.MaxBy(s => s.Sequence)!.Hash);
    }

    [Fact]
    public void A_guests_own_wish_for_a_new_link_leaves_the_sponsor()
    {
        var invitation = Sent();
        invitation.Send([2], provesAddress: true, Now.AddDays(1), Week);
        Assert.Equal(Olivia.Id, invitation.SponsorId);
    }

    [Fact]
    public void An_expired_one_that_is_sent_again_is_pending_again()
    {
        var invitation = Sent();
        invitation.End(InvitationStatus.Expired, Now + Week);
        Assert.Equal(InvitationStatus.Expired, invitation.Status);
        invitation.Send([2], provesAddress: true, Now.AddDays(8), Week);
        Assert.Equal(InvitationStatus.Pending, invitation.StatusAt(Now.AddDays(9)));
        Assert.Null(invitation.EndedAt);
    }

    [Fact]
    public void A_terminal_state_never_changes_again()
    {
        foreach (var end in new[] { InvitationStatus.Declined, InvitationStatus.Revoked, InvitationStatus.Superseded })
        {
            var invitation = Sent();
            invitation.End(end, Now.AddDays(1), "why");
            foreach (var other in new[]
                {
                    InvitationStatus.Declined, InvitationStatus.Revoked, InvitationStatus.Expired,
                    InvitationStatus.Superseded,
                })
                invitation.End(other, Now.AddDays(2), "another");
            Assert.Equal(
                (end, Now.AddDays(1), "why"), (invitation.Status, invitation.EndedAt!.Value, invitation.EndReason));
        }

        var accepted = Sent();
        accepted.Accept(Max.Id, Now);
        accepted.End(InvitationStatus.Revoked, Now);
        Assert.Equal(
            (InvitationStatus.Accepted, Max.Id, Now),
            (accepted.Status, accepted.AcceptedBy!.Value, accepted.AcceptedAt!.Value));
        Assert.Equal(InvitationStatus.Accepted, accepted.StatusAt(Now.AddYears(1)));
    }

    [Fact]
    public void A_link_handed_over_by_hand_says_nothing_about_a_mails_delivery()
    {
        var invitation = Invitation.Of(NewMember(), Now);
        invitation.Send([1], provesAddress: false, Now, Week);
        Assert.Equal(DeliveryState.None, invitation.Delivery);
        Assert.False(Assert.Single(invitation.Secrets).ProvesAddress);
    }

    private static Invitation Sent()
    {
        var invitation = Invitation.Of(NewMember(), Now);
        invitation.Send([1], provesAddress: true, Now, Week);
        return invitation;
    }

    [Fact]
    public void A_new_sponsor_ends_the_block_of_an_open_invitation_and_leaves_one_that_has_ended()
    {
        var (open, ended) = (Sent(), Sent());
        open.Block(Now);
        open.Block(Now.AddDays(1));
        Assert.Equal(Now, open.BlockedAt);
        ended.End(InvitationStatus.Revoked, Now);
        open.Member.SponsoredBy(Max);
        ended.Member.SponsoredBy(Max);
        Assert.Equal((null, Max.Id), (open.BlockedAt, open.SponsorId));
        Assert.Equal((Max.Id, Olivia.Id), (ended.Member.SponsorId, ended.SponsorId));
    }

    private static Member NewMember()
    {
        var member = new Member
        {
            OrganizationId = Olivia.OrganizationId, Id = Guid.NewGuid(), Number = 1, Identifier = "ada@example.test",
            Kind = MemberKind.Person, Status = MemberStatus.Invited, CreatedAt = Now,
        };
        member.SponsoredBy(Olivia);
        return member;
    }
}
