using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Jobs;

/// <summary>
/// Jobs as a worker sees them: claim one, do a batch of it, which frees it again. What a batch changes is one commit
/// with what its rows came to, so every row is carried out once, whoever dies when. Of several jobs each gets its turn,
/// for the one that waited longest comes first.
/// </summary>
public sealed class JobRunner(UsherDb db, InvitationService invitations, MemberService members, TimeProvider clock)
{
    /// <summary>How long a claim lasts. Whoever still works then commits nothing any more.</summary>
    public static readonly TimeSpan ClaimLength = TimeSpan.FromMinutes(1);

    /// <summary>How many invitations are sent anew or ended as one.</summary>
    public const int BulkSize = 200;

    /// <summary>How often a batch is tried before its job is given up.</summary>
    public const int MaxFailures = 5;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);

    /// <summary>Takes a job that waits. Those of a suspended organization wait until it is resumed.</summary>
    /// <returns>As it was claimed, for <see cref="RunAsync"/>; null when there is nothing to do.</returns>
    public async Task<Job?> ClaimAsync(CancellationToken ct)
    {
        var now = clock.Now();

        // An idle look is one indexed read and takes no lock.
        if (!await Waiting(now).AnyAsync(ct)) return null;
        return await db.RunLockedAsync(async () =>
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
            await db.SaveChangesAsync(ct);
            return job;
        }, ct);
    }

    /// <summary>
    /// Frees what was claimed. For a node that knows it is the only one, when it starts: what was claimed before was
    /// its own.
    /// </summary>
    public Task<int> TakeBackAsync(CancellationToken ct) =>
        db.RunLockedAsync(
            () =>
                db.Jobs.Where(j => j.ClaimedUntil != null)
                    .ExecuteUpdateAsync(set => set.SetProperty(j => j.ClaimedUntil, (DateTimeOffset?)null), ct),
            ct);

    /// <summary>Does the next batch of a claimed job, and frees the job or, after the last, completes it.</summary>
    /// <returns> False when it had ended meanwhile, another node has claimed it since, or its organization was
    /// suspended since; then nothing was done, and in the last case the job is free again. </returns>
    public async Task<bool> RunAsync(Job claimed, CancellationToken ct)
    {
        var done = claimed.DryRun ? await RehearseAsync(claimed, ct)
            : await db.RunTogetherAsync(
                async () =>
                    await HeldAsync(claimed, ct) is { } job && await ReadAsync(job, ct) is var part
                        && await WriteAsync(job, part, await JudgeAsync(job, part, ct), ct),
                ct);
        if (!done) await ReleaseAsync(claimed, ct);
        return done;
    }

    private async Task<bool> RehearseAsync(Job claimed, CancellationToken ct)
    {
        var (part, rows) = await db.RehearseAsync(
            async () =>
                await ReadAsync(claimed, ct) is var read ? (read, await JudgeAsync(claimed, read, ct)) : default,
            ct);
        return await db.RunTogetherAsync(
            async () => await HeldAsync(claimed, ct) is { } job && await WriteAsync(job, part, rows, ct), ct);
    }

    /// <summary>Gives a claimed job back as it is, for a node that stops.</summary>
    public Task ReleaseAsync(Job claimed, CancellationToken ct) =>
        ChangeAsync(claimed, job => job.ClaimedUntil = clock.Now(), ct);

    /// <summary>
    /// A fault of the server kept a batch from being done: it is tried again, after growing pauses, and given up in the
    /// end.
    /// </summary>
    /// <param name="claimed">The job; without effect when somebody else has claimed it since.</param>
    /// <param name="reason">For people: a word for the fault, nothing of what it was about.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Whether it was given up.</returns>
    public async Task<bool> FailedAsync(Job claimed, string reason, CancellationToken ct)
    {
        var failed = await ChangeAsync(claimed, job =>
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
            db.Add(job.Event(EventTypes.JobFailed, Actor.System(job.OrganizationId), now, cause: "jobs"));
        }, ct);
        return failed is { Status: JobStatus.Failed };
    }

    // Rows to do as one: of a file as they were stored, of a filter the next it lets through. Null batch: there are
    // none.
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

    // Every claim ends at another time, so the end tells one from the next.
    private static bool IsHeld(Job? job, Job claimed) =>
        job is { Status: JobStatus.Running } && job.ClaimedUntil == claimed.ClaimedUntil;

    private async Task<Job?> HeldAsync(Job claimed, CancellationToken ct) =>
        await Same(claimed).AsNoTracking().SingleOrDefaultAsync(ct) is { } job && IsHeld(job, claimed) ? job : null;

    private Task<Job?> ChangeAsync(Job claimed, Action<Job> change, CancellationToken ct) => db.RunAsync(async () =>
    {
        if (await Same(claimed).SingleOrDefaultAsync(ct) is not { } job || !IsHeld(job, claimed)) return null;
        change(job);
        await db.SaveChangesAsync(ct);
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
        // A member has one that is open at most, so these are the page.
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

    // In the name of the one who started the job, with the rights of today. Null: the organization is suspended, and
    // the job waits.
    private async Task<IReadOnlyList<JobRow>?> JudgeAsync(Job job, Part part, CancellationToken ct)
    {
        if (part.Batch is not { } batch) return [];
        var known = await AccessGraph.ReadAsync(
            db, new(job.OrganizationId) { MemberIds = job.ActorKind is ActorKind.Member ? [job.ActorId] : [] }, ct);
        var access = job.ActorKind is ActorKind.Member ? EffectiveAccess.Nothing : EffectiveAccess.Everything;
        var actor = known?.Today(new(job.ActorKind, job.ActorId, job.ActorName, job.OrganizationId, access));
        if (known?.Organization.SuspendedAt is not null) return null;
        actor ??= new(job.ActorKind, job.ActorId, job.ActorName, job.OrganizationId, EffectiveAccess.Nothing);
        return job.Kind switch
        {
            JobKind.Import => await ImportAsync(job, actor, batch.FirstRow, part.Rows, ct),
            JobKind.Resend =>
                Told(
                    await invitations.ResendAsync(actor, [.. part.Offers.Select(o => o.MemberId)], ct),
                    RowOutcome.Resent),
            JobKind.Endorse => await EndorseAsync(),
            JobKind.Revoke =>
                Told(
                    await members.RemoveInvitedAsync(actor, [.. part.Offers.Select(o => o.MemberId)], ct),
                    RowOutcome.Revoked),
        };

        async Task<IReadOnlyList<JobRow>> EndorseAsync()
        {
            var outcomes = await invitations.EndorseAsync(actor, [.. part.Offers.Select(o => o.MemberId)], ct);
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
        Job job, Actor actor, int first, IReadOnlyList<ImportRow> rows, CancellationToken ct)
    {
        // What a rehearsal let through before is not there: its seats are counted by hand.
        var seats = job.DryRun ? job.Counts.GetValueOrDefault(SnakeCaseName.Of(nameof(RowOutcome.Invited))) : 0;
        var how = new InviteOptions(
            OnPending.RefreshIfChanged, OnActive.Skip, OnRemoved.New,
            job.Parameters.GetValueOrDefault(JobParameters.SendMail) is not "false", UnknownReferences.Refuse,
            SeatsAlready: seats);
        List<ImportRow> good = [.. rows.Where(r => r.Faults is null)];
        var outcomes = new Queue<Result<Invited>>(
            good is [] ? [] : await invitations.InviteAsync(actor, [.. good.Select(r => r.ToInvitation())], how, ct));
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
        // Of what a dry run made, nothing stays to be looked up.
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
            : error.Code == InvitationErrors.SeatsExhausted.Code ? RowOutcome.OverSeats
            : error.Code == InvitationErrors.AlreadyMember.Code || error.Code == InvitationErrors.AlreadyJoined.Code
                ? RowOutcome.AlreadyMember
            : otherwise;
        return JobRow.Refused(row, email, outcome, [RowFault.Of(error), .. error.Also.Select(RowFault.Of)]);
    }

    private async Task<bool> WriteAsync(Job job, Part part, IReadOnlyList<JobRow>? rows, CancellationToken ct)
    {
        if (rows is null) return false;
        var now = clock.Now();
        db.Attach(job);
        if (part.Batch is { } batch)
        {
            // Of a file's rows, only what they came to is kept.
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
            job.Total = job.Counts.Values.Sum(); // what a filter finds may have become less since it was counted
            job.End(JobStatus.Completed, now);
            db.Add(job.Event(EventTypes.JobCompleted, Actor.System(job.OrganizationId), now, cause: "jobs"));
        }

        await db.SaveChangesAsync(ct);
        return true;
    }
}
