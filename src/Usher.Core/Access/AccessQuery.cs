using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>What an operation wants to know before it decides. Everything is of one organization.</summary>
public sealed record AccessQuery(Guid OrganizationId)
{
    /// <summary>Members by canonical identifier: the live one, and the latest removed.</summary>
    public IReadOnlyCollection<string> Identifiers { get; init; } = [];

    /// <summary>Members by id.</summary>
    public IReadOnlyCollection<Guid> MemberIds { get; init; } = [];

    /// <summary>Members by number.</summary>
    public IReadOnlyCollection<long> Numbers { get; init; } = [];

    /// <summary>
    /// Invitations by id, whatever has become of them, each with its member; see <see cref="AccessGraph.Invitation"/>.
    /// </summary>
    public IReadOnlyCollection<Guid> InvitationIds { get; init; } = [];

    public IReadOnlyCollection<Guid> GroupIds { get; init; } = [];

    public IReadOnlyCollection<Guid> RoleIds { get; init; } = [];

    /// <summary>Groups by the key of their name.</summary>
    public IReadOnlyCollection<string> GroupNames { get; init; } = [];

    /// <summary>Roles by the key of their name.</summary>
    public IReadOnlyCollection<string> RoleNames { get; init; } = [];

    public IReadOnlyCollection<Guid> ResourceIds { get; init; } = [];

    public IReadOnlyCollection<string> ResourceSlugs { get; init; } = [];

    /// <summary>
    /// Whether the operation may take an administrator away, and so must be alone with the organization.
    /// </summary>
    public bool LockOrganization { get; init; }

    /// <summary>What only an answer needs, and no rule.</summary>
    public MemberDetails Details { get; init; }

    /// <summary>A run of live persons in order, instead of members by name; see <see cref="MemberPage"/>.</summary>
    public MemberPage? Page { get; init; }

    /// <summary>A run of invitations in order, with their members; see <see cref="InvitationPage"/>.</summary>
    public InvitationPage? Invitations { get; init; }

    /// <summary>A run of the organization's groups, oldest first.</summary>
    public DefinitionRun? GroupRun { get; init; }

    /// <summary>A run of the organization's roles, oldest first.</summary>
    public DefinitionRun? RoleRun { get; init; }

    /// <summary>Whether all groups and roles are read, not only those of the members found.</summary>
    public bool AllDefinitions { get; init; }

    /// <summary>The conditions of <see cref="Page"/>, made ready.</summary>
    internal MemberSearch? Search { get; init; }

    /// <summary>
    /// What to ask of every group's members and of those who hold each role directly; see
    /// <see cref="AccessGraph.HasHolder"/>.
    /// </summary>
    public IReadOnlyList<MemberCondition> Holders { get; init; } = [];

    /// <summary>The same, the actor's own membership included: what he holds today is what he may give.</summary>
    public AccessQuery With(Actor actor) => actor.IsMember ? this with { MemberIds = [.. MemberIds, actor.Id] } : this;
}

/// <summary>
/// What a surface shows besides the members themselves. Read in the same round trip, and only where it is shown.
/// </summary>
[Flags]
public enum MemberDetails
{
    None = 0,

    /// <summary>How many live members a group has or a role is held by, and how many groups hold a role.</summary>
    Counts = 1,

    /// <summary>Who has a password, and a second factor.</summary>
    Credentials = 2,

    /// <summary>All resources of the organization.</summary>
    Resources = 4,

    /// <summary>Of every group and role read, up to a hundred of those who are in it or hold it.</summary>
    Samples = 8,

    /// <summary>The resources that the levels found lead to.</summary>
    Reached = 16,

    /// <summary>The keys of the members found. Costs a read of its own.</summary>
    Keys = 32,
}

/// <summary>One chunk of the live members of an organization.</summary>
/// <param name="Order">By what.</param>
/// <param name="After">Of the last member of the chunk before what the order goes by: his id, identifier or number;
/// null for the first chunk, and where <paramref name="Offset"/> says where to begin.</param>
/// <param name="Limit">1 to <see cref="MaxLimit"/>.</param>
/// <param name="Offset">How many to pass over.</param>
/// <param name="Descending">Whether the order is turned around.</param>
/// <param name="WithTotal">Whether all that the filter lets through are counted.</param>
public sealed record MemberPage(
    MemberOrder Order, object? After, int Limit, int Offset = 0, bool Descending = false, bool WithTotal = false)
{
    /// <summary>A page of 1,000, and one more that says whether another page follows.</summary>
    public const int MaxLimit = 1_001;

    public MemberFilter Filter { get; init; } = MemberFilter.Persons;

    /// <summary>What the order goes by, to begin the next chunk after a member.</summary>
    public object KeyOf(Member member) => Order switch
    {
        MemberOrder.Created => member.Id,
        MemberOrder.Identifier => member.Identifier,
        MemberOrder.Number => member.Number,
        MemberOrder.LastSignIn => throw new NotSupportedException("By last sign-in pages go by offset."),
    };
}

/// <summary>A run of groups or roles, in order of their ids.</summary>
/// <param name="After">The last of the run before.</param>
/// <param name="Limit">1 to <see cref="MemberPage.MaxLimit"/>.</param>
public sealed record DefinitionRun(Guid? After, int Limit);

/// <summary>A resource as others refer to it.</summary>
public sealed record ResourceName(Guid Id, string Name, string Slug);
