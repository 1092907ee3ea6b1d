using System.Threading.Channels;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Outbox;

namespace Usher.Server.Workers;

public sealed partial class OutboxWorker
{
    // The time that a result waits for others. All results of this time share a commit. If the server is killed, the
    // mails sent in this time are sent again.
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Ends when all results are recorded, even while stopping; otherwise sent mails would be sent again.
    private async Task RecordAllAsync(ChannelReader<MailResult> results, CancellationToken stopping)
    {
        while (await results.WaitToReadAsync(CancellationToken.None))
        {
            if (results.Count < Batch)
                await Task.Delay(Linger, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            List<MailResult> batch = [];
            while (batch.Count < Batch && results.TryRead(out var result)) batch.Add(result);
            await RecordAsync(batch, stopping);
        }
    }

    // Repeats until the results are recorded or the claims have ended. A batch that cannot be recorded is recorded one
    // by one, so that a single result does not affect the others.
    private async Task RecordAsync(IReadOnlyList<MailResult> batch, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                var givenUp = await WithQueueAsync(queue =>
                    queue.RecordAsync([.. batch.Select(r => r.Result)], CancellationToken.None));
                foreach (var result in batch) LogResult(result, givenUp.Contains(result.Result.Message));
                return;
            }
            catch (Exception e) when (batch.Count > 1 && Outage.Find(e) is null)
            {
                foreach (var result in batch) await RecordAsync([result], stopping);
                return;
            }
            catch (Exception e)
            {
                var isLate = batch.All(r => r.Result.Message.NextAttemptAt <= clock.Now());
                if (isLate || stopping.IsCancellationRequested || Outage.Find(e) is null)
                {
                    foreach (var result in batch)
                        Log.Lost(logger, e, result.Result.Message.Id, result.Result.Message.OrganizationId);
                    return;
                }

                Log.NotRecorded(logger, e, batch.Count);
                await Task.Delay(RetryDelay, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void LogResult(MailResult result, bool isGivenUp)
    {
        var ((message, outcome, _), code) = result;
        var (id, organization, attempts) = (message.Id, message.OrganizationId, message.Attempts);
        if (outcome is OutboxOutcome.Sent) Log.Sent(logger, id, organization, attempts);
        else if (outcome is OutboxOutcome.Released) Log.Released(logger, id, organization);
        else if (isGivenUp) Log.GivenUp(logger, id, organization, attempts, code);
        else Log.Failed(logger, id, organization, attempts, code);
    }

    private static partial class Log
    {
        [LoggerMessage(
            3001, LogLevel.Information, "Sent mail {Message} of organization {Organization} at attempt {Attempt}.")]
        public static partial void Sent(ILogger logger, Guid message, Guid organization, int attempt);

        [LoggerMessage(
            3002, LogLevel.Warning,
            "Mail {Message} of organization {Organization} failed at attempt {Attempt} and will be retried: "
            + "{Code}.")]
        public static partial void Failed(ILogger logger, Guid message, Guid organization, int attempt, string code);

        [LoggerMessage(
            3003, LogLevel.Error,
            "Gave up mail {Message} of organization {Organization} at attempt {Attempt}: {Code}.")]
        public static partial void GivenUp(ILogger logger, Guid message, Guid organization, int attempt, string code);

        [LoggerMessage(
            3004, LogLevel.Information,
            "Mail {Message} of organization {Organization} is no longer to be sent.")]
        public static partial void NotSent(ILogger logger, Guid message, Guid organization);

        [LoggerMessage(
            3005, LogLevel.Error,
            "Mail {Message} of organization {Organization} could not be created or sent: internal error.")]
        public static partial void Fault(ILogger logger, Exception exception, Guid message, Guid organization);

        [LoggerMessage(
            3006, LogLevel.Error,
            "The result of mail {Message} of organization {Organization} could not be recorded. The mail will be "
            + "claimed again in a minute.")]
        public static partial void Lost(ILogger logger, Exception exception, Guid message, Guid organization);

        [LoggerMessage(3007, LogLevel.Error, "Reading the outbox failed and will be retried.")]
        public static partial void Broken(ILogger logger, Exception exception);

        [LoggerMessage(
            3008, LogLevel.Error,
            "Mail {Message} of organization {Organization} could not be checked. It will be claimed again in a "
            + "minute.")]
        public static partial void Unchecked(ILogger logger, Exception exception, Guid message, Guid organization);

        [LoggerMessage(3009, LogLevel.Warning, "Recording the results of {Count} mails failed and will be retried.")]
        public static partial void NotRecorded(ILogger logger, Exception exception, int count);

        [LoggerMessage(
            3010, LogLevel.Debug, "Mail {Message} of organization {Organization} was not tried and is due again.")]
        public static partial void Released(ILogger logger, Guid message, Guid organization);
    }
}
