using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>What an operation needs to read before it decides. Everything is in one organization.</summary>
public sealed record AccessQuery(Guid OrganizationId)
{
    /// <summary>Members by canonical identifier: for each, the live member and the one removed most recently.</summary>
    public IReadOnlyCollection<string> Identifiers { get; init; } = [];

    /// <summary>Members by id.</summary>
    public IReadOnlyCollection<Guid> MemberIds { get; init; } = [];

    /// <summary>Members by number.</summary>
    public IReadOnlyCollection<long> Numbers { get; init; } = [];

    /// <summary>
    /// Invitations by id, in any status, each with its member; see <see cref="AccessGraph.Invitation"/>.
    /// </summary>
    public IReadOnlyCollection<Guid> InvitationIds { get; init; } = [];

    public IReadOnlyCollection<Guid> GroupIds { get; init; } = [];

    public IReadOnlyCollection<Guid> RoleIds { get; init; } = [];

    /// <summary>Groups by name key (see <see cref="Text.Key"/>).</summary>
    public IReadOnlyCollection<string> GroupNames { get; init; } = [];

    /// <summary>Roles by name key (see <see cref="Text.Key"/>).</summary>
    public IReadOnlyCollection<string> RoleNames { get; init; } = [];

    public IReadOnlyCollection<Guid> ResourceIds { get; init; } = [];

    public IReadOnlyCollection<string> ResourceSlugs { get; init; } = [];

    /// <summary>Whether to lock the organization. Required for an operation that may remove an administrator.</summary>
    public bool LockOrganization { get; init; }

    /// <summary>Details that only the answer needs. No rule uses them.</summary>
    public MemberDetails Details { get; init; }

    /// <summary>A page of live members in order, instead of members by key; see <see cref="MemberPage"/>.</summary>
    public MemberPage? Page { get; init; }

    /// <summary>A page of invitations in order, with their members; see <see cref="InvitationPage"/>.</summary>
    public InvitationPage? Invitations { get; init; }

    /// <summary>A page of the organization's groups, oldest first.</summary>
    public DefinitionRun? GroupRun { get; init; }

    /// <summary>A page of the organization's roles, oldest first.</summary>
    public DefinitionRun? RoleRun { get; init; }

    /// <summary>Whether to read all groups and roles, not only those of the members found.</summary>
    public bool AllDefinitions { get; init; }

    /// <summary>The conditions of <see cref="Page"/>, prepared for SQL.</summary>
    internal MemberSearch? Search { get; init; }

    /// <summary>
    /// Conditions to evaluate for the members of every group and for the direct holders of every role; see
    /// <see cref="AccessGraph.HasHolder"/>.
    /// </summary>
    public IReadOnlyList<MemberCondition> Holders { get; init; } = [];

    /// <summary>
    /// The same query, extended by the actor's own member. The actor's current access decides what the actor may grant.
    /// </summary>
    public AccessQuery With(Actor actor) => actor.IsMember ? this with { MemberIds = [.. MemberIds, actor.Id] } : this;
}

/// <summary>What a surface shows besides the members themselves. Each detail is read only if it is shown.</summary>
[Flags]
public enum MemberDetails
{
    None = 0,

    /// <summary>
    /// The number of live members in each group and of each role, and the number of groups that hold each role.
    /// </summary>
    Counts = 1,

    /// <summary>Whether each member's user has a password and a second factor.</summary>
    Credentials = 2,

    /// <summary>All resources of the organization.</summary>
    Resources = 4,

    /// <summary>Up to 100 members of every group and role read.</summary>
    Samples = 8,

    /// <summary>The resources that the levels found refer to.</summary>
    Reached = 16,

    /// <summary>The API keys of the members found. Needs an additional query.</summary>
    Keys = 32,
}

/// <summary>One page of the live members of an organization.</summary>
/// <param name="Order">The sort order.</param>
/// <param name="After">The sort key of the last member on the previous page: an id, an identifier or a number. Null for
/// the first page, and if <paramref name="Offset"/> is used instead.</param>
/// <param name="Limit">1 to <see cref="MaxLimit"/>.</param>
/// <param name="Offset">The number of members to skip.</param>
/// <param name="Descending">Whether to reverse the order.</param>
/// <param name="WithTotal">Whether to count all members that match the filter.</param>
public sealed record MemberPage(
    MemberOrder Order, object? After, int Limit, int Offset = 0, bool Descending = false, bool WithTotal = false)
{
    /// <summary>The maximum limit: a page of 1,000, and one more to find out whether another page follows.</summary>
    public const int MaxLimit = 1_001;

    public MemberFilter Filter { get; init; } = MemberFilter.Persons;

    /// <summary>The sort key of a member, used to start the next page after it.</summary>
    public object KeyOf(Member member) => Order switch
    {
        MemberOrder.Created => member.Id,
        MemberOrder.Identifier => member.Identifier,
        MemberOrder.Number => member.Number,
        MemberOrder.LastSignIn => throw new NotSupportedException("Pages ordered by last sign-in use an offset."),
    };
}

/// <summary>A page of groups or roles, ordered by id.</summary>
/// <param name="After">The id of the last item on the previous page; null for the first page.</param>
/// <param name="Limit">1 to <see cref="MemberPage.MaxLimit"/>.</param>
public sealed record DefinitionRun(Guid? After, int Limit);

/// <summary>The id, name and slug of a resource.</summary>
public sealed record ResourceName(Guid Id, string Name, string Slug);
