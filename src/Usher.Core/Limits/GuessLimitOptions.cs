namespace Usher.Core.Limits;

/// <summary>Limits of attempts by callers who are not signed in. Each process counts separately.</summary>
public sealed class GuessLimitOptions
{
    public const string Section = "Usher:GuestLimits";

    /// <summary>Failed passwords. The subject is the canonical e-mail address.</summary>
    public GuessLimit Passwords { get; set; } = new()
    {
        PerClient = 30, PerSubject = 10, Window = TimeSpan.FromMinutes(1),
    };

    /// <summary>
    /// Rejected codes of mailed links, and rejected requests made with them. The subject is the invitation or address
    /// change.
    /// </summary>
    public GuessLimit Codes { get; set; } = new()
    {
        PerClient = 120, PerSubject = 30, Window = TimeSpan.FromMinutes(1),
    };

    /// <summary>Mails that guests cause. The subject is the recipient, over all clients.</summary>
    public GuessLimit Mails { get; set; } = new() { PerClient = 30, PerSubject = 5, Window = TimeSpan.FromHours(1) };

    public bool AreValid => new[] { Passwords, Codes, Mails }.All(l => l.IsValid);
}

/// <summary>The limits per window.</summary>
public sealed class GuessLimit
{
    /// <summary>The limit per IPv4 address or IPv6 /64 network; at least 1.</summary>
    public int PerClient { get; set; }

    /// <summary>The limit per subject and client, and for mails per recipient over all clients; at least 1.</summary>
    public int PerSubject { get; set; }

    /// <summary>The length of the window, 1 second to 1 day.</summary>
    public TimeSpan Window { get; set; }

    internal bool IsValid =>
        PerClient > 0 && PerSubject > 0 && Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1);
}
