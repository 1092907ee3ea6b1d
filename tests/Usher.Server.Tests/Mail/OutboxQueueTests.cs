using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Outbox;
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

    private static async Task<(DeliveryState Delivery, string? Reason)> DeliveryAsync(
        QueueDatabase database, OutboxMessage message) =>
        await database.InvitationAsync(message) is var invitation
            ? (invitation.Delivery, invitation.DeliveryReason)
            : default;
}
