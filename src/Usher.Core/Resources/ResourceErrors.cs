namespace Usher.Core.Resources;

/// <summary>Errors of operations on resources.</summary>
public static class ResourceErrors
{
    public static readonly Error NotFound = new(
        ErrorKind.NotFound, "resource_not_found", "There is no such resource, or you do not have access to it.");
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "not_allowed", "This needs the permission resource_creation.");
    public static readonly Error NotFully = new(
        ErrorKind.Forbidden, "resource_not_held", "Changing or deleting a resource needs full access to it.");
    public static readonly Error NameTaken = new(
        ErrorKind.Conflict, "name_taken", "Another resource has this name.", "name");
    public static readonly Error AttributesInvalid = new(
        ErrorKind.Invalid, "attributes_invalid",
        "Attributes must be at most 1,000 characters each, without control characters.", "attributes");
}
