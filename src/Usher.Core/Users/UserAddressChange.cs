using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Usher.Core.Users;

/// <summary>A person's wish for another address of their own account. It counts once the link mailed to the new address is confirmed.</summary>
public sealed class UserAddressChange
{
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>The address asked for, canonical: where the mail goes.</summary>
    public required string NewAddress { get; init; }

    /// <summary>SHA-256 of the secret in the mail's link.</summary>
    public required byte[] Hash { get; init; }

    public AddressChangeStatus Status { get; set; } = AddressChangeStatus.Pending;

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was confirmed or superseded.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<UserAddressChange>
    {
        public void Configure(EntityTypeBuilder<UserAddressChange> builder)
        {
            builder.ToTable("user_address_changes");
            builder.HasKey(c => c.Id);
            builder.HasIndex(c => c.UserId).HasDatabaseName("ix_user_address_changes_one_pending").IsUnique().HasFilter("status = 'pending'");
            builder.HasIndex(c => new { c.UserId, c.CreatedAt });
            builder.HasIndex(c => c.ExpiresAt);
            builder.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
