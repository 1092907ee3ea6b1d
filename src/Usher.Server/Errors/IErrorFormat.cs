using System.Globalization;
using Usher.Core;

namespace Usher.Server.Errors;

/// <summary>The error format of one surface.</summary>
public interface IErrorFormat
{
    /// <summary>Makes the answer for one or more errors. The first error determines the status.</summary>
    IResult Write(IReadOnlyList<Error> errors);
}

public static class ErrorStatus
{
    extension(Error error)
    {
        /// <summary>The HTTP status for each kind of error. A surface may use other statuses in its format.</summary>
        public int StatusCode => error.Kind switch
        {
            ErrorKind.Malformed => StatusCodes.Status400BadRequest,
            ErrorKind.Unauthenticated => StatusCodes.Status401Unauthorized,
            ErrorKind.Forbidden => StatusCodes.Status403Forbidden,
            ErrorKind.NotFound => StatusCodes.Status404NotFound,
            ErrorKind.WrongMethod => StatusCodes.Status405MethodNotAllowed,
            ErrorKind.Conflict => StatusCodes.Status409Conflict,
            ErrorKind.Outdated => StatusCodes.Status412PreconditionFailed,
            ErrorKind.Gone => StatusCodes.Status410Gone,
            ErrorKind.TooLarge => StatusCodes.Status413PayloadTooLarge,
            ErrorKind.WrongMediaType => StatusCodes.Status415UnsupportedMediaType,
            ErrorKind.Invalid => StatusCodes.Status422UnprocessableEntity,
            ErrorKind.TooMany => StatusCodes.Status429TooManyRequests,
            ErrorKind.Unavailable => StatusCodes.Status503ServiceUnavailable,
            ErrorKind.Internal => StatusCodes.Status500InternalServerError,
        };
    }
}

/// <summary>Errors of the HTTP layer, which occur before any operation starts.</summary>
public static class HostErrors
{
    public static readonly Error RouteNotFound = new(
        ErrorKind.NotFound, "route_not_found", "There is nothing at this address.");
    public static readonly Error WrongMethod = new(
        ErrorKind.WrongMethod, "wrong_method", "This address does not support that method.");
    public static readonly Error WrongMediaType = new(
        ErrorKind.WrongMediaType, "wrong_media_type", "The body must be JSON.");
    public static readonly Error NotJson = new(ErrorKind.Malformed, "not_json", "The body is not valid JSON.");
    public static readonly Error Unreadable = new(ErrorKind.Malformed, "unreadable", "The request cannot be read.");
    public static readonly Error TooLarge = new(
        ErrorKind.TooLarge, "too_large", "The body is larger than the limit.");

    /// <summary>
    /// A list has too many values; where <paramref name="field"/> is "", the whole body has.
    /// </summary>
    public static Error TooManyValues(string field, int most) => new(
        ErrorKind.Invalid, "too_many_values",
        string.Create(
            CultureInfo.InvariantCulture,
            $"{(field is "" ? "The body" : field)} has too many values. The limit is {most:N0}."),
        field);

    public static readonly Error Internal = new(
        ErrorKind.Internal, "internal_error", "An internal error occurred and was logged.");
    public static readonly Error Unavailable =
        new(
            ErrorKind.Unavailable, "unavailable",
            "The server cannot reach its database at the moment. Try again in a few seconds.")
        {
            // A failover of PostgreSQL takes some seconds.
            RetryAfter = TimeSpan.FromSeconds(5),
        };

    public static readonly Error TooMany = Core.Limits.LimitErrors.TooMany;
}
