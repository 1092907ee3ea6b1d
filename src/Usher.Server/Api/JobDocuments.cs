using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A job over many rows.</summary>
internal sealed record JobDocument
{
    /// <summary>`job_…`</summary>
    public required string Id { get; init; }

    public required JobKind Kind { get; init; }

    public required JobStatus Status { get; init; }

    /// <summary>Whether the job only reports what it would do.</summary>
    public required bool DryRun { get; init; }

    /// <summary>The number of rows.</summary>
    public required int Total { get; init; }

    /// <summary>The number of rows that are done.</summary>
    public required int Done { get; init; }

    /// <summary>The number of rows for each outcome.</summary>
    public required IReadOnlyDictionary<string, int> Counts { get; init; }

    /// <summary>The name of the actor who started it. Their permissions are checked again while it runs.</summary>
    public required string StartedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? StartedAt { get; init; }

    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Why the job failed.</summary>
    public required string? FailureReason { get; init; }

    public static JobDocument From(Job job) => new()
    {
        Id = Ids.Job.Of(job.Id), Kind = job.Kind, Status = job.Status, DryRun = job.DryRun, Total = job.Total,
        Done = job.Counts.Values.Sum(), Counts = job.Counts, StartedBy = job.ActorName,
        CreatedAt = job.CreatedAt, StartedAt = job.StartedAt, FinishedAt = job.FinishedAt,
        FailureReason = job.FailureReason,
    };
}

/// <summary>The outcome of one row.</summary>
internal sealed record JobRowDocument
{
    /// <summary>The number of the row, from 1. The header of a CSV file is not counted.</summary>
    public required int Row { get; init; }

    public required string Email { get; init; }

    public required RowOutcome Outcome { get; init; }

    /// <summary>The error code, where the row was refused.</summary>
    public required string? Code { get; init; }

    /// <summary>The position in the row as a JSON pointer.</summary>
    public required string? Pointer { get; init; }

    public required string? Detail { get; init; }

    public required string? MemberId { get; init; }

    public required string? InvitationId { get; init; }

    public static JobRowDocument From(JobRow row) => new()
    {
        Row = row.Row, Email = row.Email, Outcome = row.Outcome, Code = row.Code,
        Pointer = row.Field is { } field ? Fault.PointerOf(field) : null, Detail = row.Detail,
        MemberId = row.MemberId is { } member ? Ids.Member.Of(member) : null,
        InvitationId = row.InvitationId is { } invitation ? Ids.Invitation.Of(invitation) : null,
    };
}

/// <summary>People to invite.</summary>
internal sealed record ImportRequest
{
    /// <summary>1 to 50,000 rows.</summary>
    public required IReadOnlyList<ImportRowRequest> Rows { get; init; }
}

/// <summary>
/// One person to invite. Without `permissions` or `groups`, the organization's defaults apply; anything else that is
/// left out is not granted.
/// </summary>
internal sealed record ImportRowRequest
{
    public required string Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    public BuiltInRole? Role { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    public bool? AllResources { get; init; }

    public string? Locale { get; init; }

    public string? TimeZone { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>
/// Selects invitations that meet all the given conditions. To select every open invitation, set `all`; a filter without
/// conditions is refused.
/// </summary>
internal sealed record InvitationFilterRequest
{
    /// <summary>`true`: every pending or expired invitation. Excludes all other conditions.</summary>
    public bool? All { get; init; }

    /// <summary>`pending`, `expired`, or both; not an empty list.</summary>
    public IReadOnlyList<InvitationStatus>? States { get; init; }

    /// <summary>A prefix of the address.</summary>
    public string? Email { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>`grp_…`</summary>
    public string? Group { get; init; }

    /// <summary>`rol_…`</summary>
    public string? CustomRole { get; init; }

    /// <summary>`mem_…`</summary>
    public string? Sponsor { get; init; }

    public DateTimeOffset? CreatedFrom { get; init; }

    public DateTimeOffset? CreatedTo { get; init; }

    public DateTimeOffset? ExpiresFrom { get; init; }

    public DateTimeOffset? ExpiresTo { get; init; }

    /// <summary>
    /// `true`: only those that wait for an administrator's decision. `false`: only those that do not.
    /// </summary>
    public bool? Blocked { get; init; }

    public InvitationFilter ToFilter(FaultList faults)
    {
        if (States is []) faults.Add(JobErrors.StatesInvalid);
        return new()
        {
            All = All is true, Blocked = Blocked, States = States ?? [], EmailPrefix = Email?.ToLowerInvariant(),
            Role = Role, GroupId = Id(Group, Ids.Group, "group", faults),
            RoleId = Id(CustomRole, Ids.Role, "custom_role", faults),
            SponsorId = Id(Sponsor, Ids.Member, "sponsor", faults), CreatedFrom = CreatedFrom, CreatedTo = CreatedTo,
            ExpiresFrom = ExpiresFrom, ExpiresTo = ExpiresTo,
        };
    }

    private static Guid? Id(string? text, Ids kind, string field, FaultList faults)
    {
        if (text is null) return null;
        if (kind.TryParse(text, out var id)) return id;
        faults.Add(ShapeErrors.Invalid(field, $"an id that begins with {kind.Prefix}"));
        return null;
    }
}
