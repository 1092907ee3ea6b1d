using Usher.Core.Data.Sqlite;

using Turn = System.Threading.Tasks.TaskCompletionSource<bool>;

namespace Usher.Core.Users;

/// <summary>
/// Limits concurrent work and shares it fairly among clients. Turns rotate among the waiting clients, so a client with
/// many waiting requests delays only itself. When all waiting places are taken, the client with the most waiting
/// requests loses its newest one to a client with fewer.
/// </summary>
/// <param name="places">The maximum number of concurrent turns.</param>
/// <param name="maxWaiting">The maximum number of waiting requests.</param>
/// <param name="maxPerClient">The maximum number of waiting requests of one client.</param>
internal sealed class FairQueue(int places, int maxWaiting, int maxPerClient)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Line> lines = [];
    private readonly LinkedList<string> order = []; // each waiting client once
    private int working;
    private int waiting;

    /// <summary>Waits for a turn. The caller must end the turn with <see cref="Leave"/>.</summary>
    /// <returns>False if there is no room, immediately or after another client took the place.</returns>
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
            turn.TrySetCanceled(ct); // no effect if the turn has already begun
        });
        return await turn.Task;
    }

    /// <summary>Ends a turn and starts the next one.</summary>
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
