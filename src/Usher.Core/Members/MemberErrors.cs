namespace Usher.Core.Members;

/// <summary>Errors of operations on members.</summary>
public static class MemberErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "member_not_found", "There is no such member.");
    public static readonly Error NotCovered = new(
        ErrorKind.Forbidden, "member_not_covered", "This member holds access that you do not hold yourself.");
    public static readonly Error AddressOfJoined = new(
        ErrorKind.Forbidden, "address_of_joined_member",
        "The address of a member who has joined can be changed only by the member, with proof of the new address, "
            + "or by an administrator.",
        "email");
    public static readonly Error AdminsOnly = new(
        ErrorKind.Forbidden, "grants_by_admins_only", "Only an administrator can change what members hold.");
    public static readonly Error LastAdmin = new(
        ErrorKind.Conflict, "last_admin", "An organization must keep at least one active administrator.", "role");
    public static readonly Error IsAdmin = new(
        ErrorKind.Forbidden, "member_is_admin", "An administrator cannot be removed.");
    public static readonly Error IsSelf = new(ErrorKind.Forbidden, "member_is_self", "You cannot remove yourself.");
    public static readonly Error NotJoined = new(
        ErrorKind.Conflict, "member_not_joined", "A member who has not joined yet cannot be suspended.");
    public static readonly Error NoAddress = new(
        ErrorKind.Invalid, "member_has_no_address", "A service account has no e-mail address.", "email");
    public static readonly Error SsoIdInvalid = new(
        ErrorKind.Invalid, "sso_id_invalid", "Must be at most 120 characters, without control characters.", "sso_id");
    public static readonly Error MetadataInvalid = new(
        ErrorKind.Invalid, "metadata_invalid",
        "There can be at most 50 entries. A name must be 1 to 64 characters of A-Z a-z 0-9 _ . and -, and a value at "
            + "most 1,000 characters, without control characters.",
        "metadata");
    public static readonly Error NotForServiceAccounts = new(
        ErrorKind.Invalid, "permission_not_for_service_accounts", "A service account cannot hold token_management.",
        "permissions");
    public static readonly Error TooManyGrants = new(
        ErrorKind.Invalid, "too_many_grants", "A member can be in at most 200 groups and hold at most 200 roles.");
    public static readonly Error NameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be sa:: and 1 to 120 characters of a-z, 0-9, '.', '_' and '-'.",
        "name");
}
