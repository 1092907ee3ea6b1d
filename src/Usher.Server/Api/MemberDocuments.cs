using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Server.Api;

/// <summary>A person's, or a service account's, place in the organization.</summary>
internal sealed record MemberDocument
{
    public static IReadOnlyList<Named> GroupsOf(Member member, AccessGraph graph) =>
        [.. member.Groups.Select(g => graph.Group(g.GroupId)).Where(g => g is not null).OrderBy(g => g!.Id).Select(g => new Named(Ids.Group.Of(g!.Id), g.Name))];

    public static IReadOnlyList<Named> RolesOf(Member member, AccessGraph graph) =>
        [.. member.Roles.Select(r => graph.Role(r.RoleId)).Where(r => r is not null).OrderBy(r => r!.Id).Select(r => new Named(Ids.Role.Of(r!.Id), r.Name))];
}
