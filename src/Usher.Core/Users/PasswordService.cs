using Microsoft.AspNetCore.Identity;
using Usher.Core.Limits;

namespace Usher.Core.Users;

/// <summary>
/// Hashes and checks passwords with Identity's hasher, on threads of its own and on half of the processors at most: a rush of joins must not starve everything
/// else. The others wait, one client's after another's, and no more than <see cref="QueueLimit"/>; see <see cref="FairQueue"/>.
/// </summary>
public sealed class PasswordService(IPasswordHasher<User> hasher, IRequestClient? client = null)
{
    /// <summary>How many may wait.</summary>
    public const int QueueLimit = 128;

    /// <summary>How many of one client may wait.</summary>
    public const int QueueLimitOfClient = 64;

    /// <summary>More people sign in or join than there is room for.</summary>
    public static readonly Error Busy = new(ErrorKind.TooMany, "passwords_busy", "Too many people are signing in right now. Try again in a minute.")
    {
        RetryAfter = TimeSpan.FromSeconds(10),
    };

    private readonly FairQueue turns = new(Math.Max(1, Environment.ProcessorCount / 2), QueueLimit, QueueLimitOfClient);
    private string? decoy;

    /// <summary>The hash to store. Slow on purpose; never called inside a transaction.</summary>
    public Task<Result<string>> HashAsync(string password, CancellationToken ct) => InTurnAsync(() => hasher.HashPassword(null!, password), ct);

    /// <summary>Whether it is the user's password. Without a user, or without his having one, as slow as with: answers must not tell.</summary>
    public async Task<Result<bool>> VerifyAsync(User? user, string password, CancellationToken ct)
    {
        var hash = user?.PasswordHash ?? decoy;
        if (hash is null)
        {
            if (!(await HashAsync(Guid.NewGuid().ToString(), ct)).TryGet(out hash, out var refused)) return refused;
            decoy = hash;
        }

        var result = await InTurnAsync(() => hasher.VerifyHashedPassword(null!, hash, password), ct);
        return result.Match<Result<bool>>(verified => user?.PasswordHash is not null && verified is not PasswordVerificationResult.Failed, error => error);
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
