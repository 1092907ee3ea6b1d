using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Outbox;
using Usher.Server.Mail;
using Usher.Server.Workers;

namespace Usher.Server.Tests.Mail;

public sealed class OutboxWorkerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Everything_in_the_outbox_is_sent_soon_after_it_was_put_there()
    {
        var post = new Post();
        await using var database = await QueueDatabase.CreateAsync();
        using var worker = Worker(database, post);
        await worker.StartAsync(TestContext.Current.CancellationToken);

        await database.InviteAsync(people: 50);
        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));

        Assert.Equal(50, post.Sent.Select(m => m.To).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(50, post.Sent.Count);
        await worker.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task One_mail_that_fails_stops_no_other()
    {
        var post = new Post();
        post.At["ada0@example.test"] = _ => throw new MailException("test 550", "no such user", permanent: true);
        post.At["ada1@example.test"] = _ => throw new MailException("test 450", "later", permanent: false);
        post.At["ada2@example.test"] = _ => throw new InvalidOperationException("a fault");
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 10);
        using var worker = Worker(database, post);
        await worker.StartAsync(TestContext.Current.CancellationToken);

        await UntilAsync(
            database,
            states => states.Count(s => s is OutboxState.Sent) is 7 && states.Contains(OutboxState.Abandoned));
        await worker.StopAsync(TestContext.Current.CancellationToken);

        var rows = await database.RunAsync((db, _) =>
            db.OutboxMessages.AsNoTracking().ToDictionaryAsync(m => m.Recipient));
        Assert.Equal(
            (OutboxState.Abandoned, "no such user"),
            (rows["ada0@example.test"].State, rows["ada0@example.test"].LastError));
        Assert.Equal(
            (OutboxState.Queued, "later"), (rows["ada1@example.test"].State, rows["ada1@example.test"].LastError));
        Assert.Equal(
            (OutboxState.Queued, "The mail could not be created. See the server's log."),
            (rows["ada2@example.test"].State, rows["ada2@example.test"].LastError));
    }

    [Fact]
    public async Task Stopping_finishes_the_mail_on_its_way_and_begins_no_other()
    {
        using var release = new SemaphoreSlim(0);
        var post = new Post { Always = ct => release.WaitAsync(ct) };
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 10);
        using var worker = Worker(database, post);
        await worker.StartAsync(TestContext.Current.CancellationToken);
        while (post.Begun < 4) await Task.Delay(10, TestContext.Current.CancellationToken);

        var stopping = worker.StopAsync(TestContext.Current.CancellationToken);
        release.Release(10);
        await stopping;

        Assert.Equal(4, post.Sent.Count);
        Assert.Equal(4, (await StatesAsync(database)).Count(s => s is OutboxState.Sent));
    }

    [Fact]
    public async Task A_message_that_waited_behind_slow_ones_until_its_claim_was_short_is_claimed_anew()
    {
        using var release = new SemaphoreSlim(0);
        await using var database = await QueueDatabase.CreateAsync();
        var post = new Post { Always = ct => release.WaitAsync(ct) };
        await database.InviteAsync(people: 20);
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);
        while (post.Begun < 4) await Task.Delay(10, Ct);

        var begin = database.Clock.Now();
        database.Clock.Move(TimeSpan.FromSeconds(50));
        release.Release(20);
        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await worker.StopAsync(Ct);

        Assert.Equal(20, post.Sent.Count);
        var rows = await database.RunAsync((db, _) => db.OutboxMessages.AsNoTracking().ToListAsync(Ct));
        Assert.All(rows, row => Assert.Equal(1, row.Attempts));
        Assert.Equal(16, rows.Count(row => row.NextAttemptAt > begin + OutboxQueue.ClaimLength));
    }

    [Fact]
    public async Task Stopping_releases_what_was_claimed_and_not_sent()
    {
        using var release = new SemaphoreSlim(0);
        await using var database = await QueueDatabase.CreateAsync();
        var post = new Post { Always = ct => release.WaitAsync(ct) };
        await database.InviteAsync(people: 30);
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);
        while (post.Begun < 4) await Task.Delay(10, Ct);

        var stopping = worker.StopAsync(Ct);
        release.Release(30);
        await stopping;

        Assert.Equal(4, post.Sent.Count);
        var claimed = await database.ClaimAsync(max: 30);
        Assert.Equal(26, claimed.Count);
        Assert.All(claimed, message => Assert.Equal(1, message.Attempts));
    }

    [Fact]
    public async Task What_a_dead_node_had_claimed_is_sent_by_another_once_the_claims_have_ended()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 150);
        Assert.Equal(100, (await database.ClaimAsync(max: 100)).Count);
        var post = new Post();
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);

        await UntilAsync(database, states => states.Count(s => s is OutboxState.Sent) is 50);
        database.Clock.Move(OutboxQueue.ClaimLength);
        database.Services.GetRequiredService<OutboxDoorbell>().Ring();
        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await worker.StopAsync(Ct);

        Assert.Equal(150, post.Sent.Count);
        Assert.Equal(150, post.Recipients);
    }

    [Fact]
    public async Task What_a_node_sent_without_recording_it_is_sent_again_and_nothing_is_lost()
    {
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 60);
        using var never = new SemaphoreSlim(0);
        var unrecorded = new Post { After = _ => never.WaitAsync(CancellationToken.None) };
        using var dying = Worker(database, unrecorded);
        await dying.StartAsync(Ct);
        while (unrecorded.Sent.Count < 4) await Task.Delay(10, Ct);

        database.Clock.Move(OutboxQueue.ClaimLength);
        var post = new Post();
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);
        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await worker.StopAsync(Ct);

        Assert.Equal(60, post.Recipients);
        Assert.Equal(60, post.Sent.Count);
        foreach (var mail in unrecorded.Sent)
            Assert.Contains(post.Sent, again => (again.To, again.MessageId) == (mail.To, mail.MessageId));
        never.Release(100);
        await dying.StopAsync(Ct);
    }

    [Fact]
    public async Task Two_nodes_empty_a_queue_of_500_and_send_each_mail_once()
    {
        var post = new Post();
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 500);
        using var one = Worker(database, post);
        using var two = Worker(database, post);
        await Task.WhenAll(one.StartAsync(Ct), two.StartAsync(Ct));

        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await Task.WhenAll(one.StopAsync(Ct), two.StopAsync(Ct));

        Assert.Equal(500, post.Recipients);
        Assert.Equal(500, post.Sent.Count);
        Assert.Equal(500, await database.RunAsync((db, _) =>
            db.Invitations.CountAsync(i => i.Delivery == DeliveryState.Sent)));
    }

    [Fact]
    public async Task A_mail_that_hangs_holds_up_neither_other_mails_nor_their_results()
    {
        using var release = new SemaphoreSlim(0);
        var post = new Post();
        post.At["ada0@example.test"] = ct => release.WaitAsync(ct);
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 250);
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);

        await UntilAsync(database, states => states.Count(s => s is OutboxState.Sent) is 249, seconds: 20);
        release.Release();
        await worker.StopAsync(Ct);

        Assert.Equal(250, post.Sent.Count);
    }

    [Fact]
    public async Task A_mail_that_is_revoked_while_it_waits_behind_slow_ones_is_not_sent()
    {
        using var release = new SemaphoreSlim(0);
        await using var database = await QueueDatabase.CreateAsync();
        var post = new Post { Always = ct => release.WaitAsync(ct) };
        var people = await database.InviteAsync(people: 6);
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);
        while (post.Begun < 4) await Task.Delay(10, Ct);
        await database.ChangeAsync(people[5], (_, _, ada) =>
            ada.PendingInvitation!.End(InvitationStatus.Revoked, database.Clock.Now()));

        await Task.Delay(300, Ct); // the check of the batch is no longer fresh
        release.Release(6);
        await UntilAsync(database, states => states.All(s => s is not OutboxState.Queued));
        await worker.StopAsync(Ct);

        Assert.Equal(5, post.Sent.Count);
        Assert.DoesNotContain(post.Sent, mail => mail.To == people[5].Identifier);
    }

    [Fact]
    public async Task A_queue_that_empties_costs_less_than_one_statement_for_each_mail()
    {
        var post = new Post();
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 300);
        database.Commands.Total.Take();
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);
        while (post.Sent.Count < 300) await Task.Delay(20, Ct);
        await worker.StopAsync(Ct);

        Assert.InRange(database.Commands.Total.Take().Count, 1, 299);
        Assert.All(await StatesAsync(database), state => Assert.Equal(OutboxState.Sent, state));
    }

    [Fact]
    public async Task Results_are_recorded_once_the_database_is_back()
    {
        var post = new Post();
        await using var database = await QueueDatabase.CreateAsync();
        await database.InviteAsync(people: 10);
        var failures = 2;
        database.Commands.Executing = command =>
        {
            if (command.CommandText.Contains("new_state", StringComparison.Ordinal)
                    && Interlocked.Decrement(ref failures) >= 0)
                throw new TimeoutException("The database did not answer.", new SocketException());
        };
        using var worker = Worker(database, post);
        await worker.StartAsync(Ct);

        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await worker.StopAsync(Ct);

        Assert.True(failures < 0);
        Assert.Equal(10, post.Sent.Count);
    }

    private static OutboxWorker Worker(QueueDatabase database, IMailTransport transport) => new(
        database.Services.GetRequiredService<IServiceScopeFactory>(),
        database.Services.GetRequiredService<OutboxDoorbell>(), transport, Samples.Renderer(),
        database.Clock, NullLogger<OutboxWorker>.Instance);

    private static Task<List<OutboxState>> StatesAsync(QueueDatabase database) =>
        database.RunAsync((db, _) => db.OutboxMessages.Select(m => m.State).ToListAsync());

    private static async Task UntilAsync(
        QueueDatabase database, Predicate<List<OutboxState>> enough, int seconds = 30)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(seconds));
        while (await StatesAsync(database) is var states && (states is [] || !enough(states)))
            await Task.Delay(50, limit.Token);
    }

    private sealed class Post : IMailTransport
    {
        private int begun;

        public int Begun => begun;

        public ConcurrentBag<OutgoingMail> Sent { get; } = [];

        /// <summary>How many different addresses got mail.</summary>
        public int Recipients => Sent.Select(mail => mail.To).Distinct(StringComparer.Ordinal).Count();

        public ConcurrentDictionary<string, Func<CancellationToken, Task>> At { get; } = new(StringComparer.Ordinal);

        public Func<CancellationToken, Task>? Always { get; init; }

        /// <summary>What happens after a mail was taken, and before the worker learns that.</summary>
        public Func<CancellationToken, Task>? After { get; init; }

        public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
        {
            Interlocked.Increment(ref begun);
            if (At.TryGetValue(mail.To, out var special)) await special(ct);
            if (Always is not null) await Always(ct);
            Sent.Add(mail);
            if (After is not null) await After(ct);
        }
    }
}
