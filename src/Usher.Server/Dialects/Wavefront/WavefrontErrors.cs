using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>Wavefront's errors: its envelope without a response. Never 406, which one client takes for "try again". Source: the vendor's clients, read 2026-11-21.</summary>
internal sealed class WavefrontErrors : IErrorFormat
{
    public const string MediaType = "application/json";

    public static readonly Error BodyInvalid = new(ErrorKind.Malformed, "body_invalid", "The body must be a JSON array of users.");

    public static Error Fault(string message) => new(ErrorKind.Malformed, "member_invalid", message);

    public static Error EmailInvalid(string email) => Fault($"{Shown(email)} is not an e-mail address");

    public static Error UserUnknown(string id) => new(ErrorKind.NotFound, "member_not_found", $"User with id {Shown(id)} does not exist");

    public static Error UserExists(string id) => new(ErrorKind.Conflict, "already_member", $"User with id {Shown(id)} is already created in our system.");

    public IResult Write(IReadOnlyList<Error> errors)
    {
        var status = errors[0].Kind is ErrorKind.Invalid or ErrorKind.Gone ? StatusCodes.Status400BadRequest : errors[0].StatusCode;
        return TypedResults.Json(new Envelope(new("ERROR", errors[0].Message, status)), WavefrontJson.Default.Envelope, MediaType, status);
    }

    /// <summary>What a caller wrote, as a message repeats it: an identifier's longest, and then cut.</summary>
    public static string Shown(string text) => text.Length > 255 ? text[..255] : text;
}
