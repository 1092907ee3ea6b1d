using Microsoft.AspNetCore.Identity;
using Usher.Core.Users;

namespace Usher.Core.Tests.Users;

public sealed class PasswordServiceTests
{
    [Fact]
    public async Task Whoever_comes_when_the_queue_is_full_is_refused_at_once_and_all_in_it_get_their_turn()
    {
        using var door = new ManualResetEventSlim();
        using var passwords = new PasswordService(new Behind(door));
        var atWork = Math.Max(1, Environment.ProcessorCount / 2);
        var waiting = Enumerable.Range(0, atWork + PasswordService.QueueLimit).Select(i => passwords.HashAsync($"password {i}", TestContext.Current.CancellationToken)).ToList();

        var refused = passwords.HashAsync("one too many", TestContext.Current.CancellationToken);
        Assert.True(refused.IsCompleted);
        Assert.Equal("passwords_busy", (await refused).Error?.Code);
        Assert.Equal("passwords_busy", (await passwords.VerifyAsync(null, "one too many", TestContext.Current.CancellationToken)).Error?.Code);

        door.Set();
        Assert.All(await Task.WhenAll(waiting), hash => Assert.Null(hash.Error));
        var user = User.Create("ada@example.test", proven: true, "Ada", "", (await waiting[7]).Value, DateTimeOffset.UnixEpoch);
        Assert.True((await passwords.VerifyAsync(user, "password 7", TestContext.Current.CancellationToken)).Value);
        Assert.False((await passwords.VerifyAsync(user, "password 8", TestContext.Current.CancellationToken)).Value);
        Assert.False((await passwords.VerifyAsync(null, "password 7", TestContext.Current.CancellationToken)).Value);
    }

    // Identity's hasher, behind a door that is shut at first.
    private sealed class Behind(ManualResetEventSlim door) : IPasswordHasher<User>
    {
        private readonly PasswordHasher<User> hasher = new(Microsoft.Extensions.Options.Options.Create(new PasswordHasherOptions { IterationCount = 1 }));

        public string HashPassword(User user, string password)
        {
            door.Wait();
            return hasher.HashPassword(user, password);
        }

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword) => hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
    }
}
