using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Usher.Server.Tests.Infrastructure;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Server.Workers;

[assembly: AssemblyFixture(typeof(UsherApp))]

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// The real server on a real port with a real database and mail folder: one for the whole assembly, on the database
/// that USHER_TEST_DATABASE names. Tests that move the clock or need other settings start one of their own by
/// <see cref="StartAsync"/>.
/// </summary>
public sealed class UsherApp : IAsyncLifetime
{
    private WebApplication? app;
    private TestDatabase? database;
    private bool ownsDatabase = true;
    private int organizations;
    private IDisposable? writes;

    public string Url { get; private set; } = "";

    public IServiceProvider Services => app!.Services;

    /// <summary>Where mail arrives, one .eml per message.</summary>
    public MailFolder Mail { get; private set; } = null!;

    /// <summary>Every line the server logged.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    /// <summary>Counts what is sent to the database.</summary>
    public CommandCounter Commands { get; } = new();

    public ValueTask InitializeAsync() => BeginAsync([]);

    /// <summary>
    /// Another server with settings of its own; the caller disposes it, and the database if he brought one.
    /// </summary>
    /// <param name="settings">On top of everybody's.</param>
    /// <param name="clock">Null: the real one.</param>
    /// <param name="database">Null: one of its own.</param>
    /// <param name="workers">False leaves out what runs by itself, mail and sweeps, for tests that count or that judge
    /// by the clock alone.</param>
    /// <param name="services">Adds services to those of the server.</param>
    public static async Task<UsherApp> StartAsync(
        Dictionary<string, string?> settings, TimeProvider? clock = null, TestDatabase? database = null,
        bool workers = true, Action<IServiceCollection>? services = null)
    {
        var own = new UsherApp { database = database, ownsDatabase = database is null };
        await own.BeginAsync(settings, clock, workers, services);
        return own;
    }

    /// <summary>
    /// A client of this server. What Usher's own API answers it must be as its document says; see
    /// <see cref="ApiContract"/>.
    /// </summary>
    public HttpClient CreateClient() =>
        new(ApiContract.Through(
            new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }, Url)) { BaseAddress = new(Url) };

    /// <summary>
    /// A new organization with three resources, an owner and his key. Every test has its own, so nothing needs
    /// resetting.
    /// </summary>
    public async Task<TestOrganization> CreateOrganizationAsync(Action<Organization>? change = null)
    {
        var slug = $"org-{Interlocked.Increment(ref organizations)}-{Guid.NewGuid():N}"[..20];
        await using var scope = Services.CreateAsyncScope();
        var made = await scope.ServiceProvider.GetRequiredService<OrganizationService>().CreateAsync(
            Actor.System(Organization.Installation),
            new(slug, "Org " + slug, $"owner@{slug}.example")
            {
                OwnerFirstName = "Olivia", OwnerLastName = "Owner", Resources = ["Production", "Staging", "Sandbox"],
            },
            TestContext.Current.CancellationToken);
        if (change is not null)
        {
            var ct = TestContext.Current.CancellationToken;
            await scope.ServiceProvider.GetRequiredService<Database>().RunAsync(async unit =>
            {
                change(await unit.Db.Organizations.SingleAsync(o => o.Id == made.Value.Organization.Id, ct));
                return true;
            }, ct);
        }

        return new(this, made.Value);
    }

    /// <summary>Runs something against a service of the server, in a scope of its own.</summary>
    public async Task<T> WithAsync<TService, T>(Func<TService, Task<T>> work)
        where TService : notnull
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TService>());
    }

    /// <summary>Opens a message of the outbox as the worker does; null if it must not be sent.</summary>
    public Task<OpenedMessage?> OpenMailAsync(OutboxMessage message) =>
        WithAsync<OutboxQueue, OpenedMessage?>(async queue =>
            (await queue.OpenAsync([message], TestContext.Current.CancellationToken)).SingleOrDefault());

    public Task<T> QueryAsync<T>(Func<UsherDb, Task<T>> work) => WithAsync(work);

    /// <summary>Changes rows in a unit of work, as an operation does.</summary>
    public Task<T> WriteAsync<T>(Func<Unit, Task<T>> operation, CancellationToken ct) =>
        WithAsync<Database, T>(database => database.RunAsync(operation, ct));

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        writes?.Dispose();
        if (database is not null && ownsDatabase) await database.DisposeAsync();
        if (Log.FirstOrDefault(line => Secrets.Any().IsMatch(line)) is { } leak)
            throw new InvalidOperationException("A secret was logged: " + leak);
    }

    private async ValueTask BeginAsync(
        Dictionary<string, string?> settings, TimeProvider? clock = null, bool workers = true,
        Action<IServiceCollection>? services = null)
    {
        database ??= await TestDatabase.CreateAsync();
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                ApplicationName = "Usher.Server", EnvironmentName = "Development",
                ContentRootPath = Repository.Path("src/Usher.Server"),
            });
        builder.Configuration.AddInMemoryCollection(database.Settings)
            .AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Usher:Passwords:HashIterations"] = "1",
            ["Usher:GuestLimits:Passwords:PerClient"] = "100000", ["Usher:GuestLimits:Passwords:PerSubject"] = "100000",
            ["Usher:GuestLimits:Codes:PerClient"] = "100000",
            ["Usher:GuestLimits:Codes:PerSubject"] = "100000", ["Usher:GuestLimits:Mails:PerClient"] = "100000",
            ["Usher:GuestLimits:Mails:PerSubject"] = "100000",
            // As published: without the endpoint that looks for files made since the build, which takes every unknown
            // path for a GET of its own.
            ["ReloadStaticAssetsAtRuntime"] = "false",
            ["Logging:LogLevel:Default"] = "Debug", ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Information",
        }).AddInMemoryCollection(settings);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(new QueueLogger(Log));
        builder.AddUsher();
        services?.Invoke(builder.Services);
        builder.Services.ConfigureDbContext<UsherDb>(o => o.AddInterceptors(Commands.Commands, Commands.Transactions));
        if (clock is not null) builder.Services.Replace(ServiceDescriptor.Singleton(clock));
        if (!workers)
            foreach (var worker in builder.Services.Where(s =>
                    s.ImplementationType == typeof(OutboxWorker) || s.ImplementationType == typeof(JobWorker)
                        || s.ImplementationType == typeof(Sweeper)).ToList())
                builder.Services.Remove(worker);
        app = builder.Build();
        writes = Commands.Listen(app.Services.GetRequiredService<WriteMeter>());
        app.MapUsher();
        await app.PrepareUsherAsync();
        await app.StartAsync();
        Url = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>()
            .Addresses.Single();
        Mail = new(Path.Combine(database.Directory, "mail"));
    }

    private sealed class QueueLogger(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {formatter(state, exception)} {state} {exception}");

        public void Dispose()
        {
        }
    }
}
