namespace Usher.Core.Groups;

/// <summary>Errors of operations on groups.</summary>
public static class GroupErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "group_not_found", "There is no such group.");
    public static readonly Error SystemGroup = new(
        ErrorKind.Invalid, "system_group",
        "The name and the members of a system group cannot be changed, and it cannot be deleted.");
    public static readonly Error MembersUnknown = new(
        ErrorKind.Invalid, "members_unknown", "A named member does not exist in this organization.", "members");
}
