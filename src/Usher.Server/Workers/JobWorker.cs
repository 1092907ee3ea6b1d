using Usher.Core.Data;
using Usher.Core.Jobs;

namespace Usher.Server.Workers;

/// <summary>
/// Runs jobs in batches, taking turns between jobs. Any number of nodes may run this worker.
/// </summary>
public sealed partial class JobWorker(IServiceScopeFactory scopes, JobDoorbell doorbell, ILogger<JobWorker> logger)
    : BackgroundService
{
    // The longest delay before the worker finds retries, and jobs of other nodes or lost signals.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await RunBatchAsync(stoppingToken)) await doorbell.WaitAsync(PollInterval, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // For example, the database is unavailable. Jobs wait; the server keeps running.
                Log.Broken(logger, e);
                await Task.Delay(PollInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>Whether there may be more work.</returns>
    private async Task<bool> RunBatchAsync(CancellationToken stopping)
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
            // An interrupted batch has changed nothing. Releasing it lets another node take it at once.
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

            // An exception's message may contain anything, so people see only its type.
            if (await WithRunnerAsync(runner =>
                    runner.FailedAsync(
                        job, $"Internal server error ({e.GetType().Name}). See the server's log.", stopping)))
                Log.GivenUp(logger, job.Id, job.OrganizationId);
        }

        return true;
    }

    // A new scope for each step, so that nothing is left of a failed one.
    private async Task<T> WithRunnerAsync<T>(Func<JobRunner, Task<T>> work)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<JobRunner>());
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Debug, "Ran a batch of job {Job} of organization {Organization}.")]
        public static partial void Done(ILogger logger, Guid job, Guid organization);

        [LoggerMessage(
            3102, LogLevel.Information,
            "Did not run job {Job} of organization {Organization}: it was cancelled, another node runs it, or the "
            + "organization is suspended.")]
        public static partial void NotHeld(ILogger logger, Guid job, Guid organization);

        [LoggerMessage(
            3103, LogLevel.Error,
            "A batch of job {Job} of organization {Organization} failed with an internal error and will be "
            + "retried.")]
        public static partial void Fault(ILogger logger, Exception exception, Guid job, Guid organization);

        [LoggerMessage(3104, LogLevel.Error, "Gave up job {Job} of organization {Organization}.")]
        public static partial void GivenUp(ILogger logger, Guid job, Guid organization);

        [LoggerMessage(3105, LogLevel.Error, "Reading the jobs failed and will be retried.")]
        public static partial void Broken(ILogger logger, Exception exception);
    }
}
