using Microsoft.AspNetCore.Identity;
using Usher.Core.Limits;
using Usher.Core.Users;

namespace Usher.Core.Tests.Users;

public sealed class PasswordServiceTests
{
    private const int Most = PasswordService.QueueLimitOfClient;

    private static readonly int AtWork = Math.Max(1, Environment.ProcessorCount / 2);

    [Fact]
    public async Task A_call_is_refused_at_once_when_the_queue_is_full_and_all_in_it_get_their_turn()
    {
        using var door = new ManualResetEventSlim();
        var client = new Client();
        var passwords = new PasswordService(new Behind(door), client);
        List<Task<Result<string>>> waiting = [];
        for (var i = 0; i < AtWork + PasswordService.QueueLimit; i++)
        {
            client.Name = i < AtWork + Most ? "one" : "two";
            waiting.Add(passwords.HashAsync($"password {i}", TestContext.Current.CancellationToken));
        }

        client.Name = "two";
        var refused = passwords.HashAsync("one too many", TestContext.Current.CancellationToken);
        Assert.True(refused.IsCompleted);
        Assert.Equal("passwords_busy", (await refused).Error?.Code);
        Assert.NotNull((await refused).Error?.RetryAfter);
        Assert.Equal(
            "passwords_busy",
            (await passwords.VerifyAsync(null, "one too many", TestContext.Current.CancellationToken)).Error?.Code);

        door.Set();
        Assert.All(await Task.WhenAll(waiting), hash => Assert.Null(hash.Error));
        var user = User.Create(
            "ada@example.test", proven: true, "Ada", "", (await waiting[7]).Value, DateTimeOffset.UnixEpoch);
        Assert.True((await passwords.VerifyAsync(user, "password 7", TestContext.Current.CancellationToken)).Value);
        Assert.False((await passwords.VerifyAsync(user, "password 8", TestContext.Current.CancellationToken)).Value);
        Assert.False((await passwords.VerifyAsync(null, "password 7", TestContext.Current.CancellationToken)).Value);
    }

    [Fact]
    public async Task A_client_that_fills_the_queue_neither_shuts_another_out_nor_makes_it_wait_for_all()
    {
        using var door = new ManualResetEventSlim();
        var client = new Client();
        var passwords = new PasswordService(new Behind(door), client);
        List<Task<Result<string>>> attack = [];
        for (var i = 0; i < 300; i++)
        {
            client.Name = $"attacker {i % 10}";
            attack.Add(passwords.HashAsync($"password {i}", TestContext.Current.CancellationToken));
        }

        client.Name = "owner";
        var owner = passwords.HashAsync("the owner's", TestContext.Current.CancellationToken);
        var later = passwords.HashAsync("the owner's second", TestContext.Current.CancellationToken);
        Assert.False(owner.IsCompleted);
        door.Set();
        Assert.Null((await owner).Error);
        // At most one of each other client, and what was at work, came before.
        Assert.InRange(
            attack.Count(a => a is { IsCompletedSuccessfully: true, Result.Error: null }), 0, 10 + (3 * AtWork) + 2);
        Assert.Null((await later).Error);
        await Task.WhenAll(attack);
    }

    [Fact]
    public async Task A_call_that_is_cancelled_gives_its_place_up()
    {
        using var door = new ManualResetEventSlim();
        var passwords = new PasswordService(new Behind(door), new Client());
        using var cancel = new CancellationTokenSource();
        var working = Enumerable.Range(0, AtWork)
            .Select(i => passwords.HashAsync($"password {i}", TestContext.Current.CancellationToken)).ToList();
        var gone = Enumerable.Range(0, Most).Select(i => passwords.HashAsync($"password {i}", cancel.Token)).ToList();
        Assert.Equal(
            "passwords_busy",
            (await passwords.HashAsync("one too many", TestContext.Current.CancellationToken)).Error?.Code);
        await cancel.CancelAsync();
        foreach (var one in gone) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        var last = passwords.HashAsync("last", TestContext.Current.CancellationToken);
        door.Set();
        Assert.Null((await last).Error);
        await Task.WhenAll(working);
    }

    private sealed class Client : IRequestClient
    {
        public string Name { get; set; } = "one";

        public RequestClient Current => new(Name);
    }

    // Identity's hasher, behind a door that is shut at first.
    private sealed class Behind(ManualResetEventSlim door) : IPasswordHasher<User>
    {
        private readonly PasswordHasher<User> hasher = new(Microsoft.Extensions.Options.Options.Create(
            new PasswordHasherOptions { IterationCount = 1 }));

        public string HashPassword(User user, string password)
        {
            door.Wait();
            return hasher.HashPassword(user, password);
        }

        public PasswordVerificationResult VerifyHashedPassword(
            User user, string hashedPassword, string providedPassword) =>
            hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
    }
}
