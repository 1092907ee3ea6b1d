using Usher.Core.Access;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Members;

namespace Usher.Core.Roles;

/// <summary>A named set of permissions of one organization, held by members and groups.</summary>
public sealed class Role : IVersioned, INamed
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>
    /// The normalized name used for comparison (see <see cref="Text.Key"/>); unique in the organization.
    /// </summary>
    public required string NameKey { get; set; }

    public string Description { get; set; } = "";

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The identifier of the actor that last changed it, as it was at that time.</summary>
    public required string UpdatedBy { get; set; }

    public int Version { get; set; }

    /// <summary>The permissions that the role grants.</summary>
    public Grants Grants { get; private set; } = Grants.None;

    /// <summary>The actor and time of each of <see cref="Grants"/>.</summary>
    public GrantLog GrantLog { get; private set; } = GrantLog.None;

    /// <summary>The permission names, in ordinal order.</summary>
    public IReadOnlyList<string> Permissions => Grants.Permissions;

    public void Give(IEnumerable<string> permissions, Actor by, DateTimeOffset now)
    {
        foreach (var grant in permissions.Select(Grant.Permission).Where(g => !Grants.Contains(g)))
            (Grants, GrantLog) = (Grants.With(grant), GrantLog.With(grant, by, now));
    }

    public void Take(IEnumerable<string> permissions)
    {
        foreach (var grant in permissions.Select(Grant.Permission))
            (Grants, GrantLog) = (Grants.Without(grant), GrantLog.Without(grant));
    }

    /// <summary>
    /// A copy of the role to change. The original may be shared between requests and must not change.
    /// </summary>
    public Role Copy() => (Role)MemberwiseClone();

    internal sealed class Mapping : IEntityTypeConfiguration<Role>
    {
        public void Configure(EntityTypeBuilder<Role> builder)
        {
            builder.ToTable("roles");
            builder.HasKey(r => new { r.OrganizationId, r.Id });
            builder.Ignore(r => r.Permissions);
            builder.Property(r => r.NameKey).IsKeyText();
            // A role's name is unique.
            builder.HasIndex(r => new { r.OrganizationId, r.NameKey }).IsUnique();
        }
    }
}
