namespace Usher.Core.Users;

/// <summary>Errors of changes to a person's own account, and of the links for such changes.</summary>
public static class AccountErrors
{
    /// <summary>A confirmation is valid for <see cref="Sessions.Session.StepUp"/>.</summary>
    public static readonly Error StepUpNeeded = new(
        ErrorKind.Forbidden, "step_up_needed",
        "The password must have been confirmed within the last 10 minutes. Call POST "
        + "/usher/v1/sessions/current/confirm with {\"password\": …}, then repeat the call.");

    public static readonly Error SessionRefused = new(
        ErrorKind.Unauthenticated, "session_refused",
        "A valid session is required. Sign in, and send Authorization: Bearer uss_…");

    public static readonly Error SessionNotFound = new(
        ErrorKind.NotFound, "session_not_found", "There is no such session.");
    public static readonly Error PasswordWrong = new(
        ErrorKind.Invalid, "password_wrong", "The password is wrong.", "password");
    public static readonly Error UserNotFound = new(ErrorKind.NotFound, "user_not_found", "There is no such user.");

    public static readonly Error ResetUnknown = new(
        ErrorKind.NotFound, "password_reset_unknown", "This link or code is unknown.");
    public static readonly Error ResetExpired = new(
        ErrorKind.Gone, "password_reset_expired", "This link has expired. Ask for a new one.");
    public static readonly Error ResetReplaced = new(
        ErrorKind.Gone, "password_reset_replaced", "A newer link was made. Use the newest link.");
    public static readonly Error ResetUsed = new(
        ErrorKind.Gone, "password_reset_used",
        "The password has been set since this link was made. Ask for a new link.");
    public static readonly Error ResetVoid = new(
        ErrorKind.Gone, "password_reset_void",
        "The account has another address now. Ask for a new link with that address.");

    public static readonly Error EmailUnchanged = new(
        ErrorKind.Conflict, "email_unchanged", "This address is already the confirmed address of the account.",
        "email");
    public static readonly Error TooManyAddressChanges = ProfileErrors.TooManyChanges;

    /// <summary>Answered only to the holder of the link that was mailed to the address.</summary>
    public static readonly Error EmailTaken = new(
        ErrorKind.Conflict, "email_taken", "Another account has this address.", "email");

    public static readonly Error AddressChangeUnknown = new(
        ErrorKind.NotFound, "address_change_unknown", "This link or code is unknown.");
    public static readonly Error AddressChangeExpired = new(
        ErrorKind.Gone, "address_change_expired", "This link has expired. Ask for the change again.");
    public static readonly Error AddressChangeReplaced = new(
        ErrorKind.Gone, "address_change_replaced", "A newer mail was sent. Use the link in the newest mail.");

    public static readonly Error AddressChangeVoid = new(
        ErrorKind.Gone, "address_change_void",
        "The password or the address of the account was changed since this link was mailed. Ask for the change again.");
}
