using Microsoft.Extensions.Options;

namespace Usher.Core.Limits;

/// <summary>What can be guessed, and what a guest can cause.</summary>
public enum GuessKind
{
    /// <summary>A password.</summary>
    Passwords,

    /// <summary>The code of a mailed link.</summary>
    Codes,

    /// <summary>A mail to somebody.</summary>
    Mails,
}

/// <summary>
/// The counters of guesses. A guess is counted when it begins, so that many at once are no way around, and taken back
/// when it succeeds: what counts are failures. Nothing here refuses a subject to all clients.
/// </summary>
public sealed class GuessLimits(IOptions<GuessLimitOptions> options, TimeProvider clock)
{
    /// <summary>
    /// So many failed passwords an hour for one address, from wherever, and an unknown browser must give a mailed code
    /// too.
    /// </summary>
    public const int FailuresBeforeCode = 20;

    /// <summary>So many failures, and a known device is no longer exempt from the mailed code.</summary>
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
    /// How long a client must wait before it may try anything of this kind; null: not at all. Asked before a body is
    /// read.
    /// </summary>
    public TimeSpan? WaitOf(GuessKind kind, RequestClient client) => !client.IsCounted ? null : kind switch
    {
        GuessKind.Passwords => passwords.PerClient.WaitOf(client.Name),
        GuessKind.Codes => codes.PerClient.WaitOf(client.Name),
        GuessKind.Mails => mailsOfClient.WaitOf(client.Name),
    };

    /// <summary>Begins a guess, which counts as failed unless <see cref="Guess.Succeeded"/> is called.</summary>
    /// <param name="kind">Passwords or codes.</param>
    /// <param name="client">Who guesses.</param>
    /// <param name="subject">What is guessed at, in its one canonical form; "" for all that have none.</param>
    /// <returns>Refused with <c>too_many_requests</c> and the time to wait.</returns>
    public Result<Guess> Begin(GuessKind kind, RequestClient client, string subject)
    {
        var pair = kind is GuessKind.Passwords ? passwords : codes;
        var both = $"{client.Name} {subject}";
        // The client first: one that has had enough neither fills memory with subjects nor uses up its tries for one of
        // them.
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

    /// <summary>
    /// Counts a mail that a client asks for. Whether it is sent is for <see cref="MaySendTo"/> to say.
    /// </summary>
    /// <returns>Null, or how long to wait.</returns>
    public TimeSpan? TakeMail(RequestClient client) => client.IsCounted ? mailsOfClient.TryTake(client.Name) : null;

    /// <summary>Counts a mail to an address that a guest asked for.</summary>
    /// <returns>False when the address has had enough: nothing is sent then, and the answer does not tell.</returns>
    public bool MaySendTo(string address) => mailsTo.TryTake(address) is null;

    /// <summary>How long until the address may get another mail that a guest asks for; null: at once.</summary>
    public TimeSpan? WaitOfRecipient(string address) => mailsTo.WaitOf(address);

    /// <summary>
    /// Whether sign-ins for an address failed so often that an unknown browser must give a mailed code.
    /// </summary>
    public bool NeedsCode(string address) => failures.WaitOf(address) is not null;

    /// <summary>
    /// Counts a failed password for an address, over all clients, and for the known device it came from.
    /// </summary>
    public void Failed(string address, KnownDevice? device)
    {
        failures.Add(address);
        if (device is not null) devices.Add(device.Id.ToString("N"));
    }

    /// <summary>Whether a known device has not failed too often.</summary>
    public bool IsExempt(KnownDevice device) => devices.WaitOf(device.Id.ToString("N")) is null;

    private sealed class Pair(GuessLimit limit, TimeProvider clock)
    {
        public WindowCounter PerClient { get; } = new(limit.PerClient, limit.Window, clock);

        public WindowCounter PerSubject { get; } = new(limit.PerSubject, limit.Window, clock);
    }
}

/// <summary>A guess under way.</summary>
public sealed class Guess(Action succeeded)
{
    private int done;

    /// <summary>It was right, or not wrong by its own fault: it is not counted.</summary>
    public void Succeeded()
    {
        if (Interlocked.Exchange(ref done, 1) is 0) succeeded();
    }
}

/// <summary>Refusals by a limit.</summary>
public static class LimitErrors
{
    /// <summary>A limit is reached. Told together with <see cref="Error.RetryAfter"/>.</summary>
    public static readonly Error TooMany = new(
        ErrorKind.TooMany, "too_many_requests", "Too many requests. Try again later.");
}
