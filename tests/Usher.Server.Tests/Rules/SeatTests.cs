using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>Seats used are the persons invited, active or suspended, and never more than the limit lets in.</summary>
public sealed class SeatTests(UsherApp app)
{
    [Fact]
    public async Task Thirty_invites_at_once_fill_exactly_the_five_seats_there_are()
    {
        var org = await LimitedAsync(5);
        var outcomes = await AtOnceAsync(30, _ => org.TryInviteAsync(NewEmail("ada"), by: org.Owner));
        Assert.Equal(4, outcomes.Count(o => o.Error is null)); // the owner sits on the first
        Assert.Equal(26, outcomes.Count(o => o.Error == InvitationErrors.SeatsExhausted));
        await AssertSeatsAsync(org, 5);
    }

    [Fact]
    public async Task A_batch_takes_the_seats_there_are_in_its_order_and_the_rest_is_told()
    {
        var org = await LimitedAsync(4);
        var outcomes = await org.TryInviteAsync([.. Enumerable.Range(0, 6).Select(i => new NewInvitation(NewEmail($"p{i}")) { Permissions = [] })]);
        Assert.Equal([true, true, true, false, false, false], outcomes.Select(o => o.Error is null));
        Assert.All(outcomes.Skip(3), o => Assert.Equal(InvitationErrors.SeatsExhausted, o.Error));
        await AssertSeatsAsync(org, 4);

        var none = await org.TryInviteAsync([new(NewEmail("a")), new(NewEmail("b"))], how: RefuseSecond with { AllOrNothing = true });
        Assert.All(none, o => Assert.Equal(InvitationErrors.SeatsExhausted, o.Error));
        await AssertSeatsAsync(org, 4);
    }

    [Fact]
    public async Task Inviting_again_or_joining_takes_no_second_seat()
    {
        var org = await LimitedAsync(2);
        var email = NewEmail("ada");
        var (_, link) = await org.GuestAsync(email);
        Assert.Equal(InviteOutcome.Refreshed, (await org.TryInviteAsync(email, how: Refresh)).Value.Outcome);
        link = await org.LinkAsync(await org.MemberAsync(email));
        Assert.Null((await app.JoinAsync(link)).Error);
        await AssertSeatsAsync(org, 2);
    }

    [Fact]
    public async Task Removing_declining_and_revoking_free_a_seat_and_reviving_takes_one()
    {
        var org = await LimitedAsync(2);
        var email = NewEmail("ada");
        var removed = (await org.TryInviteAsync(email)).Value.Member;
        Assert.Equal(InvitationErrors.SeatsExhausted, (await org.TryInviteAsync(NewEmail("bob"))).Error);
        await org.RemoveAsync(org.Owner, removed.Id);
        await AssertSeatsAsync(org, 1);

        Assert.Equal(InviteOutcome.Revived, (await org.TryInviteAsync(email, how: Refresh)).Value.Outcome);
        await AssertSeatsAsync(org, 2);
        Assert.Null((await app.DeclineAsync(await org.LinkAsync(removed))).Error);
        await AssertSeatsAsync(org, 1);

        await SetLimitAsync(org, 3);
        var manager = await org.ManagerAsync("ingestion");
        var (_, link) = await org.GuestAsync(NewEmail("eve"), row => row with { Permissions = ["ingestion"] }, by: manager);
        await AssertSeatsAsync(org, 3);
        await org.RemoveAsync(org.Owner, manager.Id);
        Assert.Equal("sponsor_lost_right", (await app.JoinAsync(link)).Error?.Code);
        await AssertSeatsAsync(org, 1);
    }

    [Fact]
    public async Task Thirty_removals_of_one_member_at_once_free_one_seat()
    {
        var org = await LimitedAsync(5);
        var member = (await org.TryInviteAsync(NewEmail("ada"))).Value.Member;
        var link = await org.LinkAsync(member);
        var results = await AtOnceAsync(30, async i => i % 2 is 0 ? (await org.RemoveAsync(org.Owner, member.Id)).Error : (await app.DeclineAsync(link)).Error);
        Assert.Single(results, error => error is null);
        await AssertSeatsAsync(org, 1);
    }

    [Fact]
    public async Task Setting_a_limit_counts_anew_and_one_below_the_use_stops_new_people_only()
    {
        var org = await app.CreateOrganizationAsync();
        for (var i = 0; i < 3; i++) await org.JoinedAsync(NewEmail("ada"));
        var removed = (await org.TryInviteAsync(NewEmail("gone"))).Value.Member;
        await org.RemoveAsync(org.Owner, removed.Id);
        await org.ServiceAccountAsync();

        await SetLimitAsync(org, 2);
        await AssertSeatsAsync(org, 4);
        Assert.Equal(InvitationErrors.SeatsExhausted, (await org.TryInviteAsync(NewEmail("bob"))).Error);
        Assert.Equal(4, (await org.MembersAsync()).Count(m => m is { Status: MemberStatus.Active, Kind: MemberKind.Person }));

        await SetLimitAsync(org, null);
        Assert.Null((await org.TryInviteAsync(NewEmail("bob"))).Error);
        await SetLimitAsync(org, 6);
        await AssertSeatsAsync(org, 5);
    }

    [Fact]
    public async Task A_limit_is_an_operators_and_at_least_one()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(OrganizationErrors.NotAllowed, (await app.WithAsync<OrganizationService, Result<Organization>>(s => s.SetSeatLimitAsync(org.Owner, 1_000, Ct))).Error);
        Assert.Equal(OrganizationErrors.SeatLimitInvalid, (await app.WithAsync<OrganizationService, Result<Organization>>(s => s.SetSeatLimitAsync(org.System, 0, Ct))).Error);
    }

    private async Task<TestOrganization> LimitedAsync(int limit)
    {
        var org = await app.CreateOrganizationAsync();
        await SetLimitAsync(org, limit);
        return org;
    }

    private async Task SetLimitAsync(TestOrganization org, int? limit) =>
        Assert.Null((await app.WithAsync<OrganizationService, Result<Organization>>(s => s.SetSeatLimitAsync(org.System, limit, Ct))).Error);

    // What is kept, and what it stands for.
    private async Task AssertSeatsAsync(TestOrganization org, int used)
    {
        Assert.Equal(used, (await org.RowAsync()).SeatsUsed);
        Assert.Equal(used, (await org.MembersAsync()).Count(m => m.TakesSeat));
    }
}
