using System.Threading.Channels;
using Usher.Core;
using Usher.Core.Outbox;
using Usher.Server.Mail;

namespace Usher.Server.Workers;

/// <summary>
/// Sends the mails in the outbox. Any number of nodes may run this worker. It claims mails in batches, sends several at
/// once, and records their results in batches.
/// </summary>
public sealed partial class OutboxWorker(
    IServiceScopeFactory scopes, OutboxDoorbell doorbell, IMailTransport transport, MailRenderer renderer,
    TimeProvider clock, ILogger<OutboxWorker> logger)
    : BackgroundService
{
    private const int Batch = 100;
    private const int MaxParallel = 4;

    // The longest delay before the worker finds retries, and mails of other nodes or lost signals.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    // The delay after a small batch. If mails arrive one by one, those of this time are claimed together.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(30);

    // The time left for recording the result before the claim ends and another node may send the mail.
    private static readonly TimeSpan RecordTime = TimeSpan.FromSeconds(5);

    // A mail that waited longer than this since it was checked is checked again before it is sent.
    private static readonly TimeSpan FreshFor = TimeSpan.FromMilliseconds(250);

    // The time that mails being sent get when the server stops; well below the host's own limit.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var mails = Channel.CreateBounded<ClaimedMail>(MaxParallel);
        var results = Channel.CreateBounded<MailResult>(2 * Batch);
        var recording = Task.Run(() => RecordAllAsync(results.Reader, stoppingToken), CancellationToken.None);
        var sending = Enumerable.Range(0, MaxParallel)
            .Select(_ => Task.Run(
                () => SendAllAsync(mails.Reader, results.Writer, stoppingToken), CancellationToken.None))
            .ToList();
        await ClaimAllAsync(mails.Writer, results.Writer, stoppingToken);
        mails.Writer.Complete();
        await Task.WhenAll(sending);
        results.Writer.Complete();
        await recording;
    }

    private async Task ClaimAllAsync(
        ChannelWriter<ClaimedMail> mails, ChannelWriter<MailResult> results, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var claimed = await WithQueueAsync(queue => queue.ClaimAsync(Batch, stopping));
                if (claimed is []) await doorbell.WaitAsync(PollInterval, stopping);
                else await HandOutAsync(claimed, mails, results, stopping);
                if (claimed.Count is > 0 and < Batch) await Task.Delay(Pause, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // For example, the database is unavailable. Mails wait; the server keeps running.
                Log.Broken(logger, e);
                await Task.Delay(PollInterval, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // Returns when all mails are being sent or about to be. When the server stops, the rest is released.
    private async Task HandOutAsync(
        IReadOnlyList<OutboxMessage> claimed, ChannelWriter<ClaimedMail> mails, ChannelWriter<MailResult> results,
        CancellationToken stopping)
    {
        Queue<ClaimedMail> waiting = new(await CheckAsync(claimed));
        while (waiting.TryPeek(out var mail))
        {
            if (mail.Opened is not null && !IsFresh(mail))
            {
                waiting = new(await CheckAsync([.. waiting.Select(w => w.Message)]));
                if (!waiting.TryPeek(out mail)) return;
            }

            waiting.Dequeue();
            try
            {
                await mails.WriteAsync(mail, stopping);
            }
            catch (OperationCanceledException)
            {
                await results.WriteAsync(Release(mail.Message), CancellationToken.None);
            }
        }
    }

    // Checks mails in one read. If that fails, each mail is checked on its own when it is sent.
    private async Task<IEnumerable<ClaimedMail>> CheckAsync(IReadOnlyList<OutboxMessage> messages)
    {
        try
        {
            var opened = await WithQueueAsync(queue => queue.OpenAsync(messages, CancellationToken.None));
            var checkedAt = clock.GetTimestamp();
            foreach (var message in messages.Except(opened.Select(o => o.Message)))
                Log.NotSent(logger, message.Id, message.OrganizationId);
            return opened.Select(o => new ClaimedMail(o.Message, o, checkedAt));
        }
        catch (Exception e)
        {
            Log.Broken(logger, e);
            return messages.Select(message => new ClaimedMail(message, null, 0));
        }
    }

    private async Task SendAllAsync(
        ChannelReader<ClaimedMail> mails, ChannelWriter<MailResult> results, CancellationToken stopping)
    {
        await foreach (var mail in mails.ReadAllAsync(CancellationToken.None))
        {
            if (await SendAsync(mail, stopping) is { } result)
                await results.WriteAsync(result, CancellationToken.None);
        }
    }

    /// <returns>Null if there is nothing to record.</returns>
    private async Task<MailResult?> SendAsync(ClaimedMail mail, CancellationToken stopping)
    {
        var message = mail.Message;

        // Slow mails before this one have used up the time of the claim. Another node may claim it during sending.
        if (stopping.IsCancellationRequested || message.NextAttemptAt - clock.Now() < SendTimeout + RecordTime)
            return Release(message);

        using var limit = new CancellationTokenSource(SendTimeout);
        await using var hurry = stopping.Register(() => limit.CancelAfter(StopTimeout));
        try
        {
            var opened = IsFresh(mail)
                ? mail.Opened
                : (await WithQueueAsync(queue => queue.OpenAsync([message], limit.Token))).SingleOrDefault();
            if (opened is not null) return await SendAsync(opened, limit.Token);
            Log.NotSent(logger, message.Id, message.OrganizationId);
            return null;
        }
        catch (Exception e)
        {
            Log.Unchecked(logger, e, message.Id, message.OrganizationId); // it will be claimed again in a minute
            return null;
        }
    }

    private async Task<MailResult> SendAsync(OpenedMessage opened, CancellationToken ct)
    {
        try
        {
            await transport.SendAsync(await renderer.RenderAsync(opened), ct);
            return new(new(opened.Message, OutboxOutcome.Sent));
        }
        catch (MailException e)
        {
            var outcome = e.Permanent ? OutboxOutcome.Refused : OutboxOutcome.Failed;
            return new(new(opened.Message, outcome, e.Message), e.Code);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return new(
                new(opened.Message, OutboxOutcome.Failed, "The mail system did not answer in time."), "timeout");
        }
        catch (Exception e)
        {
            // An internal error. An exception's message may contain anything, so people do not see it.
            Log.Fault(logger, e, opened.Message.Id, opened.Message.OrganizationId);
            const string reason = "The mail could not be created. See the server's log.";
            return new(new(opened.Message, OutboxOutcome.Failed, reason), "fault");
        }
    }

    private async Task<T> WithQueueAsync<T>(Func<OutboxQueue, Task<T>> work)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<OutboxQueue>());
    }

    private bool IsFresh(ClaimedMail mail) =>
        mail.Opened is not null && clock.GetElapsedTime(mail.CheckedAt) < FreshFor;

    private static MailResult Release(OutboxMessage message) => new(new(message, OutboxOutcome.Released));

    /// <summary>A mail to send.</summary>
    /// <param name="Message">The claimed message.</param>
    /// <param name="Opened">The checked message; null if it must be checked before sending.</param>
    /// <param name="CheckedAt">The clock's timestamp of the check.</param>
    private sealed record ClaimedMail(OutboxMessage Message, OpenedMessage? Opened, long CheckedAt);

    /// <summary>A result to record.</summary>
    /// <param name="Result">The result of the message.</param>
    /// <param name="Code">The failure's code for the log; empty if there was none.</param>
    private sealed record MailResult(OutboxResult Result, string Code = "");
}
