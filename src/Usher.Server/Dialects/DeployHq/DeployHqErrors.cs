using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// DeployHQ's four error formats: a map of fields for invalid input, a bare <c>error</c> for a conflicting state,
/// <c>error</c> with a code for a forbidden action, and the general format. Source: the vendor's API pages and clients,
/// read 2026-11-21.
/// </summary>
internal sealed class DeployHqErrors : IErrorFormat
{
    /// <summary>The wrapper object of the body is missing.</summary>
    public static Error WrapperMissing(string name) =>
        new(ErrorKind.Malformed, "parameter_missing", $"param is missing or the value is empty: {name}");

    /// <summary>A member is invalid. The text continues a sentence that starts with the member's name.</summary>
    public static Error Fault(string member, string text) => new(ErrorKind.Invalid, "member_invalid", text, member);

    public IResult Write(IReadOnlyList<Error> errors)
    {
        var first = errors[0];
        return first.Kind switch
        {
            ErrorKind.Conflict when first.Is(InvitationErrors.AlreadyJoined) =>
                TypedResults.Json(
                    new StateError("User already activated"), DeployHqJson.Default.StateError,
                    statusCode: StatusCodes.Status422UnprocessableEntity),
            ErrorKind.Conflict when first.Is(ApiKeyErrors.InUse) =>
                TypedResults.Json(
                    new StateError("The API key used for this request cannot be revoked"),
                    DeployHqJson.Default.StateError, statusCode: StatusCodes.Status422UnprocessableEntity),
            ErrorKind.Conflict when first.Is(MemberErrors.LastAdmin) =>
                Rule("Cannot remove the last account administrator"),
            ErrorKind.Invalid or ErrorKind.Conflict or ErrorKind.Outdated or ErrorKind.Gone => Fields(errors),
            ErrorKind.Forbidden when first.Is(CommonErrors.MoreThanYouHold)
                || first.Is(MemberErrors.AdminsOnly) =>
                Rule("Only account administrators can change permissions"),
            ErrorKind.Forbidden when first.Is(MemberErrors.NotCovered) =>
                Rule("You cannot manage a user with more permissions than your own"),
            ErrorKind.Forbidden when first.Is(MemberErrors.IsAdmin) =>
                Rule("Cannot remove the account administrator"),
            ErrorKind.Forbidden when first.Is(MemberErrors.IsSelf) => Rule("You cannot remove yourself"),
            ErrorKind.Forbidden when first.Is(KeyErrors.ReadOnly) =>
                General(403, "This API key is read-only", "api_key_read_only", "Use a key that may write."),
            // Other errors with the code not_allowed have a message that says what is needed.
            ErrorKind.Forbidden => General(403, "You are not allowed to access this resource", "forbidden",
                first == KeyErrors.NotAllowed || first == CommonErrors.NotAllowed
                    ? "This needs an account administrator, or the permission to manage users."
                    : first.Message),
            ErrorKind.Unauthenticated =>
                new Challenge(General(
                    401, "Unauthorized", "unauthorized",
                    "Authenticate with your e-mail address and an API key by HTTP Basic.")),
            ErrorKind.NotFound when first.Is(HostErrors.RouteNotFound) =>
                NotFound("No such endpoint", "invalid_api_method", "There is no such endpoint."),
            ErrorKind.WrongMethod =>
                NotFound("No such endpoint", "invalid_api_method", "This endpoint does not take that method."),
            ErrorKind.NotFound =>
                NotFound("Record not found", "record_not_found", "There is no such record in this account."),
            ErrorKind.Malformed when first.Code is "parameter_missing" =>
                General(400, first.Message, first.Code, "Wrap the members in it."),
            ErrorKind.Malformed => General(400, "Invalid JSON", "invalid_json", "The body must be a JSON object."),
            ErrorKind.TooLarge => General(413, "Request too large", "request_too_large", "Send a smaller body."),
            ErrorKind.WrongMediaType =>
                General(415, "Unsupported media type", "unsupported_media_type", "Send the body as application/json."),
            ErrorKind.TooMany => General(429, "Too many requests", "rate_limited", "Try again later."),
            ErrorKind.Unavailable =>
                General(503, "Service unavailable", "service_unavailable", "Try again in a few seconds."),
            ErrorKind.Internal =>
                General(500, "Internal error", "internal_error", HostErrors.Internal.Message),
        };
    }

    private static IResult General(int status, string error, string code, string hint) =>
        TypedResults.Json(
            new ErrorDocument(status, error, code, hint), DeployHqJson.Default.ErrorDocument, statusCode: status);

    private static IResult NotFound(string error, string code, string hint) =>
        TypedResults.Json(
            new ErrorDocument("not_found", error, code, hint), DeployHqJson.Default.ErrorDocument,
            statusCode: StatusCodes.Status404NotFound);

    private static IResult Rule(string error) =>
        TypedResults.Json(
            new RuleError(error, "forbidden"), DeployHqJson.Default.RuleError,
            statusCode: StatusCodes.Status403Forbidden);

    private static IResult Fields(IReadOnlyList<Error> errors)
    {
        Dictionary<string, List<string>> fields = [];
        foreach (var (field, text) in errors.Select(Entry))
        {
            if (fields.TryGetValue(field, out var texts)) texts.Add(text);
            else fields.Add(field, [text]);
        }

        return TypedResults.Json(
            fields, DeployHqJson.Default.DictionaryStringListString,
            statusCode: StatusCodes.Status422UnprocessableEntity);
    }

    private static (string Field, string Text) Entry(Error error) => error switch
    {
        { Code: "already_invited" or "already_member" or "email_taken" } => ("email_address", "has already been taken"),
        { Code: "email_invalid" } => ("email_address", "is invalid"),
        { Code: "email_domain_not_allowed" } => ("email_address", "is not of an allowed domain"),
        { Code: "name_invalid", Field: { Text: var field } } => (field, "is invalid"),
        { Code: "name_taken" } => ("name", "has already been taken"),
        { Code: "members_unknown" } => ("user_ids", "is invalid"),
        { Code: "too_many_rows" } => ("user_ids", "is too long (maximum is 1000)"),
        { Code: "reference_unknown" } => ("project_assignments", "is invalid"),
        { Code: "time_zone_unknown" } => ("time_zone", "is not included in the list"),
        { Code: "seats_exhausted" } => ("base", "Your package does not allow additional users"),
        { Code: "member_invalid", Field: { Text: var field } } => (field, error.Message),
        _ => ("base", error.Message),
    };

    private sealed class Challenge(IResult inner) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.WWWAuthenticate = "Basic realm=\"DeployHQ\"";
            return inner.ExecuteAsync(httpContext);
        }
    }
}
