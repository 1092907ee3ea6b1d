using Microsoft.AspNetCore.Identity;
using Usher.Core.Limits;

namespace Usher.Core.Users;

/// <summary>What a password that somebody typed is to an account.</summary>
public enum PasswordMatch
{
    /// <summary>It is not the account's, or the account has none.</summary>
    Wrong,

    /// <summary>It is the account's.</summary>
    Right,

    /// <summary>It is the account's, and the stored hash was made in an older way: it should be made anew.</summary>
    RightButOutdated,
}

/// <summary>
/// Hashes and checks passwords with Identity's hasher, on threads of its own and on half of the processors at most: a
/// rush of joins must not starve everything else. The others wait, one client's after another's, and no more than
/// <see cref="QueueLimit"/>; see <see cref="FairQueue"/>.
/// </summary>
public sealed class PasswordService(IPasswordHasher<User> hasher, IRequestClient? client = null)
{
    /// <summary>How many may wait.</summary>
    public const int QueueLimit = 128;

    /// <summary>How many of one client may wait.</summary>
    public const int QueueLimitOfClient = 64;

    /// <summary>More people sign in or join than there is room for.</summary>
    public static readonly Error Busy = new(
        ErrorKind.TooMany, "passwords_busy", "Too many people are signing in right now. Try again in a minute.")
    {
        RetryAfter = TimeSpan.FromSeconds(10),
    };

    private readonly FairQueue turns = new(Math.Max(1, Environment.ProcessorCount / 2), QueueLimit, QueueLimitOfClient);
    private string? decoy;

    /// <summary>
    /// The hash to store, of the password as <see cref="PasswordRules.Prepare"/> has it. Slow on purpose; never called
    /// inside a transaction.
    /// </summary>
    public Task<Result<string>> HashAsync(string password, CancellationToken ct) =>
        InTurnAsync(() => hasher.HashPassword(null!, PasswordRules.Prepare(password)), ct);

    /// <summary>
    /// Whether it is the user's password. Without a user, or without his having one, as slow as with: answers must not
    /// tell.
    /// </summary>
    public async Task<Result<bool>> VerifyAsync(User? user, string password, CancellationToken ct) =>
        (await MatchAsync(user, password, ct))
            .Match<Result<bool>>(match => match is not PasswordMatch.Wrong, error => error);

    /// <summary>
    /// The same, and whether the hash should be made anew. A hash made before passwords were prepared is still found:
    /// after the prepared form the typed one is tried.
    /// </summary>
    public async Task<Result<PasswordMatch>> MatchAsync(User? user, string password, CancellationToken ct)
    {
        var prepared = PasswordRules.Prepare(password);
        var match = await VerifyAsync(user?.PasswordHash, prepared, ct);
        if (prepared == password || match.Error is not null || match.Value is not PasswordMatch.Wrong) return match;
        return (await VerifyAsync(user?.PasswordHash, password, ct)).Match<Result<PasswordMatch>>(
            typed => typed is PasswordMatch.Wrong ? typed : PasswordMatch.RightButOutdated, error => error);
    }

    private async Task<Result<PasswordMatch>> VerifyAsync(string? stored, string password, CancellationToken ct)
    {
        var hash = stored ?? decoy;
        if (hash is null)
        {
            if (!(await HashAsync(Guid.NewGuid().ToString(), ct)).TryGet(out hash, out var refused)) return refused;
            decoy = hash;
        }

        var result = await InTurnAsync(() => hasher.VerifyHashedPassword(null!, hash, password), ct);
        return result.Match<Result<PasswordMatch>>(
            verified => (stored, verified) switch
            {
                (null, _) or (_, PasswordVerificationResult.Failed) => PasswordMatch.Wrong,
                (_, PasswordVerificationResult.SuccessRehashNeeded) => PasswordMatch.RightButOutdated,
                _ => PasswordMatch.Right,
            },
            error => error);
    }

    // A thread of its own: the pool's are few, and for requests.
    private async Task<Result<T>> InTurnAsync<T>(Func<T> work, CancellationToken ct)
    {
        if (!await turns.EnterAsync((client?.Current ?? RequestClient.None).Name, ct)) return Busy;
        try
        {
            return await Task.Factory.StartNew(work, ct, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            turns.Leave();
        }
    }
}
