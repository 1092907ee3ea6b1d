namespace Usher.Core.Limits;

/// <summary>
/// The client of the current request, identified by network address and device cookie. It does not identify a person.
/// </summary>
/// <param name="Name">The IPv4 address or the IPv6 /64 network; another word if there is none, as in a job.</param>
/// <param name="IsCounted">False for a caller with an operator key. Such a caller acts for many people, so its address
/// is not counted.</param>
/// <param name="Device">The known device, identified by its cookie; null if unknown.</param>
public sealed record RequestClient(string Name, bool IsCounted = true, KnownDevice? Device = null)
{
    /// <summary>No request: Usher itself is acting.</summary>
    public static readonly RequestClient None = new("usher", IsCounted: false);
}

/// <summary>
/// A browser or client in which an account has signed in before. It is exempt from the mailed code; see
/// <see cref="Sessions.SignInGuard"/>.
/// </summary>
/// <param name="UserId">The id of the account.</param>
/// <param name="Stamp">The account's security stamp at that time. A new password changes it and so ends the
/// exemption.</param>
/// <param name="Id">The id of the device, new with every sign-in.</param>
/// <param name="ExpiresAt">90 days after the sign-in.</param>
public sealed record KnownDevice(Guid UserId, string Stamp, Guid Id, DateTimeOffset ExpiresAt)
{
    /// <summary>How long a device is known after a sign-in: 90 days.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);
}

/// <summary>Provides the client of the current request.</summary>
public interface IRequestClient
{
    RequestClient Current { get; }
}
