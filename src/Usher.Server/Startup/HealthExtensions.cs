using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Usher.Core.Data;

namespace Usher.Server.Startup;

internal static class HealthExtensions
{
    public static void AddUsherHealth(this IServiceCollection services) =>
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database");

    public static void MapUsherHealth(this IEndpointRouteBuilder app)
    {
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready");
    }
}

/// <summary>Ready when the start-up is complete and the database answers.</summary>
internal sealed class DatabaseHealth(UsherStartup startup, UsherDb db) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) =>
        startup.Done && await AnswersAsync(cancellationToken)
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy();

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            _ = await db.Organizations.AnyAsync(ct);
            return true;
        }
        catch (Exception e) when (Outage.Find(e) is not null)
        {
            return false;
        }
    }
}
