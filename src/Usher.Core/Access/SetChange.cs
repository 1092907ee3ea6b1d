namespace Usher.Core.Access;

/// <summary>How a set is to change: to exactly some elements, or by some more or some less. What is there already, or not there, is no change.</summary>
/// <param name="Elements">To be, to add or to take out.</param>
/// <param name="How">Which of the three.</param>
public sealed record SetChange<T>(IReadOnlyList<T> Elements, SetChangeKind How)
{
    /// <summary>The same change of a set of something else.</summary>
    public SetChange<TOther> As<TOther>(IReadOnlyList<TOther> elements) => new(elements, How);

    /// <summary>What is to come and what is to go, each element once.</summary>
    public (IReadOnlyList<T> Added, IReadOnlyList<T> Removed) Against(IReadOnlyCollection<T> present) => (
        How is SetChangeKind.Remove ? [] : [.. Elements.Except(present)],
        How switch
        {
            SetChangeKind.Exactly => [.. present.Except(Elements)],
            SetChangeKind.Add => [],
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

    public static SetChange<T> Remove<T>(params IReadOnlyList<T> elements) => new(elements, SetChangeKind.Remove);
}
