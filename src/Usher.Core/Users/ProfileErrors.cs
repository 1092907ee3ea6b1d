using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// Errors of changing one's own member record and of confirming a new address for it. Errors of names, time zones and
/// addresses are in <see cref="CommonErrors"/>.
/// </summary>
public static class ProfileErrors
{
    public static readonly Error NotAPerson = new(
        ErrorKind.Forbidden, "not_a_person", "Only a person can do this: a service account has no profile of its own.");
    public static readonly Error NotActive = new(
        ErrorKind.Forbidden, "member_not_active", "Only an active member can do this.");
    public static readonly Error EmailTaken = new(
        ErrorKind.Conflict, "email_taken", "This address belongs to another member.", "email");
    public static readonly Error TooManyChanges = new(
        ErrorKind.TooMany, "too_many_address_changes",
        "Too many new addresses were requested within a day. Try again tomorrow.", "email");
    public static readonly Error LinkUnknown = new(
        ErrorKind.NotFound, "address_change_unknown", "This link or code is unknown.");

    /// <summary>Returned only to a person who has proven access to the address's mailbox.</summary>
    public static readonly Error AccountExists = EmailTaken with
    {
        Message = "Another account already has this address.",
    };

    /// <summary>The error for an address change that has ended in the given state.</summary>
    public static Error Ended(AddressChangeState state) =>
        new(
            ErrorKind.Gone, "address_change_" + SnakeCaseName.Of(state),
            "This new address can no longer be confirmed.");
}
