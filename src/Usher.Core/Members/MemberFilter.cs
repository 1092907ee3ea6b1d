using Usher.Core.Access;
using Usher.Core.Roles;

namespace Usher.Core.Members;

/// <summary>The sort order of a list of members.</summary>
public enum MemberOrder
{
    Created,
    Identifier,
    Number,
    LastSignIn,
}

/// <summary>Selects members that are not removed. All conditions must hold.</summary>
public sealed record MemberFilter
{
    public static readonly MemberFilter Persons = new() { Kind = MemberKind.Person };

    public static readonly MemberFilter ServiceAccounts = new() { Kind = MemberKind.Service };

    /// <summary>Null: persons and service accounts.</summary>
    public MemberKind? Kind { get; init; }

    /// <summary>Invited, active or suspended; null: any of these.</summary>
    public MemberStatus? Status { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>
    /// A group that the member was added to. Implied membership of system groups is not stored and does not match.
    /// </summary>
    public Guid? GroupId { get; init; }

    /// <summary>A role that the member holds directly.</summary>
    public Guid? RoleId { get; init; }

    /// <summary>A resource that the member can reach in any way; see <see cref="EffectiveAccess.Reaches"/>.</summary>
    public Guid? Reaches { get; init; }

    /// <summary>The beginning of the identifier, in lower case.</summary>
    public string? IdentifierPrefix { get; init; }

    public IReadOnlyList<MemberCondition> Conditions { get; init; } = [];
}

/// <summary>
/// A search condition: at least one value of a field matches one of the texts. A negated condition requires that none
/// matches.
/// </summary>
/// <param name="Field">The field to search.</param>
/// <param name="Match">The kind of comparison. Letter case is ignored.</param>
/// <param name="Texts">The texts to compare with. One match is enough.</param>
/// <param name="Negated">Whether no value may match.</param>
public sealed record MemberCondition(
    MemberField Field, TextMatch Match, IReadOnlyList<string> Texts, bool Negated = false)
{
    /// <summary>
    /// Whether a permission condition matches a permission in the catalogue. Administrators hold every such permission.
    /// </summary>
    internal bool AdminsHoldIt { get; init; } = true;

    /// <summary>The catalogue's permission names that a permission condition matches.</summary>
    internal IReadOnlyList<string> Permissions { get; init; } = [];
}

public enum TextMatch
{
    Contains,
    StartsWith,
    Exact,

    /// <summary>
    /// The text itself, or a value below it in a hierarchy separated by periods: <c>a.b</c> matches <c>a.b</c> and
    /// <c>a.b.c</c>.
    /// </summary>
    Path,
}

public static class TextMatching
{
    extension(TextMatch match)
    {
        /// <summary>
        /// Whether a value matches one of the texts, ignoring letter case. Gives the same result in memory as a
        /// <see cref="MemberCondition"/> gives in the database.
        /// </summary>
        public bool Finds(string value, IEnumerable<string> texts)
        {
            value = value.ToLowerInvariant();
            return texts.Select(t => t.ToLowerInvariant()).Any(text => match switch
            {
                TextMatch.Contains => value.Contains(text, StringComparison.Ordinal),
                TextMatch.StartsWith => value.StartsWith(text, StringComparison.Ordinal),
                TextMatch.Exact => value == text,
                TextMatch.Path => value == text || value.StartsWith(text + '.', StringComparison.Ordinal),
            });
        }
    }
}

/// <summary>The searchable fields of a member. Groups and roles match by id or by name.</summary>
public enum MemberField
{
    /// <summary>Identifier, names or description.</summary>
    Any,
    Identifier,
    Description,
    SsoId,

    /// <summary>The last sign-in, in milliseconds since the Unix epoch. No value before the first sign-in.</summary>
    LastSignIn,

    /// <summary><c>true</c> if the member is active, otherwise <c>false</c>.</summary>
    Active,

    /// <summary>A directly granted permission.</summary>
    Permission,

    /// <summary>A group of the member, including the implied system group.</summary>
    Group,

    /// <summary>A directly granted role.</summary>
    Role,

    /// <summary>A role granted directly or through a group.</summary>
    EffectiveRole,

    /// <summary>A permission granted in any way.</summary>
    EffectivePermission,

    /// <summary>The name or id of one of the member's API keys.</summary>
    Key,

    /// <summary>
    /// The last use of one of the member's API keys, in milliseconds since the Unix epoch. No value before the first
    /// use.
    /// </summary>
    LastUse,
}
