namespace Usher.Core.Organizations;

/// <summary>Errors of operations on organizations.</summary>
public static class OrganizationErrors
{
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "operator_only", "Only an operator can do this.");
    public static readonly Error AdminsOnly = new(
        ErrorKind.Forbidden, "not_allowed", "Only an administrator can change this.");
    public static readonly Error SettingsOfAdmins = AdminsOnly with
    {
        Message = "Only an administrator can read the settings.",
    };
    public static readonly Error IdentityProviderInvalid = new(
        ErrorKind.Invalid, "identity_provider_invalid", "Must be 1 to 120 characters, without control characters.",
        "external_identity_provider");
    public static readonly Error NotFound = new(
        ErrorKind.NotFound, "organization_not_found", "There is no such organization.");
    public static readonly Error SlugInvalid = new(
        ErrorKind.Invalid, "slug_invalid", "Must be 1 to 63 characters of a-z, 0-9 and inner hyphens.", "slug");
    public static readonly Error SlugTaken = new(
        ErrorKind.Conflict, "slug_taken", "Another organization has this slug.", "slug");
    public static readonly Error NotSuspended = new(
        ErrorKind.Conflict, "organization_not_suspended",
        "Suspend the organization before you delete it.");
    public static readonly Error LifetimeInvalid = new(
        ErrorKind.Invalid, "invitation_lifetime_invalid", "Must be 1 hour to 90 days.",
        "invitation_lifetime_seconds");
    public static readonly Error DomainsInvalid = new(
        ErrorKind.Invalid, "email_domains_invalid", "Must be at most 100 domains, such as example.com.",
        "allowed_email_domains");
    public static readonly Error OriginsInvalid = new(
        ErrorKind.Invalid, "return_origins_invalid",
        "Must be at most 100 origins: https:// or http://, a host, and optionally a port.", "return_origins");
    public static readonly Error SeatLimitInvalid = new(
        ErrorKind.Invalid, "seat_limit_invalid", "Must be at least 1.", "seat_limit");
}
