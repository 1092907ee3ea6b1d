using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Core.Invitations;

/// <summary>Something named by a caller: what he wrote, and the id it stands for, if it can be one.</summary>
public readonly record struct Reference(string Text, Guid? Id)
{
    public static Reference To(Guid id) => new(id.ToString(), id);

    /// <summary>A group or role by its name, letter case aside.</summary>
    public static Reference Named(string name) => new(name, null) { ByName = true };

    /// <summary>Whether the text is a name to look for. Where it is not, only the id finds something.</summary>
    public bool ByName { get; init; }
}

/// <summary>A level to give on one resource.</summary>
public sealed record NewLevel(Reference Resource, AccessLevel Level)
{
    /// <summary>Single things below a full level; see <see cref="Access.Capabilities"/>.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    public Reach Reach => new(Level, Capabilities);
}

/// <summary>
/// One person to invite. A set that is null means the organization's defaults, an empty one means none.
/// </summary>
/// <param name="Email">As typed; see <see cref="EmailAddress"/>.</param>
public sealed record NewInvitation(string Email)
{
    /// <summary>0 to 120 characters, no control characters; null leaves what is stored.</summary>
    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>TZ database name, or null.</summary>
    public string? TimeZone { get; init; }

    /// <summary>BCP 47, or null: what mails to him are written in, as far as it is spoken.</summary>
    public string? Locale { get; init; }

    /// <summary>Entries to set; see <see cref="Core.Text.IsMetadata"/>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// When it is to run out, 1 hour to 90 days from now; null: after the organization's, or the installation's, usual
    /// time.
    /// </summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Null leaves what is stored; a new member is <c>user</c>.</summary>
    public BuiltInRole? Role { get; init; }

    /// <summary>Null leaves what is stored; a new member has none.</summary>
    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<Reference>? Groups { get; init; }

    public IReadOnlyList<Reference> Roles { get; init; } = [];

    /// <summary>
    /// Levels to set; those on other resources stay as they are. Of two for one resource the last counts.
    /// </summary>
    public IReadOnlyList<NewLevel> Levels { get; init; } = [];
}

/// <summary>When the address belongs to somebody invited already.</summary>
public enum OnPending
{
    /// <summary>
    /// Role and names are taken from the new request, grants are added, a fresh mail replaces the old one.
    /// </summary>
    Refresh,
    Refuse,
    Skip,

    /// <summary>
    /// As <see cref="Refresh"/> where the request offers something he is not offered yet; otherwise he is left
    /// untouched: no mail, no other sponsor.
    /// </summary>
    RefreshIfChanged,
}

/// <summary>When it belongs to an active or suspended member.</summary>
public enum OnActive
{
    Refuse,
    Skip,
}

/// <summary>When it belonged to a member who was removed.</summary>
public enum OnRemoved
{
    /// <summary>A new member, with nothing of the old one.</summary>
    New,

    /// <summary>The same member again, with the levels on resources he had.</summary>
    Revive,
}

/// <summary>What to do with groups, roles and resources that do not exist here.</summary>
public enum UnknownReferences
{
    Refuse,

    /// <summary>Leave them out and say so.</summary>
    Ignore,
}

/// <summary>How one surface wants invitations to go.</summary>
/// <param name="OnPending">For somebody invited already.</param>
/// <param name="OnActive">For a member.</param>
/// <param name="OnRemoved">For a former member.</param>
/// <param name="SendMail">Whether to mail the link; without, the member is invited and no invitation exists until
/// somebody resends.</param>
/// <param name="UnknownReferences">For what does not exist.</param>
/// <param name="AllOrNothing">Whether one refused row stops all others.</param>
/// <param name="Details">What the answer shows besides the member.</param>
/// <param name="ActivateAtOnce">Whether the member is active without an invitation, because the organization's external
/// identity provider signs its people in. Refused where it has none.</param>
/// <param name="SeatsAlready">How many seats are taken besides those that are counted: by rows that a rehearsal in
/// parts has let through before.</param>
public sealed record InviteOptions(
    OnPending OnPending, OnActive OnActive, OnRemoved OnRemoved, bool SendMail, UnknownReferences UnknownReferences,
    bool AllOrNothing = false,
    MemberDetails Details = MemberDetails.None, bool ActivateAtOnce = false, int SeatsAlready = 0)
{
    /// <summary>
    /// Whether the link is in the answer, to hand over by other means; joining by it does not prove the address. Not
    /// with <see cref="SendMail"/>.
    /// </summary>
    public bool MintLink { get; init; }
}

/// <summary>What a row came to.</summary>
public enum InviteOutcome
{
    /// <summary>A new member.</summary>
    Invited,

    /// <summary>A pending one, invited afresh.</summary>
    Refreshed,

    /// <summary>A removed one, back.</summary>
    Revived,

    /// <summary>He was there before this call and is left untouched.</summary>
    Skipped,

    /// <summary>A row above has invited him in this very call.</summary>
    Repeated,

    /// <summary>A pending one who was offered all of it before, and is left untouched.</summary>
    Unchanged,
}

/// <summary>A reference that was left out.</summary>
/// <param name="Set">Which set it stood in: <c>groups</c>, <c>roles</c> or <c>levels</c>.</param>
/// <param name="Text">What the caller wrote.</param>
public sealed record IgnoredReference(string Set, string Text);

/// <summary>One row's result, with the graph to show the member by.</summary>
public sealed record Invited(
    Member Member, AccessGraph Graph, InviteOutcome Outcome, IReadOnlyList<IgnoredReference> Ignored)
{
    /// <summary>The link, where it was asked for; known here and nowhere else.</summary>
    public InvitationLink? Link { get; init; }
}

/// <summary>What came of endorsing an offer.</summary>
/// <param name="Member">The invited member.</param>
/// <param name="Changed">Whether the actor is the sponsor now; false where the sponsor still may make the
/// offer.</param>
public sealed record Endorsed(Member Member, bool Changed);

/// <summary>An invitation with its member and the graph to show what it gives.</summary>
public sealed record InvitationView(Invitation Invitation, Member Member, AccessGraph Graph);
