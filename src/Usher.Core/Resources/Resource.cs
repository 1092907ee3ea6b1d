using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;

namespace Usher.Core.Resources;

/// <summary>A thing that members reach, such as an account in Conformity or a project in DeployHQ.</summary>
public sealed class Resource : IVersioned, INamed
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>The form of the name used for comparison. Unique in the organization.</summary>
    public required string NameKey { get; set; }

    /// <summary>
    /// The name in URLs: 1 to 63 characters of a-z, 0-9 and inner hyphens. Unique in the organization. Derived from the
    /// first name and never changed.
    /// </summary>
    public required string Slug { get; init; }

    /// <summary>Attributes that a surface stores with the resource, such as <c>environment</c>.</summary>
    public Dictionary<string, string> Attributes { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    public int Version { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<Resource>
    {
        public void Configure(EntityTypeBuilder<Resource> builder)
        {
            builder.ToTable("resources");
            builder.HasKey(r => new { r.OrganizationId, r.Id });
            builder.Property(r => r.NameKey).IsKeyText();
            builder.Property(r => r.Slug).IsKeyText();
            // A resource's name and slug are unique.
            builder.HasIndex(r => new { r.OrganizationId, r.NameKey }).IsUnique();
            builder.HasIndex(r => new { r.OrganizationId, r.Slug }).IsUnique();
        }
    }
}

/// <summary>The access level of one member or group on one resource. It stays when the member is removed.</summary>
public sealed class ResourceAccess
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required Guid ResourceId { get; init; }

    /// <summary>Exactly one of member and group is set.</summary>
    public Guid? MemberId { get; init; }

    public Guid? GroupId { get; init; }

    public AccessLevel Level { get; set; }

    /// <summary>Capabilities granted below full access; see <see cref="Access.Capabilities"/>.</summary>
    public List<string> Capabilities { get; set; } = [];

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    public Reach Reach => new(Level, Capabilities);

    public void Set(Reach reach, Actor by, DateTimeOffset now)
    {
        if (reach == Reach && GrantedAt != default) return;
        (Level, Capabilities, GrantedBy, GrantedAt) = (reach.Level, [.. reach.Capabilities], by.Id, now);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<ResourceAccess>
    {
        public void Configure(EntityTypeBuilder<ResourceAccess> builder)
        {
            builder.ToTable(
                "resource_access",
                t =>
                    t.HasCheckConstraint("ck_resource_access_one_holder", "(member_id IS NULL) <> (group_id IS NULL)"));
            builder.HasKey(a => new { a.OrganizationId, a.Id });
            builder.Ignore(a => a.Reach);
            // The levels of a member, and those of a group: one for each resource.
            builder.HasIndex(a => new { a.OrganizationId, a.MemberId, a.ResourceId }).IsUnique()
                .HasFilter("member_id IS NOT NULL");
            builder.HasIndex(a => new { a.OrganizationId, a.GroupId, a.ResourceId }).IsUnique()
                .HasFilter("group_id IS NOT NULL");
            builder.HasOne<Resource>().WithMany().HasForeignKey(a => new { a.OrganizationId, a.ResourceId })
                .OnDelete(DeleteBehavior.Cascade);
            builder.HasOne<Member>().WithMany(m => m.Levels).HasForeignKey(a => new { a.OrganizationId, a.MemberId })
                .OnDelete(DeleteBehavior.Cascade);
            builder.HasOne<Group>().WithMany().HasForeignKey(a => new { a.OrganizationId, a.GroupId })
                .OnDelete(DeleteBehavior.Cascade);
        }
    }
}
