using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// The sponsor of an offer is judged in full when it is accepted: active, still allowed to invite, still covering the
/// member. If not, nothing is given and nothing is removed: the invitation waits for an administrator.
/// </summary>
public sealed class SponsorTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private readonly UsherApp app = clocked.App;

    public static TheoryData<string> Losses => ["removed", "suspended", "demoted", "left"];

    private static async Task LoseAsync(TestOrganization org, TestMember sponsor, string how)
    {
        var error = how switch
        {
            "removed" => (await org.RemoveAsync(org.Owner, sponsor.Member.Id)).Error,
            "suspended" => (await org.UpdateAsync(org.Owner, sponsor.Member.Id, new() { Suspended = true })).Error,
            "demoted" =>
                (await org.UpdateAsync(
                    org.Owner, sponsor.Member.Id,
                    new() { Permissions = SetChange.Remove(Permissions.UserManagement) })).Error,
            _ =>
                (await org.App.WithAsync<MemberService, Result<Member>>(s =>
                    s.LeaveAsync(sponsor.Joined.Session!.UserId, sponsor.Member.Id, Ct))).Error,
        };
        Assert.Null(error);
    }

    private static Task<TestMember> ManagerAsync(TestOrganization org, params string[] more) =>
        org.JoinedAsync(
            NewEmail("max"),
            row => row with { FirstName = "Max", Permissions = [Permissions.UserManagement, .. more] });

    [Theory]
    [MemberData(nameof(Losses))]
    public async Task An_invitation_waits_for_a_decision_when_its_sponsor_may_no_longer_invite(string how)
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org);
        var (member, link) = await org.GuestAsync(NewEmail("ada"), by: await org.ActorAsync(sponsor.Member));
        await LoseAsync(org, sponsor, how);

        Assert.Equal(OfferState.Blocked, (await app.LookAsync(link)).State);
        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        var invitation = await org.InvitationAsync(link);
        Assert.Equal((InvitationStatus.Pending, true), (invitation.Status, invitation.BlockedAt is not null));
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(member.Identifier)).Status);

        Assert.Null((await EndorseAsync(org, org.Owner, member)).Error);
        Assert.Null((await app.JoinAsync(link)).Error);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync(member.Identifier)).Status);
    }

    [Theory]
    [InlineData("api")]
    [InlineData("import")]
    [InlineData("wavefront")]
    public async Task The_sponsor_stands_from_the_moment_the_member_is_made_mail_or_not(string surface)
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org, "alerts_management");
        var email = NewEmail("ada");
        var made = surface switch
        {
            "wavefront" => await sponsor.Client.SendAsync(
                HttpMethod.Post, "/api/v2/user?sendEmail=false",
                new { emailAddress = email, groups = new[] { "alerts_management" } }),
            "import" =>
                await org.PostAsync(
                    "imports?sendMail=false",
                    new { rows = new[] { new { email, permissions = new[] { "alerts_management" } } } },
                    sponsor.Client),
            _ =>
                await org.PostAsync(
                    "invitations", new { email, permissions = new[] { "alerts_management" }, delivery = "link" },
                    sponsor.Client),
        };
        Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync(Ct));
        if (surface is "import") await app.DrainAsync();
        Assert.Equal(sponsor.Member.Id, (await org.MemberAsync(email)).SponsorId);

        await LoseAsync(org, sponsor, "removed");
        await app.WithAsync<GuestService, bool>(async guests =>
        {
            await guests.SendMyLinkAsync(email, Ct);
            return true;
        });
        var invited = await org.MemberAsync(email);
        Assert.Equal(sponsor.Member.Id, Assert.Single(invited.Invitations).SponsorId);
        var link = await MailedLinkAsync(org, invited);
        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.Equal(
            (MemberStatus.Invited, 1),
            ((await org.MemberAsync(email)).Status, (await org.MemberAsync(email)).Permissions.Count));
    }

    [Fact]
    public async Task What_everyone_has_through_the_system_group_is_nothing_a_sponsor_must_cover()
    {
        var org = await app.CreateOrganizationAsync();
        var service = await org.ServiceAccountAsync(Permissions.UserManagement);
        var (_, link) = await org.GuestAsync(NewEmail("ada"), by: await org.ActorAsync(service));
        await org.GiveAsync(await org.SystemGroupAsync(SystemGroup.Everyone), "dashboard_management");
        Assert.Null((await app.JoinAsync(link)).Error);
        Assert.Null((await org.TryInviteAsync(NewEmail("bob"), by: await org.ActorAsync(service))).Error);
    }

    [Fact]
    public async Task A_sponsor_who_no_longer_covers_the_member_blocks_and_one_who_covers_again_does_not()
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org, "alerts_management");
        var (_, link) = await org.GuestAsync(
            NewEmail("ada"), row => row with { Permissions = ["alerts_management"] },
            await org.ActorAsync(sponsor.Member));
        Assert.Null(
            (await org.UpdateAsync(
                org.Owner, sponsor.Member.Id, new() { Permissions = SetChange.Remove("alerts_management") })).Error);
        Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.NotNull((await org.InvitationAsync(link)).BlockedAt);
        Assert.Null(
            (await org.UpdateAsync(
                org.Owner, sponsor.Member.Id, new() { Permissions = SetChange.Add("alerts_management") })).Error);
        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
        Assert.Null((await app.JoinAsync(link)).Error);
    }

    [Fact]
    public async Task A_suspended_sponsor_who_is_restored_stands_for_the_same_invitations_again()
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org);
        var (_, link) = await org.GuestAsync(NewEmail("ada"), by: await org.ActorAsync(sponsor.Member));
        await LoseAsync(org, sponsor, "suspended");
        Assert.NotNull((await org.InvitationAsync(link)).BlockedAt);
        Assert.Null((await org.UpdateAsync(org.Owner, sponsor.Member.Id, new() { Suspended = false })).Error);
        Assert.Null((await org.InvitationAsync(link)).BlockedAt);
        Assert.Null((await app.JoinAsync(link)).Error);
    }

    [Fact]
    public async Task A_sponsor_who_loses_the_right_by_a_group_is_found_when_the_invitation_is_accepted()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.CreateGroupAsync(new("Managers") { Permissions = [Permissions.UserManagement] });
        var sponsor = await org.JoinedAsync(NewEmail("max"), row => row with { Groups = [Reference.To(group.Id)] });
        var (_, link) = await org.GuestAsync(NewEmail("ada"), by: await org.ActorAsync(sponsor.Member));
        Assert.Null((await org.DeleteGroupAsync(org.Owner, group.Id)).Error);
        for (var i = 0; i < 2; i++) Assert.Equal(InvitationErrors.SponsorLostRight, (await app.JoinAsync(link)).Error);
        Assert.Single(
            await org.EventsAsync(), e => e.Type is EventTypes.InvitationBlocked && e.SubjectId == link.InvitationId);
    }

    [Fact]
    public async Task Endorsing_needs_to_cover_the_member_and_keeps_the_link_open_for_seven_days()
    {
        var org = await app.CreateOrganizationAsync();
        var (sponsor, other) = (await ManagerAsync(org, "alerts_management"), await ManagerAsync(org));
        var (member, link) = await org.GuestAsync(
            NewEmail("ada"), row => row with { Permissions = ["alerts_management"] },
            await org.ActorAsync(sponsor.Member));
        await LoseAsync(org, sponsor, "removed");
        Assert.Equal(
            MemberErrors.NotCovered, (await EndorseAsync(org, await org.ActorAsync(other.Member), member)).Error);
        clocked.Clock.Advance(TimeSpan.FromDays(5));
        Assert.Null((await EndorseAsync(org, org.Owner, member)).Error);
        var endorsed = await org.InvitationAsync(link);
        Assert.Equal(
            (clocked.Clock.Now() + TimeSpan.FromDays(7), org.Created.Owner.Id),
            (endorsed.ExpiresAt, endorsed.SponsorId));
        Assert.Null((await app.JoinAsync(link)).Error);
    }

    [Theory]
    [InlineData("block", 10, 0, 0)]
    [InlineData("endorse", 0, 10, 0)]
    [InlineData("revoke", 0, 0, 10)]
    public async Task Removing_a_sponsor_says_how_many_invitations_are_affected_and_does_with_them_as_asked(
        string action, int blocked, int endorsed, int revoked)
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org);
        var by = await org.ActorAsync(sponsor.Member);
        List<InvitationLink> links = [];
        for (var i = 0; i < 10; i++) links.Add((await org.GuestAsync(NewEmail("ada"), by: by)).Link);
        var path = $"members/mem_{ShortId.Of(sponsor.Member.Id)}?invitations={action}";
        var rehearsed = await (await org.DeleteAsync(path + "&dryRun=true")).JsonAsync("sponsoredInvitations");
        Assert.Equal(
            $"10 {blocked} {endorsed} {revoked}", rehearsed.Shown("affected", "blocked", "endorsed", "revoked"));
        Assert.Equal(OfferState.Open, (await app.LookAsync(links[0])).State);

        var removed = await (await org.DeleteAsync(path)).JsonAsync("sponsoredInvitations");
        Assert.Equal(rehearsed.ToString(), removed.ToString());
        var expected = action switch
        {
            "block" => OfferState.Blocked, "endorse" => OfferState.Open, _ => OfferState.Revoked,
        };
        foreach (var link in links) Assert.Equal(expected, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task Demoting_blocks_only_the_invitations_that_the_sponsor_no_longer_covers()
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org, "alerts_management");
        var by = await org.ActorAsync(sponsor.Member);
        var (_, plain) = await org.GuestAsync(NewEmail("ada"), by: by);
        var (_, more) = await org.GuestAsync(
            NewEmail("bob"), row => row with { Permissions = ["alerts_management"] }, by);
        var answer = await (await org.PatchAsync(
            $"members/mem_{ShortId.Of(sponsor.Member.Id)}",
            new { permissions = new[] { Permissions.UserManagement } })).JsonAsync("sponsoredInvitations");
        Assert.Equal("1 1", answer.Shown("affected", "blocked"));
        Assert.Equal(
            (OfferState.Open, OfferState.Blocked),
            ((await app.LookAsync(plain)).State, (await app.LookAsync(more)).State));
    }

    [Fact]
    public async Task All_blocked_invitations_are_endorsed_by_one_call_and_a_rehearsal_changes_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var (sponsor, other) = (await ManagerAsync(org), await ManagerAsync(org));
        var (by, theirs) = (await org.ActorAsync(sponsor.Member), await org.ActorAsync(other.Member));
        List<InvitationLink> links = [];
        for (var i = 0; i < 10; i++) links.Add((await org.GuestAsync(NewEmail("ada"), by: by)).Link);
        var (_, untouched) = await org.GuestAsync(NewEmail("bob"), by: theirs);
        await LoseAsync(org, sponsor, "left");
        Assert.All(
            await org.PagesAsync("invitations?blocked=true", 4),
            i => Assert.True(i.GetProperty("blocked").GetBoolean()));

        foreach (var dryRun in new[] { true, false })
        {
            var job = await (await org.PostAsync(
                $"invitations/endorse?dryRun={(dryRun ? "true" : "false")}", new { all = true })).TextAsync("id");
            await app.DrainAsync();
            var counts = await (await org.GetAsync("jobs/" + job)).JsonAsync("counts");
            // the other manager's and the owner's own stay as they are
            Assert.Equal("10 2", counts.Shown("endorsed", "unchanged"));
            Assert.Equal(dryRun ? OfferState.Blocked : OfferState.Open, (await app.LookAsync(links[0])).State);
        }

        Assert.Equal(other.Member.Id, (await org.InvitationAsync(untouched)).SponsorId);
        foreach (var link in links) Assert.Null((await app.JoinAsync(link)).Error);
    }

    [Fact]
    public async Task Administrators_get_one_mail_a_day_with_all_that_are_blocked()
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org);
        var by = await org.ActorAsync(sponsor.Member);
        string[] guests = [NewEmail("ada"), NewEmail("bob")];
        foreach (var guest in guests) await org.GuestAsync(guest, by: by);
        await LoseAsync(org, sponsor, "removed");
        for (var round = 0; round < 3; round++) await TellAsync();
        var mail = Assert.Single(await BlockedMailsAsync(org));
        Assert.Equal(org.Created.Owner.Identifier, mail.Recipient);
        Assert.All(
            guests, guest => Assert.Contains(guest, mail.Parameters[OutboxParameters.Lines], StringComparison.Ordinal));
        clocked.Clock.Advance(TimeSpan.FromHours(25));
        await TellAsync();
        Assert.Equal(2, (await BlockedMailsAsync(org)).Count);
        clocked.Clock.Advance(TimeSpan.FromDays(10)); // expired: nothing waits any more
        await TellAsync();
        Assert.Equal(2, (await BlockedMailsAsync(org)).Count);
    }

    [Fact]
    public async Task Too_many_invitations_to_decide_about_refuse_the_change_and_nothing_of_it_stays()
    {
        var org = await app.CreateOrganizationAsync();
        var sponsor = await ManagerAsync(org, "ingestion");
        var (by, actor) = (
            await org.ActorAsync(sponsor.Member), await org.ActorAsync((await ManagerAsync(org)).Member));
        // The first one the actor does not cover: it would have to wait.
        await org.GuestAsync(NewEmail("ada"), row => row with { Permissions = ["ingestion"] }, by: by);
        Assert.All(
            await org.TryInviteAsync(
                [.. Enumerable.Range(0, 1_000).Select(i => new NewInvitation(NewEmail($"guest{i}")))], by),
            invited => Assert.Null(invited.Error));

        var digest = new OrganizationDigest(app, org.Id);
        await digest.IsUnchangedAsync();
        var change = new MemberChange { Permissions = SetChange.Remove(Permissions.UserManagement) };
        foreach (var action in new[] { SponsoredAction.Endorse, SponsoredAction.Revoke })
        {
            var how = new MemberUpdateOptions(UnknownReferences.Refuse) { Sponsored = action };
            var refused = await app.WithAsync<MemberService, Result<MemberSelection>>(members =>
                members.UpdateAsync(actor, [new(Id: sponsor.Member.Id)], change, how, Ct));
            Assert.Equal(InvitationErrors.TooManySponsored, refused.Error);
            Assert.True(await digest.IsUnchangedAsync());
        }

        Assert.Equal(1_001, (await org.UpdateAsync(actor, sponsor.Member.Id, change)).Value.Sponsored.Blocked);
    }

    [Fact]
    public async Task Endorsing_and_losing_the_right_at_once_end_in_one_of_the_two()
    {
        for (var round = 0; round < 5; round++)
        {
            var org = await app.CreateOrganizationAsync();
            var sponsor = await ManagerAsync(org);
            var (member, link) = await org.GuestAsync(NewEmail("ada"), by: await org.ActorAsync(sponsor.Member));
            await Task.WhenAll(LoseAsync(org, sponsor, "removed"), EndorseAsync(org, org.Owner, member));
            var invitation = await org.InvitationAsync(link);
            Assert.Equal(invitation.SponsorId == sponsor.Member.Id, invitation.BlockedAt is not null);
        }
    }

    private static Task<Result<InvitationView>> EndorseAsync(TestOrganization org, Actor by, Member member) =>
        org.App.WithAsync<InvitationService, Result<InvitationView>>(s =>
            s.EndorseAsync(by, new MemberKey(Id: member.Id), MemberDetails.None, Ct));

    private Task<bool> TellAsync() => app.WithAsync<InvitationService, bool>(async s =>
    {
        await s.TellBlockedAsync(Ct);
        return true;
    });

    private static async Task<List<OutboxMessage>> BlockedMailsAsync(TestOrganization org) =>
        (await org.OutboxAsync()).FindAll(m => m.Kind is OutboxKind.InvitationsBlocked);

    private async Task<InvitationLink> MailedLinkAsync(TestOrganization org, Member member) =>
        await app.QueryAsync(async db =>
    {
        var invitation = await db.Invitations.AsNoTracking()
            .SingleAsync(i => i.OrganizationId == org.Id && i.MemberId == member.Id, Ct);
        var message = await db.OutboxMessages.AsNoTracking()
            .SingleAsync(m => m.OrganizationId == org.Id && m.InvitationId == invitation.Id, Ct);
        return await app.WithAsync<OutboxSecrets, InvitationLink>(s =>
            Task.FromResult(new InvitationLink(org.Slug, invitation.Id, s.Reveal(message.Secret!))));
    });
}
