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

/// <summary>
/// A named set of members. The two system groups' members are implied by the member's kind and never stored.
/// </summary>
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

    /// <summary>Permissions and roles that every member of the group has.</summary>
    public Grants Grants { get; private set; } = Grants.None;

    /// <summary>Who granted each of <see cref="Grants"/>.</summary>
    public GrantLog GrantLog { get; private set; } = GrantLog.None;

    /// <summary>Whether there are rows of levels for this group.</summary>
    public bool HasLevels { get; set; }

    /// <summary>Names of permissions, in ordinal order.</summary>
    public IReadOnlyList<string> Permissions => Grants.Permissions;

    /// <summary>Ids of roles. Those of deleted roles mean nothing.</summary>
    public IReadOnlyList<Guid> Roles => Grants.Roles;

    public void Give(Grant grant, Actor by, DateTimeOffset now)
    {
        if (!Grants.Contains(grant)) (Grants, GrantLog) = (Grants.With(grant), GrantLog.With(grant, by, now));
    }

    public void Take(Grant grant) => (Grants, GrantLog) = (Grants.Without(grant), GrantLog.Without(grant));

    /// <summary>The same group, to be changed: what is shared between requests stays as it is.</summary>
    public Group Copy() => (Group)MemberwiseClone();

    internal sealed class Mapping : IEntityTypeConfiguration<Group>
    {
        public void Configure(EntityTypeBuilder<Group> builder)
        {
            builder.ToTable("groups");
            builder.HasKey(g => new { g.OrganizationId, g.Id });
            builder.Property(g => g.NameKey).IsKeyText();
            builder.Ignore(g => g.Permissions).Ignore(g => g.Roles);
            builder.HasIndex(g => new { g.OrganizationId, g.NameKey }).IsUnique();
            builder.HasIndex(g => g.OrganizationId).HasDatabaseName("ix_groups_default").HasFilter("is_default");
            builder.HasIndex(g => new { g.OrganizationId, g.SystemKind }).IsUnique().HasFilter("system_kind <> 'none'");
        }
    }
}
