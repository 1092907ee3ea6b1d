using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Usher.Core.Sessions;

/// <summary>
/// One signed-in browser. Its cookie is only the secret this is the hash of, so deleting the row ends it on the next
/// request, on every node.
/// </summary>
public sealed class Session
{
    /// <summary>How long after the password was given a session may change how the person signs in.</summary>
    public static readonly TimeSpan StepUp = TimeSpan.FromMinutes(10);

    /// <summary>SHA-256 of the cookie's secret.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>What the session is called where it is listed. It opens nothing.</summary>
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>
    /// When the password was last given in this session. Changes of credentials need it within the last 10 minutes.
    /// </summary>
    public required DateTimeOffset AuthenticatedAt { get; set; }

    /// <summary>When it was last used, to within a few minutes; see <see cref="SessionUsage"/>.</summary>
    public required DateTimeOffset LastSeenAt { get; set; }

    public required DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The browser's own description, cut to 200 characters.</summary>
    public string? Device { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<Session>
    {
        public void Configure(EntityTypeBuilder<Session> builder)
        {
            builder.ToTable("sessions");
            builder.HasKey(s => s.Hash);
            builder.HasOne<Users.User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            builder.HasIndex(s => s.ExpiresAt);
            builder.HasIndex(s => new { s.UserId, s.Id }).IsUnique();
        }
    }
}
