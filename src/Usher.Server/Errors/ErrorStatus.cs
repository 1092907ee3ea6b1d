using Usher.Core;

namespace Usher.Server.Errors;

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
