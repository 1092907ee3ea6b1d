using Usher.Core;
using Usher.Core.Outbox;
using Usher.Server.Mail;

namespace Usher.Server.Workers;

/// <summary>Sends what is in the outbox. Any number of nodes may run one.</summary>
public sealed partial class OutboxWorker(
    IServiceScopeFactory scopes, OutboxDoorbell doorbell, IMailTransport transport, MailRenderer renderer,
    TimeProvider clock, ILogger<OutboxWorker> logger)
    : BackgroundService
{
    private const int Batch = 20;
    private const int AtOnce = 4;

    // Retries, and what other nodes or a lost ring have left, are found at the latest after this.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(30);

    // What is being sent when the server is told to stop gets this long, well below the host's own limit.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await SendSomeAsync(stoppingToken)) await doorbell.WaitAsync(Patience, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The database is away, say. Mail waits; the server does not stop for it.
                Log.Broken(logger, e);
                await Task.Delay(Patience, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>Whether there may be more.</returns>
    private async Task<bool> SendSomeAsync(CancellationToken stopping)
    {
        IReadOnlyList<OutboxMessage> claimed;
        await using (var scope = scopes.CreateAsyncScope())
            claimed = await scope.ServiceProvider.GetRequiredService<OutboxQueue>().ClaimAsync(Batch, stopping);
        var some = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stopping };
        await Parallel.ForEachAsync(claimed, some, (message, _) => SendAsync(message, stopping));
        return claimed.Count > 0;
    }

    private async ValueTask SendAsync(OutboxMessage message, CancellationToken stopping)
    {
        // Slow ones before it have used up the claim: somebody else may hold it before this one is through.
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

            // What came of it is written down even while stopping: else a mail that went out goes out twice.
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
            Log.Lost(logger, e, message.Id, message.OrganizationId); // claimed again in a minute
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
            // A fault of ours. Its text may hold anything; people see only that it is one.
            Log.Fault(logger, e, opened.Message.Id, opened.Message.OrganizationId);
            return new("fault", "The mail could not be made. The server's log says why.", permanent: false, e);
        }
    }

    private static partial class Log
    {
        [
            LoggerMessage(
                3001, LogLevel.Information, "Sent mail {Message} of organization {Organization} at attempt {Attempt}.")]
        public static partial void Sent(ILogger logger, Guid message, Guid organization, int attempt);

        [
            LoggerMessage(
                3002, LogLevel.Warning,
                "Mail {Message} of organization {Organization} failed at attempt {Attempt} and is tried again later: "
                + "{Code}.")]
        public static partial void Failed(ILogger logger, Guid message, Guid organization, int attempt, string code);

        [
            LoggerMessage(
                3003, LogLevel.Error,
                "Gave up mail {Message} of organization {Organization} at attempt {Attempt}: {Code}.")]
        public static partial void GivenUp(ILogger logger, Guid message, Guid organization, int attempt, string code);

        [
            LoggerMessage(
                3004, LogLevel.Information,
                "Mail {Message} of organization {Organization} is not to be sent any more.")]
        public static partial void NotSent(ILogger logger, Guid message, Guid organization);

        [
            LoggerMessage(
                3005, LogLevel.Error,
                "Mail {Message} of organization {Organization} could not be made or sent by a fault of the server.")]
        public static partial void Fault(ILogger logger, Exception exception, Guid message, Guid organization);

        [
            LoggerMessage(
                3006, LogLevel.Error,
                "What came of mail {Message} of organization {Organization} could not be recorded; it is taken up "
                + "again in a minute.")]
        public static partial void Lost(ILogger logger, Exception exception, Guid message, Guid organization);

        [LoggerMessage(3007, LogLevel.Error, "The outbox could not be read; it is tried again.")]
        public static partial void Broken(ILogger logger, Exception exception);
    }
}
