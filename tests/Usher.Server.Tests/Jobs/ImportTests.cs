using System.Net;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Jobs.JobSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Jobs;

/// <summary>Imports, done by hand batch by batch on a server that does nothing by itself.</summary>
public sealed class ImportTests(ClockedApp clocked) : IClassFixture<ClockedApp>, IAsyncLifetime
{
    private readonly UsherApp app = clocked.App;

    // Nothing that another test has left waits for a worker.
    public async ValueTask InitializeAsync() => await app.DrainAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Every_row_comes_to_what_the_one_invite_operation_says()
    {
        var org = await app.CreateOrganizationAsync();
        await org.CreateGroupAsync(new("Ops"));
        await org.CreateRoleAsync("Reader", "ingestion");
        await org.ActiveAsync("active@example.test");
        await org.InviteAsync("pending@example.test", sendMail: false);
        await org.InviteAsync("removed@example.test", sendMail: false);
        await org.RemoveAsync("removed@example.test");
        var job = await org.ImportAsync("email,firstName,permissions,groups,roles,levels,timeZone,locale,metadata.team",
        [
            "new@example.test,New,ingestion,ops,reader,production=full,Europe/Berlin,de,Blue",
            "active@example.test,,,,,,,,", "pending@example.test,Newname,,,,,,,", "removed@example.test,Re,,,,,,,",
            "nobody,,,,,,,,",
            "x1@example.test,,flying,,,,,,", "x2@example.test,,,Nowhere,,,,,", "x3@example.test,,,,,nowhere=full,,,",
            "x4@example.test,,,,,,Mars/Olympus,,", "NEW@example.test,,,,,,,,",
        ]);
        Assert.Equal((JobStatus.Queued, 10), (job.Status, job.Total));
        var rows = await org.DoneAsync(job);

        Assert.Equal(Enumerable.Range(1, 10), rows.Select(r => r.Row));
        Assert.Equal(
            [
                RowOutcome.Invited, RowOutcome.AlreadyMember, RowOutcome.Refreshed, RowOutcome.Invited,
                RowOutcome.Invalid, RowOutcome.Invalid, RowOutcome.Invalid, RowOutcome.Invalid, RowOutcome.Invalid,
                RowOutcome.Invalid,
            ],
            rows.Select(r => r.Outcome));
        Assert.Equal(
            [
                null, "already_member", null, null, "email_invalid", "permission_unknown", "reference_unknown",
                "reference_unknown", "time_zone_unknown", "duplicate_row",
            ],
            rows.Select(r => r.Code));
        Assert.Equal(
            ["email", "permissions/0", "groups/0", "levels/0", "time_zone", "email"],
            rows.Skip(4).Select(r => r.Field));

        var made = await org.MemberAsync("new@example.test");
        Assert.Equal((made.Id, made.Invitations[0].Id), (rows[0].MemberId, rows[0].InvitationId));
        Assert.Equal(
            ("New", "Europe/Berlin", "de", "Blue"),
            (made.FirstName, made.TimeZone, made.Locale, made.Metadata["team"]));
        Assert.Equal(["ingestion"], made.Permissions);
        Assert.Equal(org.Created.Resources[0].Id, Assert.Single(made.Levels).ResourceId);
        Assert.Equal("Newname", (await org.MemberAsync("pending@example.test")).FirstName);
        Assert.Equal(
            ["new@example.test", "pending@example.test", "removed@example.test"],
            (await org.OutboxAsync()).Select(m => m.Recipient).Order());

        var done = await org.JobAsync(job);
        Assert.Equal(
            [("already_member", 1), ("invalid", 6), ("invited", 2), ("refreshed", 1)],
            done.Counts.OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        Assert.NotNull(done.FinishedAt);
        var events = (await org.EventsAsync()).FindAll(e => e.SubjectId == job.Id);
        Assert.Equal([EventTypes.JobCreated, EventTypes.JobCompleted], events.Select(e => e.Type));
        Assert.Equal("2", events[1].Details!["invited"]);
    }

    [Fact]
    public async Task The_same_file_again_changes_nothing_and_sends_no_mail()
    {
        var org = await app.CreateOrganizationAsync();
        await org.CreateGroupAsync(new("Ops"));
        string[] file = [
            "a@example.test,Ada,read_only,ingestion;log_management,Ops,production=full,Europe/Berlin,Blue",
            "b@example.test,Bob,user,,,staging=read_only+deploy_all,,",
        ];
        const string header = "email,firstName,role,permissions,groups,levels,timeZone,metadata.team";
        Assert.All(
            await org.DoneAsync(await org.ImportAsync(header, file)), r => Assert.Equal(RowOutcome.Invited, r.Outcome));
        var (members, mails) = (await org.MembersAsync(), await org.OutboxAsync());
        clocked.Clock.Advance(TimeSpan.FromHours(1));

        var manager = await org.ManagerAsync(); // who holds none of it, and changes none of it
        foreach (var by in new[] { org.Owner, manager })
        {
            var rows = await org.DoneAsync(await org.ImportAsync(header, file, by));
            Assert.All(rows, r => Assert.Equal((RowOutcome.Unchanged, null), (r.Outcome, r.Code)));
            Assert.Equal(members.Skip(1).Select(m => (Guid?)m.Invitations[0].Id), rows.Select(r => r.InvitationId));
        }

        var after = (await org.MembersAsync()).FindAll(m => m.Identifier is "a@example.test" or "b@example.test");
        Assert.Equal(
            members.Skip(1).Select(m => (m.Id, m.Version, m.Invitations[0].Version, m.Invitations[0].SponsorId)),
            after.Select(m => (m.Id, m.Version, m.Invitations[0].Version, m.Invitations[0].SponsorId)));
        Assert.Equal(mails.Count, (await org.OutboxAsync()).Count);

        // One thing more, and that row alone is refreshed.
        var more = await org.DoneAsync(await org.ImportAsync(
            header, [file[0], file[1].Replace("user", "read_only", StringComparison.Ordinal)]));
        Assert.Equal([RowOutcome.Unchanged, RowOutcome.Refreshed], more.Select(r => r.Outcome));
        Assert.Equal(["b@example.test"], (await org.OutboxAsync()).Skip(mails.Count).Select(m => m.Recipient));
    }

    [Theory]
    [InlineData("firstName", "Ada", "Eve")]
    [InlineData("lastName", "", "Eve")]
    [InlineData("role", "user", "read_only")]
    [InlineData("permissions", "ingestion", "ingestion;log_management")]
    [InlineData("groups", "Ops", "Ops;Devs")]
    [InlineData("roles", "", "Reader")]
    [InlineData("levels", "production=read_only", "production=full")]
    [InlineData("levels", "production=read_only", "production=read_only+deploy_all")]
    [InlineData("allResources", "", "true")]
    [InlineData("locale", "de", "fr")]
    [InlineData("timeZone", "", "Europe/Berlin")]
    [InlineData("metadata.team", "Blue", "Red")]
    public async Task A_pending_member_is_refreshed_by_any_single_thing_he_is_not_offered_yet(
        string column, string first, string second)
    {
        var org = await app.CreateOrganizationAsync();
        await org.CreateGroupAsync(new("Ops"));
        await org.CreateGroupAsync(new("Devs"));
        await org.CreateRoleAsync("Reader", "ingestion");
        foreach (var (value, outcome) in new[]
            {
                (first, RowOutcome.Invited), (first, RowOutcome.Unchanged), (second, RowOutcome.Refreshed),
                (second, RowOutcome.Unchanged),
            })
            Assert.Equal(
                outcome,
                Assert.Single(await org.DoneAsync(await org.ImportAsync(
                    $"email,{column}", [$"a@example.test,{value}"]))).Outcome);
        Assert.Equal(2, (await org.OutboxAsync()).Count);
    }

    [Fact]
    public async Task Without_mail_people_are_invited_and_a_later_import_with_mail_sends_the_first()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Null(
            Assert.Single(await org.DoneAsync(await org.ImportAsync(
                "email", ["a@example.test"], sendMail: false))).InvitationId);
        Assert.Equal(
            RowOutcome.Unchanged,
            Assert.Single(await org.DoneAsync(await org.ImportAsync(
                "email", ["a@example.test"], sendMail: false))).Outcome);
        Assert.Empty(await org.OutboxAsync());
        Assert.Equal(
            RowOutcome.Refreshed,
            Assert.Single(await org.DoneAsync(await org.ImportAsync("email", ["a@example.test"]))).Outcome);
        Assert.Single(await org.OutboxAsync());
    }

    [Fact]
    public async Task A_dry_run_says_the_same_and_stores_nothing_but_what_it_says()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ActiveAsync("active@example.test");
        await org.InviteAsync("pending@example.test");
        var before = (
            Members: await org.MembersAsync(), Mails: (await org.OutboxAsync()).Count,
            Events: (await org.EventsAsync()).Count);
        string[] file =
        [
            .. Enumerable.Range(0, 1_200).Select(i => $"p{i}@example.test,P"), "active@example.test,",
            "pending@example.test,", "pending@example.test,", "nobody,",
        ];
        var dry = await org.ImportAsync("email,firstName", file, dryRun: true);
        var rehearsed = await org.DoneAsync(dry); // a thousand at most
        rehearsed = [.. rehearsed, .. await org.RowsAsync(dry, after: rehearsed[^1].Row)];
        Assert.True((await org.JobAsync(dry)).DryRun);
        Assert.Equal(
            before.Members.Select(m => (m.Id, m.Version)), (await org.MembersAsync()).Select(m => (m.Id, m.Version)));
        Assert.Equal(
            (before.Mails, before.Events + 2), ((await org.OutboxAsync()).Count, (await org.EventsAsync()).Count));
        Assert.All(
            rehearsed.Where(r => r.Outcome is RowOutcome.Invited),
            r => Assert.Null((object?)r.MemberId ?? r.InvitationId));

        var real = await org.ImportAsync("email,firstName", file);
        var done = await org.DoneAsync(real);
        done = [.. done, .. await org.RowsAsync(real, after: done[^1].Row)];
        Assert.Equal(
            rehearsed.Select(r => (r.Row, r.Email, r.Outcome, r.Code)),
            done.Select(r => (r.Row, r.Email, r.Outcome, r.Code)));
        Assert.Equal(
            (await org.JobAsync(dry)).Counts.OrderBy(c => c.Key),
            (await org.JobAsync(real)).Counts.OrderBy(c => c.Key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Seats_run_out_where_they_do_whether_or_not_it_is_rehearsed(bool dryRun)
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Null(
            (await app.WithAsync<OrganizationService, Result<Organization>>(s =>
                s.SetSeatLimitAsync(org.System, 701, Ct))).Error);
        var job = await org.ImportAsync(
            "email", Enumerable.Range(0, 1_010).Select(i => $"p{i}@example.test"), dryRun: dryRun);
        await app.DrainAsync();
        var done = await org.JobAsync(job);
        Assert.Equal(
            [("invited", 700), ("over_seats", 310)], done.Counts.OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        Assert.Equal(701, (await org.RowsAsync(job, RowOutcome.OverSeats, limit: 1))[0].Row);
        Assert.Equal(dryRun ? 1 : 701, (await org.RowAsync()).SeatsUsed);
    }

    [Fact]
    public async Task A_cancelled_job_keeps_what_it_did_and_does_no_more()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", Enumerable.Range(0, 1_500).Select(i => $"p{i}@example.test"));
        await app.DrainAsync(atMost: 1);
        Assert.Equal(JobStatus.Running, (await org.JobAsync(job)).Status);

        // Between the claim and the commit of a batch, too.
        var claimed = (await app.ClaimAsync())!;
        Assert.Equal(JobStatus.Cancelled, (await org.CancelAsync(job)).Value.Status);
        Assert.False(await app.RunAsync(claimed));
        await app.DrainAsync();

        var done = await org.JobAsync(job);
        Assert.Equal((JobStatus.Cancelled, 500), (done.Status, done.Counts["invited"]));
        Assert.Equal(501, (await org.MembersAsync()).Count);
        Assert.Equal(JobErrors.Ended, (await org.CancelAsync(job)).Error);
        Assert.Contains(
            await org.EventsAsync(),
            e => e.Type is EventTypes.JobCancelled && e.SubjectId == job.Id && e.ActorId == org.Owner.Id);
    }

    [Fact]
    public async Task A_cancellation_in_the_middle_of_a_batch_undoes_the_batch_or_waits_for_it()
    {
        var org = await app.CreateOrganizationAsync();
        for (var i = 0; i < 5; i++)
        {
            var round = i;
            var job = await org.ImportAsync(
                "email", Enumerable.Range(0, 600).Select(n => $"r{round}p{n}@example.test"));
            var claimed = (await app.ClaimAsync())!;
            var run = Task.Run(() => app.RunAsync(claimed), Ct);
            await Task.Delay(i * 60, Ct);
            Assert.Null((await org.CancelAsync(job)).Error);
            var did = await run ? 500 : 0;
            var done = await org.JobAsync(job);
            Assert.Equal((JobStatus.Cancelled, did), (done.Status, done.Counts.GetValueOrDefault("invited")));
            Assert.Equal(
                did,
                (await org.MembersAsync()).Count(m => m.Identifier.StartsWith($"r{round}p", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task Whoever_loses_the_right_in_the_middle_invites_nobody_from_then_on()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync("ingestion");
        var job = await org.ImportAsync(
            "email,permissions", Enumerable.Range(0, 1_100).Select(i => $"p{i}@example.test,ingestion"), by: manager);
        await app.DrainAsync(atMost: 1);
        Assert.Null(
            (await org.UpdateAsync(
                org.Owner, manager.Id, new() { Permissions = SetChange.Remove("ingestion") })).Error);
        await app.DrainAsync(atMost: 1);
        Assert.Null(
            (await org.UpdateAsync(org.Owner, manager.Id, new() { Permissions = SetChange.To<string>([]) })).Error);
        await app.DrainAsync();

        var done = await org.JobAsync(job);
        Assert.Equal(JobStatus.Completed, done.Status);
        Assert.Equal(
            [("forbidden", 600), ("invited", 500)], done.Counts.OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        var forbidden = await org.RowsAsync(job, RowOutcome.Forbidden);
        Assert.Equal((501, "more_than_you_hold"), (forbidden[0].Row, forbidden[0].Code));
        Assert.Equal((1_100, "not_allowed"), (forbidden[^1].Row, forbidden[^1].Code));
        Assert.Equal(502, (await org.MembersAsync()).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_import_whose_organization_is_suspended_waits_and_goes_on_when_it_is_resumed(bool dryRun)
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync(
            "email", Enumerable.Range(0, 1_100).Select(i => $"p{i}@example.test"), dryRun: dryRun);
        await app.DrainAsync(atMost: 1);
        var claimed = (await app.ClaimAsync())!; // the second batch is claimed before, and done after

        await SuspendAsync(org, true);
        Assert.False(await app.RunAsync(claimed));
        Assert.Null(await app.ClaimAsync());
        Assert.Equal(
            (JobStatus.Running, 500), ((await org.JobAsync(job)).Status, (await org.JobAsync(job)).Counts["invited"]));

        // Others go on meanwhile.
        var other = await app.CreateOrganizationAsync();
        await other.DoneAsync(await other.ImportAsync("email", ["ada@example.test"]));

        await SuspendAsync(org, false);
        await app.DrainAsync();
        var done = await org.JobAsync(job);
        Assert.Equal(JobStatus.Completed, done.Status);
        Assert.Equal([("invited", 1_100)], done.Counts.Select(c => (c.Key, c.Value)));
    }

    private Task<Result<Organization>> SuspendAsync(TestOrganization org, bool suspended) =>
        app.WithAsync<OrganizationService, Result<Organization>>(s => s.SuspendAsync(org.System, suspended, null, Ct));

    [Fact]
    public async Task Of_two_workers_at_once_every_row_is_one_workers()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", Enumerable.Range(0, 2_600).Select(i => $"p{i}@example.test"));
        await AtOnceAsync(3, async _ =>
        {
            await app.DrainAsync();
            return 0;
        });
        await app.DrainAsync();
        Assert.Equal(
            (JobStatus.Completed, 2_600),
            ((await org.JobAsync(job)).Status, (await org.JobAsync(job)).Counts["invited"]));
        await AssertOnceEachAsync(org, 2_600);
    }

    [Fact]
    public async Task Of_two_workers_that_both_think_the_batch_theirs_one_does_it()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", Enumerable.Range(0, 400).Select(i => $"p{i}@example.test"));
        var claimed = (await app.ClaimAsync())!;
        Assert.Null(await app.ClaimAsync());
        var did = await AtOnceAsync(4, _ => app.RunAsync(claimed));
        Assert.Single(did, d => d);
        Assert.Equal(400, (await org.JobAsync(job)).Counts["invited"]);
        await AssertOnceEachAsync(org, 400);
    }

    [Fact]
    public async Task A_claim_that_ran_out_is_anothers_and_its_first_holder_does_nothing_any_more()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", ["a@example.test"]);
        var first = (await app.ClaimAsync())!;
        clocked.Clock.Advance(JobRunner.ClaimLength);
        var second = (await app.ClaimAsync())!;
        Assert.False(await app.RunAsync(first));
        Assert.Empty(await org.RowsAsync(job));
        Assert.True(await app.RunAsync(second));
        Assert.Equal(RowOutcome.Invited, Assert.Single(await org.RowsAsync(job)).Outcome);
    }

    [Fact]
    public async Task Each_of_several_jobs_gets_its_turn()
    {
        var (large, small) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var first = await large.ImportAsync("email", Enumerable.Range(0, 1_500).Select(i => $"p{i}@example.test"));
        clocked.Clock.Advance(TimeSpan.FromSeconds(1));
        var second = await small.ImportAsync("email", ["a@example.test"]);
        clocked.Clock.Advance(TimeSpan.FromSeconds(1));
        await app.DrainAsync(atMost: 2);
        Assert.Equal(
            (JobStatus.Running, JobStatus.Completed),
            ((await large.JobAsync(first)).Status, (await small.JobAsync(second)).Status));
        await app.DrainAsync();
    }

    [Fact]
    public async Task A_fault_is_tried_again_after_growing_pauses_and_given_up_in_the_end()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", ["a@example.test"]);
        await app.ChangeAsync(
            async db => (await db.JobBatches.SingleAsync(b => b.JobId == job.Id, Ct)).Input = "no JSON");
        foreach (var pause in new[] { 2, 8, 32, 128 })
        {
            var claimed = (await app.ClaimAsync())!;
            await Assert.ThrowsAsync<System.Text.Json.JsonException>(() => app.RunAsync(claimed));
            Assert.False(await app.WithAsync<JobRunner, bool>(r => r.FailedAsync(claimed, "A fault.", Ct)));
            clocked.Clock.Advance(TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(1));
            Assert.Null(await app.ClaimAsync());
            clocked.Clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.True(await app.WithAsync<JobRunner, bool>(
            async r => await r.FailedAsync((await r.ClaimAsync(Ct))!, "A fault.", Ct)));
        var failed = await org.JobAsync(job);
        Assert.Equal((JobStatus.Failed, "A fault."), (failed.Status, failed.FailureReason));
        Assert.Contains(await org.EventsAsync(), e => e.Type is EventTypes.JobFailed && e.SubjectId == job.Id);
        Assert.Null(await app.ClaimAsync());
    }

    [Fact]
    public async Task A_batch_costs_a_constant_number_of_commands_and_two_commits()
    {
        var org = await app.CreateOrganizationAsync();
        await org.ImportAsync("email,firstName", ["first@example.test,P"]);
        await CostAsync(); // the node reads the organization's definitions
        await org.ImportAsync("email,firstName", Enumerable.Range(0, 20).Select(i => $"few{i}@example.test,P"));
        var few = await CostAsync();
        await org.ImportAsync("email,firstName", Enumerable.Range(0, 500).Select(i => $"many{i}@example.test,P"));
        var many = await CostAsync();
        Assert.Equal(few.Reads, many.Reads);
        // the claim's and the batch's, and perhaps one that reserves a block of numbers
        Assert.InRange(many.Commits, 2, 3);

        async Task<(int Reads, int Commits)> CostAsync()
        {
            app.Commands.Total.Take();
            await app.DrainAsync(atMost: 1);
            var commits = app.Commands.Total.Commits;
            var own = app.Commands.Total.Take().Where(c => !c.Contains("number_blocks", StringComparison.Ordinal))
                .ToList();
            return (
                own.Count(c =>
                    !c.Contains("INSERT INTO", StringComparison.Ordinal)
                        && !c.TrimStart().StartsWith("UPDATE", StringComparison.Ordinal)),
                commits);
        }
    }

    [Fact]
    public async Task Rows_are_paged_by_number_and_found_by_outcome()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync(
            "email", Enumerable.Range(1, 1_300).Select(i => i % 100 is 0 ? $"bad{i}" : $"p{i}@example.test"));
        await org.DoneAsync(job);
        List<int> seen = [];
        while (await org.RowsAsync(job, after: seen.LastOrDefault(), limit: 170) is [_, ..] page)
            seen.AddRange(page.Select(r => r.Row));
        Assert.Equal(Enumerable.Range(1, 1_300), seen);
        Assert.Equal(
            Enumerable.Range(1, 13).Select(i => i * 100),
            (await org.RowsAsync(job, RowOutcome.Invalid)).Select(r => r.Row));
        Assert.Equal(
            [400, 500], (await org.RowsAsync(job, RowOutcome.Invalid, after: 300, limit: 2)).Select(r => r.Row));
        Assert.Empty(await org.RowsAsync(job, RowOutcome.Refreshed));
        var streamed = await app.WithAsync<JobService, List<JobRow>>(s =>
            s.StreamRowsAsync(org.Owner, job.Id, null, Ct).ToListAsync(Ct).AsTask());
        Assert.Equal(seen, streamed.Select(r => r.Row));
    }

    [Fact]
    public async Task Jobs_are_listed_newest_first_and_only_to_those_who_manage_users_here()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        List<Job> jobs = [];
        for (var i = 0; i < 3; i++) jobs.Add(await org.ImportAsync("email", [$"p{i}@example.test"]));
        jobs.Add((await org.TryStartAsync(JobKind.Resend, new() { All = true })).Value);
        await app.DrainAsync();
        var all = (await PageAsync(org.Owner, null, 10, null)).Value;
        Assert.Equal(jobs.Select(j => j.Id).Reverse(), all.Select(j => j.Id));
        Assert.Equal(
            [jobs[1].Id, jobs[0].Id], (await PageAsync(org.Owner, jobs[2].Id, 10, null)).Value.Select(j => j.Id));
        Assert.Equal([jobs[3].Id], (await PageAsync(org.Owner, null, 10, JobKind.Resend)).Value.Select(j => j.Id));

        Assert.Empty((await PageAsync(other.Owner, null, 10, null)).Value);
        Assert.Equal(
            JobErrors.NotFound,
            (await app.WithAsync<JobService, Result<Job>>(s => s.GetAsync(other.Owner, jobs[0].Id, Ct))).Error);
        Assert.Equal(JobErrors.NotFound, (await other.CancelAsync(jobs[0])).Error);
        Assert.Empty(await app.WithAsync<JobService, List<JobRow>>(s =>
            s.StreamRowsAsync(other.Owner, jobs[0].Id, null, Ct).ToListAsync(Ct).AsTask()));

        var nobody = await org.ActorAsync((await org.JoinedAsync(NewEmail("nobody"))).Member);
        Assert.Equal(CommonErrors.NotAllowed, (await PageAsync(nobody, null, 10, null)).Error);
        Assert.Equal(CommonErrors.NotAllowed, (await org.CancelAsync(jobs[0], by: nobody)).Error);
        Assert.Equal(
            CommonErrors.NotAllowed, (await org.TryStartAsync(JobKind.Revoke, new() { All = true }, by: nobody)).Error);
        var body = new Endless("email\n", "a@example.test\n", 1_000_000);
        Assert.Equal(CommonErrors.NotAllowed, (await org.TryImportAsync(body, by: nobody)).Error);
        Assert.Equal(0, body.Given);

        Task<Result<IReadOnlyList<Job>>> PageAsync(Actor by, Guid? after, int limit, JobKind? kind) =>
            app.WithAsync<JobService, Result<IReadOnlyList<Job>>>(s => s.PageAsync(by, after, limit, kind, Ct));
    }

    [Fact]
    public async Task A_refused_file_leaves_no_job()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            "import_column_unknown", (await org.TryImportAsync(Csv("email,nick", ["a@example.test,a"]))).Error?.Code);
        Assert.Equal(0, await app.QueryAsync(db => db.Jobs.CountAsync(j => j.OrganizationId == org.Id, Ct)));
    }

    [Fact]
    public async Task A_job_and_its_rows_are_deleted_thirty_days_after_its_end()
    {
        var org = await app.CreateOrganizationAsync();
        var job = await org.ImportAsync("email", ["a@example.test"]);
        await org.DoneAsync(job);
        var waiting = await org.ImportAsync("email", ["b@example.test"]);
        clocked.Clock.Advance(JobService.KeptFor - TimeSpan.FromSeconds(1));
        await SweepAsync();
        Assert.Single(await org.RowsAsync(job));
        clocked.Clock.Advance(TimeSpan.FromSeconds(1));
        await SweepAsync();
        Assert.Equal(
            [waiting.Id],
            await app.QueryAsync(db =>
                db.Jobs.Where(j => j.OrganizationId == org.Id).Select(j => j.Id).ToListAsync(Ct)));
        Assert.Equal(
            [waiting.Id],
            await app.QueryAsync(db =>
                db.JobBatches.Where(b => b.OrganizationId == org.Id).Select(b => b.JobId).ToListAsync(Ct)));

        async Task SweepAsync()
        {
            while (await app.WithAsync<JobService, int>(s => s.SweepEndedAsync(Ct)) is 20)
            {
            }
        }
    }

    [Fact]
    public async Task Of_two_requests_with_one_key_at_once_one_stores_its_file_and_both_get_its_job()
    {
        var org = await app.CreateOrganizationAsync();
        var key = Guid.NewGuid().ToString();
        var answers = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, org.Path("imports"))
            {
                Content = new StringContent("email\na@example.test", System.Text.Encoding.UTF8, "text/csv"),
                Headers = { { "Idempotency-Key", key } },
            };
            using var answer = await org.Admin.SendAsync(request, Ct);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync(Ct);
        }));
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(1, await app.QueryAsync(db => db.Jobs.CountAsync(j => j.OrganizationId == org.Id, Ct)));
        await app.DrainAsync();
    }

    private async Task AssertOnceEachAsync(TestOrganization org, int people)
    {
        var invited = (await org.MembersAsync()).FindAll(m => m.Status is MemberStatus.Invited);
        Assert.Equal(people, invited.Count);
        Assert.Equal(people, invited.Select(m => m.Identifier).Distinct().Count());
        Assert.All(invited, m => Assert.Equal(1, Assert.Single(m.Invitations).SentCount));
        Assert.Equal(people, (await org.OutboxAsync()).Select(m => m.Recipient).Distinct().Count());
        Assert.Equal(people, (await org.OutboxAsync()).Count);
        Assert.Equal(people, (await org.EventsAsync()).Count(e => e.Type is EventTypes.MemberInvited));
    }
}
