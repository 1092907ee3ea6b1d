namespace Usher.Core.Limits;

/// <summary>
/// Who sends the request at hand, as far as the network and a cookie tell. It proves nothing about a person.
/// </summary>
/// <param name="Name">The IPv4 address or the IPv6 /64 network; another word where there is none, such as for a
/// job.</param>
/// <param name="IsCounted">False for a caller with an operator's key: it asks for many people, and is not counted by
/// its address.</param>
/// <param name="Device">The browser that signed in before, by its device cookie; null: unknown.</param>
public sealed record RequestClient(string Name, bool IsCounted = true, KnownDevice? Device = null)
{
    /// <summary>No request: the server itself is at work.</summary>
    public static readonly RequestClient None = new("usher", IsCounted: false);
}

/// <summary>
/// A browser or client in which an account signed in before. It is exempt from the mailed code; see
/// <see cref="Sessions.SignInGuard"/>.
/// </summary>
/// <param name="UserId">The account.</param>
/// <param name="Stamp">The account's security stamp at that time: a new password ends the exemption.</param>
/// <param name="Id">Tells devices apart; new with every sign-in.</param>
/// <param name="ExpiresAt">90 days after the sign-in.</param>
public sealed record KnownDevice(Guid UserId, string Stamp, Guid Id, DateTimeOffset ExpiresAt)
{
    /// <summary>How long a device is known after a sign-in.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);
}

/// <summary>Tells the client of the request at hand.</summary>
public interface IRequestClient
{
    RequestClient Current { get; }
}
