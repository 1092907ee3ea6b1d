using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>Taking away acts on the very next request.</summary>
public sealed class TakingAwayTests(UsherApp app)
{
    [Fact]
    public async Task A_removed_members_key_session_and_link_are_refused_on_the_next_request()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var (member, link) = await org.GuestAsync(email);
        var joined = (await app.JoinAsync(link)).Value;
        var key = (await org.CreateKeyAsync(org.System, member.Id)).Value.Secret;
        Assert.True(await IsLetInAsync(org, key));
        Assert.Contains(org.Created.Organization.Name, await MeAsync(joined.Session!.Secret), StringComparison.Ordinal);

        Assert.Null((await org.RemoveAsync(org.Owner, member.Id)).Error);
        Assert.False(await IsLetInAsync(org, key));
        Assert.DoesNotContain(
            org.Created.Organization.Name, await MeAsync(joined.Session.Secret), StringComparison.Ordinal);
        Assert.Empty(await app.QueryAsync(db => db.ApiKeys.Where(k => k.MemberId == member.Id).ToListAsync(Ct)));

        // The link was used, and leads nowhere now, neither for who used it nor for anybody else.
        Assert.Equal("invitation_used", (await app.JoinAsync(link)).Error?.Code);
        Assert.Equal("invitation_used", (await app.AcceptAsync(link, joined.Session.UserId)).Error?.Code);
        Assert.Equal("invitation_used", (await app.JoinAsync(link, "another long password")).Error?.Code);
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(email)).Status);

        // The person stays: he was never the organization's.
        Assert.Null((await app.SignInAsync(email)).Error);
    }

    [Fact]
    public async Task A_removed_guests_link_says_that_it_was_revoked()
    {
        var org = await app.CreateOrganizationAsync();
        var (member, link) = await org.GuestAsync(NewEmail("ada"));
        await org.RemoveAsync(org.Owner, member.Id);
        Assert.Equal(OfferState.Revoked, (await app.LookAsync(link)).State);
        Assert.False((await app.LookAsync(link)).CanAskForNew);
        Assert.Equal("invitation_revoked", (await app.JoinAsync(link)).Error?.Code);
        Assert.Equal("invitation_revoked", (await app.DeclineAsync(link)).Error?.Code);
        Assert.Equal("invitation_revoked", (await app.AskForNewAsync(link)).Error?.Code);
        Assert.Equal(MemberErrors.NotFound, (await org.ResendAsync(org.Owner, member)).Error);
        Assert.Equal(MemberErrors.NotFound, (await org.RemoveAsync(org.Owner, member.Id)).Error);
    }

    [Fact]
    public async Task A_member_who_comes_back_does_not_bring_his_old_keys_and_rights_along()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(
            NewEmail("ada"),
            row => row with { Role = BuiltInRole.Admin, Permissions = ["ingestion"], AllResources = true });
        await org.RemoveAsync(org.Owner, ada.Member.Id);
        Assert.Equal(
            InviteOutcome.Revived, (await org.TryInviteAsync(ada.Member.Identifier, how: Refresh)).Value.Outcome);
        var link = await org.LinkAsync(ada.Member);
        Assert.Equal(Viewer.MustSignIn, (await app.LookAsync(link)).Viewer);
        Assert.Null((await app.AcceptAsync(link, ada.Joined.Session!.UserId)).Error);

        Assert.False(await IsLetInAsync(org, ada.Key));
        var access = (await org.ActorAsync(ada.Member)).Access;
        Assert.False(access.IsAdmin || access.Has("ingestion") || access.Everywhere is not AccessLevel.None);
    }

    // Otherwise a key made at the wrong moment would wait for the member to come back.
    [Fact]
    public async Task A_key_made_while_its_member_is_removed_does_not_outlive_him()
    {
        var org = await app.CreateOrganizationAsync();
        for (var round = 0; round < 10; round++)
        {
            var ada = await org.JoinedAsync(NewEmail("ada"));
            var adas = await org.ActorAsync(ada.Member);
            await AtOnceAsync(8, async i =>
                i is 3
                    ? (await org.RemoveAsync(org.Owner, ada.Member.Id)).Error
                    : (await org.CreateKeyAsync(i % 2 is 0 ? adas : org.Owner, ada.Member.Id)).Error);
            Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Member.Identifier)).Status);
            Assert.Equal(0, await app.QueryAsync(db => db.ApiKeys.CountAsync(k => k.MemberId == ada.Member.Id, Ct)));
        }
    }

    [Fact]
    public async Task In_a_suspended_organization_no_key_acts_and_no_link_opens()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var (_, link) = await org.GuestAsync(email);
        await SuspendAsync(org, true);

        Assert.False(await IsLetInAsync(org, org.Key));
        Assert.Equal(OfferState.Unknown, (await app.LookAsync(link)).State);
        Assert.Equal(InvitationErrors.LinkUnknown, (await app.JoinAsync(link)).Error);
        Assert.Equal(InvitationErrors.LinkUnknown, (await app.AskForNewAsync(link)).Error);
        await SendMyLinkAsync(email);
        Assert.Empty(await org.OutboxAsync());

        await SuspendAsync(org, false);
        Assert.True(await IsLetInAsync(org, org.Key));
        Assert.Equal(OfferState.Open, (await app.LookAsync(link)).State);
    }

    [Fact]
    public async Task A_suspended_member_can_do_nothing_and_cannot_let_himself_in_again()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var (guest, link) = await org.GuestAsync(NewEmail("bob"));
        foreach (var id in new[] { ada.Member.Id, guest.Id })
            await app.QueryAsync(db =>
                db.Members.Where(m => m.Id == id)
                    .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Suspended), Ct));

        Assert.False(await IsLetInAsync(org, ada.Key));
        Assert.NotNull((await org.CreateKeyAsync(org.Owner, ada.Member.Id)).Error);
        Assert.NotNull((await app.JoinAsync(link)).Error);
        await SendMyLinkAsync(guest.Identifier);
        Assert.Empty(await org.OutboxAsync());
        Assert.All(
            await org.MembersAsync(),
            m => Assert.Equal(m.Id == org.Created.Owner.Id ? MemberStatus.Active : MemberStatus.Suspended, m.Status));
    }

    [Fact]
    public async Task A_permission_taken_from_a_group_is_gone_with_the_next_request()
    {
        var org = await app.CreateOrganizationAsync();
        var managers = await org.CreateGroupAsync(new("Managers") { Permissions = [Permissions.UserManagement] });
        var max = await org.JoinedAsync(NewEmail("max"), row => row with { Groups = [Reference.To(managers.Id)] });
        Assert.Equal(HttpStatusCode.OK, (await max.Client.GetAsync("/api/v2/user", Ct)).StatusCode);
        await app.ChangeAsync(
            async db => (await db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.Id == managers.Id, Ct))
            .Take(Grant.Permission(Permissions.UserManagement)));
        Assert.Equal(HttpStatusCode.Forbidden, (await max.Client.GetAsync("/api/v2/user", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_disabled_key_is_refused_and_one_that_may_only_read_reads()
    {
        var org = await app.CreateOrganizationAsync();
        var (key, secret) = (await org.CreateKeyAsync(org.Owner, org.Created.Owner.Id, readOnly: true)).Value;
        var client = org.ClientOf(secret);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/users", Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostTextAsync("/users", "{}")).StatusCode);
        await app.QueryAsync(db =>
            db.ApiKeys.Where(k => k.Id == key.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.Status, ApiKeyStatus.Disabled), Ct));
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/users", Ct)).StatusCode);
    }

    [Fact]
    public async Task A_session_that_was_ended_is_nobodys()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var secret = ada.Joined.Session!.Secret;
        Assert.NotNull(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(secret, Ct)));
        await app.WithAsync<SessionService, bool>(async s =>
        {
            await s.EndAsync(secret, Ct);
            await s.EndAsync(secret, Ct);
            return true;
        });
        Assert.Null(await app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(secret, Ct)));
    }

    // On one surface as on the other.
    private static async Task<bool> IsLetInAsync(TestOrganization org, string key)
    {
        using var client = org.ClientOf(key);
        var (who, user) = (
            (await client.GetAsync("/v1/users/whoami", Ct)).StatusCode,
            (await client.GetAsync("/api/v2/user/nobody@example.test", Ct)).StatusCode);
        Assert.Equal(who is HttpStatusCode.OK, user is not HttpStatusCode.Unauthorized);
        return who is HttpStatusCode.OK;
    }

    private async Task<string> MeAsync(string session)
    {
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Add(
            "Cookie", $"{app.Services.GetRequiredService<SiteCookies>().HostName("usher_session")}={session}");
        var page = await client.GetAsync("/me", Ct);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        return await page.Content.ReadAsStringAsync(Ct);
    }

    private Task SuspendAsync(TestOrganization org, bool suspended) => app.ChangeAsync(async db =>
        (await db.Organizations.SingleAsync(o => o.Id == org.Id, Ct)).SuspendedAt =
            suspended ? org.Created.Organization.CreatedAt : null);

    private Task SendMyLinkAsync(string email) => app.WithAsync<GuestService, bool>(async s =>
    {
        await s.SendMyLinkAsync(email, Ct);
        return true;
    });
}
