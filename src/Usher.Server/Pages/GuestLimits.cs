using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace Usher.Server.Pages;

/// <summary>How often somebody who is not signed in may try. Counted in this process; a whole office behind one address is one client.</summary>
public sealed class GuestLimitOptions
{
    public const string Section = "Usher:GuestLimits";

    /// <summary>Passwords tried on the sign-in page; its subject is the e-mail address.</summary>
    public GuestLimit Passwords { get; set; } = new() { PerClient = 30, PerSubject = 10, Window = TimeSpan.FromMinutes(1) };

    /// <summary>Codes of mailed links tried, and answers given with them; its subject is the invitation, or the change of address. A code cannot be guessed: this only spares the database.</summary>
    public GuestLimit Codes { get; set; } = new() { PerClient = 120, PerSubject = 30, Window = TimeSpan.FromMinutes(1) };

    /// <summary>Mails that a guest can make Usher send; its subject is the address, or the invitation.</summary>
    public GuestLimit Mails { get; set; } = new() { PerClient = 30, PerSubject = 5, Window = TimeSpan.FromHours(1) };
}

/// <summary>So many tries in each window.</summary>
public sealed class GuestLimit
{
    /// <summary>Per IPv4 address or IPv6 /64 network; at least 1.</summary>
    public int PerClient { get; set; }

    /// <summary>Per address or invitation, whoever tries; at least 1.</summary>
    public int PerSubject { get; set; }

    /// <summary>1 second to 1 day.</summary>
    public TimeSpan Window { get; set; }

    internal bool IsValid => PerClient > 0 && PerSubject > 0 && Window >= TimeSpan.FromSeconds(1) && Window <= TimeSpan.FromDays(1);
}

/// <summary>The counters behind <see cref="GuestLimitOptions"/>.</summary>
public sealed class GuestLimits(IOptions<GuestLimitOptions> options) : IDisposable
{
    /// <summary>
    /// What is told to wait where an organization's handed-over links were submitted too often for addresses that have an account. That is
    /// counted over a day, in the database: see <see cref="Usher.Core.Invitations.GuestService.MaxDisclosuresADay"/>.
    /// </summary>
    public static readonly TimeSpan DisclosureWait = TimeSpan.FromHours(1);

    private readonly Counter passwords = new(options.Value.Passwords);
    private readonly Counter codes = new(options.Value.Codes);
    private readonly Counter mails = new(options.Value.Mails);

    /// <summary>Null when it may be tried now, or how long to wait.</summary>
    public TimeSpan? Password(HttpContext http, string email) => passwords.Count(http, email);

    /// <inheritdoc cref="Password"/>
    public TimeSpan? Code(HttpContext http, string invitation) => codes.Count(http, invitation);

    /// <inheritdoc cref="Password"/>
    public TimeSpan? Mail(HttpContext http, string subject) => mails.Count(http, subject);

    public void Dispose()
    {
        passwords.Dispose();
        codes.Dispose();
        mails.Dispose();
    }

    private sealed class Counter(GuestLimit limit) : IDisposable
    {
        private readonly PartitionedRateLimiter<string> clients = Create(limit.PerClient, limit.Window);
        private readonly PartitionedRateLimiter<string> subjects = Create(limit.PerSubject, limit.Window);

        // The client first: one that has had enough can neither use up somebody else's tries nor fill memory with subjects.
        public TimeSpan? Count(HttpContext http, string subject) => Take(clients, ClientOf(http)) ?? Take(subjects, subject.ToLowerInvariant());

        public void Dispose()
        {
            clients.Dispose();
            subjects.Dispose();
        }

        private TimeSpan? Take(PartitionedRateLimiter<string> limiter, string key)
        {
            using var lease = limiter.AttemptAcquire(key);
            if (lease.IsAcquired) return null;
            return lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : limit.Window;
        }

        private static PartitionedRateLimiter<string> Create(int permits, TimeSpan window) =>
            PartitionedRateLimiter.Create<string, string>(key => RateLimitPartition.GetFixedWindowLimiter(key, _ => new() { PermitLimit = permits, Window = window }));

        private static string ClientOf(HttpContext http)
        {
            var address = http.Connection.RemoteIpAddress ?? IPAddress.None;
            if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
            return address.AddressFamily is AddressFamily.InterNetworkV6
                ? string.Create(CultureInfo.InvariantCulture, $"{new IPAddress([.. address.GetAddressBytes().AsSpan(0, 8), 0, 0, 0, 0, 0, 0, 0, 0])}/64")
                : address.ToString();
        }
    }
}
