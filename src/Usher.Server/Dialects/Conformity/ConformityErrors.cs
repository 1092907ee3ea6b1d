using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.Conformity;

/// <summary>
/// Conformity's errors. 403 means that the gateway refused the key; 401 means that the key is valid and its role does
/// not suffice. An unknown user is a 422. Source: the vendor's clients and their recorded answers, read 2026-11-21.
/// </summary>
internal sealed class ConformityErrors : IErrorFormat
{
    public const string MediaType = "application/vnd.api+json";

    /// <summary>A fault in the shape of the request.</summary>
    public static Error Fault(string pointer, string details) =>
        new(ErrorKind.Invalid, "attribute_invalid", details, pointer);

    /// <summary>An access list names an unknown account.</summary>
    public static Error AccountUnknown(string pointer) => Fault(pointer, "Account not found");

    public IResult Write(IReadOnlyList<Error> errors)
    {
        var first = errors[0];
        if (first.Is(KeyErrors.Missing))
            return Gateway(StatusCodes.Status401Unauthorized, new(null, "Unauthorized"));
        if (first.Is(KeyErrors.Refused))
            return Gateway(
                StatusCodes.Status403Forbidden,
                new("User is not authorized to access this resource with an explicit deny", null));
        if (first.Is(HostErrors.RouteNotFound) || first.Kind is ErrorKind.WrongMethod)
            return Gateway(StatusCodes.Status404NotFound, new("Not Found", null));
        var status = StatusOf(first);
        return TypedResults.Json(
            new ErrorDocument([.. errors.Select(e => Entry(e, status))]), ConformityJson.Default.ErrorDocument,
            MediaType, status);
    }

    private static IResult Gateway(int status, GatewayError body) =>
        TypedResults.Json(body, ConformityJson.Default.GatewayError, MediaType, status);

    private static int StatusOf(Error error) => error.Kind switch
    {
        ErrorKind.Forbidden => StatusCodes.Status401Unauthorized,
        ErrorKind.NotFound or ErrorKind.Conflict or ErrorKind.Gone => StatusCodes.Status422UnprocessableEntity,
        _ => error.StatusCode,
    };

    private static ErrorEntry Entry(Error error, int status) => error switch
    {
        { Kind: ErrorKind.Forbidden } when error.Code != KeyErrors.ReadOnly.Code =>
            new(status, null, "You are not authorized to perform such actions"),
        { Kind: ErrorKind.Unavailable } => new(status, null, "Service Unavailable"),
        { Kind: ErrorKind.Internal } => new(status, null, "Internal Server Error"),
        { Kind: ErrorKind.Malformed } => new(status, null, "Invalid JSON"),
        { Code: "member_not_found" } => new(status, new("/data/attributes"), "No such user"),
        { Code: "api_key_not_found" } => new(status, new("/data/attributes"), "No such API key"),
        { Code: "resource_not_found" } => new(status, new("/data/attributes"), "No such account"),
        { Code: "last_admin" } => new(status, new("/data/role"), "Organisation must have at least one ADMIN"),
        { Code: "no_identity_provider" } =>
            new(status, new("/data/attributes"), "Organisation does not have an external identity provider"),
        { Code: "already_member" or "already_invited" } =>
            new(status, new("/data/attributes/email"), "User already exists"),
        { Code: "email_invalid" } => new(status, new("/data/attributes/email"), "Email is invalid"),
        { Code: "name_invalid", Field: { Text: "first_name" } } =>
            new(status, new("/data/attributes/firstName"), "First name is invalid"),
        { Code: "name_invalid", Field: { Text: "last_name" } } =>
            new(status, new("/data/attributes/lastName"), "Last name is invalid"),
        { Code: "name_invalid" } => new(status, new("/data/attributes/name"), "Name is invalid"),
        { Code: "name_taken" } => new(status, new("/data/attributes/name"), "Name is already in use"),
        { Code: "reference_unknown", Field: { Segments: ["levels", var index] } } =>
            new(status, new($"/data/attributes/accessList/{index}/account"), "Account not found"),
        { Field: { Text: ['/', ..] pointer } } => new(status, new(pointer), error.Message),
        { Field: { Text: "email" } } => new(status, new("/data/attributes/email"), error.Message),
        { Kind: ErrorKind.Invalid or ErrorKind.Conflict } => new(status, new("/data/attributes"), error.Message),
        _ => new(status, null, error.Message),
    };
}
