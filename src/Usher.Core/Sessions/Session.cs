using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Usher.Core.Sessions;

/// <summary>
/// A signed-in browser or client. The cookie contains a secret; this row stores its hash. Deleting the row ends the
/// session from the next request on, on every node.
/// </summary>
public sealed class Session
{
    /// <summary>How long a session may change credentials after a password confirmation: 10 minutes.</summary>
    public static readonly TimeSpan StepUp = TimeSpan.FromMinutes(10);

    /// <summary>SHA-256 of the cookie's secret.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>The public id of the session. It grants no access.</summary>
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>
    /// When the password was last confirmed in this session. Changing credentials requires a confirmation within the
    /// last 10 minutes.
    /// </summary>
    public required DateTimeOffset AuthenticatedAt { get; set; }

    /// <summary>When the session was last used, accurate to a few minutes; see <see cref="SessionUsage"/>.</summary>
    public required DateTimeOffset LastSeenAt { get; set; }

    public required DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The description sent by the browser, cut to 200 characters.</summary>
    public string? Device { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<Session>
    {
        public void Configure(EntityTypeBuilder<Session> builder)
        {
            builder.ToTable("sessions");
            builder.HasKey(s => s.Hash);
            builder.HasOne<Users.User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            builder.HasIndex(s => s.ExpiresAt); // the sweep
            builder.HasIndex(s => new { s.UserId, s.Id }).IsUnique(); // a user's list of sessions
        }
    }
}
