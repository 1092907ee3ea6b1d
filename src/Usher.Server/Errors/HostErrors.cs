using System.Globalization;
using Usher.Core;
using Usher.Core.Limits;

namespace Usher.Server.Errors;

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

    public static readonly Error TooMany = LimitErrors.TooMany;
}
