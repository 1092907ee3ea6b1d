using Usher.Core.Data;

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

    /// <summary>A newer mail was sent; only that one opens.</summary>
    Replaced,

    /// <summary>He got in another way.</summary>
    Superseded,
}

/// <summary>Who looks at an offer.</summary>
public enum Viewer
{
    /// <summary>Nobody is signed in and the address has no account: he will make one.</summary>
    NewPerson,

    /// <summary>Nobody is signed in and the address has an account: he signs in first.</summary>
    MustSignIn,

    /// <summary>The person it was sent to is signed in.</summary>
    Invitee,

    /// <summary>Somebody else is signed in.</summary>
    SomebodyElse,
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

    /// <summary>When the mail went out that replaced this link; null unless <see cref="OfferState.Replaced"/>.</summary>
    public DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Who is signed in, when that is <see cref="Viewer.SomebodyElse"/>.</summary>
    public string? SignedInAs { get; init; }

    /// <summary>Whether "ask for a new one" leads anywhere: expired, or revoked because its sponsor lost the right.</summary>
    public bool CanAskForNew { get; init; }
}

/// <summary>Where a link points: <c>/join/{organization slug}/{invitation id}#{secret}</c>.</summary>
public sealed record InvitationLink(string OrganizationSlug, Guid InvitationId, string Secret);

/// <summary>What a new person says about himself.</summary>
/// <param name="FirstName">1 to 120 characters.</param>
/// <param name="LastName">0 to 120 characters.</param>
/// <param name="Password">12 to 256 characters, not one of the common ones.</param>
public sealed record NewPerson(string FirstName, string LastName, string Password);

/// <summary>He is in.</summary>
/// <param name="OrganizationName">Where.</param>
/// <param name="Session">His new session, when he was not signed in before; its secret goes into the cookie.</param>
public sealed record Joined(string OrganizationName, Sessions.SignedIn? Session);
