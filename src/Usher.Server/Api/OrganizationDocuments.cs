using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>An organization: one customer of the product.</summary>
internal sealed record OrganizationDocument
{
    /// <summary>`org_…`</summary>
    public required string Id { get; init; }

    /// <summary>The organization's name in URLs.</summary>
    public required string Slug { get; init; }

    public required string Name { get; init; }

    /// <summary>TZ database name.</summary>
    public required string TimeZone { get; init; }

    public required bool Suspended { get; init; }

    public required DateTimeOffset? SuspendedAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static OrganizationDocument From(Organization organization) => new()
    {
        Id = Ids.Organization.Of(organization.Id), Slug = organization.Slug, Name = organization.Name,
        TimeZone = organization.TimeZone, Suspended = organization.SuspendedAt is not null,
        SuspendedAt = organization.SuspendedAt, CreatedAt = organization.CreatedAt,
    };
}

/// <summary>An organization to create, with its first administrator.</summary>
internal sealed record OrganizationRequest
{
    /// <summary>1 to 63 characters of a-z, 0-9 and inner hyphens; unique in the installation.</summary>
    public required string Slug { get; init; }

    /// <summary>1 to 120 characters.</summary>
    public required string Name { get; init; }

    /// <summary>TZ database name. Default: `Etc/UTC`.</summary>
    public string? TimeZone { get; init; }

    /// <summary>The name of the external identity provider that signs its people in.</summary>
    public string? ExternalIdentityProvider { get; init; }

    public required OwnerRequest Owner { get; init; }

    /// <summary>The names of its first resources.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    public NewOrganization ToOrganization() => new(Slug ?? "", Name ?? "", Owner?.Email ?? "")
    {
        TimeZone = TimeZone ?? "Etc/UTC", ExternalIdentityProvider = ExternalIdentityProvider,
        OwnerFirstName = Owner?.FirstName ?? "", OwnerLastName = Owner?.LastName ?? "", Resources = Resources ?? [],
    };
}

/// <summary>An organization's first administrator.</summary>
internal sealed record OwnerRequest
{
    public required string Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }
}

/// <summary>A new organization.</summary>
internal sealed record NewOrganizationDocument
{
    public required OrganizationDocument Organization { get; init; }

    /// <summary>The first administrator's id.</summary>
    public required string OwnerId { get; init; }

    /// <summary>The first administrator's key; shown only in this answer.</summary>
    public required string ApiKey { get; init; }

    /// <summary>The link to set the first administrator's password; shown only in this answer.</summary>
    public required string? Link { get; init; }
}

/// <summary>What was deleted with an organization.</summary>
/// <param name="Rows">The number of rows of each table.</param>
internal sealed record DeletedOrganizationDocument(IReadOnlyDictionary<string, int> Rows);

/// <summary>The settings of an organization.</summary>
internal sealed record SettingsDocument
{
    public required string Name { get; init; }

    /// <summary>TZ database name; applies to members without a time zone of their own.</summary>
    public required string TimeZone { get; init; }

    /// <summary>How long an invitation stays open. Null means the installation's setting.</summary>
    public required int? InvitationLifetimeSeconds { get; init; }

    /// <summary>The domains that may be invited. An empty list allows all.</summary>
    public required IReadOnlyList<string> AllowedEmailDomains { get; init; }

    /// <summary>The permissions for invitations that name none.</summary>
    public required IReadOnlyList<string> DefaultPermissions { get; init; }

    /// <summary>The groups for invitations that name none.</summary>
    public required IReadOnlyList<Named> DefaultGroups { get; init; }

    /// <summary>The origins that people may be sent to after joining.</summary>
    public required IReadOnlyList<string> ReturnOrigins { get; init; }

    /// <summary>The name of the external identity provider that signs the organization's people in, if any.</summary>
    public required string? ExternalIdentityProvider { get; init; }

    /// <summary>How many persons may be invited, active or suspended. Null means no limit.</summary>
    public required int? SeatLimit { get; init; }

    /// <summary>The number of seats in use; null without a seat limit.</summary>
    public required int? SeatsUsed { get; init; }

    public static SettingsDocument From(DefaultsView view)
    {
        var organization = view.Organization;
        return new()
        {
            Name = organization.Name, TimeZone = organization.TimeZone,
            InvitationLifetimeSeconds = organization.InvitationLifetimeSeconds,
            AllowedEmailDomains = organization.AllowedEmailDomains,
            DefaultPermissions = organization.DefaultPermissions,
            DefaultGroups = [.. view.Groups.Select(g => new Named(Ids.Group.Of(g.Id), g.Name))],
            ReturnOrigins = organization.ReturnOrigins,
            ExternalIdentityProvider = organization.ExternalIdentityProvider, SeatLimit = organization.SeatLimit,
            SeatsUsed = organization.SeatLimit is null
                ? null
                : organization.SeatsUsed,
        };
    }
}

/// <summary>
/// Changes to the settings. Properties that are left out stay as they are; a list replaces the old list.
/// </summary>
internal sealed record SettingsRequest
{
    public string? Name { get; init; }

    public string? TimeZone { get; init; }

    /// <summary>3,600 to 7,776,000. Null means the installation's setting.</summary>
    public Optional<int?> InvitationLifetimeSeconds { get; init; }

    public IReadOnlyList<string>? AllowedEmailDomains { get; init; }

    public IReadOnlyList<string>? DefaultPermissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? DefaultGroups { get; init; }

    public IReadOnlyList<string>? ReturnOrigins { get; init; }

    /// <summary>Null removes it.</summary>
    public Optional<string> ExternalIdentityProvider { get; init; }

    /// <summary>At least 1. Null removes the limit. Needs an operator's key.</summary>
    public Optional<int?> SeatLimit { get; init; }

    public OrganizationChange ToChange() => new()
    {
        Name = Name, TimeZone = TimeZone, AllowedEmailDomains = AllowedEmailDomains,
        DefaultPermissions = DefaultPermissions,
        DefaultGroups = DefaultGroups is null ? null : Named.Groups(DefaultGroups),
        ReturnOrigins = ReturnOrigins, ExternalIdentityProvider = ExternalIdentityProvider, SeatLimit = SeatLimit,
        InvitationLifetime = InvitationLifetimeSeconds.IsGiven
            ? InvitationLifetimeSeconds.Or(null) is { } seconds
            ? TimeSpan.FromSeconds(seconds)
            : (TimeSpan?)null
            : default(Optional<TimeSpan?>),
    };
}
