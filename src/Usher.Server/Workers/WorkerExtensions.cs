namespace Usher.Server.Workers;

internal static class WorkerExtensions
{
    /// <summary>Registers the work that runs by itself. The worker of the outbox comes with the mails.</summary>
    public static void AddUsherWorkers(this IServiceCollection services)
    {
        services.AddHostedService<Sweeper>();
        services.AddHostedService<JobWorker>();
    }
}
