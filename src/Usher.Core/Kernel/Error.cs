namespace Usher.Core;

/// <summary>The kind of an <see cref="Error"/>. Each surface maps every kind to an HTTP status.</summary>
public enum ErrorKind
{
    /// <summary>The request cannot be parsed: not JSON, or the wrong structure.</summary>
    Malformed,

    /// <summary>The caller is not authenticated: no key, a wrong key, or a key that is no longer valid.</summary>
    Unauthenticated,

    /// <summary>The caller is authenticated but not allowed to do this.</summary>
    Forbidden,

    /// <summary>The object does not exist in this organization.</summary>
    NotFound,

    /// <summary>The path exists but does not support the method.</summary>
    WrongMethod,

    /// <summary>
    /// The request conflicts with the current state: a name is taken, or a person is already a member.
    /// </summary>
    Conflict,

    /// <summary>The object has changed since the caller read it.</summary>
    Outdated,

    /// <summary>The object existed and has ended: a used, revoked or expired invitation.</summary>
    Gone,

    /// <summary>The body exceeds the size limit.</summary>
    TooLarge,

    /// <summary>The route does not accept the body's media type.</summary>
    WrongMediaType,

    /// <summary>The request can be parsed but contains an invalid value.</summary>
    Invalid,

    /// <summary>A limit is reached. The request may succeed later.</summary>
    TooMany,

    /// <summary>The database is not available. The request may succeed later.</summary>
    Unavailable,

    /// <summary>Internal server error.</summary>
    Internal,
}

/// <summary>An expected refusal, returned as a value.</summary>
/// <param name="Kind">Determines the HTTP status.</param>
/// <param name="Code">A permanent public code in snake_case, for programs.</param>
/// <param name="Message">A text for people; it may change. Contains no secrets and no data of another
/// organization.</param>
/// <param name="Field">The path of the field in the operation's input, such as <c>email</c> or
/// <c>levels/2/resource</c>; null if the error concerns the whole input.</param>
public sealed record Error(ErrorKind Kind, string Code, string Message, FieldPath? Field = null)
{
    /// <summary>Further errors in the same input.</summary>
    public IReadOnlyList<Error> Also { get; init; } = [];

    /// <summary>Whether both errors have the same code. Field and message may differ.</summary>
    public bool Is(Error other) => Code == other.Code;

    /// <summary>How long to wait before the same request can succeed; null if waiting does not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>
    /// Combines faults into one error, led by the first. Null if there are none. Reads at most
    /// <see cref="FaultList.Max"/> faults from the sequence.
    /// </summary>
    public static Error? Of(IEnumerable<Error> faults) => faults.Take(FaultList.Max).ToList() switch
    {
        [] => null,
        [var only] => only,
        [var first, .. var rest] => first with { Also = rest },
    };

    /// <summary>The same error with a path in front of its field, such as <c>rows/3/email</c>.</summary>
    public Error Under(FieldPath path) =>
        this with { Field = Field?.Under(path) ?? path, Also = [.. Also.Select(e => e.Under(path))] };

    /// <summary>The same error, naming the fields below a path from there; other fields stay as they are.</summary>
    public Error Below(FieldPath path) =>
        this with { Field = Field?.Below(path), Also = [.. Also.Select(e => e.Below(path))] };
}
