using Usher.Core.Access;

namespace Usher.Core.Invitations;

/// <summary>What a list of invitations is ordered by.</summary>
public enum InvitationOrder
{
    Created,
    Expires,

    /// <summary>The invited address.</summary>
    Email,
}

/// <summary>Which invitations a list has, or a job works on. All that is given must hold.</summary>
public sealed record InvitationFilter
{
    /// <summary>By the clock: one that ran out is expired, whether or not a sweep has been by. Empty: any.</summary>
    public IReadOnlyList<InvitationStatus> States { get; init; } = [];

    /// <summary>How the invited address begins, lower case.</summary>
    public string? EmailPrefix { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>A group it puts into.</summary>
    public Guid? GroupId { get; init; }

    /// <summary>A role of the organization's own that it gives.</summary>
    public Guid? RoleId { get; init; }

    /// <summary>Who stands for it.</summary>
    public Guid? SponsorId { get; init; }

    /// <summary>Not before.</summary>
    public DateTimeOffset? CreatedFrom { get; init; }

    /// <summary>Before.</summary>
    public DateTimeOffset? CreatedTo { get; init; }

    /// <summary>Not before.</summary>
    public DateTimeOffset? ExpiresFrom { get; init; }

    /// <summary>Before.</summary>
    public DateTimeOffset? ExpiresTo { get; init; }

    /// <summary>
    /// Whether they wait for an administrator's decision; see <see cref="Invitation.BlockedAt"/>. Null: either.
    /// </summary>
    public bool? Blocked { get; init; }

    /// <summary>
    /// Whether bulk work is meant for every open invitation, with nothing else given. A list needs no such word.
    /// </summary>
    public bool All { get; init; }

    /// <summary>Whether nothing is given that an invitation could fail to have.</summary>
    public bool NamesNothing =>
        (States, EmailPrefix, Role, GroupId, RoleId, SponsorId) is ([], null, null, null, null, null)
        && (CreatedFrom ?? CreatedTo ?? ExpiresFrom ?? ExpiresTo) is null && Blocked is null;

    /// <summary>Made before what has this id, such as the job that works on them.</summary>
    public Guid? Before { get; init; }
}

/// <summary>A run of an organization's invitations.</summary>
/// <param name="Order">By what.</param>
/// <param name="After">What the order goes by of the last of the run before, an instant or an address; null for the
/// first run and where the order is by creation.</param>
/// <param name="AfterId">The id of that last one.</param>
/// <param name="Limit">1 to <see cref="Access.MemberPage.MaxLimit"/>.</param>
/// <param name="Now">By which states are judged.</param>
/// <param name="Descending">Whether the order is turned around.</param>
public sealed record InvitationPage(
    InvitationOrder Order, object? After, Guid? AfterId, int Limit, DateTimeOffset Now, bool Descending = false)
{
    public InvitationFilter Filter { get; init; } = new();
}
