using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Users;
using Group = Usher.Core.Groups.Group;

namespace Usher.Core.Organizations;

/// <summary>An organization to create, with its first administrator.</summary>
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

    /// <summary>
    /// The owner's password. If it is null, the answer contains a link with which the owner sets one.
    /// </summary>
    public string? OwnerPassword { get; init; }

    /// <summary>An API key for the owner, 32 to 128 characters of A-Z a-z 0-9 _ -; null generates one.</summary>
    public string? OwnerApiKey { get; init; }

    /// <summary>Names of the resources to create.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];
}

/// <summary>A new organization. The secrets are returned only here.</summary>
public sealed record CreatedOrganization(
    Organization Organization, Member Owner, string ApiKey, InvitationLink? OwnerLink,
    IReadOnlyList<Resource> Resources);

/// <summary>
/// A change to an organization. Absent values stay unchanged; so does null where null is not a valid value.
/// </summary>
public sealed record OrganizationChange
{
    /// <summary>1 to 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>TZ database name.</summary>
    public string? TimeZone { get; init; }

    /// <summary>The name of the external identity provider, 1 to 120 characters; null removes it.</summary>
    public Optional<string> ExternalIdentityProvider { get; init; }

    /// <summary>The permissions of an invitation that names none.</summary>
    public IReadOnlyList<string>? DefaultPermissions { get; init; }

    /// <summary>The groups of an invitation that names none. Replaces the current default groups.</summary>
    public IReadOnlyList<Reference>? DefaultGroups { get; init; }

    /// <summary>The lifetime of an invitation, 1 hour to 90 days; null: the installation's setting.</summary>
    public Optional<TimeSpan?> InvitationLifetime { get; init; }

    /// <summary>The e-mail domains that may be invited, at most 100; empty: any.</summary>
    public IReadOnlyList<string>? AllowedEmailDomains { get; init; }

    /// <summary>
    /// Origins such as <c>https://app.example.com</c> to which guests may be redirected after joining. At most 100.
    /// </summary>
    public IReadOnlyList<string>? ReturnOrigins { get; init; }

    /// <summary>
    /// The maximum number of persons, at least 1; null: no limit. Only operators may change it. The seats in use are
    /// counted again. A limit below them only stops new invitations.
    /// </summary>
    public Optional<int?> SeatLimit { get; init; }

    /// <summary>The expected versions; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    internal bool NeedsAdmin =>
        Name is not null || TimeZone is not null || ExternalIdentityProvider.IsGiven || InvitationLifetime.IsGiven
            || (AllowedEmailDomains ?? ReturnOrigins) is not null;
}

/// <summary>An organization as its members see it.</summary>
public sealed record OrganizationView(Organization Organization, IReadOnlyList<Group> DefaultGroups, int ResourceCount);

/// <summary>The defaults of invitations.</summary>
/// <param name="Organization">The organization, with the default permissions.</param>
/// <param name="Groups">The default groups.</param>
/// <param name="Graph">The access graph used to show the groups.</param>
public sealed record DefaultsView(Organization Organization, IReadOnlyList<Group> Groups, AccessGraph Graph);
