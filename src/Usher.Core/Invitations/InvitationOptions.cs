namespace Usher.Core.Invitations;

/// <summary>Invitation settings, bound from <c>Usher:Invitations</c>.</summary>
public sealed class InvitationOptions
{
    /// <summary>Whether an invitation may have this expiry: 1 hour to 90 days from now.</summary>
    public static bool MayEnd(DateTimeOffset end, DateTimeOffset now) => end - now >= Shortest && end - now <= Longest;

    public const string Section = "Usher:Invitations";

    public static readonly TimeSpan Shortest = TimeSpan.FromHours(1);
    public static readonly TimeSpan Longest = TimeSpan.FromDays(90);

    /// <summary>
    /// Gets or sets how long an invitation stays open if its organization has no own setting: 1 hour to 90 days. The
    /// default is 7 days.
    /// </summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(7);
}
