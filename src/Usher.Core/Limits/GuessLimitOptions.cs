namespace Usher.Core.Limits;

/// <summary>How much may be tried without being signed in. Counted in each process.</summary>
public sealed class GuessLimitOptions
{
    public const string Section = "Usher:GuestLimits";

    /// <summary>Failed passwords; the subject is the canonical e-mail address.</summary>
    public GuessLimit Passwords { get; set; } = new()
    {
        PerClient = 30, PerSubject = 10, Window = TimeSpan.FromMinutes(1),
    };

    /// <summary>
    /// Refused codes of mailed links, and refused answers given with them; the subject is the invitation or the change
    /// of address.
    /// </summary>
    public GuessLimit Codes { get; set; } = new()
    {
        PerClient = 120, PerSubject = 30, Window = TimeSpan.FromMinutes(1),
    };

    /// <summary>Mails that a guest makes the server send. The subject is the recipient, whoever asks.</summary>
    public GuessLimit Mails { get; set; } = new() { PerClient = 30, PerSubject = 5, Window = TimeSpan.FromHours(1) };

    public bool AreValid => new[] { Passwords, Codes, Mails }.All(l => l.IsValid);
}

/// <summary>How many in each window.</summary>
public sealed class GuessLimit
{
    /// <summary>Per IPv4 address or IPv6 /64 network; at least 1.</summary>
    public int PerClient { get; set; }

    /// <summary>Per subject and client; of mails per recipient over all clients. At least 1.</summary>
    public int PerSubject { get; set; }

    /// <summary>1 second to 1 day.</summary>
    public TimeSpan Window { get; set; }

    internal bool IsValid =>
        PerClient > 0 && PerSubject > 0 && Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1);
}
