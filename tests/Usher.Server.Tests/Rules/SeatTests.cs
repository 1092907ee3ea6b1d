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
    public async Task Invites_that_their_clients_cancel_change_no_seats_of_any_organization()
    {
        var (cancelled, other) = (await LimitedAsync(1_000), await LimitedAsync(1_000));
        await AtOnceAsync(48, async i =>
        {
            using var client = cancelled.ClientOf(cancelled.Key);
            using var hangUp = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            if (i % 3 is not 0) hangUp.CancelAfter(TimeSpan.FromMilliseconds(1 + (i * 2)));
            try
            {
                var body = new StringContent(
                    $$$"""{"user":{"first_name":"Ada","email_address":"{{{NewEmail("ada")}}}"}}""", null,
                    "application/json");
                return (await client.PostAsync("/users", body, hangUp.Token)).StatusCode;
            }
            catch (OperationCanceledException) when (!Ct.IsCancellationRequested)
            {
                return default;
            }
        });

        // The pool's contexts, those of the cancelled requests among them, go on with another organization.
        var outcomes = await AtOnceAsync(32, _ => other.TryInviteAsync(NewEmail("bob"), by: other.Owner));
        Assert.All(outcomes, o => Assert.Null(o.Error));
        await AssertSeatsAsync(other, 33);
        var invited = (await cancelled.MembersAsync()).Count(m => m.TakesSeat);
        // the owner, the third that waited, and those that were answered before they hung up
        Assert.InRange(invited, 17, 49);
        await AssertSeatsAsync(cancelled, invited);
    }

    // The same at a place of the run that is chosen and not met by chance: after the seats were counted, before they
    // were saved.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_that_ends_before_it_saves_leaves_no_seats_to_the_next_one(bool locked)
    {
        var (first, other) = (await LimitedAsync(10), await LimitedAsync(10));
        await app.QueryAsync(async db =>
        {
            Task<bool> FailAsync()
            {
                db.ChangeSeats(first.Id, 5);
                throw new OperationCanceledException();
            }

            await Assert.ThrowsAsync<OperationCanceledException>(() =>
                locked ? db.RunLockedAsync(FailAsync, Ct) : db.RunAsync(FailAsync, Ct));
            return await db.RunAsync(async () =>
            {
                db.ChangeSeats(other.Id, 1);
                return await db.SaveChangesAsync(Ct);
            }, Ct);
        });
        Assert.Equal((1, 2), ((await first.RowAsync()).SeatsUsed, (await other.RowAsync()).SeatsUsed));
    }

    [Fact]
    public async Task A_batch_takes_the_seats_there_are_in_its_order_and_the_rest_is_told()
    {
        var org = await LimitedAsync(4);
        var outcomes = await org.TryInviteAsync(
            [.. Enumerable.Range(0, 6).Select(i => new NewInvitation(NewEmail($"p{i}")) { Permissions = [] })]);
        Assert.Equal([true, true, true, false, false, false], outcomes.Select(o => o.Error is null));
        Assert.All(outcomes.Skip(3), o => Assert.Equal(InvitationErrors.SeatsExhausted, o.Error));
        await AssertSeatsAsync(org, 4);

        var none = await org.TryInviteAsync(
            [new(NewEmail("a")), new(NewEmail("b"))], how: RefuseSecond with { AllOrNothing = true });
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
        var (_, link) = await org.GuestAsync(
            NewEmail("eve"), row => row with { Permissions = ["ingestion"] }, by: manager);
        await AssertSeatsAsync(org, 3);
        await org.RemoveAsync(org.Owner, manager.Id);
        Assert.Equal("sponsor_lost_right", (await app.JoinAsync(link)).Error?.Code);
        await AssertSeatsAsync(org, 2); // the invitation waits for a decision, and keeps its seat
    }

    [Fact]
    public async Task Thirty_removals_of_one_member_at_once_free_one_seat()
    {
        var org = await LimitedAsync(5);
        var member = (await org.TryInviteAsync(NewEmail("ada"))).Value.Member;
        var link = await org.LinkAsync(member);
        var results = await AtOnceAsync(
            30,
            async i =>
                i % 2 is 0
                    ? (await org.RemoveAsync(org.Owner, member.Id)).Error
                    : (await app.DeclineAsync(link)).Error);
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
        Assert.Equal(
            4, (await org.MembersAsync()).Count(m => m is { Status: MemberStatus.Active, Kind: MemberKind.Person }));

        await SetLimitAsync(org, null);
        Assert.Null((await org.TryInviteAsync(NewEmail("bob"))).Error);
        await SetLimitAsync(org, 6);
        await AssertSeatsAsync(org, 5);
    }

    [Fact]
    public async Task A_limit_is_an_operators_and_at_least_one()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            OrganizationErrors.NotAllowed,
            (await app.WithAsync<OrganizationService, Result<Organization>>(s =>
                s.SetSeatLimitAsync(org.Owner, 1_000, Ct))).Error);
        Assert.Equal(
            OrganizationErrors.SeatLimitInvalid,
            (await app.WithAsync<OrganizationService, Result<Organization>>(s =>
                s.SetSeatLimitAsync(org.System, 0, Ct))).Error);
    }

    private async Task<TestOrganization> LimitedAsync(int limit)
    {
        var org = await app.CreateOrganizationAsync();
        await SetLimitAsync(org, limit);
        return org;
    }

    private async Task SetLimitAsync(TestOrganization org, int? limit) =>
        Assert.Null(
            (await app.WithAsync<OrganizationService, Result<Organization>>(s =>
                s.SetSeatLimitAsync(org.System, limit, Ct))).Error);

    // What is kept, and what it stands for.
    private async Task AssertSeatsAsync(TestOrganization org, int used)
    {
        Assert.Equal(used, (await org.RowAsync()).SeatsUsed);
        Assert.Equal(used, (await org.MembersAsync()).Count(m => m.TakesSeat));
    }
}
