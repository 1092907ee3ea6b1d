using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Events;

namespace Usher.Core.Jobs;

public enum JobKind
{
    /// <summary>Invites the people listed in a file.</summary>
    Import,

    /// <summary>Sends every invitation that matches a filter again.</summary>
    Resend,

    /// <summary>Revokes every invitation that matches a filter.</summary>
    Revoke,

    /// <summary>
    /// Makes the actor the sponsor of every invitation that matches a filter and whose sponsor may no longer make it.
    /// </summary>
    Endorse,
}

public enum JobStatus
{
    /// <summary>Waiting for a worker.</summary>
    Queued,
    Running,
    Completed,
    Cancelled,

    /// <summary>Stopped by an internal server error; see the failure reason. Completed batches stay.</summary>
    Failed,
}

/// <summary>The result of one row.</summary>
public enum RowOutcome
{
    Invited,

    /// <summary>The person was already invited. The offer now matches the row.</summary>
    Refreshed,

    /// <summary>
    /// The person was already invited with everything in the row. Nothing was changed and no mail was sent.
    /// </summary>
    Unchanged,
    AlreadyMember,

    /// <summary>The row is invalid.</summary>
    Invalid,

    /// <summary>The actor who started the job may not do this.</summary>
    Forbidden,
    OverSeats,

    /// <summary>Bulk resend: a new mail was queued.</summary>
    Resent,

    /// <summary>Bulk revoke: the invitation was revoked.</summary>
    Revoked,

    /// <summary>Bulk endorse: the existing link works again.</summary>
    Endorsed,

    /// <summary>Bulk operations: the invitation ended in the meantime.</summary>
    Ended,
}

/// <summary>
/// An operation on many rows that continues after its request was answered, also after a restart. Its rows are split
/// into batches. The outcomes of a batch are committed together with its changes.
/// </summary>
public sealed class Job : IVersioned
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required JobKind Kind { get; init; }

    public JobStatus Status { get; set; }

    /// <summary>Whether the job only reports what it would do.</summary>
    public bool DryRun { get; init; }

    /// <summary>The actor who started the job. The actor's access is checked again for every batch.</summary>
    public ActorKind ActorKind { get; init; }

    public Guid ActorId { get; init; }

    public string ActorName { get; init; } = "";

    /// <summary>The parameters of the job; see <see cref="JobParameters"/>.</summary>
    public Dictionary<string, string> Parameters { get; init; } = [];

    /// <summary>The number of rows.</summary>
    public int Total { get; set; }

    /// <summary>The number of rows per outcome. The keys are outcomes in snake_case.</summary>
    public Dictionary<string, int> Counts { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>Until when a worker has claimed the job. If it is null or past, the job is free to claim.</summary>
    public DateTimeOffset? ClaimedUntil { get; set; }

    public string? FailureReason { get; set; }

    public int Version { get; set; }

    public bool HasEnded => Status is not (JobStatus.Queued or JobStatus.Running);

    public void End(JobStatus how, DateTimeOffset now) => (Status, FinishedAt, ClaimedUntil) = (how, now, null);

    /// <summary>Creates an event about the job, with its current counts.</summary>
    public UsherEvent Event(string type, Actor actor, DateTimeOffset now, string? cause = null)
    {
        Dictionary<string, string> details = new()
        {
            ["kind"] = SnakeCaseName.Of(Kind), ["dry_run"] = DryRun ? "true" : "false",
            ["total"] = Total.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (outcome, count) in Counts) details[outcome] = count.ToString(CultureInfo.InvariantCulture);
        return UsherEvent.Record(type, actor, "job", Id, now, details, cause);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<Job>
    {
        public void Configure(EntityTypeBuilder<Job> builder)
        {
            builder.ToTable("jobs");
            builder.HasKey(j => new { j.OrganizationId, j.Id });
            // The worker's next job, and the sweep of finished jobs.
            builder.HasIndex(j => j.ClaimedUntil).HasFilter("status IN ('queued', 'running')");
            builder.HasIndex(j => j.FinishedAt).HasFilter("finished_at IS NOT NULL");
        }
    }
}

/// <summary>A batch of up to some hundred rows of a job.</summary>
public sealed class JobBatch
{
    public required Guid OrganizationId { get; init; }

    public required Guid JobId { get; init; }

    /// <summary>The position of the batch in the job, starting at 1.</summary>
    public required int Sequence { get; init; }

    /// <summary>The number of the batch's first row. The first row of the job is 1.</summary>
    public required int FirstRow { get; init; }

    public required int Count { get; init; }

    /// <summary>
    /// The rows of an imported file as JSON, emptied after processing; otherwise the id of the batch's last invitation.
    /// </summary>
    public required string Input { get; set; }

    /// <summary>The outcomes of the rows as JSON, in row order; null before processing.</summary>
    public string? Outcomes { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<JobBatch>
    {
        public void Configure(EntityTypeBuilder<JobBatch> builder)
        {
            builder.ToTable("job_batches");
            builder.HasKey(b => new { b.OrganizationId, b.JobId, b.Sequence });
            builder.HasOne<Job>().WithMany().HasForeignKey(b => new { b.OrganizationId, b.JobId })
                .OnDelete(DeleteBehavior.Cascade);
        }
    }
}
