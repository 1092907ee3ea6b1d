using Usher.Core.Sessions;

namespace Usher.Core.Guests;

/// <summary>The state of an offer, as the holder of a link sees it.</summary>
public enum OfferState
{
    /// <summary>It can be accepted or declined.</summary>
    Open,

    /// <summary>There is no such invitation, or the secret is wrong. Nothing else is revealed.</summary>
    Unknown,

    Expired,
    Revoked,
    Declined,

    /// <summary>It was already accepted.</summary>
    Used,

    /// <summary>There is a newer link of the same kind (mailed or handed over). Only the newest works.</summary>
    Replaced,

    /// <summary>The person joined in another way.</summary>
    Superseded,

    /// <summary>
    /// It waits for a decision by the organization's administrators, because its sponsor may no longer grant what it
    /// offers. Once they approve it, the same link works.
    /// </summary>
    Blocked,
}

/// <summary>What is known about the holder of a link, as far as the link may reveal it.</summary>
public enum Viewer
{
    /// <summary>The address has no account. Joining creates one.</summary>
    NewPerson,

    /// <summary>The address has an account that is not signed in.</summary>
    MustSignIn,

    /// <summary>
    /// The link was mailed, and the address has an account that never proved it. Its password or a takeover with a new
    /// password proves it.
    /// </summary>
    UnprovenAccount,

    /// <summary>The invited person is signed in.</summary>
    Invitee,

    /// <summary>Another person is signed in.</summary>
    SomebodyElse,

    /// <summary>
    /// No user is signed in, and the link does not prove the address. Whether the address has an account is not
    /// revealed.
    /// </summary>
    Undisclosed,
}

/// <summary>An invitation as the holder of its link may see it.</summary>
public sealed record Offer(OfferState State, Viewer Viewer)
{
    public string OrganizationName { get; init; } = "";

    /// <summary>The invited address.</summary>
    public string Email { get; init; } = "";

    public string FirstName { get; init; } = "";

    public string LastName { get; init; } = "";

    /// <summary>The sponsor's name; empty if the installation itself is the sponsor.</summary>
    public string SponsorName { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>
    /// The time at which the replacing link was created; null unless <see cref="OfferState.Replaced"/>.
    /// </summary>
    public DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>The signed-in user; null unless <see cref="Viewer.SomebodyElse"/>.</summary>
    public string? SignedInAs { get; init; }

    /// <summary>
    /// Whether a new link can be requested: the invitation is expired, was revoked because its sponsor may no longer
    /// invite, or is open with a handed-over link and can also be mailed.
    /// </summary>
    public bool CanAskForNew { get; init; }

    /// <summary>
    /// Whether the link was handed over by other means than mail and therefore does not prove the address.
    /// </summary>
    public bool HandedOver { get; init; }
}

/// <summary>The parts of an invitation link: <c>/join/{organization slug}/{invitation id}#{secret}</c>.</summary>
public sealed record InvitationLink(string OrganizationSlug, Guid InvitationId, string Secret);

/// <summary>The details that a new person enters.</summary>
/// <param name="FirstName">1 to 120 characters.</param>
/// <param name="LastName">0 to 120 characters.</param>
/// <param name="Password">12 to 256 characters, not a common password.</param>
public sealed record NewPerson(string FirstName, string LastName, string Password)
{
    /// <summary>
    /// Whether to take over an account that has the address and never proved it. Its sessions and API keys end, and its
    /// memberships are suspended. Requires a mailed link. The default is false.
    /// </summary>
    public bool TakeOver { get; init; }
}

/// <summary>The result of joining.</summary>
/// <param name="OrganizationName">The name of the organization.</param>
/// <param name="Session">The new session, with its secret for the cookie; null if the person was already signed
/// in.</param>
public sealed record Joined(string OrganizationName, SignedIn? Session);
