using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Organizations;

/// <summary>
/// A customer's own place: its members, groups, roles, resources and invitations. Global table; nothing that every
/// invite writes refers to it by foreign key.
/// </summary>
public sealed class Organization : IVersioned
{
    /// <summary>
    /// The reserved organization that sign-ins and operators' acts are recorded under. It has no row.
    /// </summary>
    public static readonly Guid Installation = Guid.Empty;

    public required Guid Id { get; init; }

    /// <summary>1 to 63 characters of a-z, 0-9 and inner hyphens; unique in the installation; part of links.</summary>
    public required string Slug { get; set; }

    public required string Name { get; set; }

    /// <summary>TZ database name; what a member without a zone of his own is shown.</summary>
    public string TimeZone { get; set; } = "Etc/UTC";

    /// <summary>How many persons may be invited, active or suspended; null: any number.</summary>
    public int? SeatLimit { get; set; }

    /// <summary>Kept only while a limit is set.</summary>
    public int SeatsUsed { get; set; }

    /// <summary>
    /// The identity provider that signs its people in, outside Usher; null: none, and members cannot be made active
    /// without joining.
    /// </summary>
    public string? ExternalIdentityProvider { get; set; }

    /// <summary>How long an invitation stays open, in seconds; null: the installation's setting.</summary>
    public int? InvitationLifetimeSeconds { get; set; }

    /// <summary>Canonical domains that may be invited; empty: any.</summary>
    public List<string> AllowedEmailDomains { get; set; } = [];

    /// <summary>What an invitation that names no permissions gives.</summary>
    public List<string> DefaultPermissions { get; set; } = [];

    /// <summary>Origins (scheme, host, port) a guest may be sent to after joining.</summary>
    public List<string> ReturnOrigins { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>While set, nobody's key or session acts in it.</summary>
    public DateTimeOffset? SuspendedAt { get; set; }

    public int Version { get; set; }

    /// <summary>
    /// Another random value after every change to the settings, groups and roles; see
    /// <see cref="OrganizationDefinitions"/>.
    /// </summary>
    public required Guid DefinitionsStamp { get; set; }

    /// <summary>A copy of shared settings with the seats in use at the moment.</summary>
    internal Organization Copy(int seatsUsed)
    {
        var copy = (Organization)MemberwiseClone();
        copy.SeatsUsed = seatsUsed;
        return copy;
    }

    internal sealed class Mapping : IEntityTypeConfiguration<Organization>
    {
        public void Configure(EntityTypeBuilder<Organization> builder)
        {
            builder.ToTable("organizations");
            builder.HasKey(o => o.Id);
            builder.Property(o => o.Slug).IsKeyText();
            builder.HasIndex(o => o.Slug).IsUnique();
        }
    }
}
