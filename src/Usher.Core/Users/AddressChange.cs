using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Users;

public enum AddressChangeStatus
{
    Pending,

    /// <summary>Confirmed: the address was changed.</summary>
    Used,

    /// <summary>Replaced by a newer change, or ended because the member was removed or changed.</summary>
    Superseded,
}

/// <summary>
/// A member's pending change of address, stored until the member confirms it by the link mailed to the new address. The
/// rules about it are pure: they use no database and no clock.
/// </summary>
public sealed class AddressChange
{
    /// <summary>How long it can be confirmed: 24 hours.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required Guid MemberId { get; init; }

    /// <summary>
    /// The member's identifier when the change was requested. The change is void if the identifier is different now.
    /// </summary>
    public required string OldIdentifier { get; init; }

    /// <summary>The new address in canonical form. The mail is sent to it.</summary>
    public required string NewIdentifier { get; init; }

    /// <summary>The new address as it was entered.</summary>
    public required string NewEmail { get; init; }

    /// <summary>SHA-256 of the secret in the mail's link.</summary>
    public required byte[] Hash { get; init; }

    public AddressChangeStatus Status { get; private set; } = AddressChangeStatus.Pending;

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was confirmed or superseded.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    public static AddressChange Of(Member member, string identifier, string email, byte[] hash, DateTimeOffset now) =>
        new()
    {
        OrganizationId = member.OrganizationId, Id = Uuid.Create(now), MemberId = member.Id,
        OldIdentifier = member.Identifier, NewIdentifier = identifier, NewEmail = email,
        Hash = hash, CreatedAt = now, ExpiresAt = now + Lifetime,
    };

    /// <summary>
    /// Whether the change can be confirmed: it is pending, has not expired, and <see cref="IsFor"/> is true.
    /// </summary>
    public bool IsOpen(Member member, DateTimeOffset now) =>
        Status is AddressChangeStatus.Pending && now < ExpiresAt && IsFor(member);

    /// <summary>Whether the member is active and still has the address from the time of the request.</summary>
    public bool IsFor(Member member) => member.Status is MemberStatus.Active && member.Identifier == OldIdentifier;

    /// <summary>Sets the member's address to the new one.</summary>
    public void Use(Member member, DateTimeOffset now)
    {
        (member.Identifier, member.Email) = (NewIdentifier, NewEmail);
        (Status, EndedAt) = (AddressChangeStatus.Used, now);
    }

    /// <summary>Ends the change without applying it. No effect if it has already ended.</summary>
    public void Supersede(DateTimeOffset now)
    {
        if (Status is AddressChangeStatus.Pending) (Status, EndedAt) = (AddressChangeStatus.Superseded, now);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<AddressChange>
    {
        public void Configure(EntityTypeBuilder<AddressChange> builder)
        {
            builder.ToTable("address_changes");
            builder.HasKey(c => new { c.OrganizationId, c.Id });
            // The change depends on the member's row: the member's version prevents concurrent requests and
            // confirmations.
            builder.HasOne<Member>().WithMany(m => m.AddressChanges)
                .HasForeignKey(c => new { c.OrganizationId, c.MemberId }).OnDelete(DeleteBehavior.Cascade);
            // A member has at most one pending change.
            builder.HasIndex(c => new { c.OrganizationId, c.MemberId })
                .HasDatabaseName("ix_address_changes_one_pending").IsUnique().HasFilter("status = 'pending'");
            // The changes that a member asked for in the last day.
            builder.HasIndex(c => new { c.OrganizationId, c.MemberId, c.CreatedAt });
        }
    }
}
