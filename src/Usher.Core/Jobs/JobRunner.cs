using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Jobs;

/// <summary>
/// Runs jobs for a worker. The worker claims a job and processes one batch, which releases the job. A batch's changes
/// and row outcomes are one commit, so every row is processed exactly once, even if a node dies. The job that has
/// waited longest is next, so all jobs make progress.
/// </summary>
public sealed class JobRunner(
    UsherDb db, Database database, InvitationService invitations, MemberService members, MemberNumbers numbers,
    TimeProvider clock)
{
    /// <summary>How long a claim lasts: 1 minute. A worker whose claim has been taken over cannot commit.</summary>
    public static readonly TimeSpan ClaimLength = TimeSpan.FromMinutes(1);

    /// <summary>The number of invitations in one batch of a bulk operation.</summary>
    public const int BulkSize = 200;

    /// <summary>The number of failed attempts of a batch after which the job fails.</summary>
    public const int MaxFailures = 5;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Claims the job that has waited longest. Jobs of a suspended organization wait until it is resumed.
    /// </summary>
    /// <returns>The claimed job, for <see cref="RunAsync"/>; null if none is waiting.</returns>
    public async Task<Job?> ClaimAsync(CancellationToken ct)
    {
        var now = clock.Now();

        // If no job is waiting, this costs one indexed read and no lock.
        if (!await Waiting(now).AnyAsync(ct)) return null;
        return await database.RunLockedAsync(async unit =>
        {
            var waiting = db.IsSqlite
                ? Waiting(now).OrderBy(j => j.ClaimedUntil ?? j.CreatedAt).Take(1)
                : db.Jobs.FromSql(
                    $"""
                    SELECT * FROM jobs WHERE status IN ('queued', 'running') AND (claimed_until IS NULL
                        OR claimed_until <= {now})
                    AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.id = jobs.organization_id
                        AND o.suspended_at IS NOT NULL)
                    ORDER BY coalesce(claimed_until, created_at) LIMIT 1 FOR UPDATE SKIP LOCKED
                    """);
            if (await waiting.ToListAsync(ct) is not [var job]) return null;
            (job.Status, job.StartedAt, job.ClaimedUntil) =
                (JobStatus.Running, job.StartedAt ?? now, now + ClaimLength);
            return job;
        }, ct);
    }

    /// <summary>
    /// Releases all claims. A node that knows it is the only one calls this at startup, because all claims are its own.
    /// </summary>
    public Task<int> TakeBackAsync(CancellationToken ct) =>
        database.RunLockedAsync(
            _ =>
                db.Jobs.Where(j => j.ClaimedUntil != null)
                    .ExecuteUpdateAsync(set => set.SetProperty(j => j.ClaimedUntil, (DateTimeOffset?)null), ct),
            ct);

    /// <summary>
    /// Processes the next batch of a claimed job. Then releases the job or, after the last batch, completes it.
    /// </summary>
    /// <returns>False if the job has ended, another node has claimed it, or its organization was suspended. Nothing is
    /// changed then; in the last case the job is released.</returns>
    public async Task<bool> RunAsync(Job claimed, CancellationToken ct)
    {
        var part = await ReadAsync(claimed, ct);
        // Reserved before the unit of work begins; see MemberNumbers.
        var first = part.Rows is [] ? 0 : await numbers.TakeAsync(part.Rows.Count, ct);
        var rehearsed = claimed.DryRun
            ? await database.RehearseAsync(unit => JudgeAsync(unit, claimed, part, first, ct), ct)
            : null;
        var done = await database.RunAsync(async unit =>
        {
            if (await HeldAsync(claimed, ct) is not { } job) return false;
            if (claimed.DryRun) return Write(unit, job, part, rehearsed);
            // Under lock, the filter is read again because other invitations may match now.
            var now = unit.IsLocked && job.Kind is not JobKind.Import ? await ReadAsync(job, ct) : part;
            return Write(unit, job, now, await JudgeAsync(unit, job, now, first, ct));
        }, ct);
        if (!done) await ReleaseAsync(claimed, ct);
        return done;
    }

    /// <summary>Releases a claimed job unchanged when the node stops.</summary>
    public Task ReleaseAsync(Job claimed, CancellationToken ct) =>
        ChangeAsync(claimed, (_, job) => job.ClaimedUntil = clock.Now(), ct);

    /// <summary>
    /// Records that a batch failed with an internal server error. The batch is tried again after growing pauses; after
    /// <see cref="MaxFailures"/> failures the job fails.
    /// </summary>
    /// <param name="claimed">The job. No effect if another worker has claimed it since.</param>
    /// <param name="reason">A short text for people that names the fault and contains no data.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>Whether the job has failed for good.</returns>
    public async Task<bool> FailedAsync(Job claimed, string reason, CancellationToken ct)
    {
        var failed = await ChangeAsync(claimed, (unit, job) =>
        {
            var (now, failures) = (
                clock.Now(),
                1
                    + int.Parse(
                          job.Parameters.GetValueOrDefault(JobParameters.Failures, "0"), CultureInfo.InvariantCulture));
            job.Parameters[JobParameters.Failures] = failures.ToString(CultureInfo.InvariantCulture);
            job.ClaimedUntil = now + (FirstPause * Math.Pow(4, failures - 1));
            if (failures < MaxFailures) return;
            job.FailureReason = reason;
            job.End(JobStatus.Failed, now);
            unit.Add(job.Event(EventTypes.JobFailed, Actor.System(job.OrganizationId), now, cause: "jobs"));
        }, ct);
        return failed is { Status: JobStatus.Failed };
    }

    // The rows of one batch: stored rows of a file, or the next invitations that match a filter. The batch is null if
    // there are none.
    private sealed record Part(
        JobBatch? Batch, IReadOnlyList<ImportRow> Rows, IReadOnlyList<Offer> Offers, bool IsLast);

    private sealed record Offer(Guid InvitationId, Guid MemberId, string Email);

    private IQueryable<Job> Waiting(DateTimeOffset now) =>
        db.Jobs.Where(
            j =>
                (j.Status == JobStatus.Queued || j.Status == JobStatus.Running)
                    && (j.ClaimedUntil == null || j.ClaimedUntil <= now)
            && !db.Organizations.Any(o => o.Id == j.OrganizationId && o.SuspendedAt != null));

    private IQueryable<Job> Same(Job claimed) =>
        db.Jobs.Where(j => j.OrganizationId == claimed.OrganizationId && j.Id == claimed.Id);

    // Every claim has a different end time, so the end time identifies the claim.
    private static bool IsHeld(Job? job, Job claimed) =>
        job is { Status: JobStatus.Running } && job.ClaimedUntil == claimed.ClaimedUntil;

    private async Task<Job?> HeldAsync(Job claimed, CancellationToken ct) =>
        await Same(claimed).AsNoTracking().SingleOrDefaultAsync(ct) is { } job && IsHeld(job, claimed) ? job : null;

    private Task<Job?> ChangeAsync(Job claimed, Action<Unit, Job> change, CancellationToken ct) =>
        database.RunAsync(async unit =>
        {
            if (await Same(claimed).SingleOrDefaultAsync(ct) is not { } job || !IsHeld(job, claimed)) return null;
            change(unit, job);
            return job;
        }, ct);

    private async Task<Part> ReadAsync(Job job, CancellationToken ct)
    {
        var batches = db.JobBatches.AsNoTracking()
            .Where(b => b.OrganizationId == job.OrganizationId && b.JobId == job.Id);
        if (job.Kind is JobKind.Import)
        {
            var batch = await batches.Where(b => b.Outcomes == null).OrderBy(b => b.Sequence).FirstOrDefaultAsync(ct);
            return batch is null
                ? new(null, [], [], true)
                : new(batch, JobJson.Read<List<ImportRow>>(batch.Input), [], batch.FirstRow + batch.Count > job.Total);
        }

        var before = await batches.OrderByDescending(b => b.Sequence)
            .Select(b => new { b.Sequence, b.FirstRow, b.Count, b.Input }).FirstOrDefaultAsync(ct);
        var page = new InvitationPage(
            InvitationOrder.Created, null, before is null ? null : Guid.Parse(before.Input), BulkSize, clock.Now())
        {
            Filter = JobJson.Read<InvitationFilter>(job.Parameters[JobParameters.Filter]),
        };
        var graph = await AccessGraph.ReadAsync(db, new(job.OrganizationId) { Invitations = page }, ct);
        // A member has at most one open invitation, so these are exactly the page.
        List<Offer> offers = [
            .. (graph?.RunOfInvitations ?? []).Where(i => !i.HasEnded).OrderBy(i => i.Id)
                .Select(i => new Offer(i.Id, i.MemberId, graph!.Member(i.MemberId)!.Identifier))];
        if (offers is []) return new(null, [], [], true);
        return new(new JobBatch
        {
            OrganizationId = job.OrganizationId, JobId = job.Id, Sequence = (before?.Sequence ?? 0)
                + 1, FirstRow = before is null
                ? 1
                : before.FirstRow + before.Count, Count = offers.Count,
            Input = offers[^1].InvitationId.ToString(),
        }, [], offers, offers.Count < BulkSize);
    }

    // Runs with the current access of the actor who started the job. Null if the organization is suspended; the job
    // then waits.
    private async Task<IReadOnlyList<JobRow>?> JudgeAsync(
        Unit unit, Job job, Part part, long firstNumber, CancellationToken ct)
    {
        if (part.Batch is not { } batch) return [];
        var known = await AccessGraph.ReadAsync(
            unit, new(job.OrganizationId) { MemberIds = job.ActorKind is ActorKind.Member ? [job.ActorId] : [] }, ct);
        var access = job.ActorKind is ActorKind.Member ? EffectiveAccess.Nothing : EffectiveAccess.Everything;
        var actor = known?.Today(new(job.ActorKind, job.ActorId, job.ActorName, job.OrganizationId, access));
        if (known?.Organization.SuspendedAt is not null) return null;
        actor ??= new(job.ActorKind, job.ActorId, job.ActorName, job.OrganizationId, EffectiveAccess.Nothing);
        return job.Kind switch
        {
            JobKind.Import => await ImportAsync(unit, job, actor, batch.FirstRow, part.Rows, firstNumber, ct),
            JobKind.Resend =>
                Told(
                    await invitations.ResendAsync(unit, actor, [.. part.Offers.Select(o => o.MemberId)], ct),
                    RowOutcome.Resent),
            JobKind.Endorse => await EndorseAsync(),
            JobKind.Revoke =>
                Told(
                    await members.RemoveInvitedAsync(unit, actor, [.. part.Offers.Select(o => o.MemberId)], ct),
                    RowOutcome.Revoked),
        };

        async Task<IReadOnlyList<JobRow>> EndorseAsync()
        {
            var outcomes = await invitations.EndorseAsync(unit, actor, [.. part.Offers.Select(o => o.MemberId)], ct);
            var rows = Told(
                [.. outcomes.Select(o => o.Match<Result<Member>>(e => e.Member, error => error))], RowOutcome.Endorsed);
            return [
                .. rows.Zip(
                    outcomes,
                    (row, o) =>
                        o.Error is null && !o.Value.Changed ? row with { Outcome = RowOutcome.Unchanged } : row)];
        }

        IReadOnlyList<JobRow> Told(IReadOnlyList<Result<Member>> outcomes, RowOutcome done) =>
        [
            .. part.Offers.Zip(outcomes, (offer, outcome) => (offer, outcome)).Select((pair, i) =>
                (
                    pair.outcome.Error is { } refused
                        ? Refused(batch.FirstRow + i, pair.offer.Email, refused, otherwise: RowOutcome.Ended)
                        : new(batch.FirstRow + i, pair.offer.Email, done))
                    with { MemberId = pair.offer.MemberId, InvitationId = pair.offer.InvitationId }),
        ];
    }

    private async Task<IReadOnlyList<JobRow>> ImportAsync(
        Unit unit, Job job, Actor actor, int first, IReadOnlyList<ImportRow> rows, long firstNumber,
        CancellationToken ct)
    {
        // Invitations of earlier batches of a dry run are not stored, so their seats are added here.
        var seats = job.DryRun ? job.Counts.GetValueOrDefault(SnakeCaseName.Of(nameof(RowOutcome.Invited))) : 0;
        var how = new InviteOptions(
            OnPending.RefreshIfChanged, OnActive.Skip, OnRemoved.New,
            job.Parameters.GetValueOrDefault(JobParameters.SendMail) is not "false", UnknownReferences.Refuse,
            SeatsAlready: seats);
        List<ImportRow> good = [.. rows.Where(r => r.Faults is null)];
        var outcomes = new Queue<Result<Invited>>(
            good is [] ? [] : await invitations.InviteAsync(
                unit, actor, [.. good.Select(r => r.ToInvitation())], firstNumber, how, ct));
        return [
            .. rows.Select(
                (row, i) => row.Faults is { } faults ? JobRow.Refused(first + i, row.Email, RowOutcome.Invalid, faults)
            : outcomes.Dequeue().Match(
                invited => Came(first + i, row.Email, invited, job.DryRun),
                error => Refused(first + i, row.Email, error, otherwise: RowOutcome.Invalid)))];
    }

    private static JobRow Came(int row, string email, Invited invited, bool dryRun)
    {
        var outcome = invited.Outcome switch
        {
            InviteOutcome.Invited or InviteOutcome.Revived => RowOutcome.Invited,
            InviteOutcome.Refreshed => RowOutcome.Refreshed,
            InviteOutcome.Unchanged or InviteOutcome.Repeated => RowOutcome.Unchanged,
            InviteOutcome.Skipped => RowOutcome.AlreadyMember,
        };
        var refused = outcome is RowOutcome.AlreadyMember
            ? JobRow.Refused(row, email, outcome, [RowFault.Of(InvitationErrors.AlreadyMember)])
            : new JobRow(row, email, outcome);
        var invitation = invited.Member.Invitations.Find(i => !i.HasEnded);
        // Records that a dry run created do not exist, so their ids are left out.
        return refused with
        {
            MemberId = dryRun && outcome is RowOutcome.Invited ? null : invited.Member.Id,
            InvitationId = outcome is RowOutcome.AlreadyMember || (dryRun && outcome is not RowOutcome.Unchanged)
                ? null
                : invitation?.Id,
        };
    }

    private static JobRow Refused(int row, string email, Error error, RowOutcome otherwise)
    {
        var outcome = error.Kind is ErrorKind.Forbidden ? RowOutcome.Forbidden
            : error.Is(InvitationErrors.SeatsExhausted) ? RowOutcome.OverSeats
            : error.Is(InvitationErrors.AlreadyMember) || error.Is(InvitationErrors.AlreadyJoined)
                ? RowOutcome.AlreadyMember
            : otherwise;
        return JobRow.Refused(row, email, outcome, [RowFault.Of(error), .. error.Also.Select(RowFault.Of)]);
    }

    private bool Write(Unit unit, Job job, Part part, IReadOnlyList<JobRow>? rows)
    {
        if (rows is null) return false;
        var now = clock.Now();
        db.Attach(job);
        if (part.Batch is { } batch)
        {
            // For a file, only the outcomes of the rows are kept.
            if (job.Kind is JobKind.Import) batch.Input = "[]";
            batch.Outcomes = JobJson.Write(rows);
            db.Entry(batch).State = job.Kind is JobKind.Import ? EntityState.Modified : EntityState.Added;
        }

        job.Counts = new(
            job.Counts.Concat(rows.Select(r => KeyValuePair.Create(SnakeCaseName.Of(r.Outcome), 1))).GroupBy(c => c.Key)
                .Select(c => KeyValuePair.Create(c.Key, c.Sum(n => n.Value))));
        job.Parameters.Remove(JobParameters.Failures);
        job.ClaimedUntil = now;
        if (part.IsLast)
        {
            job.Total = job.Counts.Values.Sum(); // fewer invitations may match than were counted at the start
            job.End(JobStatus.Completed, now);
            unit.Add(job.Event(EventTypes.JobCompleted, Actor.System(job.OrganizationId), now, cause: "jobs"));
        }

        return true;
    }
}
