using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Core.Access;

/// <summary>The kind of a grant.</summary>
public enum GrantKind
{
    Permission,
    Group,
    Role,
}

/// <summary>One directly held item: a permission by its name, or a group or role by its id.</summary>
/// <param name="Kind">The kind of the grant.</param>
/// <param name="Target">The permission's name, or the group's or role's id as 32 hexadecimal digits.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct Grant(GrantKind Kind, string Target)
{
    /// <summary>Orders by kind, then by target. Grants are stored in this order.</summary>
    public static Comparer<Grant> Order { get; } = Comparer<Grant>.Create((a, b) =>
        a.Kind != b.Kind ? a.Kind.CompareTo(b.Kind) : string.CompareOrdinal(a.Target, b.Target));

    public static Grant Permission(string name) => new(GrantKind.Permission, name);

    public static Grant Group(Guid id) => new(GrantKind.Group, id.ToString("N"));

    public static Grant Role(Guid id) => new(GrantKind.Role, id.ToString("N"));

    /// <summary>The id of the group or role. Not valid for a permission.</summary>
    public Guid Id => Guid.ParseExact(Target, "N");
}

/// <summary>The actor that granted something, and the time.</summary>
/// <param name="By">The actor's id; all zeros for the system.</param>
/// <param name="At">The time, to the millisecond.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct GrantedBy(Guid By, DateTimeOffset At);

/// <summary>
/// Everything that a member, a group or a role holds directly, except levels on resources. Immutable. Stored as one
/// text that the database does not parse. <see cref="MemberGrant"/> is the table for searches.
/// <para>
/// The text has one entry per grant, in order, separated by spaces: <c>p:user_management g:0192… r:0193…</c>.
/// Permission names contain no spaces. The id of a deleted group or role grants nothing.
/// </para>
/// </summary>
public sealed class Grants : IEquatable<Grants>
{
    /// <summary>The maximum number of groups, and of roles, that one member may hold directly.</summary>
    public const int MostOfAKind = 200;

    private const string Letters = "pgr"; // in the order of GrantKind

    public static readonly Grants None = new([]);

    private Grants(ImmutableArray<Grant> all)
    {
        All = all;
        Permissions = [.. Of(GrantKind.Permission).Select(g => g.Target)];
        Groups = [.. Of(GrantKind.Group).Select(g => g.Id)];
        Roles = [.. Of(GrantKind.Role).Select(g => g.Id)];
    }

    /// <summary>All grants, sorted, without duplicates.</summary>
    public ImmutableArray<Grant> All { get; }

    /// <summary>The permission names, in ordinal order.</summary>
    public ImmutableArray<string> Permissions { get; }

    public ImmutableArray<Guid> Groups { get; }

    public ImmutableArray<Guid> Roles { get; }

    public bool Contains(Grant grant) => Find(grant) >= 0;

    public Grants With(Grant grant) => Find(grant) is < 0 and var at ? new(All.Insert(~at, grant)) : this;

    public Grants Without(Grant grant) => Find(grant) is >= 0 and var at ? new(All.RemoveAt(at)) : this;

    public bool Equals(Grants? other) => other is not null && All.AsSpan().SequenceEqual(other.All.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as Grants);

    public override int GetHashCode() => All.Length is 0 ? 0 : HashCode.Combine(All.Length, All[0], All[^1]);

    public override string ToString() => string.Join(' ', All.Select(TextOf));

    /// <exception cref="FormatException">The text was not made by <see cref="ToString"/>.</exception>
    public static Grants Parse(string text) => text is "" ? None : new([.. text.Split(' ').Select(GrantOf)]);

    internal static string TextOf(Grant grant) => $"{Letters[(int)grant.Kind]}:{grant.Target}";

    internal static Grant GrantOf(string text) =>
        text.Length > 2 && text[1] is ':' && Letters.IndexOf(text[0], StringComparison.Ordinal) is >= 0 and var kind
        ? new((GrantKind)kind, text[2..])
        : throw new FormatException("Not a grant.");

    private int Find(Grant grant) => All.BinarySearch(grant, Grant.Order);

    private IEnumerable<Grant> Of(GrantKind kind) => All.Where(g => g.Kind == kind);
}

/// <summary>
/// The actor and time of each of a holder's <see cref="Grants"/>. Immutable. Read only for explanations and changes.
/// Stored as one text: <c>p:user_management=&lt;actor&gt;@&lt;milliseconds&gt; …</c>.
/// </summary>
public sealed class GrantLog : IEquatable<GrantLog>
{
    public static readonly GrantLog None = new(ImmutableSortedDictionary.Create<Grant, GrantedBy>(Grant.Order));

    private readonly ImmutableSortedDictionary<Grant, GrantedBy> entries;

    private GrantLog(ImmutableSortedDictionary<Grant, GrantedBy> entries) => this.entries = entries;

    /// <summary>The ids of the actors that granted something.</summary>
    public IEnumerable<Guid> Granters => entries.Values.Select(e => e.By);

    public GrantedBy this[Grant grant] => entries.GetValueOrDefault(grant);

    public GrantLog With(Grant grant, Actor by, DateTimeOffset at) => new(entries.SetItem(grant, new(by.Id, at)));

    public GrantLog Without(Grant grant) => new(entries.Remove(grant));

    public bool Equals(GrantLog? other) => other is not null && entries.SequenceEqual(other.entries);

    public override bool Equals(object? obj) => Equals(obj as GrantLog);

    public override int GetHashCode() => entries.Count;

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (grant, by) in entries)
        {
            if (text.Length > 0) text.Append(' ');
            text.Append(
                CultureInfo.InvariantCulture, $"{Grants.TextOf(grant)}={by.By:N}@{by.At.ToUnixTimeMilliseconds()}");
        }

        return text.ToString();
    }

    /// <exception cref="FormatException">The text was not made by <see cref="ToString"/>.</exception>
    public static GrantLog Parse(string text) =>
        text is "" ? None : new(text.Split(' ').Select(EntryOf).ToImmutableSortedDictionary(Grant.Order));

    private static KeyValuePair<Grant, GrantedBy> EntryOf(string text)
    {
        var (value, time) = (text.LastIndexOf('='), text.LastIndexOf('@'));
        if (value < 0 || time < value) throw new FormatException("Not a grant log entry.");
        var at = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(
            text.AsSpan(time + 1), CultureInfo.InvariantCulture));
        return new(
            Grants.GrantOf(text[..value]), new(Guid.ParseExact(text.AsSpan(value + 1, time - value - 1), "N"), at));
    }
}
