namespace Usher.Core.Limits;

/// <summary>
/// Counts events per key. The window of a key begins with its first count. When the window is over, the count is
/// dropped. Memory is bounded: at most <paramref name="capacity"/> keys are kept, and the least recently used are
/// dropped first.
/// </summary>
/// <param name="limit">The maximum count per window.</param>
/// <param name="window">The length of a window.</param>
/// <param name="clock">The clock.</param>
/// <param name="capacity">The maximum number of keys.</param>
public sealed class WindowCounter(int limit, TimeSpan window, TimeProvider clock, int capacity = 100_000)
{
    private readonly Lock gate = new();
    private Dictionary<string, Count> young = [];
    private Dictionary<string, Count> old = [];
    private DateTimeOffset turned = clock.Now();

    /// <summary>Counts an event if the limit is not reached.</summary>
    /// <returns>Null if the event was counted, otherwise how long to wait.</returns>
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

    /// <summary>Takes a count back because the event succeeded.</summary>
    public void Return(string key)
    {
        lock (gate)
        {
            if (Find(key, clock.Now(), create: false) is { Value: > 0 } count) count.Value--;
        }
    }

    /// <summary>Counts an event, even beyond the limit.</summary>
    public void Add(string key)
    {
        lock (gate) Find(key, clock.Now(), create: true)!.Value++;
    }

    /// <summary>How long to wait until the next event is allowed; null if it is allowed now. Counts nothing.</summary>
    public TimeSpan? WaitOf(string key)
    {
        lock (gate)
        {
            var now = clock.Now();
            return Find(key, now, create: false) is { } count && count.Value >= limit ? count.Ends - now : null;
        }
    }

    // There are two generations of keys. A used key moves to the young generation. When the generations change, the old
    // one is dropped.
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
