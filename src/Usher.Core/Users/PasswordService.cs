using Microsoft.AspNetCore.Identity;

namespace Usher.Core.Users;

/// <summary>Hashes and checks passwords with Identity's hasher, as many at a time as there are processors: a rush of joins must not starve everything else.</summary>
public sealed class PasswordService(IPasswordHasher<User> hasher) : IDisposable
{
    private readonly SemaphoreSlim turns = new(Environment.ProcessorCount);
    private string? decoy;

    /// <summary>The hash to store. Slow on purpose; never called inside a transaction.</summary>
    public Task<string> HashAsync(string password, CancellationToken ct) => InTurnAsync(() => hasher.HashPassword(null!, password), ct);

    /// <summary>Whether it is the user's password. Without a user, or without his having one, as slow as with: answers must not tell.</summary>
    public async Task<bool> VerifyAsync(User? user, string password, CancellationToken ct)
    {
        var hash = user?.PasswordHash ?? (decoy ??= await HashAsync(Guid.NewGuid().ToString(), ct));
        var result = await InTurnAsync(() => hasher.VerifyHashedPassword(null!, hash, password), ct);
        return user?.PasswordHash is not null && result is not PasswordVerificationResult.Failed;
    }

    public void Dispose() => turns.Dispose();

    private async Task<T> InTurnAsync<T>(Func<T> work, CancellationToken ct)
    {
        await turns.WaitAsync(ct);
        try
        {
            return await Task.Run(work, ct);
        }
        finally
        {
            turns.Release();
        }
    }
}
