namespace Usher.Core.ApiKeys;

/// <summary>Errors of operations on API keys.</summary>
public static class ApiKeyErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "api_key_not_found", "There is no such key.");
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "not_allowed", "A key for another member needs the permission token_management.");
    public static readonly Error InUse = new(
        ErrorKind.Conflict, "api_key_in_use", "A key cannot revoke itself. Use another key.");
    public static readonly Error TooMany = new(
        ErrorKind.Conflict, "api_keys_exhausted", "A member has at most 100 keys.");
    public static readonly Error NotActive = new(
        ErrorKind.Conflict, "member_not_active", "Only an active member can have a key.");
    public static readonly Error SecretInvalid = new(
        ErrorKind.Invalid, "api_key_invalid", "A key must be 32 to 128 characters of A-Z a-z 0-9 _ and -.", "api_key");
    public static readonly Error ExpiryInvalid = new(
        ErrorKind.Invalid, "key_expiry_invalid", "Must be in the future.", "expires_at");
    public static readonly Error NameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be at most 120 characters, without control characters.", "name");
}
