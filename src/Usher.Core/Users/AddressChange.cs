using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Users;

public enum AddressChangeStatus
{
    Pending,

    /// <summary>Confirmed: the address counts.</summary>
    Used,

    /// <summary>A newer one was asked for, or the member is gone.</summary>
    Superseded,
}

/// <summary>
/// A member's wish for another address, kept until mail to it is shown to reach him. Rules about it alone are here,
/// pure: no database, no clock.
/// </summary>
public sealed class AddressChange
{
    /// <summary>How long it can be confirmed.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required Guid MemberId { get; init; }

    /// <summary>His identifier when he asked. Has it changed since, this change is void.</summary>
    public required string OldIdentifier { get; init; }

    /// <summary>The address asked for, canonical: where the mail goes.</summary>
    public required string NewIdentifier { get; init; }

    /// <summary>And as it was typed.</summary>
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

    /// <summary>Pending by the clock, and the member is still who asked for it.</summary>
    public bool IsOpen(Member member, DateTimeOffset now) =>
        Status is AddressChangeStatus.Pending && now < ExpiresAt && IsFor(member);

    /// <summary>Whether the member is active and has the address he had when he asked.</summary>
    public bool IsFor(Member member) => member.Status is MemberStatus.Active && member.Identifier == OldIdentifier;

    /// <summary>The new address counts from now on.</summary>
    public void Use(Member member, DateTimeOffset now)
    {
        (member.Identifier, member.Email) = (NewIdentifier, NewEmail);
        (Status, EndedAt) = (AddressChangeStatus.Used, now);
    }

    /// <summary>Ends it for good. Without effect on one that has ended.</summary>
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
            // Hangs on the member, so that asking, confirming and whatever else happens to him exclude each other by
            // his version.
            builder.HasOne<Member>().WithMany(m => m.AddressChanges)
                .HasForeignKey(c => new { c.OrganizationId, c.MemberId }).OnDelete(DeleteBehavior.Cascade);
            builder.HasIndex(c => new { c.OrganizationId, c.MemberId })
                .HasDatabaseName("ix_address_changes_one_pending").IsUnique().HasFilter("status = 'pending'");
            builder.HasIndex(c => new { c.OrganizationId, c.MemberId, c.CreatedAt });
        }
    }
}
