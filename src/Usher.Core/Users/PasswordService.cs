using Microsoft.AspNetCore.Identity;
using Usher.Core.Limits;

namespace Usher.Core.Users;

/// <summary>The result of comparing a password with an account's hash.</summary>
public enum PasswordMatch
{
    /// <summary>The password is wrong, or the account has none.</summary>
    Wrong,

    /// <summary>The password is right.</summary>
    Right,

    /// <summary>The password is right and the stored hash has an outdated format. It should be replaced.</summary>
    RightButOutdated,
}

/// <summary>
/// Hashes and verifies passwords with Identity's hasher. The work runs on separate threads and uses at most half of the
/// processors, so that many sign-ins at once cannot block other requests. Further requests wait in a
/// <see cref="FairQueue"/> of <see cref="QueueLimit"/> places.
/// </summary>
public sealed class PasswordService(IPasswordHasher<User> hasher, IRequestClient? client = null)
{
    /// <summary>The maximum number of waiting requests.</summary>
    public const int QueueLimit = 128;

    /// <summary>The maximum number of waiting requests of one client.</summary>
    public const int QueueLimitOfClient = 64;

    /// <summary>The queue is full.</summary>
    public static readonly Error Busy = new(
        ErrorKind.TooMany, "passwords_busy", "Too many people are signing in right now. Try again in a minute.")
    {
        RetryAfter = TimeSpan.FromSeconds(10),
    };

    private readonly FairQueue turns = new(Math.Max(1, Environment.ProcessorCount / 2), QueueLimit, QueueLimitOfClient);
    private string? decoy;

    /// <summary>
    /// Hashes a password after <see cref="PasswordRules.Prepare"/>. Hashing is slow on purpose; never call it inside a
    /// transaction.
    /// </summary>
    public Task<Result<string>> HashAsync(string password, CancellationToken ct) =>
        InTurnAsync(() => hasher.HashPassword(null!, PasswordRules.Prepare(password)), ct);

    /// <summary>
    /// Whether the password is the user's. Takes the same time if there is no user or no password, so that the response
    /// time reveals nothing.
    /// </summary>
    public async Task<Result<bool>> VerifyAsync(User? user, string password, CancellationToken ct) =>
        (await MatchAsync(user, password, ct))
            .Match<Result<bool>>(match => match is not PasswordMatch.Wrong, error => error);

    /// <summary>
    /// Like <see cref="VerifyAsync(User, string, CancellationToken)"/>, and also tells whether the hash should be
    /// replaced. If the prepared password does not match, the password is tried as it was entered: older hashes were
    /// made without preparation.
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

    // Uses a separate thread because the thread pool is for requests.
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
