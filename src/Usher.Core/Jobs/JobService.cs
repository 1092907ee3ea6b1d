using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Jobs;

/// <summary>Options of an import.</summary>
/// <param name="DryRun">Whether the import only reports what it would do.</param>
/// <param name="SendMail">Whether invitation links are mailed. Otherwise members are invited without an invitation
/// until it is resent.</param>
public sealed record ImportOptions(bool DryRun = false, bool SendMail = true);

/// <summary>
/// Starts, reads and cancels jobs. Everything needs <c>user_management</c>. <see cref="JobRunner"/> checks the actor's
/// access again for every batch.
/// </summary>
public sealed class JobService(UsherDb db, Database database, TimeProvider clock)
{
    /// <summary>How long a job and its rows are kept after the job ends: 30 days.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(30);

    /// <summary>The maximum page size of jobs and rows: 1,000, plus one to detect whether more follow.</summary>
    public const int MaxPage = 1_001;

    /// <summary>
    /// Reads a file for an import. Reads nothing if the actor may not start an import. Stores nothing.
    /// </summary>
    public static async Task<Result<ImportFile>> ReadAsync(
        Actor actor, Stream body, ImportFormat format, ImportIds ids, CancellationToken ct) =>
        actor.May(Permissions.UserManagement)
            ? await ImportReader.ReadAsync(body, format, ids, ct)
            : CommonErrors.NotAllowed;

    /// <summary>
    /// Reads a file and starts its import. The body can be read only once: where the operation may run again, as with
    /// an Idempotency-Key, read the file first and pass the result to the other overload.
    /// </summary>
    public async Task<Result<Job>> ImportAsync(
        Actor actor, Stream body, ImportFormat format, ImportIds ids, ImportOptions options, CancellationToken ct) =>
        (await ReadAsync(actor, body, format, ids, ct)).TryGet(out var file, out var refused)
            ? await ImportAsync(actor, file, options, ct)
            : refused;

    /// <summary>Starts an import. The job and all its rows are one commit; a worker processes them.</summary>
    public async Task<Result<Job>> ImportAsync(
        Actor actor, ImportFile file, ImportOptions options, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        return await database.RunAsync<Result<Job>>(async unit =>
        {
            var job = New(
                unit, actor, Uuid.Create(clock.Now()), JobKind.Import, options.DryRun, file.Total,
                new() { [JobParameters.SendMail] = options.SendMail ? "true" : "false" });
            foreach (var (i, batch) in file.Batches.Index())
                unit.Add(
                    new JobBatch
                    {
                        OrganizationId = job.OrganizationId, JobId = job.Id, Sequence = i + 1,
                        FirstRow = batch.FirstRow, Count = batch.Count, Input = batch.Rows,
                    });
            return job;
        }, ct);
    }

    /// <summary>
    /// Starts a job that resends every pending or expired invitation that matches a filter. Invitations created after
    /// the job are not included. See <see cref="InvitationService.ResendAsync(Actor, Guid, CancellationToken)"/>.
    /// </summary>
    /// <returns>The job. Its total is the current number of matches. Refused with <c>states_invalid</c> if the filter
    /// includes other states.</returns>
    public Task<Result<Job>> ResendAllAsync(Actor actor, InvitationFilter filter, bool dryRun, CancellationToken ct) =>
        StartAsync(actor, JobKind.Resend, filter, dryRun, ct);

    /// <summary>
    /// Starts a job that revokes every pending or expired invitation that matches a filter. Invitations created after
    /// the job are not included.
    /// </summary>
    /// <returns>As <see cref="ResendAllAsync"/>.</returns>
    public Task<Result<Job>> RevokeAllAsync(Actor actor, InvitationFilter filter, bool dryRun, CancellationToken ct) =>
        StartAsync(actor, JobKind.Revoke, filter, dryRun, ct);

    /// <summary>
    /// Starts a job that makes the actor the sponsor of every pending or expired invitation that matches a filter and
    /// whose sponsor may no longer make it. Invitations created after the job are not included. See
    /// <see cref="InvitationService.EndorseAsync(Actor, IReadOnlyList{Guid}, CancellationToken)"/>.
    /// </summary>
    /// <returns>As <see cref="ResendAllAsync"/>.</returns>
    public Task<Result<Job>> EndorseAllAsync(Actor actor, InvitationFilter filter, bool dryRun, CancellationToken ct) =>
        StartAsync(actor, JobKind.Endorse, filter, dryRun, ct);

    public async Task<Result<Job>> GetAsync(Actor actor, Guid id, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        return await Of(actor, id).AsNoTracking().SingleOrDefaultAsync(ct) is { } job ? job : JobErrors.NotFound;
    }

    /// <summary>A page of the organization's jobs, newest first.</summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="after">The id of the previous page's last job; null for the first page.</param>
    /// <param name="limit">1 to 1,001.</param>
    /// <param name="kind">The kind of job; null: any kind.</param>
    /// <param name="ct">Cancels the read.</param>
    public async Task<Result<IReadOnlyList<Job>>> PageAsync(
        Actor actor, Guid? after, int limit, JobKind? kind, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        var jobs = db.Jobs.AsNoTracking().Where(j => j.OrganizationId == actor.OrganizationId);
        if (after is { } last) jobs = jobs.Where(j => j.Id < last);
        if (kind is { } only) jobs = jobs.Where(j => j.Kind == only);
        return await jobs.OrderByDescending(j => j.Id).Take(Math.Clamp(limit, 1, MaxPage)).ToListAsync(ct);
    }

    /// <summary>A page of a job's processed rows, in row order.</summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="id">The job's id.</param>
    /// <param name="outcome">The outcome of the rows; null: any outcome.</param>
    /// <param name="after">The number of the previous page's last row; 0 for the first page.</param>
    /// <param name="limit">1 to 1,001.</param>
    /// <param name="ct">Cancels the read.</param>
    public async Task<Result<IReadOnlyList<JobRow>>> RowsAsync(
        Actor actor, Guid id, RowOutcome? outcome, int after, int limit, CancellationToken ct)
    {
        if (!(await GetAsync(actor, id, ct)).TryGet(out _, out var refused)) return refused;
        List<JobRow> rows = [];
        await foreach (var row in ReadRowsAsync(actor.OrganizationId, id, outcome, after, ct))
        {
            rows.Add(row);
            if (rows.Count == Math.Clamp(limit, 1, MaxPage)) break;
        }

        return rows;
    }

    /// <summary>
    /// Streams all processed rows of a job, batch by batch, so memory use does not depend on their number. Empty if the
    /// job does not exist or the actor may not read it.
    /// </summary>
    public async IAsyncEnumerable<JobRow> StreamRowsAsync(
        Actor actor, Guid id, RowOutcome? outcome, [EnumeratorCancellation] CancellationToken ct)
    {
        if ((await GetAsync(actor, id, ct)).Error is not null) yield break;
        await foreach (var row in ReadRowsAsync(actor.OrganizationId, id, outcome, after: 0, ct)) yield return row;
    }

    /// <summary>
    /// Cancels a job. Completed batches stay. A batch in progress is committed completely or not at all.
    /// </summary>
    /// <returns>The cancelled job. Refused with <c>job_ended</c> if it has already ended.</returns>
    public async Task<Result<Job>> CancelAsync(Actor actor, Guid id, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        return await database.RunAsync<Result<Job>>(async unit =>
        {
            if (await Of(actor, id).SingleOrDefaultAsync(ct) is not { } job) return JobErrors.NotFound;
            if (job.HasEnded) return JobErrors.Ended;
            job.End(JobStatus.Cancelled, clock.Now());
            unit.Add(job.Event(EventTypes.JobCancelled, actor, clock.Now()));
            return job;
        }, ct);
    }

    /// <summary>Deletes up to 20 jobs that ended more than <see cref="KeptFor"/> ago, with their rows.</summary>
    /// <returns>The number of deleted jobs. Fewer than 20 means that none is left.</returns>
    public async Task<int> SweepEndedAsync(CancellationToken ct)
    {
        var until = clock.Now() - KeptFor;
        if (!await db.Jobs.AnyAsync(j => j.FinishedAt <= until, ct)) return 0;
        return await database.RunLockedAsync(async unit =>
        {
            var ids = await db.Jobs.Where(j => j.FinishedAt <= until).OrderBy(j => j.FinishedAt).Take(20)
                .Select(j => j.Id).ToListAsync(ct);
            return await db.Jobs.Where(j => ids.Contains(j.Id)).ExecuteDeleteAsync(ct);
        }, ct);
    }

    private async Task<Result<Job>> StartAsync(
        Actor actor, JobKind kind, InvitationFilter filter, bool dryRun, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        if (filter.EmailPrefix is { } prefix && (string.IsNullOrWhiteSpace(prefix) || !Text.IsWellFormed(prefix)))
            return JobErrors.EmailPrefixInvalid;
        // An operation on many invitations never treats an empty filter as "all".
        if (filter.NamesNothing != filter.All) return filter.All ? JobErrors.AllAndFilter : JobErrors.NothingNamed;
        if (filter.States.Any(s => s is not (InvitationStatus.Pending or InvitationStatus.Expired)))
            return JobErrors.StatesInvalid;
        return await database.RunAsync<Result<Job>>(async unit =>
        {
            var (id, now) = (Uuid.Create(clock.Now()), clock.Now());
            var those = filter with
            {
                States = filter.States is [] ? [InvitationStatus.Pending, InvitationStatus.Expired] : filter.States,
                Before = id,
            };
            var total = await InvitationSearch.CountAsync(db, actor.OrganizationId, those, now, ct);
            var job = New(
                unit, actor, id, kind, dryRun, total, new() { [JobParameters.Filter] = JobJson.Write(those) });
            return job;
        }, ct);
    }

    private Job New(
        Unit unit, Actor actor, Guid id, JobKind kind, bool dryRun, int total, Dictionary<string, string> parameters)
    {
        var now = clock.Now();
        var job = new Job
        {
            OrganizationId = actor.OrganizationId, Id = id, Kind = kind, DryRun = dryRun, ActorKind = actor.Kind,
            ActorId = actor.Id, ActorName = actor.Name,
            Parameters = parameters, Total = total, CreatedAt = now,
        };
        unit.Add(job);
        unit.Add(job.Event(EventTypes.JobCreated, actor, now));
        return job;
    }

    private IQueryable<Job> Of(Actor actor, Guid id) =>
        db.Jobs.Where(j => j.OrganizationId == actor.OrganizationId && j.Id == id);

    private async IAsyncEnumerable<JobRow> ReadRowsAsync(
        Guid organization, Guid job, RowOutcome? outcome, int after, [EnumeratorCancellation] CancellationToken ct)
    {
        // The database skips batches that contain no such row.
        var batches = db.JobBatches.AsNoTracking()
            .Where(b => b.OrganizationId == organization && b.JobId == job && b.Outcomes != null);
        if (outcome is { } wanted)
        {
            var mark = $"\"outcome\":{JobJson.Write(wanted)}";
            batches = batches.Where(b => b.Outcomes!.Contains(mark));
        }

        for (var sequence = 0; ;)
        {
            var passed = sequence;
            var next = await batches.Where(b => b.Sequence > passed && b.FirstRow + b.Count > after + 1)
                .OrderBy(b => b.Sequence).Select(b => new { b.Sequence, b.Outcomes }).FirstOrDefaultAsync(ct);
            if (next is null) yield break;
            foreach (var row in JobJson.Read<List<JobRow>>(next.Outcomes!))
                if (row.Row > after && (outcome ?? row.Outcome) == row.Outcome) yield return row;
            sequence = next.Sequence;
        }
    }
}

/// <summary>The keys of <see cref="Job.Parameters"/>.</summary>
public static class JobParameters
{
    /// <summary>Imports: whether mails are sent, <c>true</c> or <c>false</c>.</summary>
    public const string SendMail = "send_mail";

    /// <summary>Other kinds: the <see cref="InvitationFilter"/> as JSON.</summary>
    public const string Filter = "filter";

    /// <summary>How often the current batch has failed with an internal server error.</summary>
    internal const string Failures = "failures";
}
