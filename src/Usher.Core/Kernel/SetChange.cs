namespace Usher.Core;

/// <summary>
/// A change to a set: replace it, or add or remove elements. Adding an element that is present, or removing one that is
/// absent, is not a change.
/// </summary>
/// <param name="Elements">The elements to set, add or remove.</param>
/// <param name="How">Whether to set, add or remove them.</param>
public sealed record SetChange<T>(IReadOnlyList<T> Elements, SetChangeKind How)
{
    /// <summary>Elements to remove in addition, if <see cref="How"/> is <see cref="SetChangeKind.Add"/>.</summary>
    public IReadOnlyList<T> Less { get; init; } = [];

    /// <summary>All elements that the change names, to add or to remove.</summary>
    public IEnumerable<T> Named => Elements.Concat(Less);

    /// <summary>The same kind of change with other elements. <see cref="Less"/> is not copied.</summary>
    public SetChange<TOther> As<TOther>(IReadOnlyList<TOther> elements) => new(elements, How);

    /// <summary>The same change with its elements mapped to others.</summary>
    public SetChange<TOther> Map<TOther>(Func<IReadOnlyList<T>, IReadOnlyList<TOther>> found) =>
        new(found(Elements), How) { Less = found(Less) };

    /// <summary>The elements to add to and to remove from <paramref name="present"/>, without duplicates.</summary>
    public (IReadOnlyList<T> Added, IReadOnlyList<T> Removed) Against(IReadOnlyCollection<T> present) => (
        How is SetChangeKind.Remove ? [] : [.. Elements.Except(present)],
        How switch
        {
            SetChangeKind.Exactly => [.. present.Except(Elements)],
            SetChangeKind.Add => [.. present.Intersect(Less)],
            SetChangeKind.Remove => [.. present.Intersect(Elements)],
        });
}

public enum SetChangeKind
{
    Exactly,
    Add,
    Remove,
}

public static class SetChange
{
    public static SetChange<T> To<T>(IReadOnlyList<T> elements) => new(elements, SetChangeKind.Exactly);

    public static SetChange<T> Add<T>(params IReadOnlyList<T> elements) => new(elements, SetChangeKind.Add);

    /// <summary>Adds some elements and removes others at once. All other elements stay.</summary>
    public static SetChange<T> Edit<T>(IReadOnlyList<T> more, IReadOnlyList<T> less) =>
        new(more, SetChangeKind.Add) { Less = less };

    public static SetChange<T> Remove<T>(params IReadOnlyList<T> elements) => new(elements, SetChangeKind.Remove);
}
