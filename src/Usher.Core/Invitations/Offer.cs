using Usher.Core.Sessions;

namespace Usher.Core.Invitations;

/// <summary>What has become of an offer, as the holder of a link sees it.</summary>
public enum OfferState
{
    /// <summary>May be accepted or declined now.</summary>
    Open,

    /// <summary>No such invitation, or this is not its secret: nothing else is told.</summary>
    Unknown,

    Expired,
    Revoked,
    Declined,

    /// <summary>Accepted already.</summary>
    Used,

    /// <summary>There is a newer link of its kind, mailed or handed over; only the newest opens.</summary>
    Replaced,

    /// <summary>He got in another way.</summary>
    Superseded,

    /// <summary>
    /// It waits for a decision by the organization's administrators, because its sponsor may no longer give what it
    /// gives. The same link works afterwards.
    /// </summary>
    Blocked,
}

/// <summary>The holder of a link, as far as the link may tell.</summary>
public enum Viewer
{
    /// <summary>The address has no account: joining makes one.</summary>
    NewPerson,

    /// <summary>The address has an account, and its person is not signed in.</summary>
    MustSignIn,

    /// <summary>
    /// The link was mailed, and the address has an account that never proved it: its password, or a new one, proves it.
    /// </summary>
    UnprovenAccount,

    /// <summary>The invited person is signed in.</summary>
    Invitee,

    /// <summary>Another person is signed in.</summary>
    SomebodyElse,

    /// <summary>
    /// Nobody is signed in, and the link does not prove the address: whether there is an account for it is not told.
    /// </summary>
    Undisclosed,
}

/// <summary>An invitation as its link's holder may see it.</summary>
public sealed record Offer(OfferState State, Viewer Viewer)
{
    public string OrganizationName { get; init; } = "";

    /// <summary>The address it was sent to.</summary>
    public string Email { get; init; } = "";

    public string FirstName { get; init; } = "";

    public string LastName { get; init; } = "";

    /// <summary>Who invites, by name; empty when it was the installation itself.</summary>
    public string SponsorName { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the link was made that replaced this one; null unless <see cref="OfferState.Replaced"/>.</summary>
    public DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Who is signed in, when that is <see cref="Viewer.SomebodyElse"/>.</summary>
    public string? SignedInAs { get; init; }

    /// <summary>
    /// Whether asking for a new link leads anywhere: expired, revoked because its sponsor lost the right, or open by a
    /// link that was handed over, which then is mailed as well.
    /// </summary>
    public bool CanAskForNew { get; init; }

    /// <summary>Whether the link was handed over by other means than mail, and so proves nothing.</summary>
    public bool HandedOver { get; init; }
}

/// <summary>Where a link points: <c>/join/{organization slug}/{invitation id}#{secret}</c>.</summary>
public sealed record InvitationLink(string OrganizationSlug, Guid InvitationId, string Secret);

/// <summary>What a new person says about themselves.</summary>
/// <param name="FirstName">1 to 120 characters.</param>
/// <param name="LastName">0 to 120 characters.</param>
/// <param name="Password">12 to 256 characters, not one of the common ones.</param>
public sealed record NewPerson(string FirstName, string LastName, string Password)
{
    /// <summary>
    /// Whether to take over an account that has the address and never proved it. Its sessions and API keys end, and its
    /// memberships are suspended. Only a mailed link can do that. The default is false.
    /// </summary>
    public bool TakeOver { get; init; }
}

/// <summary>He is in.</summary>
/// <param name="OrganizationName">Where.</param>
/// <param name="Session">His new session, when he was not signed in before; its secret goes into the cookie.</param>
public sealed record Joined(string OrganizationName, SignedIn? Session);
