using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Usher.Core.Jobs;

/// <summary>What became of one row of a job.</summary>
/// <param name="Row">Its number: 1 for the first row of a file, the line that names the columns not counted, or for the
/// oldest invitation.</param>
/// <param name="Email">The address as the row has it.</param>
/// <param name="Outcome">What became of it.</param>
public sealed record JobRow(int Row, string Email, RowOutcome Outcome)
{
    /// <summary>The <see cref="Error.Code"/> of why nothing was done.</summary>
    public string? Code { get; init; }

    /// <summary>What in the row it is about, such as <c>email</c> or <c>groups/1</c>.</summary>
    public string? Field { get; init; }

    /// <summary>For people.</summary>
    public string? Detail { get; init; }

    /// <summary>What else was wrong with the row.</summary>
    public IReadOnlyList<RowFault>? Also { get; init; }

    /// <summary>The member, where there is one; null for one that a dry run would have made.</summary>
    public Guid? MemberId { get; init; }

    /// <summary>His open invitation, likewise.</summary>
    public Guid? InvitationId { get; init; }

    /// <summary>A row that was not carried out.</summary>
    public static JobRow Refused(int row, string email, RowOutcome outcome, IReadOnlyList<RowFault> faults) =>
        new(row, email, outcome)
    {
        Code = faults[0].Code, Field = faults[0].Field, Detail = faults[0].Detail, Also = faults.Count > 1
            ? [.. faults.Skip(1)]
            : null,
    };
}

/// <summary>How rows are stored.</summary>
internal static class JobJson
{
    public static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static T Read<T>(string text) => JsonSerializer.Deserialize<T>(text, Options)!;

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);
}
