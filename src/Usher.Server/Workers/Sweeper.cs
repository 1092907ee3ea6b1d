using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Idempotency;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Server.Workers;

/// <summary>
/// Runs regular maintenance: marks expired invitations and sessions, records when keys were last used, and deletes data
/// past its retention time. Nothing depends on it, because reads compare times with the clock.
/// </summary>
public sealed partial class Sweeper(
    IServiceScopeFactory scopes, ApiKeyUsage usage, SessionUsage seen, TimeProvider clock,
    ILogger<Sweeper> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await SweepAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await SweepAsync(stoppingToken);
    }

    private async Task SweepAsync(CancellationToken ct)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var services = scope.ServiceProvider;
            await usage.FlushAsync(services.GetRequiredService<Database>(), ct);
            await seen.FlushAsync(services.GetRequiredService<Database>(), ct);
            while (await services.GetRequiredService<InvitationService>().SweepExpiredAsync(ct) is 500) continue;
            await services.GetRequiredService<InvitationService>().TellBlockedAsync(ct);
            await services.GetRequiredService<SessionService>().SweepExpiredAsync(ct);
            while (await services.GetRequiredService<PasswordResetService>().SweepEndedAsync(ct) is 500) continue;
            while (await services.GetRequiredService<UserAddressService>().SweepEndedAsync(ct) is 500) continue;
            await services.GetRequiredService<SignInGuard>().SweepExpiredAsync(ct);
            while (await services.GetRequiredService<IdempotencyService>().SweepExpiredAsync(ct) is 500) continue;
            while (await services.GetRequiredService<MemberGrantSweep>().RunAsync(ct)) continue;
            while (await services.GetRequiredService<JobService>().SweepEndedAsync(ct) is 20) continue;
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            Log.Failed(logger, e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 20, Level = LogLevel.Warning, Message = "A sweep failed and will be retried.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
