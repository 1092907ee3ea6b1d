using Usher.Core.Data;

namespace Usher.Core.Idempotency;

/// <summary>
/// Keeps the answer of one request in the commit of its operation; see <see cref="Database.Keeper"/>. Of two requests
/// with one key at once, the slower loses the race for the key, and finds the faster one's answer under lock.
/// </summary>
internal abstract class AnswerKeeper
{
    /// <summary>Looks, under lock, for the answer of a faster request.</summary>
    /// <returns>What the operation returns in its place; null when there is none.</returns>
    public abstract Task<object?> FindAsync(UsherDb db, CancellationToken ct);

    /// <summary>Adds the answer of a result to the unit, where that is the operation's and a success.</summary>
    public abstract Task KeepAsync(Unit unit, object? result, CancellationToken ct);
}

/// <inheritdoc/>
/// <param name="request">The request.</param>
/// <param name="answer">Makes the answer of the operation's result.</param>
/// <param name="clock">The clock.</param>
internal sealed class AnswerKeeper<T>(
    RepeatableRequest request, Func<Result<T>, Task<KeptAnswer>> answer, TimeProvider clock) : AnswerKeeper
{
    /// <summary>The answer that was kept; null when none was.</summary>
    public KeptAnswer? Answer { get; private set; }

    /// <summary>The answer of a faster request; null when there was none.</summary>
    public IdempotencyRecord? Repeated { get; private set; }

    public override async Task<object?> FindAsync(UsherDb db, CancellationToken ct)
    {
        Answer = null; // of an attempt that lost
        Repeated = await IdempotencyService.FindAsync(db, request, clock.Now(), ct);
        if (Repeated is null) return null;
        // Never answered: the answer of the faster request is given in its place.
        Result<T> stopped = new Error(ErrorKind.Conflict, "request_repeated", "The request was carried out meanwhile.");
        return stopped;
    }

    public override async Task KeepAsync(Unit unit, object? result, CancellationToken ct)
    {
        if (result is not Result<T> own) return;
        var made = await answer(own);
        if (!made.IsSuccess) return;
        await IdempotencyService.KeepAsync(unit, request, made, clock.Now(), ct);
        Answer = made;
    }
}
