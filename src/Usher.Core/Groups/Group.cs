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

    /// <summary>The system group of all persons. Its membership is implied.</summary>
    Everyone,

    /// <summary>The system group of all service accounts. Its membership is implied.</summary>
    ServiceAccounts,
}

/// <summary>
/// A named set of members. Membership of the two system groups follows from the member's kind and is never stored.
/// </summary>
public sealed class Group : IVersioned, INamed
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>The form of the name used for comparison. Unique in the organization.</summary>
    public required string NameKey { get; set; }

    public string Description { get; set; } = "";

    public SystemGroup SystemKind { get; init; }

    /// <summary>Whether the members of the group are administrators.</summary>
    public bool IsAdmin { get; set; }

    public Guid IsAdminGrantedBy { get; set; }

    public DateTimeOffset? IsAdminGrantedAt { get; set; }

    public bool AllResources { get; set; }

    public Guid AllResourcesGrantedBy { get; set; }

    public DateTimeOffset? AllResourcesGrantedAt { get; set; }

    /// <summary>Whether invitations that name no groups add people to this one.</summary>
    public bool IsDefault { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public int Version { get; set; }

    /// <summary>Permissions and roles that all members of the group have.</summary>
    public Grants Grants { get; private set; } = Grants.None;

    /// <summary>The granter and time of each of <see cref="Grants"/>.</summary>
    public GrantLog GrantLog { get; private set; } = GrantLog.None;

    /// <summary>Whether this group has rows of levels on resources.</summary>
    public bool HasLevels { get; set; }

    /// <summary>Names of the permissions, in ordinal order.</summary>
    public IReadOnlyList<string> Permissions => Grants.Permissions;

    /// <summary>Ids of the roles. Ids of deleted roles are ignored.</summary>
    public IReadOnlyList<Guid> Roles => Grants.Roles;

    public void Give(Grant grant, Actor by, DateTimeOffset now)
    {
        if (!Grants.Contains(grant)) (Grants, GrantLog) = (Grants.With(grant), GrantLog.With(grant, by, now));
    }

    public void Take(Grant grant) => (Grants, GrantLog) = (Grants.Without(grant), GrantLog.Without(grant));

    /// <summary>A copy that may be changed. The original is shared between requests.</summary>
    public Group Copy() => (Group)MemberwiseClone();

    internal sealed class Mapping : IEntityTypeConfiguration<Group>
    {
        public void Configure(EntityTypeBuilder<Group> builder)
        {
            builder.ToTable("groups");
            builder.HasKey(g => new { g.OrganizationId, g.Id });
            builder.Property(g => g.NameKey).IsKeyText();
            builder.Ignore(g => g.Permissions).Ignore(g => g.Roles);
            // A group's name and a system group's kind are unique.
            builder.HasIndex(g => new { g.OrganizationId, g.NameKey }).IsUnique();
            builder.HasIndex(g => new { g.OrganizationId, g.SystemKind }).IsUnique().HasFilter("system_kind <> 'none'");
        }
    }
}
