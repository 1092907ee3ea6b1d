using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Core.Invitations;

/// <summary>A level to grant on one resource.</summary>
public sealed record NewLevel(Reference Resource, AccessLevel Level)
{
    /// <summary>Single actions to grant below the full level; see <see cref="Access.Capabilities"/>.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    public Reach Reach => new(Level, Capabilities);
}

/// <summary>One person to invite. A null set means the organization's defaults; an empty set means none.</summary>
/// <param name="Email">The e-mail address as typed; see <see cref="EmailAddress"/>.</param>
public sealed record NewInvitation(string Email)
{
    /// <summary>0 to 120 characters, no control characters; null leaves the stored value.</summary>
    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>A TZ database name, or null.</summary>
    public string? TimeZone { get; init; }

    /// <summary>A BCP 47 language tag, or null. Mails to the person use this language if it is supported.</summary>
    public string? Locale { get; init; }

    /// <summary>Metadata entries to set; see <see cref="Core.Text.IsMetadata"/>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The expiry, 1 hour to 90 days from now. Null for the default lifetime of the organization or the installation.
    /// </summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The built-in role. Null leaves the stored value; a new member gets <c>user</c>.</summary>
    public BuiltInRole? Role { get; init; }

    /// <summary>
    /// Whether the member has full access to all resources. Null leaves the stored value; a new member does not.
    /// </summary>
    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<Reference>? Groups { get; init; }

    public IReadOnlyList<Reference> Roles { get; init; } = [];

    /// <summary>
    /// Levels to set. Levels on other resources do not change. If a resource is named twice, the last entry counts.
    /// </summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];
}

/// <summary>What to do if the address belongs to an invited member.</summary>
public enum OnPending
{
    /// <summary>
    /// Takes role and names from the new request, adds grants, and replaces the old mail with a new one.
    /// </summary>
    Refresh,
    Refuse,
    Skip,

    /// <summary>
    /// As <see cref="Refresh"/> if the request offers something new. Otherwise the member does not change: no mail and
    /// no new sponsor.
    /// </summary>
    RefreshIfChanged,
}

/// <summary>What to do if the address belongs to an active or suspended member.</summary>
public enum OnActive
{
    Refuse,
    Skip,
}

/// <summary>What to do if the address belonged to a removed member.</summary>
public enum OnRemoved
{
    /// <summary>Creates a new member that keeps nothing of the old one.</summary>
    New,

    /// <summary>Restores the same member with its levels on resources.</summary>
    Revive,
}

/// <summary>What to do with groups, roles and resources that do not exist in the organization.</summary>
public enum UnknownReferences
{
    Refuse,

    /// <summary>Skip them and report them in the answer.</summary>
    Ignore,
}

/// <summary>How a surface wants invitations to be made.</summary>
/// <param name="OnPending">What to do if the address belongs to an invited member.</param>
/// <param name="OnActive">What to do if the address belongs to an active or suspended member.</param>
/// <param name="OnRemoved">What to do if the address belonged to a removed member.</param>
/// <param name="SendMail">Whether to mail the link. If false, the member is invited, but there is no invitation until
/// it is resent.</param>
/// <param name="UnknownReferences">What to do with groups, roles and resources that do not exist.</param>
/// <param name="AllOrNothing">Whether one refused row causes all others to be refused.</param>
/// <param name="Details">What the answer includes besides the member.</param>
/// <param name="ActivateAtOnce">Whether the member becomes active without an invitation, because the organization's
/// external identity provider signs its members in. Refused if the organization has none.</param>
/// <param name="SeatsAlready">The number of additional seats to count as taken. A dry run in parts passes the seats of
/// the rows that earlier parts accepted.</param>
public sealed record InviteOptions(
    OnPending OnPending, OnActive OnActive, OnRemoved OnRemoved, bool SendMail, UnknownReferences UnknownReferences,
    bool AllOrNothing = false,
    MemberDetails Details = MemberDetails.None, bool ActivateAtOnce = false, int SeatsAlready = 0)
{
    /// <summary>
    /// Whether the answer contains a link to hand over by other means than mail. Joining with it does not prove the
    /// address. Cannot be combined with <see cref="SendMail"/>.
    /// </summary>
    public bool MintLink { get; init; }
}

/// <summary>The outcome of a row.</summary>
public enum InviteOutcome
{
    /// <summary>A new member was invited.</summary>
    Invited,

    /// <summary>A pending member was invited again.</summary>
    Refreshed,

    /// <summary>A removed member was restored.</summary>
    Revived,

    /// <summary>The member existed before this call and was not changed.</summary>
    Skipped,

    /// <summary>An earlier row of this call invited the same address.</summary>
    Repeated,

    /// <summary>The pending member already had everything offered and was not changed.</summary>
    Unchanged,
}

/// <summary>A reference that was skipped.</summary>
/// <param name="Set">The set it was in: <c>groups</c>, <c>roles</c> or <c>levels</c>.</param>
/// <param name="Text">The text that the caller wrote.</param>
public sealed record IgnoredReference(string Set, string Text);

/// <summary>The result of one row, with the access graph used to show the member.</summary>
public sealed record Invited(
    Member Member, AccessGraph Graph, InviteOutcome Outcome, IReadOnlyList<IgnoredReference> Ignored)
{
    /// <summary>The link, if requested. It is not stored anywhere else.</summary>
    public InvitationLink? Link { get; init; }
}

/// <summary>The result of endorsing an invitation.</summary>
/// <param name="Member">The invited member.</param>
/// <param name="Changed">Whether the actor became the sponsor. False if the invitation is not blocked and its sponsor
/// may still make it.</param>
public sealed record Endorsed(Member Member, bool Changed);

/// <summary>An invitation with its member and the access graph used to show what it grants.</summary>
public sealed record InvitationView(Invitation Invitation, Member Member, AccessGraph Graph);
