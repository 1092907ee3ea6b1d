using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;
using Secret = Usher.Core.Secret;

namespace Usher.Server.Tests.Mail;

public sealed class OutboxQueueTests
{
    [Fact]
    public async Task A_claim_keeps_others_off_for_a_minute()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();

        var first = Assert.Single(await database.ClaimAsync());
        Assert.Equal((1, database.Clock.Now() + OutboxQueue.ClaimLength), (first.Attempts, first.NextAttemptAt));
        database.Clock.Move(OutboxQueue.ClaimLength - TimeSpan.FromMilliseconds(1));
        Assert.Empty(await database.ClaimAsync());
        database.Clock.Move(TimeSpan.FromMilliseconds(1));

        var second = Assert.Single(await database.ClaimAsync());
        Assert.Equal((first.Id, 2), (second.Id, second.Attempts));
    }

    [Fact]
    public async Task Nodes_that_claim_at_once_share_the_work()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 40);

        var claims = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ =>
            Task.Run(() => database.ClaimAsync(max: 7))));

        Assert.All(claims, claim => Assert.True(claim.Count <= 7));
        var claimed = claims.SelectMany(c => c).Concat(await database.ClaimAsync(max: 40)).ToList();
        Assert.Equal(40, claimed.Count);
        Assert.Equal(40, claimed.Select(m => m.Id).Distinct().Count());
        Assert.All(claimed, m => Assert.Equal(1, m.Attempts));
    }

    [Fact]
    public async Task An_idle_look_does_not_ring_for_the_next()
    {
        await using var database = await QueueDatabase.CreateAsync();
        Assert.Empty(await database.ClaimAsync());

        var waiting = database.Services.GetRequiredService<OutboxDoorbell>()
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);
        database.Services.GetRequiredService<OutboxDoorbell>().Ring();
        await waiting;
    }

    [Fact]
    public async Task A_sent_message_loses_its_secret_and_moves_its_invitation()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var message = Assert.Single(await database.ClaimAsync());
        var opened = await database.OpenAsync(message);
        Assert.True(Secret.IsWellFormed(opened!.Secret!, Secret.InvitationPrefix));
        Assert.DoesNotContain(opened.Secret!, $"{opened}", StringComparison.Ordinal);

        await database.SentAsync(message);

        var row = await database.ReadAsync(message);
        Assert.Equal((OutboxState.Sent, database.Clock.Now(), null), (row.State, row.SentAt, row.LastError));
        Assert.Null(row.Secret);
        Assert.Equal((DeliveryState.Sent, null), await DeliveryAsync(database, message));
        database.Clock.Move(TimeSpan.FromDays(2));
        Assert.Empty(await database.ClaimAsync());
    }

    [Fact]
    public async Task A_failed_message_is_tried_again_at_growing_distances_up_to_an_hour_and_given_up_after_a_day()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var begin = database.Clock.Now();
        var expected = TimeSpan.FromSeconds(10);
        while (true)
        {
            var message = Assert.Single(await database.ClaimAsync());
            if (await database.FailedAsync(message, $"no answer, {message.Attempts}"))
            {
                var row = await database.ReadAsync(message);
                Assert.Equal((OutboxState.Abandoned, $"no answer, {message.Attempts}"), (row.State, row.LastError));
                Assert.Null(row.Secret);
                Assert.Equal((DeliveryState.Failed, row.LastError), await DeliveryAsync(database, message));
                var told = await database.RunAsync((db, _) =>
                    db.Events.SingleAsync(e => e.Type == EventTypes.InvitationUndeliverable));
                Assert.Equal(
                    (ActorKind.System, "invitation", message.InvitationId),
                    (told.ActorKind, told.SubjectKind, (Guid?)told.SubjectId));
                Assert.Equal((message.Recipient, row.LastError), (told.Details!["email"], told.Details["reason"]));
                Assert.InRange(database.Clock.Now() - begin, TimeSpan.FromDays(1), TimeSpan.FromHours(25.5));
                return;
            }

            Assert.Equal(
                (DeliveryState.Queued, $"no answer, {message.Attempts}"), await DeliveryAsync(database, message));
            var next = (await database.ReadAsync(message)).NextAttemptAt;
            Assert.InRange(next - database.Clock.Now(), expected * 0.74, expected * 1.26);
            expected = expected * 2 < TimeSpan.FromHours(1) ? expected * 2 : TimeSpan.FromHours(1);
            database.Clock.Move(next - database.Clock.Now());
        }
    }

    [Fact]
    public async Task A_permanent_failure_is_given_up_at_once()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var message = Assert.Single(await database.ClaimAsync());

        Assert.True(await database.FailedAsync(
            message, "550 no such\r\nuser \uD800" + new string('x', 1000), permanent: true));

        var (delivery, reason) = await DeliveryAsync(database, message);
        Assert.Equal(DeliveryState.Failed, delivery);
        Assert.StartsWith("550 no such  user \uFFFDxxx", reason, StringComparison.Ordinal);
        Assert.Equal(500, reason!.Length);
    }

    [Theory]
    [InlineData("revoked")]
    [InlineData("accepted")]
    [InlineData("readdressed")]
    [InlineData("resent")]
    public async Task A_mail_whose_link_would_not_open_any_more_is_not_sent(string how)
    {
        await using var database = await QueueDatabase.CreateAsync();
        var ada = Assert.Single(await database.InviteAsync());
        var message = Assert.Single(await database.ClaimAsync());
        if (how is "resent") await database.ResendAsync(ada);
        else
        {
            await database.ChangeAsync(ada, (_, _, today) =>
            {
                if (how is "revoked") today.PendingInvitation!.End(InvitationStatus.Revoked, database.Clock.Now());
                else if (how is "accepted") today.PendingInvitation!.Accept(Guid.NewGuid(), database.Clock.Now());
                else today.Identifier = "eve@example.test";
            });
        }

        Assert.Null(await database.OpenAsync(message));

        var row = await database.ReadAsync(message);
        Assert.Equal((OutboxState.Abandoned, "no longer wanted"), (row.State, row.LastError));
        Assert.Null(row.Secret);
        Assert.Equal(
            (how is "resent" ? DeliveryState.Queued : DeliveryState.None, null),
            await DeliveryAsync(database, message));
        Assert.Equal(0, await database.RunAsync((db, _) => db.Events.CountAsync()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_invitation_that_expired_before_its_mail_left_says_so(bool swept)
    {
        await using var database = await QueueDatabase.CreateAsync();
        var ada = Assert.Single(await database.InviteAsync());
        database.Clock.Move(TimeSpan.FromDays(7));
        if (swept)
            await database.ChangeAsync(
                ada, (_, _, today) => today.PendingInvitation!.End(InvitationStatus.Expired, database.Clock.Now()));
        var message = Assert.Single(await database.ClaimAsync());

        Assert.Null(await database.OpenAsync(message));

        Assert.Equal(
            (DeliveryState.Failed, "The invitation expired before its mail could be sent."),
            await DeliveryAsync(database, message));
        Assert.Equal(
            1,
            await database.RunAsync((db, _) =>
                db.Events.CountAsync(e => e.Type == EventTypes.InvitationUndeliverable)));
    }

    [Fact]
    public async Task A_secret_of_another_master_key_is_given_up_with_a_reason()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var message = Assert.Single(await database.ClaimAsync());
        message.Secret = new OutboxSecrets(new EphemeralDataProtectionProvider()).Protect("usi_x");

        Assert.Null(await database.OpenAsync(message));

        var (delivery, reason) = await DeliveryAsync(database, message);
        Assert.Equal(DeliveryState.Failed, delivery);
        Assert.Contains("master key", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_came_of_an_older_mail_does_not_speak_for_the_newer(bool sent)
    {
        await using var database = await QueueDatabase.CreateAsync();
        var ada = Assert.Single(await database.InviteAsync());
        var older = Assert.Single(await database.ClaimAsync());
        await database.ResendAsync(ada);

        if (sent) await database.SentAsync(older);
        else Assert.True(await database.FailedAsync(older, "no", permanent: true));
        Assert.Equal((DeliveryState.Queued, null), await DeliveryAsync(database, older));
        Assert.Equal(0, await database.RunAsync((db, _) => db.Events.CountAsync()));

        var newer = Assert.Single(await database.ClaimAsync());
        await database.SentAsync(newer);
        Assert.Equal((DeliveryState.Sent, null), await DeliveryAsync(database, older));
    }

    [Fact]
    public async Task A_node_that_lost_its_claim_can_still_say_sent_but_not_failed()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var late = Assert.Single(await database.ClaimAsync());
        database.Clock.Move(OutboxQueue.ClaimLength);
        var now = Assert.Single(await database.ClaimAsync());

        await database.FailedAsync(late, "too late", permanent: true);
        Assert.Equal(
            (OutboxState.Queued, null),
            ((await database.ReadAsync(late)).State, (await database.ReadAsync(late)).LastError));
        await database.SentAsync(late);
        await database.FailedAsync(now, "no", permanent: true);

        Assert.Equal(OutboxState.Sent, (await database.ReadAsync(now)).State);
        Assert.Equal((DeliveryState.Sent, null), await DeliveryAsync(database, now));
    }

    [Fact]
    public async Task Delivery_is_no_edit_of_the_invitation()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var message = Assert.Single(await database.ClaimAsync());
        var before = (await database.InvitationAsync(message)).Version;
        await database.SentAsync(message);

        Assert.Equal(before, (await database.InvitationAsync(message)).Version);
    }

    [Fact]
    public async Task Each_result_of_a_batch_is_recorded_as_what_it_is()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 5);
        var claimed = await database.ClaimAsync();
        var (sent, failed, refused, unwanted, released) =
            (claimed[0], claimed[1], claimed[2], claimed[3], claimed[4]);

        var givenUp = await database.RecordAsync(
            new(released, OutboxOutcome.Released), new(unwanted, OutboxOutcome.Unwanted, "no longer wanted"),
            new(refused, OutboxOutcome.Refused, "no such user"), new(failed, OutboxOutcome.Failed, "greylisted"),
            new(sent, OutboxOutcome.Sent));

        Assert.Equal([refused], givenUp);
        var now = database.Clock.Now();
        await AssertAsync(sent, OutboxState.Sent, null, 1, DeliveryState.Sent, null);
        await AssertAsync(failed, OutboxState.Queued, "greylisted", 1, DeliveryState.Queued, "greylisted");
        await AssertAsync(refused, OutboxState.Abandoned, "no such user", 1, DeliveryState.Failed, "no such user");
        await AssertAsync(unwanted, OutboxState.Abandoned, "no longer wanted", 1, DeliveryState.None, null);
        await AssertAsync(released, OutboxState.Queued, null, 0, DeliveryState.Queued, null);
        Assert.Equal(now, (await database.ReadAsync(sent)).SentAt);
        Assert.Equal(now, (await database.ReadAsync(released)).NextAttemptAt);
        Assert.InRange((await database.ReadAsync(failed)).NextAttemptAt - now, S(7.4), S(12.6));
        var told = await database.RunAsync((db, _) => db.Events.SingleAsync());
        Assert.Equal((EventTypes.InvitationUndeliverable, refused.InvitationId), (told.Type, (Guid?)told.SubjectId));

        async Task AssertAsync(
            OutboxMessage message, OutboxState state, string? error, int attempts, DeliveryState delivery,
            string? reason)
        {
            var row = await database.ReadAsync(message);
            Assert.Equal((state, error, attempts), (row.State, row.LastError, row.Attempts));
            Assert.Equal(state is OutboxState.Queued, row.Secret is not null);
            Assert.Equal((delivery, reason), await DeliveryAsync(database, message));
        }

        static TimeSpan S(double seconds) => TimeSpan.FromSeconds(seconds);
    }

    [Fact]
    public async Task A_released_message_is_claimed_at_once_and_its_second_release_does_not_end_the_new_claim()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var first = Assert.Single(await database.ClaimAsync());
        database.Clock.Move(TimeSpan.FromSeconds(1));
        await database.RecordAsync(new OutboxResult(first, OutboxOutcome.Released));

        var second = Assert.Single(await database.ClaimAsync());
        await database.RecordAsync(new OutboxResult(first, OutboxOutcome.Released));

        Assert.Equal((first.Id, 1), (second.Id, second.Attempts));
        Assert.Empty(await database.ClaimAsync());
    }

    [Fact]
    public async Task A_message_that_was_both_sent_and_refused_in_one_batch_was_sent()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync();
        var late = Assert.Single(await database.ClaimAsync());
        database.Clock.Move(OutboxQueue.ClaimLength);
        var now = Assert.Single(await database.ClaimAsync());

        await database.RecordAsync(new(now, OutboxOutcome.Refused, "no"), new(late, OutboxOutcome.Sent));

        Assert.Equal(OutboxState.Sent, (await database.ReadAsync(now)).State);
        Assert.Equal((DeliveryState.Sent, null), await DeliveryAsync(database, now));
    }

    [Fact]
    public async Task In_one_batch_only_the_newest_mail_of_an_invitation_speaks_for_it()
    {
        await using var database = await QueueDatabase.CreateAsync();
        var ada = Assert.Single(await database.InviteAsync());
        database.Clock.Move(TimeSpan.FromSeconds(1));
        await database.ResendAsync(ada);
        var claimed = await database.ClaimAsync();
        Assert.Equal(2, claimed.Count);

        await database.RecordAsync(
            new(claimed[1], OutboxOutcome.Sent), new(claimed[0], OutboxOutcome.Refused, "no such user"));

        Assert.Equal((DeliveryState.Sent, null), await DeliveryAsync(database, claimed[0]));
        Assert.Equal(0, await database.RunAsync((db, _) => db.Events.CountAsync()));
    }

    // What a batch costs does not depend on its size.
    [Fact]
    public async Task A_hundred_mails_are_claimed_opened_and_recorded_in_five_statements()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 101);
        database.Commands.Total.Take();

        var claimed = await database.ClaimAsync(max: 100);
        var opened = await database.RunAsync((_, queue) =>
            queue.OpenAsync(claimed, TestContext.Current.CancellationToken));
        await database.RecordAsync([.. claimed.Select(m => new OutboxResult(m, OutboxOutcome.Sent))]);

        // On SQLite the claim looks first, and commits in a transaction. On PostgreSQL the results lock first.
        Assert.Equal(TestDatabase.IsPostgres ? 1 : 2, database.Commands.Total.Commits);
        Assert.Equal(5, database.Commands.Total.Take().Count);
        Assert.Equal((100, 100), (claimed.Count, opened.Count));
        Assert.Equal(
            100, await database.RunAsync((db, _) => db.OutboxMessages.CountAsync(m => m.State == OutboxState.Sent)));
        Assert.Equal(
            100, await database.RunAsync((db, _) => db.Invitations.CountAsync(i => i.Delivery == DeliveryState.Sent)));
    }

    [Fact]
    public async Task Nodes_that_record_the_same_messages_at_once_do_not_block_each_other()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 50);
        var claimed = await database.ClaimAsync(max: 50);
        var results = claimed.Select(m => new OutboxResult(m, OutboxOutcome.Sent)).ToList();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
            database.RecordAsync([.. i % 2 is 0 ? results : results.AsEnumerable().Reverse()]))));

        Assert.Equal(
            50, await database.RunAsync((db, _) => db.Invitations.CountAsync(i => i.Delivery == DeliveryState.Sent)));
    }

    private static async Task<(DeliveryState Delivery, string? Reason)> DeliveryAsync(
        QueueDatabase database, OutboxMessage message) =>
        await database.InvitationAsync(message) is var invitation
            ? (invitation.Delivery, invitation.DeliveryReason)
            : default;
}
