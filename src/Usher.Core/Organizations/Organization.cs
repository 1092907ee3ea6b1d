using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Organizations;

/// <summary>
/// A customer's organization with its members, groups, roles, resources and invitations. The table is global. Tables
/// that are written by every invite have no foreign key to it.
/// </summary>
public sealed class Organization : IVersioned
{
    /// <summary>
    /// The reserved organization under which sign-ins and operators' actions are recorded. It has no row.
    /// </summary>
    public static readonly Guid Installation = Guid.Empty;

    public required Guid Id { get; init; }

    /// <summary>1 to 63 characters of a-z, 0-9 and inner hyphens. Unique in the installation. Part of links.</summary>
    public required string Slug { get; set; }

    public required string Name { get; set; }

    /// <summary>
    /// TZ database name. Applies to members who have not set a time zone. The default is <c>Etc/UTC</c>.
    /// </summary>
    public string TimeZone { get; set; } = "Etc/UTC";

    /// <summary>The maximum number of invited, active and suspended persons; null: no limit.</summary>
    public int? SeatLimit { get; set; }

    /// <summary>The number of seats in use. Maintained only while a limit is set.</summary>
    public int SeatsUsed { get; set; }

    /// <summary>
    /// The name of the external identity provider that signs in the organization's people. Null: none; members then
    /// become active only by joining.
    /// </summary>
    public string? ExternalIdentityProvider { get; set; }

    /// <summary>The lifetime of an invitation in seconds; null: the installation's setting.</summary>
    public int? InvitationLifetimeSeconds { get; set; }

    /// <summary>The canonical e-mail domains that may be invited; empty: any.</summary>
    public List<string> AllowedEmailDomains { get; set; } = [];

    /// <summary>The permissions of an invitation that names none.</summary>
    public List<string> DefaultPermissions { get; set; } = [];

    /// <summary>Origins (scheme, host, port) to which guests may be redirected after joining.</summary>
    public List<string> ReturnOrigins { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>
    /// When the organization was suspended; null if it is not. API keys and sessions do not work in a suspended
    /// organization.
    /// </summary>
    public DateTimeOffset? SuspendedAt { get; set; }

    public int Version { get; set; }

    /// <summary>
    /// A random value that changes with every change to the settings, groups and roles; see
    /// <see cref="OrganizationDefinitions"/>.
    /// </summary>
    public required Guid DefinitionsStamp { get; set; }

    /// <summary>A copy of the shared settings with the current number of seats in use.</summary>
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
            builder.HasIndex(o => o.Slug).IsUnique(); // links and host names
        }
    }
}
