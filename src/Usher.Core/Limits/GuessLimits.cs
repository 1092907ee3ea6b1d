using Microsoft.Extensions.Options;

namespace Usher.Core.Limits;

/// <summary>What the limits protect.</summary>
public enum GuessKind
{
    /// <summary>Passwords.</summary>
    Passwords,

    /// <summary>Codes of mailed links.</summary>
    Codes,

    /// <summary>Mails that guests cause.</summary>
    Mails,
}

/// <summary>
/// Counts failed guesses. A guess counts when it begins and is taken back if it succeeds, so concurrent guesses cannot
/// exceed the limit. No limit here blocks a subject for all clients.
/// </summary>
public sealed class GuessLimits(IOptions<GuessLimitOptions> options, TimeProvider clock)
{
    /// <summary>
    /// After this many failed passwords for one address within an hour, over all clients, an unknown browser must also
    /// send a mailed code.
    /// </summary>
    public const int FailuresBeforeCode = 20;

    /// <summary>After this many failures, a known device is no longer exempt from the mailed code.</summary>
    public const int FailuresOfDevice = 10;

    /// <summary>The window of <see cref="FailuresBeforeCode"/>.</summary>
    public static readonly TimeSpan CodeWindow = TimeSpan.FromHours(1);

    private readonly Pair passwords = new(options.Value.Passwords, clock);
    private readonly Pair codes = new(options.Value.Codes, clock);
    private readonly WindowCounter mailsOfClient = new(
        options.Value.Mails.PerClient, options.Value.Mails.Window, clock);
    private readonly WindowCounter mailsTo = new(options.Value.Mails.PerSubject, options.Value.Mails.Window, clock);
    private readonly WindowCounter failures = new(FailuresBeforeCode, CodeWindow, clock);
    private readonly WindowCounter devices = new(FailuresOfDevice, KnownDevice.Lifetime, clock);

    /// <summary>
    /// How long a client must wait before its next attempt of this kind; null if it may try now. Checked before a body
    /// is read.
    /// </summary>
    public TimeSpan? WaitOf(GuessKind kind, RequestClient client) => !client.IsCounted ? null : kind switch
    {
        GuessKind.Passwords => passwords.PerClient.WaitOf(client.Name),
        GuessKind.Codes => codes.PerClient.WaitOf(client.Name),
        GuessKind.Mails => mailsOfClient.WaitOf(client.Name),
    };

    /// <summary>Begins a guess. It counts as failed unless <see cref="Guess.Succeeded"/> is called.</summary>
    /// <param name="kind">Passwords or codes.</param>
    /// <param name="client">The client that guesses.</param>
    /// <param name="subject">The subject of the guess in canonical form; empty for all guesses without a
    /// subject.</param>
    /// <returns>Refused with <c>too_many_requests</c> and the time to wait.</returns>
    public Result<Guess> Begin(GuessKind kind, RequestClient client, string subject)
    {
        var pair = kind is GuessKind.Passwords ? passwords : codes;
        var both = $"{client.Name} {subject}";
        // The client's limit is checked first. A client over its limit cannot fill memory with subjects and does not
        // use up attempts for a subject.
        if (client.IsCounted && pair.PerClient.TryTake(client.Name) is { } wait)
            return LimitErrors.TooMany with { RetryAfter = wait };
        if (pair.PerSubject.TryTake(both) is not { } pause) return new Guess(Return);
        if (client.IsCounted) pair.PerClient.Return(client.Name);
        return LimitErrors.TooMany with { RetryAfter = pause };

        void Return()
        {
            if (client.IsCounted) pair.PerClient.Return(client.Name);
            pair.PerSubject.Return(both);
        }
    }

    /// <summary>Counts a mail requested by a client. <see cref="MaySendTo"/> decides whether it is sent.</summary>
    /// <returns>How long to wait; null if the limit is not reached.</returns>
    public TimeSpan? TakeMail(RequestClient client) => client.IsCounted ? mailsOfClient.TryTake(client.Name) : null;

    /// <summary>Counts a mail to an address that a guest requested.</summary>
    /// <returns>False if the address has reached its limit. Nothing is sent then, and the answer to the guest must not
    /// reveal it.</returns>
    public bool MaySendTo(string address) => mailsTo.TryTake(address) is null;

    /// <summary>How long until a guest may cause another mail to the address; null if at once.</summary>
    public TimeSpan? WaitOfRecipient(string address) => mailsTo.WaitOf(address);

    /// <summary>
    /// Whether so many sign-ins for an address have failed that an unknown browser must send a mailed code.
    /// </summary>
    public bool NeedsCode(string address) => failures.WaitOf(address) is not null;

    /// <summary>
    /// Counts a failed password for an address over all clients, and for the known device if there is one.
    /// </summary>
    public void Failed(string address, KnownDevice? device)
    {
        failures.Add(address);
        if (device is not null) devices.Add(device.Id.ToString("N"));
    }

    /// <summary>Whether a known device is still exempt from the mailed code.</summary>
    public bool IsExempt(KnownDevice device) => devices.WaitOf(device.Id.ToString("N")) is null;

    private sealed class Pair(GuessLimit limit, TimeProvider clock)
    {
        public WindowCounter PerClient { get; } = new(limit.PerClient, limit.Window, clock);

        public WindowCounter PerSubject { get; } = new(limit.PerSubject, limit.Window, clock);
    }
}

/// <summary>A guess in progress.</summary>
public sealed class Guess(Action succeeded)
{
    private int done;

    /// <summary>
    /// Takes the guess back from the counters: it was right, or failed for reasons outside the caller's control.
    /// </summary>
    public void Succeeded()
    {
        if (Interlocked.Exchange(ref done, 1) is 0) succeeded();
    }
}

/// <summary>Errors of limits.</summary>
public static class LimitErrors
{
    /// <summary>A limit is reached. Returned with <see cref="Error.RetryAfter"/>.</summary>
    public static readonly Error TooMany = new(
        ErrorKind.TooMany, "too_many_requests", "Too many requests. Try again later.");
}
