using System.Text;
using Usher.Core.Invitations;

namespace Usher.Core.Outbox;

/// <summary>What happened to a claimed message.</summary>
public enum OutboxOutcome
{
    /// <summary>The mail system accepted it.</summary>
    Sent,

    /// <summary>It was not accepted. Another attempt follows, for 1 day.</summary>
    Failed,

    /// <summary>It was not accepted, and another attempt is useless.</summary>
    Refused,

    /// <summary>It must no longer be sent, for example because its link does not work any more.</summary>
    Unwanted,

    /// <summary>It was not tried. Any node may claim it at once, and the claim does not count as an attempt.</summary>
    Released,
}

/// <summary>The result of a claimed message, to be recorded by <see cref="OutboxQueue.RecordAsync"/>.</summary>
/// <param name="Message">The message as it was claimed.</param>
/// <param name="Outcome">What happened to it.</param>
/// <param name="Reason">For a message that was not sent: the mail system's answer, shown with the invitation, or the
/// reason why the message is unwanted.</param>
public sealed record OutboxResult(OutboxMessage Message, OutboxOutcome Outcome, string? Reason = null)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);
    private const int MaxReasonLength = 500;

    // The generated method would print the reason, which may contain the recipient's address.
    public override string ToString() => $"{nameof(OutboxResult)} {Message.Id} {Outcome}";

    /// <summary>Whether sending failed for the last time.</summary>
    internal bool IsGivenUp(DateTimeOffset now) =>
        Outcome is OutboxOutcome.Refused
        || (Outcome is OutboxOutcome.Failed && now - Message.CreatedAt >= GiveUpAfter);

    /// <summary>The message's new state.</summary>
    internal OutboxState StateAt(DateTimeOffset now) => Outcome switch
    {
        OutboxOutcome.Sent => OutboxState.Sent,
        OutboxOutcome.Unwanted => OutboxState.Abandoned,
        _ => IsGivenUp(now) ? OutboxState.Abandoned : OutboxState.Queued,
    };

    /// <summary>
    /// The time of the next attempt; null if the message does not stay in the queue. After the first failure the delay
    /// is about 10 seconds. It doubles with every failure, up to 1 hour.
    /// </summary>
    internal DateTimeOffset? NextAttemptAt(DateTimeOffset now) =>
        StateAt(now) is not OutboxState.Queued
            ? null
            : Outcome is OutboxOutcome.Released ? now : now + Delay(Message.Attempts);

    /// <summary>The new delivery state of the invitation; null if it stays as it is.</summary>
    internal DeliveryState? DeliveryAt(DateTimeOffset now) => Outcome switch
    {
        _ when Message.Kind is not OutboxKind.Invitation => null,
        OutboxOutcome.Released => null,
        OutboxOutcome.Sent => DeliveryState.Sent,
        OutboxOutcome.Unwanted => DeliveryState.None,
        _ => IsGivenUp(now) ? DeliveryState.Failed : DeliveryState.Queued,
    };

    /// <summary>The reason on one line of at most 500 characters.</summary>
    internal string? ShortReason =>
        Reason is null
            ? null
            : string.Concat(Reason.EnumerateRunes().Take(MaxReasonLength).Select(rune =>
                  Rune.IsControl(rune) ? " " : rune.ToString())).Trim();

    // 25% of jitter spreads the retries of messages that failed together. All times are in whole milliseconds.
    private static TimeSpan Delay(int attempts)
    {
        var doubled = FirstDelay * Math.Pow(2, Math.Clamp(attempts - 1, 0, 20));
        var capped = doubled < LongestDelay ? doubled : LongestDelay;
        return TimeSpan.FromMilliseconds((long)(capped.TotalMilliseconds * (0.75 + (Random.Shared.NextDouble() / 2))));
    }
}
