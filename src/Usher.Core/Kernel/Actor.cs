using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Core;

public enum ActorKind
{
    /// <summary>A member of the organization, by API key or session.</summary>
    Member,

    /// <summary>An operator of the installation, by operator key or command line.</summary>
    Operator,

    /// <summary>Usher itself, for startup, workers and actions of guests.</summary>
    System,
}

/// <summary>The caller of an operation. It is never null, so that a missing caller cannot mean "allowed".</summary>
/// <param name="Kind">Member, operator or system.</param>
/// <param name="Id">The member's id, the operator's key id, or all zeros for the system.</param>
/// <param name="Name">The actor's current display name, stored for later readers.</param>
/// <param name="OrganizationId">The organization in which the actor acts.</param>
/// <param name="Access">The actor's access in that organization. It contains levels on individual resources only after
/// an operation has read them.</param>
public sealed record Actor(ActorKind Kind, Guid Id, string Name, Guid OrganizationId, EffectiveAccess Access)
{
    public static Actor System(Guid organizationId) =>
        new(ActorKind.System, Guid.Empty, "Usher", organizationId, EffectiveAccess.Everything);

    /// <summary>
    /// An actor for a member, without access. <see cref="AccessGraph.Today"/> reads what the member holds.
    /// </summary>
    public static Actor Of(Member member) =>
        new(ActorKind.Member, member.Id, member.DisplayName, member.OrganizationId, EffectiveAccess.Nothing);

    public static Actor Operator(Guid keyId, string name, Guid organizationId) =>
        new(ActorKind.Operator, keyId, name, organizationId, EffectiveAccess.Everything);

    public bool IsMember => Kind is ActorKind.Member;

    /// <summary>Whether the actor holds a permission of the catalogue.</summary>
    public bool May(string permission) => Access.Has(permission);

    /// <summary>Whether the actor may read the organization's persons, invitations, groups and roles.</summary>
    public bool MayReadDirectory => May(Permissions.UserManagement) || May(Permissions.DirectoryRead);

    /// <summary>Whether the actor may read service accounts and other members' API keys.</summary>
    public bool MayReadKeys => May(Permissions.UserManagement) || May(Permissions.TokenManagement);

    /// <summary>
    /// Whether the actor holds all of <paramref name="conferred"/>. An actor may grant only what it holds.
    /// </summary>
    public bool CanGrant(EffectiveAccess conferred) => Access.Contains(conferred);

    /// <summary>Whether the actor holds everything that a member has; see <see cref="AccessGraph.Covers"/>.</summary>
    public bool Covers(EffectiveAccess member) => Access.Contains(member);
}
