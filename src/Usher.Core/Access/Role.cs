using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>An organization's own named set of permissions, held by members and groups.</summary>
public sealed class Role : IVersioned, INamed
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>How the name is compared; unique in the organization.</summary>
    public required string NameKey { get; set; }

    public string Description { get; set; } = "";

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The identifier of who changed it last, as it was then.</summary>
    public required string UpdatedBy { get; set; }

    public int Version { get; set; }

    public List<RolePermission> Permissions { get; } = [];

    /// <summary>The permissions' names.</summary>
    public IReadOnlyList<string> Names => [.. Permissions.Select(p => p.Permission)];

    public void Give(IEnumerable<string> permissions, Actor by, DateTimeOffset now)
    {
        foreach (var permission in permissions)
            Permissions.Add(new() { OrganizationId = OrganizationId, RoleId = Id, Permission = permission, GrantedBy = by.Id, GrantedAt = now });
    }

    internal sealed class Mapping : IEntityTypeConfiguration<Role>
    {
        public void Configure(EntityTypeBuilder<Role> builder)
        {
            builder.ToTable("roles");
            builder.HasKey(r => new { r.OrganizationId, r.Id });
            builder.Ignore(r => r.Names);
            builder.Property(r => r.NameKey).IsKeyText();
            builder.HasIndex(r => new { r.OrganizationId, r.NameKey }).IsUnique();
        }
    }
}

/// <summary>A permission in a role.</summary>
public sealed class RolePermission : IGrantRow
{
    public required Guid OrganizationId { get; init; }

    public required Guid RoleId { get; init; }

    public required string Permission { get; init; }

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<RolePermission>
    {
        public void Configure(EntityTypeBuilder<RolePermission> builder)
        {
            builder.ToTable("role_permissions");
            builder.HasKey(p => new { p.OrganizationId, p.RoleId, p.Permission });
            builder.HasOne<Role>().WithMany(r => r.Permissions).HasForeignKey(p => new { p.OrganizationId, p.RoleId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>A role a member holds directly.</summary>
public sealed class RoleMember : IGrantRow
{
    public required Guid OrganizationId { get; init; }

    public required Guid RoleId { get; init; }

    public required Guid MemberId { get; init; }

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<RoleMember>
    {
        public void Configure(EntityTypeBuilder<RoleMember> builder)
        {
            builder.ToTable("role_members");
            builder.HasKey(r => new { r.OrganizationId, r.RoleId, r.MemberId });
            builder.HasOne<Role>().WithMany().HasForeignKey(r => new { r.OrganizationId, r.RoleId }).OnDelete(DeleteBehavior.Cascade);
            builder.HasOne<Member>().WithMany(m => m.Roles).HasForeignKey(r => new { r.OrganizationId, r.MemberId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>A role every member of a group holds.</summary>
public sealed class RoleGroup : IGrantRow
{
    public required Guid OrganizationId { get; init; }

    public required Guid RoleId { get; init; }

    public required Guid GroupId { get; init; }

    public Guid GrantedBy { get; set; }

    public DateTimeOffset GrantedAt { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<RoleGroup>
    {
        public void Configure(EntityTypeBuilder<RoleGroup> builder)
        {
            builder.ToTable("role_groups");
            builder.HasKey(r => new { r.OrganizationId, r.RoleId, r.GroupId });
            builder.HasOne<Role>().WithMany().HasForeignKey(r => new { r.OrganizationId, r.RoleId }).OnDelete(DeleteBehavior.Cascade);
            builder.HasOne<Group>().WithMany(g => g.Roles).HasForeignKey(r => new { r.OrganizationId, r.GroupId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
