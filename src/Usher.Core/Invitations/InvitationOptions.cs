namespace Usher.Core.Invitations;

/// <summary>Bound from <c>Usher:Invitations</c>.</summary>
public sealed class InvitationOptions
{
    /// <summary>Whether an invitation may run out then.</summary>
    public static bool MayEnd(DateTimeOffset end, DateTimeOffset now) => end - now >= Shortest && end - now <= Longest;

    public const string Section = "Usher:Invitations";

    public static readonly TimeSpan Shortest = TimeSpan.FromHours(1);
    public static readonly TimeSpan Longest = TimeSpan.FromDays(90);

    /// <summary>
    /// How long an invitation stays open where its organization says nothing else: 1 hour to 90 days. Default: 7 days.
    /// </summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(7);
}
