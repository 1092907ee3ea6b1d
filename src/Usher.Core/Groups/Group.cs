using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Resources;

namespace Usher.Core.Groups;

public enum SystemGroup
{
    None,

    /// <summary>All persons, implied.</summary>
    Everyone,

    /// <summary>All service accounts, implied.</summary>
    ServiceAccounts,
}

/// <summary>A named set of members. The two system groups' members are implied by the member's kind and never stored.</summary>
public sealed class Group : IVersioned, INamed
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>How the name is compared; unique in the organization.</summary>
    public required string NameKey { get; set; }

    public string Description { get; set; } = "";

    public SystemGroup SystemKind { get; init; }

    /// <summary>Its members are administrators.</summary>
    public bool IsAdmin { get; set; }

    public Guid IsAdminGrantedBy { get; set; }

    public DateTimeOffset? IsAdminGrantedAt { get; set; }

    public bool AllResources { get; set; }

    public Guid AllResourcesGrantedBy { get; set; }

    public DateTimeOffset? AllResourcesGrantedAt { get; set; }

    /// <summary>Whether an invitation that names no groups puts into this one.</summary>
    public bool IsDefault { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public int Version { get; set; }

    public List<GroupPermission> Permissions { get; } = [];

    public List<RoleGroup> Roles { get; } = [];

    public List<ResourceAccess> Levels { get; } = [];

    public Reach ReachOf(Guid resource) => Levels.Find(l => l.ResourceId == resource)?.Reach ?? new(AccessLevel.None, []);

    internal sealed class Mapping : IEntityTypeConfiguration<Group>
    {
        public void Configure(EntityTypeBuilder<Group> builder)
        {
            builder.ToTable("groups");
            builder.HasKey(g => new { g.OrganizationId, g.Id });
            builder.Property(g => g.NameKey).IsKeyText();
            builder.HasIndex(g => new { g.OrganizationId, g.NameKey }).IsUnique();
            builder.HasIndex(g => g.OrganizationId).HasDatabaseName("ix_groups_default").HasFilter("is_default");
            builder.HasIndex(g => new { g.OrganizationId, g.SystemKind }).IsUnique().HasFilter("system_kind <> 'none'");
        }
    }
}

/// <summary>A member's place in a group.</summary>
public sealed class GroupMember : IGrantRow
{
    public required Guid OrganizationId { get; init; }

    public required Guid GroupId { get; init; }

    public required Guid MemberId { get; init; }

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<GroupMember>
    {
        public void Configure(EntityTypeBuilder<GroupMember> builder)
        {
            builder.ToTable("group_members");
            builder.HasKey(g => new { g.OrganizationId, g.GroupId, g.MemberId });
            builder.HasOne<Group>().WithMany().HasForeignKey(g => new { g.OrganizationId, g.GroupId }).OnDelete(DeleteBehavior.Cascade);
            builder.HasOne<Member>().WithMany(m => m.Groups).HasForeignKey(g => new { g.OrganizationId, g.MemberId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>A permission every member of a group has.</summary>
public sealed class GroupPermission : IGrantRow
{
    public required Guid OrganizationId { get; init; }

    public required Guid GroupId { get; init; }

    public required string Permission { get; init; }

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<GroupPermission>
    {
        public void Configure(EntityTypeBuilder<GroupPermission> builder)
        {
            builder.ToTable("group_permissions");
            builder.HasKey(p => new { p.OrganizationId, p.GroupId, p.Permission });
            builder.HasOne<Group>().WithMany(g => g.Permissions).HasForeignKey(p => new { p.OrganizationId, p.GroupId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
