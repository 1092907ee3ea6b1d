using System.Collections;

namespace Usher.Core;

/// <summary>
/// The faults found in one input. It keeps the first <see cref="Max"/> and drops the others, so that an answer, and the
/// work for it, stay small however much is wrong.
/// </summary>
public sealed class FaultList : IReadOnlyList<Error>
{
    /// <summary>How many faults one answer tells.</summary>
    public const int Max = 100;

    private readonly List<Error> kept = [];

    public int Count => kept.Count;

    /// <summary>Whether further faults are dropped. A loop over input can stop then.</summary>
    public bool IsFull => kept.Count >= Max;

    public Error this[int index] => kept[index];

    public void Add(Error fault)
    {
        if (!IsFull) kept.Add(fault);
    }

    public IEnumerator<Error> GetEnumerator() => kept.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
