using Usher.Core.Guests;

namespace Usher.Core.Invitations;

/// <summary>Errors of inviting, resending and joining.</summary>
public static class InvitationErrors
{
    public static readonly Error EmailInvalid = new(
        ErrorKind.Invalid, "email_invalid", "Not a valid e-mail address.", "email");
    public static readonly Error DomainNotAllowed = new(
        ErrorKind.Invalid, "email_domain_not_allowed", "The organization does not allow addresses of this domain.",
        "email");
    public static readonly Error FirstNameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be at most 120 characters, without control characters.",
        "first_name");
    public static readonly Error LastNameInvalid = FirstNameInvalid with { Field = "last_name" };
    public static readonly Error FirstNameMissing = new(
        ErrorKind.Invalid, "first_name_missing", "Enter your first name.", "first_name");
    public static readonly Error TimeZoneUnknown = new(
        ErrorKind.Invalid, "time_zone_unknown", "Must be a TZ database name, such as Europe/Berlin.", "time_zone");
    public static readonly Error AlreadyInvited = new(
        ErrorKind.Conflict, "already_invited", "This address is already invited.", "email");
    public static readonly Error AlreadyMember = new(
        ErrorKind.Conflict, "already_member", "This address already belongs to a member.", "email");
    public static readonly Error SeatsExhausted = new(
        ErrorKind.Conflict, "seats_exhausted", "The organization has no free seat.");
    public static readonly Error NoIdentityProvider = new(
        ErrorKind.Conflict, "no_identity_provider", "The organization has no external identity provider.");
    public static readonly Error TooManyRows = new(
        ErrorKind.Invalid, "too_many_rows", "At most 1,000 people can be invited in one call.");
    public static readonly Error AlreadyJoined = new(
        ErrorKind.Conflict, "already_joined", "This person has already joined.");
    public static readonly Error SponsorLostRight = new(
        ErrorKind.Gone, "sponsor_lost_right",
        "The sender of this invitation can no longer grant the access it offers. An administrator of the "
        + "organization must endorse it; the same link works afterwards.");
    public static readonly Error TooManySponsored = new(
        ErrorKind.Conflict, "too_many_invitations",
        "More than 1,000 pending invitations are affected. Make the change with invitations=block and decide about "
            + "them by filter.",
        "invitations");
    public static readonly Error LinkUnknown = new(
        ErrorKind.NotFound, "invitation_unknown", "This link or code is unknown.");
    public static readonly Error NotYours = new(
        ErrorKind.Forbidden, "invitation_not_yours", "This invitation was sent to another address.");
    public static readonly Error MustSignIn = new(
        ErrorKind.Conflict, "must_sign_in", "This address has an account. Sign in to accept.");

    /// <summary>Returned only to the holder of a mailed link.</summary>
    public static readonly Error AccountUnproven = new(
        ErrorKind.Conflict, "account_unproven",
        "This address has an account that never confirmed it. Enter the account's password, or take the account over "
        + "with a new one.");

    /// <summary>Limits how many submissions of handed-over links may reveal that an address has an account.</summary>
    public static readonly Error TooManyDisclosures = new(
        ErrorKind.TooMany, "too_many_account_checks",
        "Too many handed-over links of this organization were used for addresses that have an account. Sign in first, "
        + "or request the invitation by mail.")
    {
        RetryAfter = TimeSpan.FromHours(1),
    };

    public static readonly Error NotFound = new(
        ErrorKind.NotFound, "invitation_not_found", "There is no such invitation.");
    public static readonly Error LocaleInvalid = new(
        ErrorKind.Invalid, "locale_invalid", "Must be a language tag, such as en or pt-BR.", "locale");
    public static readonly Error ExpiryInvalid = new(
        ErrorKind.Invalid, "expiry_invalid", "Must be 1 hour to 90 days from now.", "expires_at");

    /// <summary>The error for an offer that has ended with the given state.</summary>
    public static Error Ended(OfferState state) =>
        new(ErrorKind.Gone, "invitation_" + Data.SnakeCaseName.Of(state), "This invitation can no longer be used.");

    /// <summary>The error for an invitation that has ended with the given stored status.</summary>
    public static Error Ended(InvitationStatus status) => Ended(status switch
    {
        InvitationStatus.Accepted => OfferState.Used,
        InvitationStatus.Declined => OfferState.Declined,
        InvitationStatus.Revoked => OfferState.Revoked,
        InvitationStatus.Superseded => OfferState.Superseded,
        InvitationStatus.Expired => OfferState.Expired,
        InvitationStatus.Pending => OfferState.Open,
    });
}
