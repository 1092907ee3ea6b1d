using Usher.Core.Data;

namespace Usher.Core.Idempotency;

/// <summary>
/// Stores the answer of a request in the commit of its operation; see <see cref="Database.Keeper"/>. If two requests
/// use the same key at once, the second commit fails with a duplicate key. That request then finds the answer of the
/// first one under lock.
/// </summary>
internal abstract class AnswerKeeper
{
    /// <summary>Looks for the answer of a concurrent request. Runs under lock.</summary>
    /// <returns>The value that replaces the operation's result; null if there is no such answer.</returns>
    public abstract Task<object?> FindAsync(UsherDb db, CancellationToken ct);

    /// <summary>Adds the answer to the unit if the result is of the operation's type and a success.</summary>
    public abstract Task KeepAsync(Unit unit, object? result, CancellationToken ct);
}

/// <inheritdoc/>
/// <param name="request">The request.</param>
/// <param name="answer">Creates the answer from the operation's result.</param>
/// <param name="clock">The clock.</param>
internal sealed class AnswerKeeper<T>(
    RepeatableRequest request, Func<Result<T>, Task<KeptAnswer>> answer, TimeProvider clock) : AnswerKeeper
{
    /// <summary>The stored answer; null if none was stored.</summary>
    public KeptAnswer? Answer { get; private set; }

    /// <summary>The answer of a concurrent request; null if there was none.</summary>
    public IdempotencyRecord? Repeated { get; private set; }

    public override async Task<object?> FindAsync(UsherDb db, CancellationToken ct)
    {
        Answer = null; // discards the answer of a lost attempt
        Repeated = await IdempotencyService.FindAsync(db, request, clock.Now(), ct);
        if (Repeated is null) return null;
        // Never sent: the answer of the concurrent request replaces it.
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
