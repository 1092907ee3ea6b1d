using Usher.Core.Data;
using Usher.Core.Jobs;

namespace Usher.Server.Workers;

/// <summary>Does jobs, a batch of one after a batch of another. Any number of nodes may run one.</summary>
public sealed partial class JobWorker(IServiceScopeFactory scopes, JobDoorbell doorbell, ILogger<JobWorker> logger)
    : BackgroundService
{
    // Retries, and what other nodes or a lost ring have left, are found at the latest after this.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await DoSomeAsync(stoppingToken)) await doorbell.WaitAsync(Patience, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The database is away, say. Jobs wait; the server does not stop for them.
                Log.Broken(logger, e);
                await Task.Delay(Patience, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>Whether there may be more.</returns>
    private async Task<bool> DoSomeAsync(CancellationToken stopping)
    {
        if (await WithRunnerAsync(runner => runner.ClaimAsync(stopping)) is not { } job) return false;
        try
        {
            if (await WithRunnerAsync(runner => runner.RunAsync(job, stopping)))
                Log.Done(logger, job.Id, job.OrganizationId);
            else Log.NotHeld(logger, job.Id, job.OrganizationId);
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // A batch cut short has done nothing. Another node need not wait for the claim to run out.
            await WithRunnerAsync(async runner =>
            {
                await runner.ReleaseAsync(job, CancellationToken.None);
                return true;
            });
            throw;
        }
        catch (Exception e) when (Outage.Find(e) is null)
        {
            Log.Fault(logger, e, job.Id, job.OrganizationId);

            // What an exception says may hold anything; people see only which it is.
            if (await WithRunnerAsync(runner =>
                    runner.FailedAsync(
                        job, $"A fault of the server ({e.GetType().Name}). Its log says more.", stopping)))
                Log.GivenUp(logger, job.Id, job.OrganizationId);
        }

        return true;
    }

    // A scope for each step: after a fault, nothing of it is left over.
    private async Task<T> WithRunnerAsync<T>(Func<JobRunner, Task<T>> work)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<JobRunner>());
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Debug, "Did a batch of job {Job} of organization {Organization}.")]
        public static partial void Done(ILogger logger, Guid job, Guid organization);

        [
            LoggerMessage(
                3102, LogLevel.Information,
                "Job {Job} of organization {Organization} was cancelled, is another node's, or waits for its "
                + "organization to be resumed.")]
        public static partial void NotHeld(ILogger logger, Guid job, Guid organization);

        [
            LoggerMessage(
                3103, LogLevel.Error,
                "A batch of job {Job} of organization {Organization} failed by a fault of the server; it is tried "
                + "again.")]
        public static partial void Fault(ILogger logger, Exception exception, Guid job, Guid organization);

        [LoggerMessage(3104, LogLevel.Error, "Gave up job {Job} of organization {Organization}.")]
        public static partial void GivenUp(ILogger logger, Guid job, Guid organization);

        [LoggerMessage(3105, LogLevel.Error, "Jobs could not be read; it is tried again.")]
        public static partial void Broken(ILogger logger, Exception exception);
    }
}
