using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Usher.Core.Outbox;
using Usher.Server.Mail;
using Usher.Server.Workers;

namespace Usher.Server.Tests.Mail;

public sealed class OutboxWorkerTests
{
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
    public async Task A_message_that_waited_behind_slow_ones_until_its_claim_was_short_is_left_for_the_next()
    {
        await using var database = await QueueDatabase.CreateAsync();
        var post = new Post { Always = _ => Move(database, OutboxQueue.ClaimLength) };
        await database.InviteAsync(people: 20);
        using var worker = Worker(database, post);
        await worker.StartAsync(TestContext.Current.CancellationToken);

        await UntilAsync(database, states => states.All(s => s is OutboxState.Sent));
        await worker.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(20, post.Sent.Select(m => m.To).Distinct(StringComparer.Ordinal).Count());
        var attempts = await database.RunAsync((db, _) => db.OutboxMessages.Select(m => m.Attempts).ToListAsync());
        Assert.Contains(attempts, a => a > 1);

        static Task Move(QueueDatabase database, TimeSpan by)
        {
            database.Clock.Move(by);
            return Task.CompletedTask;
        }
    }

    private static OutboxWorker Worker(QueueDatabase database, IMailTransport transport) => new(
        database.Services.GetRequiredService<IServiceScopeFactory>(),
        database.Services.GetRequiredService<OutboxDoorbell>(), transport, Samples.Renderer(),
        database.Clock, NullLogger<OutboxWorker>.Instance);

    private static Task<List<OutboxState>> StatesAsync(QueueDatabase database) =>
        database.RunAsync((db, _) => db.OutboxMessages.Select(m => m.State).ToListAsync());

    private static async Task UntilAsync(QueueDatabase database, Predicate<List<OutboxState>> enough)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (await StatesAsync(database) is var states && (states is [] || !enough(states)))
            await Task.Delay(50, limit.Token);
    }

    private sealed class Post : IMailTransport
    {
        private int begun;

        public int Begun => begun;

        public ConcurrentBag<OutgoingMail> Sent { get; } = [];

        public ConcurrentDictionary<string, Func<CancellationToken, Task>> At { get; } = new(StringComparer.Ordinal);

        public Func<CancellationToken, Task>? Always { get; init; }

        public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
        {
            Interlocked.Increment(ref begun);
            if (At.TryGetValue(mail.To, out var special)) await special(ct);
            if (Always is not null) await Always(ct);
            Sent.Add(mail);
        }
    }
}
