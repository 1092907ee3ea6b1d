namespace Usher.Core.Limits;

/// <summary>
/// Counts per key. A key's window begins with its first count and is forgotten when it has passed. Memory is bounded:
/// of more than <paramref name="capacity"/> keys those not seen for longest are forgotten first.
/// </summary>
/// <param name="limit">How many are let through in a window.</param>
/// <param name="window">How long a window lasts.</param>
/// <param name="clock">The time.</param>
/// <param name="capacity">How many keys are kept.</param>
public sealed class WindowCounter(int limit, TimeSpan window, TimeProvider clock, int capacity = 100_000)
{
    private readonly Lock gate = new();
    private Dictionary<string, Count> young = [];
    private Dictionary<string, Count> old = [];
    private DateTimeOffset turned = clock.Now();

    /// <summary>Counts one.</summary>
    /// <returns>Null, or, when the limit is reached and nothing was counted, how long to wait.</returns>
    public TimeSpan? TryTake(string key)
    {
        lock (gate)
        {
            var now = clock.Now();
            var count = Find(key, now, create: true)!;
            if (count.Value >= limit) return count.Ends - now;
            count.Value++;
            return null;
        }
    }

    /// <summary>Takes a count back, because what it was for turned out well.</summary>
    public void Return(string key)
    {
        lock (gate)
        {
            if (Find(key, clock.Now(), create: false) is { Value: > 0 } count) count.Value--;
        }
    }

    /// <summary>Counts one, also beyond the limit.</summary>
    public void Add(string key)
    {
        lock (gate) Find(key, clock.Now(), create: true)!.Value++;
    }

    /// <summary>How long to wait until one is let through; null: none. Counts nothing.</summary>
    public TimeSpan? WaitOf(string key)
    {
        lock (gate)
        {
            var now = clock.Now();
            return Find(key, now, create: false) is { } count && count.Value >= limit ? count.Ends - now : null;
        }
    }

    // Two generations of keys: what is used moves to the young one, and what is left in the old one when they turn is
    // forgotten.
    private Count? Find(string key, DateTimeOffset now, bool create)
    {
        if (now - turned > window || young.Count >= capacity / 2) (old, young, turned) = (young, [], now);
        if (!young.TryGetValue(key, out var count) && old.Remove(key, out count)) young.Add(key, count);
        if (count is not null && count.Ends > now) return count;
        return create ? young[key] = new() { Ends = now + window } : null;
    }

    private sealed class Count
    {
        public int Value;
        public required DateTimeOffset Ends;
    }
}
