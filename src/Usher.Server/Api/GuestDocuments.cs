using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Auth;

namespace Usher.Server.Api;

/// <summary>The code of a link.</summary>
internal sealed record CodeRequest
{
    /// <summary>The part after the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }
}

internal sealed record AcceptRequest
{
    /// <summary>The part after the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }

    /// <summary>1 to 120 characters. For a new person.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters. For a new person.</summary>
    public string? LastName { get; init; }

    /// <summary>12 to 256 characters, not a common password. For a new person, or with `takeOver`.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// The current password of an account that never proved its address. Together with a mailed code it proves the
    /// address.
    /// </summary>
    public string? CurrentPassword { get; init; }

    /// <summary>
    /// Whether to take over an account that never proved its address. Needs a mailed code, a name and a new password.
    /// </summary>
    public bool TakeOver { get; init; }
}

internal sealed record SignInRequest
{
    public required string Email { get; init; }

    public required string Password { get; init; }

    /// <summary>
    /// The code from the mail that is sent after many failed sign-ins for the address; see `sign_in_code_needed`.
    /// </summary>
    public string? Code { get; init; }

    /// <summary>
    /// The `deviceToken` of an earlier sign-in by the same person. With it, no mailed code is needed.
    /// </summary>
    public string? DeviceToken { get; init; }
}

/// <summary>A session.</summary>
/// <param name="Token">`uss_…`; shown only in this answer.</param>
/// <param name="ExpiresAt">When the session ends.</param>
/// <param name="DeviceToken">Store it and send it with this person's next sign-in on the same device. It grants no
/// access by itself and is valid for 90 days.</param>
internal sealed record SessionDocument(string Token, DateTimeOffset ExpiresAt, string? DeviceToken)
{
    public static SessionDocument From(SignedIn session, DeviceTokens devices) =>
        new(session.Secret, session.ExpiresAt, session.Device is { } device ? devices.Of(device) : null);
}

/// <summary>The person has joined.</summary>
/// <param name="OrganizationName">The name of the organization.</param>
/// <param name="Session">The new session; null when the person was signed in before.</param>
internal sealed record JoinedDocument(string OrganizationName, SessionDocument? Session);

/// <summary>An invitation as the holder of its link sees it.</summary>
internal sealed record OfferDocument
{
    public required OfferState State { get; init; }

    /// <summary>
    /// Whether the address has an account, and who is signed in: `new_person` (no account), `must_sign_in` (an
    /// account), `unproven_account` (an account that never proved the address), `invitee` (the invited person is signed
    /// in), `somebody_else` (another person is signed in), or `undisclosed` (no one is signed in, and the code does not
    /// prove the address).
    /// </summary>
    public required Viewer Viewer { get; init; }

    public required string OrganizationName { get; init; }

    public required string Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>The name of the person who invites; empty when the installation itself invites.</summary>
    public required string SponsorName { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the newer link was made that replaced this one; null unless `replaced`.</summary>
    public required DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Whether a new link can be requested.</summary>
    public required bool CanAskForNew { get; init; }

    /// <summary>Whether an administrator handed the code over, so that it does not prove the address.</summary>
    public required bool HandedOver { get; init; }

    public static OfferDocument From(Offer offer) => new()
    {
        State = offer.State, Viewer = offer.Viewer, OrganizationName = offer.OrganizationName, Email = offer.Email,
        FirstName = offer.FirstName, LastName = offer.LastName,
        SponsorName = offer.SponsorName, ExpiresAt = offer.ExpiresAt, NewerSentAt = offer.NewerSentAt,
        CanAskForNew = offer.CanAskForNew,
        HandedOver = offer.HandedOver,
    };
}
