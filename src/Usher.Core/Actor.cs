using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Core;

public enum ActorKind
{
    /// <summary>A member of the organization, by key or by session.</summary>
    Member,

    /// <summary>Whoever runs the installation, by an operator's key or the command line.</summary>
    Operator,

    /// <summary>Usher itself: bootstrap, workers, a guest's own click on his own invitation.</summary>
    System,
}

/// <summary>Who does something. Never null, so that "nobody" cannot come to mean "allowed".</summary>
/// <param name="Kind">Member, operator or system.</param>
/// <param name="Id">The member's id; an operator's key id; all zeros for the system.</param>
/// <param name="Name">What he is called at this moment, for people who read it later.</param>
/// <param name="OrganizationId">The one organization he acts in.</param>
/// <param name="Access">What he holds there. Of levels on single resources it knows nothing until an operation has read
/// them.</param>
public sealed record Actor(ActorKind Kind, Guid Id, string Name, Guid OrganizationId, EffectiveAccess Access)
{
    public static Actor System(Guid organizationId) =>
        new(ActorKind.System, Guid.Empty, "Usher", organizationId, EffectiveAccess.Everything);

    /// <summary>
    /// A member, as the one who did something. What the member holds is for <see cref="AccessGraph.Today"/> to read.
    /// </summary>
    public static Actor Of(Member member) =>
        new(ActorKind.Member, member.Id, member.DisplayName, member.OrganizationId, EffectiveAccess.Nothing);

    public static Actor Operator(Guid keyId, string name, Guid organizationId) =>
        new(ActorKind.Operator, keyId, name, organizationId, EffectiveAccess.Everything);

    public bool IsMember => Kind is ActorKind.Member;

    /// <summary>Whether he holds a permission of the catalogue.</summary>
    public bool May(string permission) => Access.Has(permission);

    /// <summary>Whether the actor may read the organization's persons, invitations, groups and roles.</summary>
    public bool MayReadDirectory => May(Permissions.UserManagement) || May(Permissions.DirectoryRead);

    /// <summary>Whether the actor may read service accounts, and the keys of others.</summary>
    public bool MayReadKeys => May(Permissions.UserManagement) || May(Permissions.TokenManagement);

    /// <summary>
    /// Whether the actor holds everything that <paramref name="conferred"/> would give. An actor hands out only that.
    /// </summary>
    public bool CanGrant(EffectiveAccess conferred) => Access.Contains(conferred);

    /// <summary>Whether the actor holds everything that a member has; see <see cref="AccessGraph.Covers"/>.</summary>
    public bool Covers(EffectiveAccess member) => Access.Contains(member);
}
