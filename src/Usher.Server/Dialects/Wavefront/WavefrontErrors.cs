using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// Wavefront's errors: an envelope without a response. The status is never 406, which one client treats as a reason to
/// retry. Source: the vendor's clients, read 2026-11-21.
/// </summary>
internal sealed class WavefrontErrors : IErrorFormat
{
    public const string MediaType = "application/json";

    public static readonly Error BodyInvalid = new(
        ErrorKind.Malformed, "body_invalid", "The body must be a JSON array of users.");
    public static readonly Error NoObject = BodyInvalid with { Message = "The body must be a JSON object." };
    public static readonly Error NoIdentifiers = BodyInvalid with
    {
        Message = "The body must be a JSON array of account identifiers.",
    };
    public static readonly Error NoIds = BodyInvalid with { Message = "The body must be a JSON array of ids." };
    public static readonly Error NoForm = HostErrors.WrongMediaType with
    {
        Message = "The body must be application/x-www-form-urlencoded.",
    };

    // Conflicts that are answered with 400. Only identifiers and names that are in use are answered with 409.
    private static readonly HashSet<string> BadRequests = [
        MemberErrors.LastAdmin.Code, MemberErrors.NotJoined.Code, ApiKeyErrors.NotActive.Code,
        ApiKeyErrors.TooMany.Code,
    ];

    private static readonly Dictionary<string, string> Words = new()
    {
        [MemberErrors.LastAdmin.Code] = "The last administrator cannot be deleted or deactivated.",
        [MemberErrors.NotCovered.Code] = "This account holds access that you do not hold yourself.",
        [MemberErrors.NotJoined.Code] = "A user who has not joined yet cannot be deactivated.",
        [ApiKeyErrors.NotFound.Code] = "There is no such API token.",
        [ApiKeyErrors.TooMany.Code] = "An account has at most 100 API tokens.",
        [ApiKeyErrors.NotActive.Code] = "Only an active account can have an API token.",
    };

    public static Error Fault(string message) => new(ErrorKind.Malformed, "member_invalid", message);

    public static Error EmailInvalid(string email) => Fault($"{Shown(email)} is not an e-mail address");

    public static Error UserUnknown(string id) =>
        new(ErrorKind.NotFound, "member_not_found", $"User with id {Shown(id)} does not exist");

    public static Error UsersUnknown(IEnumerable<string> ids) =>
        new(ErrorKind.NotFound, "member_not_found", $"None of these accounts exists [{Listed(ids)}]");

    public static Error ServiceAccountUnknown(string id) =>
        new(ErrorKind.NotFound, "member_not_found", $"Service account with id {Shown(id)} does not exist");

    public static Error GroupUnknown(string id) =>
        new(ErrorKind.NotFound, "group_not_found", $"User group with id {Shown(id)} does not exist");

    public static Error RoleUnknown(string id) =>
        new(ErrorKind.NotFound, "role_not_found", $"Role with id {Shown(id)} does not exist");

    public static Error KeyUnknown(string key) => Fault($"There is nothing to search by {Shown(key)}");

    public static Error SortUnknown(string field) => Fault($"There is nothing to sort by {Shown(field)}");

    public static Error UserExists(string id) =>
        new(ErrorKind.Conflict, "already_member", $"User with id {Shown(id)} is already created in our system.");

    /// <summary>An error about one account, which the message names as the caller wrote it.</summary>
    public static Error About(string id, Error error) =>
        error.Is(MemberErrors.NotFound) ? UserUnknown(id)
        : error.Is(InvitationErrors.EmailInvalid) ? EmailInvalid(id)
        : error.Is(InvitationErrors.AlreadyInvited) || error.Is(InvitationErrors.AlreadyMember)
            || error.Is(CommonErrors.NameTaken)
            ? UserExists(id)
        : error;

    public IResult Write(IReadOnlyList<Error> errors)
    {
        var error = errors[0];
        var status = error.Kind is ErrorKind.Invalid or ErrorKind.Gone || BadRequests.Contains(error.Code)
            ? StatusCodes.Status400BadRequest
            : error.StatusCode;
        return TypedResults.Json(
            new Envelope(new("ERROR", Words.GetValueOrDefault(error.Code, error.Message), status)),
            WavefrontJson.Default.Envelope, MediaType, status);
    }

    /// <summary>Lists at most 100 of the caller's texts, and how many more there are.</summary>
    public static string Listed(IEnumerable<string> texts)
    {
        List<string> all = [.. texts];
        var more = all.Count > FaultList.Max ? $", and {all.Count - FaultList.Max} more" : "";
        return string.Join(", ", all.Take(FaultList.Max).Select(Shown)) + more;
    }

    /// <summary>A text of the caller for a message, cut to the longest possible identifier.</summary>
    public static string Shown(string text) => text.Length > 255 ? text[..255] : text;
}
