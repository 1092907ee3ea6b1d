using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

/// <summary>
/// A database with nothing around it but what the outbox needs, and a clock that stands until it is moved.
/// </summary>
internal sealed class QueueDatabase : IAsyncDisposable
{
    private readonly TestDatabase database;

    private QueueDatabase(TestDatabase database)
    {
        this.database = database;
        var services = new ServiceCollection().AddLogging();
        services.AddDbContext<UsherDb>(o =>
            (TestDatabase.IsPostgres
                ? o.UseUsherPostgres(database.ConnectionString)
                : o.UseUsherSqlite(database.ConnectionString))
            .AddInterceptors(Commands.Commands, Commands.Transactions));
        services.AddSingleton<TimeProvider>(Clock).AddSingleton<WriteGate>().AddSingleton<WriteMeter>()
            .AddSingleton<OutboxDoorbell>().AddSingleton<JobDoorbell>().AddSingleton<UsherDbRuntime>()
                .AddScoped<Database>();
        services.AddSingleton<IDataProtectionProvider, EphemeralDataProtectionProvider>().AddSingleton<OutboxSecrets>()
            .AddSingleton<InvitationMails>().AddScoped<OutboxQueue>();
        Services = services.BuildServiceProvider();
    }

    public ServiceProvider Services { get; }

    public MovableClock Clock { get; } = new();

    /// <summary>Counts what is sent to the database.</summary>
    public CommandCounter Commands { get; } = new();

    public static async Task<QueueDatabase> CreateAsync()
    {
        var queue = new QueueDatabase(await TestDatabase.CreateAsync());
        await queue.RunAsync(async (db, _) =>
        {
            await db.Database.EnsureCreatedAsync();
            return 0;
        });
        return queue;
    }

    /// <summary>Does something in a scope of its own, as a request or a node does.</summary>
    public async Task<T> RunAsync<T>(Func<UsherDb, OutboxQueue, Task<T>> work)
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(
            scope.ServiceProvider.GetRequiredService<UsherDb>(),
            scope.ServiceProvider.GetRequiredService<OutboxQueue>());
    }

    public Task<IReadOnlyList<OutboxMessage>> ClaimAsync(int max = 20) =>
        RunAsync((_, queue) => queue.ClaimAsync(max, TestContext.Current.CancellationToken));

    /// <summary>The message, if it may be sent.</summary>
    public Task<OpenedMessage?> OpenAsync(OutboxMessage message) => RunAsync(async (_, queue) =>
        (await queue.OpenAsync([message], TestContext.Current.CancellationToken)).SingleOrDefault());

    /// <summary>Records results in one commit. Answers the messages that were given up.</summary>
    public Task<IReadOnlyList<OutboxMessage>> RecordAsync(params IReadOnlyList<OutboxResult> results) =>
        RunAsync((_, queue) => queue.RecordAsync(results, TestContext.Current.CancellationToken));

    /// <summary>Records that sending failed, and says whether the message was given up.</summary>
    public async Task<bool> FailedAsync(OutboxMessage message, string reason = "try later", bool permanent = false)
    {
        var outcome = permanent ? OutboxOutcome.Refused : OutboxOutcome.Failed;
        return await RecordAsync(new OutboxResult(message, outcome, reason)) is not [];
    }

    public Task SentAsync(OutboxMessage message) => RecordAsync(new OutboxResult(message, OutboxOutcome.Sent));

    /// <summary>People of an organization of their own, each invited with a mail in the outbox.</summary>
    public Task<Member[]> InviteAsync(int people = 1) => WriteAsync(unit =>
    {
        var now = Clock.Now();
        var organization = new Organization
        {
            Id = Uuid.Create(now), Slug = $"acme-{Guid.NewGuid():N}", Name = "Acme", CreatedAt = now,
            DefinitionsStamp = Guid.NewGuid(),
        };
        unit.Add(organization);
        Member[] members = [.. Enumerable.Range(0, people).Select(i => new Member
        {
            OrganizationId = organization.Id, Id = Uuid.Create(now), Number = i, Identifier = $"ada{i}@example.test",
            Kind = MemberKind.Person, Status = MemberStatus.Invited, CreatedAt = now,
        })];
        unit.AddRange(members);
        foreach (var member in members)
            Services.GetRequiredService<InvitationMails>().Send(unit, organization, member, now);
        return Task.FromResult(members);
    });

    /// <summary>Sends a member's invitation anew.</summary>
    public Task<bool> ResendAsync(Member member) => ChangeAsync(member, (unit, organization, today) =>
        Services.GetRequiredService<InvitationMails>().Send(unit, organization, today, Clock.Now()));

    public Task<bool> ChangeAsync(Member member, Action<Unit, Organization, Member> change) => WriteAsync(async unit =>
    {
        var db = unit.Db;
        var organization = await db.Organizations.SingleAsync(o => o.Id == member.OrganizationId);
        change(
            unit, organization,
            await db.Members.Include(m => m.Invitations).ThenInclude(i => i.LaterSecrets)
                .SingleAsync(m => m.OrganizationId == organization.Id && m.Id == member.Id));
        return true;
    });

    private async Task<T> WriteAsync<T>(Func<Unit, Task<T>> operation)
    {
        await using var scope = Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Database>().RunAsync(
            operation, TestContext.Current.CancellationToken);
    }

    public Task<OutboxMessage> ReadAsync(OutboxMessage message) => RunAsync((db, _) =>
        db.OutboxMessages.AsNoTracking()
            .SingleAsync(m => m.OrganizationId == message.OrganizationId && m.Id == message.Id));

    public Task<Invitation> InvitationAsync(OutboxMessage message) => RunAsync((db, _) =>
        db.Invitations.AsNoTracking()
            .SingleAsync(i => i.OrganizationId == message.OrganizationId && i.Id == message.InvitationId));

    public async ValueTask DisposeAsync()
    {
        await Services.DisposeAsync();
        await database.DisposeAsync();
    }

    internal sealed class MovableClock : TimeProvider
    {
        private DateTimeOffset now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => now;

        public void Move(TimeSpan by) => now += by;
    }
}
