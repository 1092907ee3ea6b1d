namespace Usher.Core.Access;

/// <summary>
/// How a set is to change: to exactly some elements, or by some more or some less. What is there already, or not there,
/// is no change.
/// </summary>
/// <param name="Elements">To be, to add or to take out.</param>
/// <param name="How">Which of the three.</param>
public sealed record SetChange<T>(IReadOnlyList<T> Elements, SetChangeKind How)
{
    /// <summary>What is to be taken out besides, where some more come.</summary>
    public IReadOnlyList<T> Less { get; init; } = [];

    /// <summary>All it names, to come or to go.</summary>
    public IEnumerable<T> Named => Elements.Concat(Less);

    /// <summary>The same change of a set of something else, what goes besides left aside.</summary>
    public SetChange<TOther> As<TOther>(IReadOnlyList<TOther> elements) => new(elements, How);

    /// <summary>The same change of what its elements stand for.</summary>
    public SetChange<TOther> Map<TOther>(Func<IReadOnlyList<T>, IReadOnlyList<TOther>> found) =>
        new(found(Elements), How) { Less = found(Less) };

    /// <summary>What is to come and what is to go, each element once.</summary>
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

    /// <summary>Some more and some less at once; what is in neither stays.</summary>
    public static SetChange<T> Edit<T>(IReadOnlyList<T> more, IReadOnlyList<T> less) =>
        new(more, SetChangeKind.Add) { Less = less };

    public static SetChange<T> Remove<T>(params IReadOnlyList<T> elements) => new(elements, SetChangeKind.Remove);
}
