using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Usher.Core.Jobs;

/// <summary>The outcome of one row of a job.</summary>
/// <param name="Row">The row number, starting at 1: in a file, the first row after the header; otherwise the oldest
/// invitation.</param>
/// <param name="Email">The address as the row contains it.</param>
/// <param name="Outcome">The result of the row.</param>
public sealed record JobRow(int Row, string Email, RowOutcome Outcome)
{
    /// <summary>The <see cref="Error.Code"/> of the error; null if the row succeeded.</summary>
    public string? Code { get; init; }

    /// <summary>The field in the row that the error concerns, such as <c>email</c> or <c>groups/1</c>.</summary>
    public string? Field { get; init; }

    /// <summary>A text for people.</summary>
    public string? Detail { get; init; }

    /// <summary>Further faults of the row.</summary>
    public IReadOnlyList<RowFault>? Also { get; init; }

    /// <summary>The member; null if there is none, and for a member that a dry run would have created.</summary>
    public Guid? MemberId { get; init; }

    /// <summary>
    /// The member's open invitation; null if there is none, and for an invitation that a dry run would have created.
    /// </summary>
    public Guid? InvitationId { get; init; }

    /// <summary>Creates the outcome of a row that was not processed.</summary>
    public static JobRow Refused(int row, string email, RowOutcome outcome, IReadOnlyList<RowFault> faults) =>
        new(row, email, outcome)
    {
        Code = faults[0].Code, Field = faults[0].Field, Detail = faults[0].Detail, Also = faults.Count > 1
            ? [.. faults.Skip(1)]
            : null,
    };
}

/// <summary>Serializes stored rows.</summary>
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
