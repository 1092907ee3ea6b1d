using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Jobs.JobSteps;

namespace Usher.Server.Tests.Jobs;

/// <summary>An import on a server that is killed in the middle of it, and comes back.</summary>
public sealed class ImportKillTests
{
    // Several batches of mail and of rows.
    private static readonly int People = TestRun.IsLong ? 10_000 : 3_000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_import_killed_in_the_middle_goes_on_after_the_restart_and_every_row_is_carried_out_once()
    {
        await using var database = await TestDatabase.CreateAsync();
        Job job;
        await using (var app = await UsherApp.StartAsync([], database: database, workers: false))
        {
            var org = await app.CreateOrganizationAsync();
            job = await org.ImportAsync(
                "email,firstName", Enumerable.Range(0, People).Select(i => $"p{i}@example.test,P{i}"));
        }

        // Killed somewhere in a batch.
        await using (var server = await ServerProcess.StartAsync(database, []))
        {
            await WaitAsync(
                async db =>
                    (await db.Jobs.SingleAsync(
                        j => j.Id == job.Id, Ct)).Counts.GetValueOrDefault("invited") >= People / 3);
            await Task.Delay(Random.Shared.Next(300), Ct);
            await server.KillAsync();
            Assert.Equal(
                JobStatus.Running,
                await ReadAsync(db => db.Jobs.Where(j => j.Id == job.Id).Select(j => j.Status).SingleAsync(Ct)));
            // A lone server takes its own claim back when it starts; among several, a dead one's runs out in a minute,
            // which is not waited for here.
            if (TestDatabase.IsPostgres)
                await ReadAsync(db =>
                    db.Jobs.ExecuteUpdateAsync(set => set.SetProperty(j => j.ClaimedUntil, (DateTimeOffset?)null), Ct));
        }

        await using (await ServerProcess.StartAsync(database, []))
            await WaitAsync(async db => (await db.Jobs.SingleAsync(j => j.Id == job.Id, Ct)).HasEnded);

        var done = await ReadAsync(db => db.Jobs.SingleAsync(j => j.Id == job.Id, Ct));
        Assert.Equal((JobStatus.Completed, People), (done.Status, done.Counts["invited"]));
        Assert.Single(done.Counts);
        var members = await ReadAsync(db =>
            db.Members.Where(m => m.Status == MemberStatus.Invited).Select(m => m.Identifier).ToListAsync(Ct));
        Assert.Equal((People, People), (members.Count, members.Distinct().Count()));
        Assert.Equal(
            People,
            await ReadAsync(db =>
                db.Invitations.CountAsync(i => i.SentCount == 1 && i.Member.Status == MemberStatus.Invited, Ct)));

        // One mail each: as many as were queued, each under its own id, and none besides.
        var mails = await ReadAsync(db =>
            db.OutboxMessages.Select(m => new { m.Id, m.Recipient, m.State }).ToListAsync(Ct));
        Assert.Equal((People, People), (mails.Count, mails.Select(m => m.Recipient).Distinct().Count()));
        var files = Directory.EnumerateFiles(Path.Combine(database.Directory, "mail"), "*.eml")
            .Select(f => Guid.Parse(Path.GetFileNameWithoutExtension(f))).ToHashSet();
        Assert.Subset(mails.Select(m => m.Id).ToHashSet(), files);
        Assert.Superset(mails.Where(m => m.State is OutboxState.Sent).Select(m => m.Id).ToHashSet(), files);

        async Task<T> ReadAsync<T>(Func<UsherDb, Task<T>> read)
        {
            var options = new DbContextOptionsBuilder<UsherDb>();
            _ = TestDatabase.IsPostgres
                ? options.UseUsherPostgres(database.ConnectionString)
                : options.UseUsherSqlite(database.ConnectionString);
            await using var db = new UsherDb(((DbContextOptionsBuilder<UsherDb>)options).Options);
            return await read(db);
        }

        async Task WaitAsync(Func<UsherDb, Task<bool>> condition)
        {
            var patience = Stopwatch.StartNew();
            while (!await ReadAsync(condition))
            {
                Assert.True(patience.Elapsed < TimeSpan.FromMinutes(5), "It did not get on.");
                await Task.Delay(50, Ct);
            }
        }
    }
}
