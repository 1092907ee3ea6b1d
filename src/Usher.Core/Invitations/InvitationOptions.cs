namespace Usher.Core.Invitations;

/// <summary>Bound from <c>Usher:Invitations</c>.</summary>
public sealed class InvitationOptions
{
    public const string Section = "Usher:Invitations";

    public static readonly TimeSpan Shortest = TimeSpan.FromHours(1);
    public static readonly TimeSpan Longest = TimeSpan.FromDays(90);

    /// <summary>How long an invitation stays open where its organization says nothing else: 1 hour to 90 days. Default: 7 days.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(7);
}
