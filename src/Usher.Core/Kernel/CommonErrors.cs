namespace Usher.Core;

/// <summary>Errors that operations on several nouns return. Each noun has its own list beside it.</summary>
public static class CommonErrors
{
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "not_allowed", "This needs the permission user_management.");
    public static readonly Error MoreThanYouHold = new(
        ErrorKind.Forbidden, "more_than_you_hold",
        "You cannot grant or take away access that you do not hold yourself.");

    /// <summary>The object has another version than the caller's; see <see cref="Precondition"/>.</summary>
    public static readonly Error Outdated = new(
        ErrorKind.Outdated, "version_mismatch",
        "It was changed since you read it. Read it again before you change it.");

    public static readonly Error NameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be 1 to 120 characters, without control characters.", "name");
    public static readonly Error NameTaken = new(ErrorKind.Conflict, "name_taken", "This name is taken.", "name");
    public static readonly Error DescriptionInvalid = new(
        ErrorKind.Invalid, "description_invalid", "Must be at most 1,000 characters, without control characters.",
        "description");
    public static readonly Error TooManyEntries = new(
        ErrorKind.Invalid, "too_many_rows", "At most 1,000 entries are allowed in one request.");

    public static Error PermissionUnknown(string name, string field = "permissions") =>
        new(ErrorKind.Invalid, "permission_unknown", $"There is no permission {Text.Excerpt(name)}.", field);

    /// <summary>A group, role or resource that the input names does not exist in the organization.</summary>
    public static Error ReferenceUnknown(string field, string text) =>
        new(ErrorKind.Invalid, "reference_unknown", $"Not found: {Text.Excerpt(text)}.", field);
}
