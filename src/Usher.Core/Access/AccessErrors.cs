using Usher.Core.Members;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>Why a question about access can be refused, besides <see cref="MemberErrors.NotAllowed"/>.</summary>
public static class AccessErrors
{
    public static readonly Error CountInvalid = new(
        ErrorKind.Invalid, "check_count_invalid", "1 to 1,000 checks at a time.", "checks");
    public static readonly Error NothingAsked = new(
        ErrorKind.Invalid, "nothing_asked", "Ask for a permission, for a resource, or for both.");
    public static readonly Error ResourceMissing = new(
        ErrorKind.Invalid, "resource_missing", "A level or a capability is asked of a resource.", "resource");
    public static readonly Error LevelInvalid = new(
        ErrorKind.Invalid, "level_invalid", "Either read_only or full.", "level");
    public static readonly Error CapabilityUnknown = new(
        ErrorKind.Invalid, "capability_unknown", $"One of {string.Join(", ", Capabilities.All)}.", "capability");
    public static readonly Error MemberMissing = new(
        ErrorKind.Invalid, "member_missing", "Who asks is no member himself: say whom it is about.", "member");
    public static readonly Error LimitInvalid = new(ErrorKind.Invalid, "limit_invalid", "1 to 1,000.", "limit");

    /// <summary>A check names it: what cannot be accepted is the value, whatever else is wrong with the call.</summary>
    public static readonly Error MemberNotFound = MemberErrors.NotFound with
    {
        Kind = ErrorKind.Invalid, Field = "member",
    };

    /// <inheritdoc cref="MemberNotFound"/>
    public static readonly Error ResourceNotFound = ResourceErrors.NotFound with
    {
        Kind = ErrorKind.Invalid, Field = "resource",
    };
}
