using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Users;
using Group = Usher.Core.Groups.Group;

namespace Usher.Core.Organizations;

/// <summary>An organization to make, with the person it begins with.</summary>
/// <param name="Slug">1 to 63 characters of a-z, 0-9 and inner hyphens.</param>
/// <param name="Name">1 to 120 characters.</param>
/// <param name="OwnerEmail">The first administrator's address.</param>
public sealed record NewOrganization(string Slug, string Name, string OwnerEmail)
{
    public string TimeZone { get; init; } = "Etc/UTC";

    /// <summary>See <see cref="Organization.ExternalIdentityProvider"/>.</summary>
    public string? ExternalIdentityProvider { get; init; }

    public string OwnerFirstName { get; init; } = "";

    public string OwnerLastName { get; init; } = "";

    /// <summary>With it the owner can sign in at once; without, the answer has a link by which he sets it.</summary>
    public string? OwnerPassword { get; init; }

    /// <summary>A key for the owner, 32 to 128 characters of A-Z a-z 0-9 _ -; null makes one.</summary>
    public string? OwnerApiKey { get; init; }

    /// <summary>Names of resources it begins with.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];
}

/// <summary>A new organization; the secrets are shown here and never again.</summary>
public sealed record CreatedOrganization(
    Organization Organization, Member Owner, string ApiKey, InvitationLink? OwnerLink,
    IReadOnlyList<Resource> Resources);

/// <summary>
/// What to change about an organization. What is left out, or null where null is no value, stays as it is.
/// </summary>
public sealed record OrganizationChange
{
    /// <summary>1 to 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>TZ database name.</summary>
    public string? TimeZone { get; init; }

    /// <summary>What its identity provider is called, 1 to 120 characters; or none.</summary>
    public Optional<string> ExternalIdentityProvider { get; init; }

    /// <summary>What an invitation that names no permissions gives.</summary>
    public IReadOnlyList<string>? DefaultPermissions { get; init; }

    /// <summary>The groups an invitation that names none puts into: these and no others.</summary>
    public IReadOnlyList<Reference>? DefaultGroups { get; init; }

    /// <summary>How long an invitation stays open, 1 hour to 90 days; null: the installation's setting.</summary>
    public Optional<TimeSpan?> InvitationLifetime { get; init; }

    /// <summary>Domains that may be invited; none: any. At most 100.</summary>
    public IReadOnlyList<string>? AllowedEmailDomains { get; init; }

    /// <summary>
    /// Origins, such as <c>https://app.example.com</c>, a guest may be sent to after joining. At most 100.
    /// </summary>
    public IReadOnlyList<string>? ReturnOrigins { get; init; }

    /// <summary>
    /// How many persons there may be, at least 1; null: any number. The operator's matter. The seats in use are counted
    /// anew; a limit below them stops new invitations only.
    /// </summary>
    public Optional<int?> SeatLimit { get; init; }

    /// <summary>The versions the change is meant for; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    internal bool NeedsAdmin =>
        Name is not null || TimeZone is not null || ExternalIdentityProvider.IsGiven || InvitationLifetime.IsGiven
            || (AllowedEmailDomains ?? ReturnOrigins) is not null;
}

/// <summary>An organization as its members see it.</summary>
public sealed record OrganizationView(Organization Organization, IReadOnlyList<Group> DefaultGroups, int ResourceCount);

/// <summary>What an invitation gives that names nothing.</summary>
/// <param name="Organization">Whose it is; it has the permissions.</param>
/// <param name="Groups">The groups it puts into.</param>
/// <param name="Graph">To show the groups by.</param>
public sealed record DefaultsView(Organization Organization, IReadOnlyList<Group> Groups, AccessGraph Graph);
