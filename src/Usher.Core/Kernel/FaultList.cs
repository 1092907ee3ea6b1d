using System.Collections;

namespace Usher.Core;

/// <summary>
/// The faults found in one input. Keeps the first <see cref="Max"/> and drops the rest, to limit the size of the answer
/// and the work for it.
/// </summary>
public sealed class FaultList : IReadOnlyList<Error>
{
    /// <summary>The maximum number of faults in one answer.</summary>
    public const int Max = 100;

    private readonly List<Error> kept = [];

    public int Count => kept.Count;

    /// <summary>Whether the list is full and drops further faults. Loops over the input can stop then.</summary>
    public bool IsFull => kept.Count >= Max;

    public Error this[int index] => kept[index];

    public void Add(Error fault)
    {
        if (!IsFull) kept.Add(fault);
    }

    public IEnumerator<Error> GetEnumerator() => kept.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
