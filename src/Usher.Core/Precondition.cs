using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core;

/// <summary>
/// What a caller says he has seen: tags of versions, one of which must still be the thing's, or the change is refused
/// with <c>version_mismatch</c>. Null asks nothing. The save itself depends on the version too, so nothing can come
/// between the look and the change.
/// </summary>
public static class Precondition
{
    public static readonly Error Outdated = new(
        ErrorKind.Outdated, "version_mismatch",
        "It was changed since you read it. Read it again before you change it.");

    /// <summary>The tag of a thing as it is, or, after a change, as it will be saved.</summary>
    public static string TagOf(IVersioned thing) => $"{thing.Version}";

    /// <summary>An invitation is shown with what its member is offered: it has changed when either has.</summary>
    public static string TagOf(Invitation invitation, Member member) => $"{invitation.Version}.{member.Version}";

    internal static Error? Refuses(IReadOnlyCollection<string>? tags, string tag) =>
        tags is null || tags.Contains(tag, StringComparer.Ordinal) ? null : Outdated;

    internal static Error? Refuses(IReadOnlyCollection<string>? tags, IVersioned thing) => Refuses(tags, TagOf(thing));

    // Of a call that names several no version can be meant; whoever sends one names one.
    internal static Error? Refuses(IReadOnlyCollection<string>? tags, MemberSelection selection) => tags is null
        ? null
        : selection.Members.Select(m =>
            selection.Invitation is { } invitation
                ? Refuses(tags, TagOf(invitation, m))
                : Refuses(tags, m)).FirstOrDefault(e => e is not null);
}
