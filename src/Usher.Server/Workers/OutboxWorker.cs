using Usher.Core;
using Usher.Core.Outbox;
using Usher.Server.Mail;

namespace Usher.Server.Workers;

/// <summary>Sends the mails in the outbox. Any number of nodes may run this worker.</summary>
public sealed partial class OutboxWorker(
    IServiceScopeFactory scopes, OutboxDoorbell doorbell, IMailTransport transport, MailRenderer renderer,
    TimeProvider clock, ILogger<OutboxWorker> logger)
    : BackgroundService
{
    private const int Batch = 20;
    private const int MaxParallel = 4;

    // The longest delay before the worker finds retries, and mails of other nodes or lost signals.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(30);

    // The time that mails being sent get when the server stops; well below the host's own limit.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await SendBatchAsync(stoppingToken)) await doorbell.WaitAsync(PollInterval, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // For example, the database is unavailable. Mails wait; the server keeps running.
                Log.Broken(logger, e);
                await Task.Delay(PollInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>Whether there may be more work.</returns>
    private async Task<bool> SendBatchAsync(CancellationToken stopping)
    {
        IReadOnlyList<OutboxMessage> claimed;
        await using (var scope = scopes.CreateAsyncScope())
            claimed = await scope.ServiceProvider.GetRequiredService<OutboxQueue>().ClaimAsync(Batch, stopping);
        var some = new ParallelOptions { MaxDegreeOfParallelism = MaxParallel, CancellationToken = stopping };
        await Parallel.ForEachAsync(claimed, some, (message, _) => SendAsync(message, stopping));
        return claimed.Count > 0;
    }

    private async ValueTask SendAsync(OutboxMessage message, CancellationToken stopping)
    {
        // Slow mails before this one have used up the time of the claim. Another node may claim it during sending.
        if (message.NextAttemptAt - clock.Now() < SendTimeout) return;

        using var limit = new CancellationTokenSource(SendTimeout);
        await using var hurry = stopping.Register(() => limit.CancelAfter(StopTimeout));
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var queue = scope.ServiceProvider.GetRequiredService<OutboxQueue>();
            if (await queue.OpenAsync(message, limit.Token) is not { } opened)
            {
                Log.NotSent(logger, message.Id, message.OrganizationId);
                return;
            }

            // The result is recorded even while stopping; otherwise a sent mail would be sent again.
            if (await TryAsync(opened, limit.Token) is not { } failure)
            {
                await queue.SentAsync(message, CancellationToken.None);
                Log.Sent(logger, message.Id, message.OrganizationId, message.Attempts);
            }
            else if (await queue.FailedAsync(message, failure.Message, failure.Permanent, CancellationToken.None))
            {
                Log.GivenUp(logger, message.Id, message.OrganizationId, message.Attempts, failure.Code);
            }
            else
            {
                Log.Failed(logger, message.Id, message.OrganizationId, message.Attempts, failure.Code);
            }
        }
        catch (Exception e)
        {
            Log.Lost(logger, e, message.Id, message.OrganizationId); // it will be claimed again in a minute
        }
    }

    private async Task<MailException?> TryAsync(OpenedMessage opened, CancellationToken ct)
    {
        try
        {
            await transport.SendAsync(await renderer.RenderAsync(opened), ct);
            return null;
        }
        catch (MailException e)
        {
            return e;
        }
        catch (OperationCanceledException e) when (ct.IsCancellationRequested)
        {
            return new("timeout", "The mail system did not answer in time.", permanent: false, e);
        }
        catch (Exception e)
        {
            // An internal error. An exception's message may contain anything, so people do not see it.
            Log.Fault(logger, e, opened.Message.Id, opened.Message.OrganizationId);
            return new(
                "fault", "The mail could not be created. See the server's log.", permanent: false, e);
        }
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
    }
}
