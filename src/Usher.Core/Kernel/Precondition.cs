using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core;

/// <summary>
/// An optimistic concurrency check. The caller sends version tags; one of them must match the current version,
/// otherwise the change is refused with <c>version_mismatch</c>. Null skips the check. The save also depends on the
/// version, so a concurrent change between check and save is detected.
/// </summary>
public static class Precondition
{
    /// <summary>The version tag of an object. After a change, it is the tag that will be saved.</summary>
    public static string TagOf(IVersioned thing) => $"{thing.Version}";

    /// <summary>
    /// The version tag of an invitation. It includes the member's version, because an invitation is shown with what its
    /// member is offered.
    /// </summary>
    public static string TagOf(Invitation invitation, Member member) => $"{invitation.Version}.{member.Version}";

    internal static Error? Refuses(IReadOnlyCollection<string>? tags, string tag) =>
        tags is null || tags.Contains(tag, StringComparer.Ordinal) ? null : CommonErrors.Outdated;

    internal static Error? Refuses(IReadOnlyCollection<string>? tags, IVersioned thing) => Refuses(tags, TagOf(thing));

    // Callers send tags only for a single member, because a tag cannot match several members.
    internal static Error? Refuses(IReadOnlyCollection<string>? tags, MemberSelection selection) => tags is null
        ? null
        : selection.Members.Select(m =>
            selection.Invitation is { } invitation
                ? Refuses(tags, TagOf(invitation, m))
                : Refuses(tags, m)).FirstOrDefault(e => e is not null);
}
