using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Events;

namespace Usher.Core.Jobs;

public enum JobKind
{
    /// <summary>Invites the people of a file.</summary>
    Import,

    /// <summary>Mails every invitation of a filter anew.</summary>
    Resend,

    /// <summary>Ends every invitation of a filter.</summary>
    Revoke,

    /// <summary>
    /// Makes the actor the sponsor of every invitation of a filter whose sponsor may no longer make it.
    /// </summary>
    Endorse,
}

public enum JobStatus
{
    /// <summary>Waits for a worker.</summary>
    Queued,
    Running,
    Completed,
    Cancelled,

    /// <summary>A fault of the server stopped it; the reason says which. What it did before stays done.</summary>
    Failed,
}

/// <summary>What became of one row.</summary>
public enum RowOutcome
{
    Invited,

    /// <summary>Was invited already, and is now offered what the row says.</summary>
    Refreshed,

    /// <summary>Was invited already with all that the row says: nothing was changed, no mail sent.</summary>
    Unchanged,
    AlreadyMember,

    /// <summary>The row itself is wrong.</summary>
    Invalid,

    /// <summary>Whoever started the job may not do this.</summary>
    Forbidden,
    OverSeats,

    /// <summary>Of a bulk resend: a new mail is on its way.</summary>
    Resent,

    /// <summary>Of a bulk revoke: ended.</summary>
    Revoked,

    /// <summary>Of a bulk endorse: the same link works again.</summary>
    Endorsed,

    /// <summary>Of bulk work on invitations: something else became of it meanwhile.</summary>
    Ended,
}

/// <summary>
/// Work on many rows that goes on after its request was answered, and after a restart. Its rows lie in batches; each
/// batch's outcomes are committed with what it changed.
/// </summary>
public sealed class Job : IVersioned
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required JobKind Kind { get; init; }

    public JobStatus Status { get; set; }

    /// <summary>Whether it only says what it would do.</summary>
    public bool DryRun { get; init; }

    /// <summary>
    /// Who started it, and so stands for what it does. What he may do is asked anew with every batch.
    /// </summary>
    public ActorKind ActorKind { get; init; }

    public Guid ActorId { get; init; }

    public string ActorName { get; init; } = "";

    /// <summary>What the kind needs besides: a filter, whether mails are sent.</summary>
    public Dictionary<string, string> Parameters { get; init; } = [];

    /// <summary>How many rows there are.</summary>
    public int Total { get; set; }

    /// <summary>How many rows came to what; the outcomes in snake_case.</summary>
    public Dictionary<string, int> Counts { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>Until then a worker is at it; a job that waits or whose worker died is free.</summary>
    public DateTimeOffset? ClaimedUntil { get; set; }

    public string? FailureReason { get; set; }

    public int Version { get; set; }

    public bool HasEnded => Status is not (JobStatus.Queued or JobStatus.Running);

    public void End(JobStatus how, DateTimeOffset now) => (Status, FinishedAt, ClaimedUntil) = (how, now, null);

    /// <summary>An event about it, with what it has come to so far.</summary>
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
            builder.HasIndex(j => j.ClaimedUntil).HasFilter("status IN ('queued', 'running')");
            builder.HasIndex(j => j.FinishedAt).HasFilter("finished_at IS NOT NULL");
        }
    }
}

/// <summary>Up to some hundred rows of a job, as one.</summary>
public sealed class JobBatch
{
    public required Guid OrganizationId { get; init; }

    public required Guid JobId { get; init; }

    /// <summary>1 for the first.</summary>
    public required int Sequence { get; init; }

    /// <summary>The number of its first row; 1 for the first of all.</summary>
    public required int FirstRow { get; init; }

    public required int Count { get; init; }

    /// <summary>The rows, as JSON.</summary>
    public required string Input { get; set; }

    /// <summary>What became of them, as JSON in their order; null until then.</summary>
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
