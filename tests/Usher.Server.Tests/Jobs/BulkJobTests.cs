using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Jobs.JobSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Jobs;

/// <summary>Mailing or ending all invitations of a filter.</summary>
public sealed class BulkJobTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    // Not the link of the owner himself, who is an administrator.
    private static InvitationFilter Others => new() { Role = BuiltInRole.User };

    private readonly UsherApp app = clocked.App;

    [Fact]
    public async Task A_resend_mails_what_its_filter_lets_through_and_nothing_made_later()
    {
        var org = await app.CreateOrganizationAsync();
        await org.DoneAsync(await org.ImportAsync(
            "email,role",
            Enumerable.Range(0, 450).Select(i => $"p{i}@example.test,{(i < 430 ? "read_only" : "user")}")));
        var before = await org.OutboxAsync();
        clocked.Clock.Advance(TimeSpan.FromSeconds(1));
        var job = (await org.TryStartAsync(JobKind.Resend, new() { Role = BuiltInRole.ReadOnly })).Value;
        Assert.Equal(430, job.Total);
        clocked.Clock.Advance(TimeSpan.FromSeconds(1));
        await org.InviteAsync("later@example.test", row => row with { Role = BuiltInRole.ReadOnly });

        var rows = await org.DoneAsync(job);
        Assert.Equal(Enumerable.Range(1, 430), rows.Select(r => r.Row));
        Assert.All(rows, r => Assert.Equal(RowOutcome.Resent, r.Outcome));
        var members = (await org.MembersAsync()).ToDictionary(m => m.Identifier);
        Assert.All(
            rows,
            r =>
                Assert.Equal(
                    (r.MemberId, r.InvitationId, 2),
                    (
                        members[r.Email].Id, members[r.Email].Invitations[0].Id,
                        members[r.Email].Invitations[0].SentCount)));
        Assert.Equal(1, members["p440@example.test"].Invitations[0].SentCount);
        Assert.Equal(before.Count + 430 + 1, (await org.OutboxAsync()).Count);
        Assert.Equal(430, (await org.EventsAsync()).Count(e => e.Type is EventTypes.InvitationSent));
        Assert.Equal((430, 430), ((await org.JobAsync(job)).Counts["resent"], (await org.JobAsync(job)).Total));
    }

    [Fact]
    public async Task One_who_may_not_stops_no_other()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync("ingestion");
        await org.DoneAsync(await org.ImportAsync(
            "email,permissions",
            ["a@example.test,ingestion", "b@example.test,log_management", "c@example.test,ingestion"]));
        (JobKind, RowOutcome)[] kinds = [(JobKind.Resend, RowOutcome.Resent), (JobKind.Revoke, RowOutcome.Revoked)];
        foreach (var (kind, done) in kinds)
        {
            var rows = await org.DoneAsync((await org.TryStartAsync(kind, Others, by: manager)).Value);
            Assert.Equal([done, RowOutcome.Forbidden, done], rows.Select(r => r.Outcome));
            Assert.Equal("member_not_covered", rows[1].Code);
        }

        Assert.Equal(
            [MemberStatus.Removed, MemberStatus.Invited, MemberStatus.Removed],
            (await org.MembersAsync()).TakeLast(3).Select(m => m.Status));
        Assert.Equal(InvitationStatus.Pending, (await org.MemberAsync("b@example.test")).Invitations[0].Status);
    }

    [Fact]
    public async Task A_revoke_ends_offers_frees_their_seats_and_spares_whoever_is_in()
    {
        var org = await app.CreateOrganizationAsync();
        var limited = await app.WithAsync<OrganizationService, Result<Organization>>(s =>
            s.SetSeatLimitAsync(org.System, 1_000, Ct));
        Assert.Null(limited.Error);
        await org.DoneAsync(await org.ImportAsync("email", Enumerable.Range(0, 250).Select(i => $"p{i}@example.test")));
        var active = await org.MemberAsync("p7@example.test");
        // as an owner with a link of his own, who has not used it
        await org.SetStatusAsync(active, MemberStatus.Active);
        var rows = await org.DoneAsync((await org.TryStartAsync(JobKind.Revoke, new() { EmailPrefix = "p" })).Value);

        Assert.Equal((250, 249), (rows.Count, rows.Count(r => r.Outcome is RowOutcome.Revoked)));
        Assert.Equal((RowOutcome.AlreadyMember, "already_joined"), (rows[7].Outcome, rows[7].Code));
        var members = await org.MembersAsync();
        Assert.Equal(
            249,
            members.Count(m =>
                m.Status is MemberStatus.Removed && m.Invitations is [{ Status: InvitationStatus.Revoked }]));
        Assert.Equal(MemberStatus.Active, members.Single(m => m.Id == active.Id).Status);
        Assert.Equal(2, (await org.RowAsync()).SeatsUsed);
        Assert.Equal(249, (await org.EventsAsync()).Count(e => e.Type is EventTypes.InvitationRevoked));
    }

    [Fact]
    public async Task A_dry_run_says_the_same_and_changes_nothing()
    {
        var org = await app.CreateOrganizationAsync();
        var manager = await org.ManagerAsync();
        await org.DoneAsync(await org.ImportAsync(
            "email,permissions",
            Enumerable.Range(0, 230).Select(i => $"p{i}@example.test,{(i % 50 is 0 ? "ingestion" : "")}")));
        var mails = (await org.OutboxAsync()).Count;
        foreach (var kind in new[] { JobKind.Resend, JobKind.Revoke })
        {
            var versions = (await org.MembersAsync()).Select(m => (m.Version, m.Status)).ToList();
            var rehearsed = await org.DoneAsync(
                (await org.TryStartAsync(kind, Others, by: manager, dryRun: true)).Value);
            Assert.Equal(versions, (await org.MembersAsync()).Select(m => (m.Version, m.Status)));
            Assert.Equal(mails, (await org.OutboxAsync()).Count);
            var done = await org.DoneAsync((await org.TryStartAsync(kind, Others, by: manager)).Value);
            Assert.Equal(230, done.Count);
            Assert.Equal(5, done.Count(r => r.Outcome is RowOutcome.Forbidden));
            Assert.Equal(rehearsed, done);
            mails = (await org.OutboxAsync()).Count;
        }
    }

    [Fact]
    public async Task What_ran_out_is_found_by_the_clock_and_open_again_once_sent()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("old@example.test");
        clocked.Clock.Advance(TimeSpan.FromDays(7));
        await org.InviteAsync("new@example.test");
        var job = (await org.TryStartAsync(JobKind.Resend, Others with { States = [InvitationStatus.Expired] })).Value;
        Assert.Equal(1, job.Total);
        Assert.Equal("old@example.test", Assert.Single(await org.DoneAsync(job)).Email);
        Assert.True((await org.MemberAsync("old@example.test")).Invitations[0].IsOpen(clocked.Clock.GetUtcNow()));
    }

    [Fact]
    public async Task Whoever_got_in_meanwhile_is_left_out_and_the_total_says_so()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "a", "b", "c" }) await org.InviteAsync($"{name}@example.test");
        var job = (await org.TryStartAsync(JobKind.Revoke, Others)).Value;
        Assert.Equal(3, job.Total);
        Assert.Null((await app.JoinAsync(await org.LinkAsync(await org.MemberAsync("b@example.test")))).Error);
        Assert.Equal(["a@example.test", "c@example.test"], (await org.DoneAsync(job)).Select(r => r.Email));
        Assert.Equal(2, (await org.JobAsync(job)).Total);
        Assert.Equal(MemberStatus.Active, (await org.MemberAsync("b@example.test")).Status);
    }

    [Fact]
    public async Task Whoever_loses_the_right_in_the_middle_ends_nothing_from_then_on()
    {
        var org = await app.CreateOrganizationAsync();
        await org.DoneAsync(await org.ImportAsync("email", Enumerable.Range(0, 450).Select(i => $"p{i}@example.test")));
        var manager = await org.ManagerAsync();
        var job = (await org.TryStartAsync(JobKind.Revoke, new() { EmailPrefix = "p" }, by: manager)).Value;
        await app.DrainAsync(atMost: 1);
        await org.SetStatusAsync((await org.MembersAsync()).Single(m => m.Id == manager.Id), MemberStatus.Suspended);
        var rows = await org.DoneAsync(job);
        Assert.Equal(
            (200, 250),
            (
                rows.Count(r => r.Outcome is RowOutcome.Revoked),
                rows.Count(r => (r.Outcome, r.Code) is (RowOutcome.Forbidden, "not_allowed"))));
    }

    [Fact]
    public async Task Two_workers_at_once_mail_nobody_twice()
    {
        var org = await app.CreateOrganizationAsync();
        await org.DoneAsync(await org.ImportAsync("email", Enumerable.Range(0, 900).Select(i => $"p{i}@example.test")));
        var job = (await org.TryStartAsync(JobKind.Resend, Others)).Value;
        await AtOnceAsync(3, async _ =>
        {
            await app.DrainAsync();
            return 0;
        });
        Assert.Equal(900, (await org.DoneAsync(job)).Count);
        Assert.All((await org.OutboxAsync()).GroupBy(m => m.Recipient), mails => Assert.Equal(2, mails.Count()));
    }

    [Fact]
    public async Task Only_open_invitations_can_be_asked_for_and_none_is_no_fault()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(
            JobErrors.StatesInvalid,
            (await org.TryStartAsync(
                JobKind.Resend, new() { States = [InvitationStatus.Pending, InvitationStatus.Accepted] })).Error);
        Assert.Equal(
            JobErrors.EmailPrefixInvalid,
            (await org.TryStartAsync(JobKind.Revoke, new() { EmailPrefix = "a\0" })).Error);
        var job = (await org.TryStartAsync(JobKind.Resend, new() { EmailPrefix = "nobody" })).Value;
        Assert.Equal(0, job.Total);
        Assert.Empty(await org.DoneAsync(job));
    }

    [Fact]
    public async Task A_batch_costs_a_constant_number_of_reads_and_two_commits()
    {
        var org = await app.CreateOrganizationAsync();
        await org.DoneAsync(await org.ImportAsync(
            "email", Enumerable.Range(0, 220).Select(i => $"{(i < 10 ? "few" : "many")}{i}@example.test")));
        foreach (var kind in new[] { JobKind.Resend, JobKind.Revoke })
        {
            List<int> reads = [];
            foreach (var prefix in new[] { "few", "many" })
            {
                await org.TryStartAsync(kind, new() { EmailPrefix = prefix });
                app.Commands.Total.Take();
                await app.DrainAsync(atMost: 1);
                Assert.Equal(2, app.Commands.Total.Commits);
                reads.Add(app.Commands.Total.Take().Count(c =>
                    c.TrimStart().StartsWith("SELECT", StringComparison.Ordinal)
                        || c.TrimStart().StartsWith("WITH", StringComparison.Ordinal)));
                await app.DrainAsync();
            }

            Assert.Equal(reads[0], reads[1]);
        }
    }
}
