using Microsoft.Extensions.Options;
using Usher.Core.Limits;

namespace Usher.Core.Tests.Limits;

public sealed class GuessLimitsTests
{
    private readonly Clock clock = new();

    [Fact]
    public void Failures_are_counted_per_client_and_per_client_and_subject_and_never_per_subject_alone()
    {
        var limits = New(
            new() { Passwords = new() { PerClient = 3, PerSubject = 2, Window = TimeSpan.FromMinutes(1) } });
        var (one, two) = (new RequestClient("192.0.2.1"), new RequestClient("192.0.2.2"));
        Assert.Null(Fail(limits, one, "ada"));
        Assert.Null(Fail(limits, one, "ada"));
        Assert.InRange(Fail(limits, one, "ada")!.Value, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1));
        Assert.Null(Fail(limits, two, "ada"));
        Assert.Null(Fail(limits, one, "bob"));
        Assert.NotNull(Fail(limits, one, "eve"));
        Assert.Null(limits.Begin(GuessKind.Codes, one, "eve").Error);
        clock.Now += TimeSpan.FromMinutes(1);
        Assert.Null(Fail(limits, one, "ada"));
    }

    [Fact]
    public void A_success_is_taken_back_once()
    {
        var limits = New(
            new() { Passwords = new() { PerClient = 2, PerSubject = 2, Window = TimeSpan.FromMinutes(1) } });
        var client = new RequestClient("192.0.2.1");
        Assert.Null(Fail(limits, client, "ada"));
        for (var i = 0; i < 10; i++)
        {
            var guess = limits.Begin(GuessKind.Passwords, client, "ada").Value;
            guess.Succeeded();
            guess.Succeeded();
        }

        Assert.Null(Fail(limits, client, "ada"));
        Assert.NotNull(Fail(limits, client, "ada"));
        Assert.NotNull(limits.WaitOf(GuessKind.Passwords, client));
    }

    [Fact]
    public void A_caller_that_is_not_counted_by_its_address_still_has_its_tries_for_each_subject()
    {
        var limits = New(
            new() { Passwords = new() { PerClient = 1, PerSubject = 2, Window = TimeSpan.FromMinutes(1) } });
        var product = new RequestClient("operator", IsCounted: false);
        foreach (var subject in new[] { "ada", "bob" })
        {
            Assert.Null(Fail(limits, product, subject));
            Assert.Null(Fail(limits, product, subject));
            Assert.NotNull(Fail(limits, product, subject));
        }

        Assert.Null(limits.WaitOf(GuessKind.Passwords, product));
    }

    [Fact]
    public void A_recipient_has_its_number_of_mails_whoever_asks_for_them()
    {
        var limits = New(new() { Mails = new() { PerClient = 9, PerSubject = 2, Window = TimeSpan.FromHours(1) } });
        Assert.True(limits.MaySendTo("ada"));
        Assert.True(limits.MaySendTo("ada"));
        Assert.False(limits.MaySendTo("ada"));
        Assert.True(limits.MaySendTo("bob"));
    }

    [Fact]
    public void Counters_forget_those_not_seen_for_longest_and_keep_the_others()
    {
        var counter = new WindowCounter(1, TimeSpan.FromHours(1), clock, capacity: 1_000);
        Assert.Null(counter.TryTake("victim"));
        for (var i = 0; i < 10_000; i++)
        {
            counter.TryTake($"other {i}");
            if (i % 100 is 0) Assert.NotNull(counter.TryTake("victim"));
        }
    }

    private static TimeSpan? Fail(GuessLimits limits, RequestClient client, string subject) =>
        limits.Begin(GuessKind.Passwords, client, subject).Error?.RetryAfter;

    private GuessLimits New(GuessLimitOptions options) => new(Options.Create(options), clock);

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(50);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
