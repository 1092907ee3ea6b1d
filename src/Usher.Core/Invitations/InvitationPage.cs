using Usher.Core.Access;
using Usher.Core.Roles;

namespace Usher.Core.Invitations;

/// <summary>The sort order of a list of invitations.</summary>
public enum InvitationOrder
{
    Created,
    Expires,

    /// <summary>The invited address.</summary>
    Email,
}

/// <summary>Selects the invitations of a list or a job. All given conditions must hold.</summary>
public sealed record InvitationFilter
{
    /// <summary>
    /// The statuses to include, as of now: a pending invitation past its expiry counts as expired. Empty for any.
    /// </summary>
    public IReadOnlyList<InvitationStatus> States { get; init; } = [];

    /// <summary>A prefix of the invited address, in lower case.</summary>
    public string? EmailPrefix { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>The id of a group that it grants.</summary>
    public Guid? GroupId { get; init; }

    /// <summary>The id of one of the organization's roles that it grants.</summary>
    public Guid? RoleId { get; init; }

    /// <summary>The id of its sponsor.</summary>
    public Guid? SponsorId { get; init; }

    /// <summary>The earliest creation time, inclusive.</summary>
    public DateTimeOffset? CreatedFrom { get; init; }

    /// <summary>The latest creation time, exclusive.</summary>
    public DateTimeOffset? CreatedTo { get; init; }

    /// <summary>The earliest expiry, inclusive.</summary>
    public DateTimeOffset? ExpiresFrom { get; init; }

    /// <summary>The latest expiry, exclusive.</summary>
    public DateTimeOffset? ExpiresTo { get; init; }

    /// <summary>
    /// Whether they wait for an administrator's decision; see <see cref="Invitation.BlockedAt"/>. Null for either.
    /// </summary>
    public bool? Blocked { get; init; }

    /// <summary>
    /// Whether a bulk operation explicitly applies to every open invitation, without other conditions. Lists do not
    /// need it.
    /// </summary>
    public bool All { get; init; }

    /// <summary>Whether there is no condition that an invitation could fail.</summary>
    public bool NamesNothing =>
        (States, EmailPrefix, Role, GroupId, RoleId, SponsorId) is ([], null, null, null, null, null)
        && (CreatedFrom ?? CreatedTo ?? ExpiresFrom ?? ExpiresTo) is null && Blocked is null;

    /// <summary>Only invitations created before the item with this id, such as the job that processes them.</summary>
    public Guid? Before { get; init; }
}

/// <summary>A page of an organization's invitations.</summary>
/// <param name="Order">The sort order.</param>
/// <param name="After">The sort key of the last invitation on the previous page, a time or an address. Null for the
/// first page, and if the order is by creation.</param>
/// <param name="AfterId">The id of the last invitation on the previous page; null for the first page.</param>
/// <param name="Limit">1 to <see cref="Access.MemberPage.MaxLimit"/>.</param>
/// <param name="Now">The current time, used to determine statuses.</param>
/// <param name="Descending">Whether to reverse the order.</param>
public sealed record InvitationPage(
    InvitationOrder Order, object? After, Guid? AfterId, int Limit, DateTimeOffset Now, bool Descending = false)
{
    public InvitationFilter Filter { get; init; } = new();
}
