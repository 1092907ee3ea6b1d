using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Idempotency;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Api;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Dialects;
using Usher.Server.Dialects.Conformity;
using Usher.Server.Dialects.DeployHq;
using Usher.Server.Dialects.Wavefront;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Mail;
using Usher.Server.Pages;
using Usher.Server.Startup;
using Usher.Server.Workers;

namespace Usher.Server;

/// <summary>Registers the services and maps the endpoints of the server.</summary>
public static class UsherBuilder
{
    /// <summary>
    /// The largest body, unless a route sets another limit. A thousand invitations with long lists fit many times over.
    /// </summary>
    internal const int MaxBodyBytes = 4 * 1024 * 1024;

    public static void AddUsher(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        // This category logs paths, which may contain secrets.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        services.AddSingleton(TimeProvider.System);
        services.AddUsherOptions();
        services.AddUsherCore(DatabaseSettings.From(builder.Configuration));
        services.AddUsherMail();
        services.AddHostedService<Sweeper>();
        services.AddHostedService<JobWorker>();

        services.AddSingleton<Surfaces>();
        services.AddExceptionHandler<UsherExceptionHandler>();
        services.AddProblemDetails();
        services.AddHttpContextAccessor();
        services.AddScoped(s =>
            s.GetRequiredService<IHttpContextAccessor>().HttpContext!.Features.GetRequiredFeature<Caller>());
        services.AddScoped(s => s.GetRequiredService<Caller>().Actor);
        services.AddScoped(s =>
            s.GetRequiredService<IHttpContextAccessor>().HttpContext!.Features.GetRequiredFeature<SessionUser>());
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(KeyAuthentication.Scheme, null)
            .AddScheme<AuthenticationSchemeOptions, SessionTokenAuthentication>(
                SessionTokenAuthentication.SchemeName, null);
        services.AddUsherPolicies();
        services.AddUsherOpenApi();
        services.AddUsherLimits();
        services.AddConformity();
        services.AddDeployHq();
        services.AddUsherPages();
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
    }

    /// <summary>Validates all settings and maps the endpoints.</summary>
    public static void MapUsher(this WebApplication app)
    {
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        app.UseRequestIds();
        app.UseUsherProxies();
        app.UseExceptionHandler();
        app.UseUsherSecurityHeaders();
        app.UseSurfaceStatusPages();
        app.UseTolerantPaths();
        app.UseMailedLinks();
        app.UseRouting();
        app.UseGuestGate();
        app.UseRepeatableBodies();
        app.UseAuthentication();
        app.UseAuthorization();

        var dialects = app.Services.GetRequiredService<IOptions<DialectsOptions>>().Value;
        if (dialects.Conformity.Enabled)
        {
            app.MapSurface("/v1", new ConformityErrors()).MapConformity();
            app.MapSurface("/api", new ConformityErrors()).MapConformity();
        }

        if (dialects.Wavefront.Enabled) app.MapSurface("/api/v2", new WavefrontErrors()).MapWavefront();
        if (dialects.DeployHq.Enabled) app.MapDeployHq();

        app.MapSurface(UsherApi.Prefix, new ProblemErrors(app.Services.GetRequiredService<IOptions<ServerOptions>>()))
            .MapUsherApi();
        app.MapUsherOpenApi();
        app.MapUsherPages();
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready");
        BuiltEndpoints.Begin(app);
    }

    /// <summary>Prepares the start: locks, schema, keys, first organization.</summary>
    public static Task PrepareUsherAsync(this WebApplication app) =>
        app.Services.GetRequiredService<UsherStartup>().PrepareAsync(app.Lifetime.ApplicationStopping);

    private static void AddUsherOptions(this IServiceCollection services)
    {
        services.AddOptions<ServerOptions>().BindConfiguration(ServerOptions.Section).ValidateOnStart()
            .Validate(
                o =>
                    Uri.TryCreate(o.PublicUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
                        && url.PathAndQuery is "/" && !o.PublicUrl.EndsWith('/'),
                "Usher:PublicUrl must be http:// or https:// and a host, without a path or a trailing slash.")
            .Validate(
                o => o.Operator.ApiKey is not { } key || ApiKeyService.IsAcceptable(key),
                "Usher:Operator:ApiKey must be 32 to 128 characters of A-Z a-z 0-9 _ and -.");
        services.AddOptions<InvitationOptions>().BindConfiguration(InvitationOptions.Section).ValidateOnStart()
            .Validate(
                o => o.Lifetime >= InvitationOptions.Shortest && o.Lifetime <= InvitationOptions.Longest,
                "Usher:Invitations:Lifetime must be 1 hour to 90 days (01:00:00 to 90.00:00:00).");
        services.AddOptions<AccessOptions>().BindConfiguration(AccessOptions.Section).ValidateOnStart()
            .Validate(
                o =>
                    o.Permissions.All(p =>
                        p.Length is > 0 and <= 64
                            && p.All(c =>
                                   char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)
                                       || c is '_' or '.' or ':' or '-')),
                "Usher:Access:Permissions: a name must be 1 to 64 characters of a-z, 0-9, '_', '.', ':' and '-'.");
        services.AddOptions<BootstrapOptions>().BindConfiguration(BootstrapOptions.Section).ValidateOnStart();
        services.AddOptions<DialectsOptions>().BindConfiguration(DialectsOptions.Section).ValidateOnStart();
        services.AddOptions<PasswordHasherOptions>().Configure<IConfiguration>((hasher, configuration) =>
            hasher.IterationCount = configuration.GetValue("Usher:Passwords:HashIterations", 210_000))
            .Validate(o => o.IterationCount > 0, "Usher:Passwords:HashIterations must be at least 1.")
                .ValidateOnStart();
    }

    private static void AddUsherCore(this IServiceCollection services, DatabaseSettings database)
    {
        services.AddSingleton<UsherStartup>();
        services.AddSingleton(database);
        // On SQLite every pooled context keeps a connection open, so the pool is only as large as concurrency needs.
        services.AddDbContextPool<UsherDb>(
            o =>
                _ = database.IsSqlite
                    ? o.UseUsherSqlite(database.ConnectionString)
                    : o.UseUsherPostgres(database.ConnectionString),
            poolSize: 128);
        services.AddScoped<Database>();
        services.AddSingleton<WriteGate>().AddSingleton<WriteMeter>().AddSingleton<OutboxDoorbell>()
            .AddSingleton<JobDoorbell>().AddSingleton<UsherDbRuntime>().AddSingleton<OutboxSecrets>();
        services.AddSingleton<MemberNumbers>().AddSingleton<ApiKeyUsage>().AddSingleton<SessionUsage>()
            .AddSingleton<InvitationMails>().AddSingleton<PasswordService>().AddSingleton<AccountMails>();
        services.AddSingleton<IPasswordHasher<User>, PasswordHasher<User>>();
        services.AddSingleton(s =>
            new PermissionCatalogue(s.GetRequiredService<IOptions<AccessOptions>>().Value.Permissions));
        services.AddScoped<InvitationService>().AddScoped<GuestService>().AddScoped<MemberService>()
            .AddScoped<OrganizationService>().AddScoped<ResourceService>();
        services.AddScoped<ServiceAccountService>().AddScoped<GroupService>().AddScoped<RoleService>()
            .AddScoped<ApiKeyService>().AddScoped<CallerService>();
        services.AddScoped<SessionService>().AddScoped<SignInGuard>().AddScoped<UserService>()
            .AddScoped<AccountTakeover>().AddScoped<MembershipService>();
        services.AddScoped<IdempotencyService>().AddScoped<MemberGrantSweep>().AddScoped<JobService>()
            .AddScoped<JobRunner>();
        services.AddScoped<AccountTakeover>().AddScoped<PasswordResetService>().AddScoped<UserAddressService>()
            .AddScoped<OwnSessionService>();
        services.AddScoped<ProfileService>().AddScoped<AddressChangeService>().AddScoped<AccessService>();

        services.AddSingleton(_ =>
        {
            if (database.IsSqlite) database.MakeDataDirectory();
            return MasterKey.Open(database.MasterKeyFile, mayCreate: database.IsSqlite);
        });
        // All nodes share the keys.
        services.AddDataProtection().SetApplicationName("Usher").PersistKeysToDbContext<UsherDb>();
        services.AddOptions<KeyManagementOptions>().Configure<MasterKey>((keys, master) =>
            keys.XmlEncryptor = new MasterKeyEncryptor(master));
    }

    // Ready when the start-up is complete and the database answers.
    private sealed class DatabaseHealth(UsherStartup startup, UsherDb db) : IHealthCheck
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
}
