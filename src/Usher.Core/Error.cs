namespace Usher.Core;

/// <summary>
/// What sort of refusal an <see cref="Error"/> is. Each surface maps every kind to one status of its own.
/// </summary>
public enum ErrorKind
{
    /// <summary>The request cannot be read: not JSON, wrong shape.</summary>
    Malformed,

    /// <summary>Nobody known is calling: no key, a wrong one, one that may no longer act.</summary>
    Unauthenticated,

    /// <summary>The caller is known and may not do this.</summary>
    Forbidden,

    /// <summary>No such thing here, or one of another organization, which is the same.</summary>
    NotFound,

    /// <summary>The path exists, the method does not.</summary>
    WrongMethod,

    /// <summary>The state of things forbids it: a name taken, a member already there.</summary>
    Conflict,

    /// <summary>It changed since the caller saw it.</summary>
    Outdated,

    /// <summary>It was there once and has ended: a used, revoked or expired invitation.</summary>
    Gone,

    /// <summary>The body is longer than the server reads.</summary>
    TooLarge,

    /// <summary>The body's media type is not one the route reads.</summary>
    WrongMediaType,

    /// <summary>The request can be read, and a value in it cannot be accepted.</summary>
    Invalid,

    /// <summary>A limit was reached; later it may work.</summary>
    TooMany,

    /// <summary>The database is away. The same request may work later.</summary>
    Unavailable,

    /// <summary>A fault of the server.</summary>
    Internal,
}

/// <summary>An expected refusal, as a value.</summary>
/// <param name="Kind">Which status it becomes.</param>
/// <param name="Code">Public and permanent, snake_case; what programs compare.</param>
/// <param name="Message">For people; may be reworded. Holds no secret and nothing of another organization.</param>
/// <param name="Field">The member of the operation's input it is about, such as <c>email</c> or
/// <c>levels/2/resource</c>; null when it is about the whole.</param>
public sealed record Error(ErrorKind Kind, string Code, string Message, string? Field = null)
{
    /// <summary>What else was wrong with the same input.</summary>
    public IReadOnlyList<Error> Also { get; init; } = [];

    /// <summary>Whether it is the same refusal, whatever place it points to and however it is worded.</summary>
    public bool Is(Error other) => Code == other.Code;

    /// <summary>How long to wait before the same request can succeed; null when waiting does not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>
    /// The faults as one refusal, led by the first; null when there is none. Reads at most <see cref="FaultList.Max"/>
    /// faults: a lazy sequence is not enumerated further.
    /// </summary>
    public static Error? Of(IEnumerable<Error> faults) => faults.Take(FaultList.Max).ToList() switch
    {
        [] => null,
        [var only] => only,
        [var first, .. var rest] => first with { Also = rest },
    };

    /// <summary>The same about something deeper in the input, such as <c>rows/3/email</c>.</summary>
    public Error Under(string path) =>
        this with { Field = Field is null ? path : $"{path}/{Field}", Also = [.. Also.Select(e => e.Under(path))] };
}
