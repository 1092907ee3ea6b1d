namespace Usher.Core.Members;

/// <summary>Why acting on a member can be refused.</summary>
public static class MemberErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "member_not_found", "There is no such member.");
    public static readonly Error NotAllowed = new(ErrorKind.Forbidden, "not_allowed", "This needs the permission user_management.");
    public static readonly Error NotCovered = new(ErrorKind.Forbidden, "member_not_covered", "This member holds something you do not.");
    public static readonly Error LastAdmin = new(ErrorKind.Conflict, "last_admin", "An organization must keep at least one active administrator.", "role");
}
