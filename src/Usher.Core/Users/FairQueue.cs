using Turn = System.Threading.Tasks.TaskCompletionSource<bool>;

namespace Usher.Core.Users;

/// <summary>
/// Turns at a few places, shared out among clients: the next turn goes to one client after another, so a client that
/// waits with many delays only itself. When all waiting places are taken, the client with the most of them gives its
/// newest up for one that has fewer.
/// </summary>
/// <param name="places">How many are at work at once.</param>
/// <param name="maxWaiting">How many wait in all.</param>
/// <param name="maxPerClient">How many wait of one client.</param>
internal sealed class FairQueue(int places, int maxWaiting, int maxPerClient)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Line> lines = [];
    private readonly LinkedList<string> order = []; // each client that waits, once
    private int working;
    private int waiting;

    /// <summary>Waits for a turn, which <see cref="Leave"/> ends.</summary>
    /// <returns>False, at once or later, when there is no room.</returns>
    public async Task<bool> EnterAsync(string client, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var turn = new Turn(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            if (working < places)
            {
                working++;
                return true;
            }

            if (!MakeRoom(client)) return false;
            Append(client, turn);
        }

        await using var registration = ct.Register(() =>
        {
            lock (gate) Remove(client, turn);
            turn.TrySetCanceled(ct); // without effect where the turn has come meanwhile
        });
        return await turn.Task;
    }

    /// <summary>Ends a turn; the next one begins.</summary>
    public void Leave()
    {
        lock (gate)
        {
            while (order.First is { Value: var client })
            {
                var next = lines[client].Turns.First!.Value;
                order.RemoveFirst();
                lines[client].Place = order.AddLast(client);
                Remove(client, next);
                if (next.TrySetResult(true)) return;
            }

            working--;
        }
    }

    private bool MakeRoom(string client)
    {
        var own = lines.TryGetValue(client, out var line) ? line.Turns.Count : 0;
        if (own >= maxPerClient) return false;
        if (waiting < maxWaiting) return true;
        var (most, longest) = lines.MaxBy(l => l.Value.Turns.Count);
        if (longest.Turns.Count <= own + 1) return false;
        var newest = longest.Turns.Last!.Value;
        Remove(most, newest);
        newest.TrySetResult(false);
        return true;
    }

    private void Append(string client, Turn turn)
    {
        if (!lines.TryGetValue(client, out var line)) lines.Add(client, line = new() { Place = order.AddLast(client) });
        line.Turns.AddLast(turn);
        waiting++;
    }

    private void Remove(string client, Turn turn)
    {
        if (!lines.TryGetValue(client, out var line) || !line.Turns.Remove(turn)) return;
        waiting--;
        if (line.Turns.Count > 0) return;
        order.Remove(line.Place);
        lines.Remove(client);
    }

    private sealed class Line
    {
        public LinkedList<Turn> Turns { get; } = [];

        public required LinkedListNode<string> Place { get; set; }
    }
}
