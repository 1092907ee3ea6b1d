using Usher.Core.Access;

namespace Usher.Core.Members;

/// <summary>What a list of members is ordered by.</summary>
public enum MemberOrder
{
    Created,
    Identifier,
    Number,
    LastSignIn,
}

/// <summary>Which live members a list has. All conditions must hold.</summary>
public sealed record MemberFilter
{
    public static readonly MemberFilter Persons = new() { Kind = MemberKind.Person };

    public static readonly MemberFilter ServiceAccounts = new() { Kind = MemberKind.Service };

    /// <summary>Null: persons and service accounts.</summary>
    public MemberKind? Kind { get; init; }

    /// <summary>Invited, active or suspended; null: any of them.</summary>
    public MemberStatus? Status { get; init; }

    public BuiltInRole? Role { get; init; }

    /// <summary>A group he was put into. Those that system groups imply are not stored, and are not found so.</summary>
    public Guid? GroupId { get; init; }

    /// <summary>A role he holds directly.</summary>
    public Guid? RoleId { get; init; }

    /// <summary>A resource he reaches at all, by whatever way; see <see cref="EffectiveAccess.Reaches"/>.</summary>
    public Guid? Reaches { get; init; }

    /// <summary>How his identifier begins, lower case.</summary>
    public string? IdentifierPrefix { get; init; }

    public IReadOnlyList<MemberCondition> Conditions { get; init; } = [];
}

/// <summary>
/// One thing to ask of a member: some value of a field matches one of the texts, or, negated, none does.
/// </summary>
/// <param name="Field">What is looked at.</param>
/// <param name="Match">How, letter case aside.</param>
/// <param name="Texts">One of them is enough.</param>
/// <param name="Negated">Whether none may match.</param>
public sealed record MemberCondition(
    MemberField Field, TextMatch Match, IReadOnlyList<string> Texts, bool Negated = false)
{
    /// <summary>Whether what is asked for is a permission there is, which an administrator then holds.</summary>
    internal bool AdminsHoldIt { get; init; } = true;

    /// <summary>The names of the catalogue that a condition about permissions finds.</summary>
    internal IReadOnlyList<string> Permissions { get; init; } = [];
}

public enum TextMatch
{
    Contains,
    StartsWith,
    Exact,

    /// <summary>
    /// The text itself, or what lies below it when periods are the levels: <c>a.b</c> finds <c>a.b</c> and
    /// <c>a.b.c</c>.
    /// </summary>
    Path,
}

public static class TextMatching
{
    extension(TextMatch match)
    {
        /// <summary>
        /// Whether a value matches one of the texts, letter case aside: what a <see cref="MemberCondition"/> asks of a
        /// column, asked of a value.
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

/// <summary>What of a member can be searched. Groups and roles are found by their id or their name.</summary>
public enum MemberField
{
    /// <summary>Identifier, names or description.</summary>
    Any,
    Identifier,
    Description,
    SsoId,

    /// <summary>When he signed in last, in milliseconds since the epoch; nothing before the first time.</summary>
    LastSignIn,

    /// <summary><c>true</c> or <c>false</c>: whether he is active.</summary>
    Active,

    /// <summary>A permission granted directly.</summary>
    Permission,

    /// <summary>A group he is in, the implied one included.</summary>
    Group,

    /// <summary>A role he holds directly.</summary>
    Role,

    /// <summary>A role he holds, directly or by a group.</summary>
    EffectiveRole,

    /// <summary>A permission he holds, by whatever way.</summary>
    EffectivePermission,

    /// <summary>A key of his: its name or its id.</summary>
    Key,

    /// <summary>
    /// When a key of his was used last, in milliseconds since the epoch; nothing before the first time.
    /// </summary>
    LastUse,
}
