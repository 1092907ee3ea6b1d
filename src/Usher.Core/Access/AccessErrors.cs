using Usher.Core.Members;
using Usher.Core.Resources;

namespace Usher.Core.Access;

/// <summary>Errors of access checks, besides <see cref="CommonErrors.NotAllowed"/>.</summary>
public static class AccessErrors
{
    public static readonly Error CountInvalid = new(
        ErrorKind.Invalid, "check_count_invalid", "There must be 1 to 1,000 checks.", "checks");
    public static readonly Error NothingAsked = new(
        ErrorKind.Invalid, "nothing_asked", "Name a permission, a resource, or both.");
    public static readonly Error ResourceMissing = new(
        ErrorKind.Invalid, "resource_missing", "Name the resource that the level or capability is for.", "resource");
    public static readonly Error LevelInvalid = new(
        ErrorKind.Invalid, "level_invalid", "Must be read_only or full.", "level");
    public static readonly Error CapabilityUnknown = new(
        ErrorKind.Invalid, "capability_unknown", $"Must be one of {string.Join(", ", Capabilities.All)}.",
        "capability");
    public static readonly Error MemberMissing = new(
        ErrorKind.Invalid, "member_missing", "You are not a member of the organization. Name the member to check.",
        "member");
    public static readonly Error LimitInvalid = new(ErrorKind.Invalid, "limit_invalid", "Must be 1 to 1,000.", "limit");

    /// <summary>The member is named in the body of a check, so an unknown one is invalid input and not a 404.</summary>
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
