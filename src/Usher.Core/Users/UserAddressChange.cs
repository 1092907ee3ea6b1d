using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// A person's pending change of their own account's address. It applies after the link mailed to the new address is
/// confirmed.
/// </summary>
public sealed class UserAddressChange
{
    /// <summary>How long it can be confirmed: 24 hours.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>The new address in canonical form. The mail is sent to it.</summary>
    public required string NewAddress { get; init; }

    /// <summary>SHA-256 of the secret in the mail's link.</summary>
    public required byte[] Hash { get; init; }

    public AddressChangeStatus Status { get; set; } = AddressChangeStatus.Pending;

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was confirmed or superseded.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Creates an address change. The link's secret is returned only here.</summary>
    public static (UserAddressChange Change, string Secret) Create(Guid userId, string address, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.AddressPrefix);
        return (
            new()
            {
                Id = Uuid.Create(now), UserId = userId, NewAddress = address, Hash = hash, CreatedAt = now,
                ExpiresAt = now + Lifetime,
            },
            secret);
    }

    /// <summary>Ends the change without applying it. No effect if it has already ended.</summary>
    public void Supersede(DateTimeOffset now)
    {
        if (Status is AddressChangeStatus.Pending) (Status, EndedAt) = (AddressChangeStatus.Superseded, now);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<UserAddressChange>
    {
        public void Configure(EntityTypeBuilder<UserAddressChange> builder)
        {
            builder.ToTable("user_address_changes");
            builder.HasKey(c => c.Id);
            // An account has at most one pending change.
            builder.HasIndex(c => c.UserId).HasDatabaseName("ix_user_address_changes_one_pending").IsUnique()
                .HasFilter("status = 'pending'");
            builder.HasIndex(c => new { c.UserId, c.CreatedAt }); // the changes asked for in the last day
            builder.HasIndex(c => c.ExpiresAt); // the sweep
            builder.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
