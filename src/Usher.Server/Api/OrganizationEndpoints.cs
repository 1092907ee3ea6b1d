using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// Organizations, which are the operator's to make and to end, and the settings of one, which are its administrators'.
/// </summary>
internal static class OrganizationEndpoints
{
    /// <summary>All of them.</summary>
    public static void MapOrganizations(this RouteGroupBuilder api)
    {
        var organizations = api.MapGroup("/organizations").WithTags("Organizations")
            .RequireAuthorization(Policies.Api, Policies.Operator);
        organizations.MapGet("", ListAsync).TakesPages()
            .Says<Page<OrganizationDocument>>("List organizations", "Oldest first. Needs an operator's key.");
        organizations.MapPost("", MakeAsync).CanRepeat().Says<NewOrganizationDocument>("Make an organization", """
            With its first administrator, who is active from the start, so that there is never none. His key, and the link by which he sets his password, are shown once. Needs an operator's key.
            """, StatusCodes.Status201Created);
    }

    /// <summary>One.</summary>
    public static void MapOrganization(this RouteGroupBuilder organization)
    {
        organization.MapGet("", GetAsync).WithTags("Organizations")
            .Says<OrganizationDocument>(
                "Get an organization", "By slug or id: the one of your key, or with an operator's key any.");
        var ending = organization.MapGroup("").WithTags("Organizations").RequireAuthorization(Policies.Operator);
        ending.MapPost("/suspend", SuspendAsync).CanRehearse().CanRepeat()
            .Says<OrganizationDocument>(
                "Suspend an organization",
                "Nobody's key or session acts in it, and no link of it opens, until it is resumed. Nothing is lost. "
                + "Needs an operator's key.");
        ending.MapPost("/resume", ResumeAsync).CanRehearse().CanRepeat()
            .Says<OrganizationDocument>("Resume an organization", "Needs an operator's key.");
        ending.MapDelete("", DeleteAsync).CanRehearse().Says<DeletedOrganizationDocument>("Delete an organization", """
            With every row of it, its events included; people keep their sign-ins. It must be suspended. With `dryRun=true` the answer says what would go. Needs an operator's key.
            """);

        var settings = organization.MapGroup("/settings").WithTags("Settings");
        settings.MapGet("", GetSettingsAsync).Says<SettingsDocument>("Get the settings", "For administrators.");
        settings.MapPatch("", ChangeSettingsAsync).CanRehearse().Says<SettingsDocument>("Change the settings", """
            What new members get by default needs `user_management`, and that you hold what comes and what goes; the seat limit needs an operator's key; the rest needs an administrator.
            """);
    }

    private static async Task<IResult> ListAsync(
        ApiQuery query, Actor actor, OrganizationService organizations, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await organizations.PageAsync(actor, after?.Id, limit + 1, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, OrganizationDocument.From, o => new Cursor("created", null, o.Id))));
    }

    private static async Task<IResult> MakeAsync(
        ApiBody<OrganizationRequest> body, Actor actor, OrganizationService organizations, Links links,
        CancellationToken ct)
    {
        if (body.Refusal(given => OrganizationService.Faults(given.ToOrganization())) is { } refusal) return refusal;
        return (await organizations.CreateAsync(actor, body.Value.ToOrganization(), ct))
            .ToHttp(made => Answers.Created(new NewOrganizationDocument
        {
            Organization = OrganizationDocument.From(made.Organization), OwnerId = Ids.Member.Of(made.Owner.Id),
            ApiKey = made.ApiKey, Link = made.OwnerLink is { } link
                ? links.Join(link)
                : null,
        }, $"{UsherApi.Prefix}/organizations/{made.Organization.Slug}", Precondition.TagOf(made.Organization)));
    }

    private static async Task<IResult> GetAsync(Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetAsync(actor, ct)).ToHttp(view => Show(view.Organization));

    private static async Task<IResult> SuspendAsync(
        HttpRequest request, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.SuspendAsync(actor, suspended: true, request.IfMatch, ct)).ToHttp(Show);

    private static async Task<IResult> ResumeAsync(
        HttpRequest request, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.SuspendAsync(actor, suspended: false, request.IfMatch, ct)).ToHttp(Show);

    private static async Task<IResult> DeleteAsync(
        HttpRequest request, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.DeleteAsync(actor, request.IfMatch, ct))
            .ToHttp(gone => Answers.Ok(new DeletedOrganizationDocument(gone)));

    private static async Task<IResult> GetSettingsAsync(
        Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetSettingsAsync(actor, ct)).ToHttp(ShowSettings);

    private static async Task<IResult> ChangeSettingsAsync(
        ApiBody<SettingsRequest> body, HttpRequest request, Actor actor, OrganizationService organizations,
        CancellationToken ct)
    {
        if (body.Refusal(given => organizations.Faults(given.ToChange())) is { } refusal) return refusal;
        return (await organizations.ChangeAsync(
            actor, body.Value.ToChange() with { IfMatch = request.IfMatch }, MemberDetails.None,
            ct)).ToHttp(ShowSettings);
    }

    private static IResult Show(Organization organization) =>
        Answers.Ok(OrganizationDocument.From(organization), Precondition.TagOf(organization));

    private static IResult ShowSettings(DefaultsView view) =>
        Answers.Ok(SettingsDocument.From(view), Precondition.TagOf(view.Organization));
}

/// <summary>A customer's own place.</summary>
internal sealed record OrganizationDocument
{
    /// <summary>`org_…`</summary>
    public required string Id { get; init; }

    /// <summary>How it is called in addresses.</summary>
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

/// <summary>An organization to make, with the person it begins with.</summary>
internal sealed record OrganizationRequest
{
    /// <summary>1 to 63 characters of a-z, 0-9 and inner hyphens; unique in the installation.</summary>
    public required string Slug { get; init; }

    /// <summary>1 to 120 characters.</summary>
    public required string Name { get; init; }

    /// <summary>TZ database name. Default: `Etc/UTC`.</summary>
    public string? TimeZone { get; init; }

    /// <summary>What the identity provider that signs its people in, outside Usher, is called.</summary>
    public string? ExternalIdentityProvider { get; init; }

    public required OwnerRequest Owner { get; init; }

    /// <summary>Names of resources it begins with.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    public NewOrganization ToOrganization() => new(Slug ?? "", Name ?? "", Owner?.Email ?? "")
    {
        TimeZone = TimeZone
            ?? "Etc/UTC", ExternalIdentityProvider = ExternalIdentityProvider, OwnerFirstName = Owner?.FirstName
            ?? "", OwnerLastName = Owner?.LastName ?? "", Resources = Resources ?? [],
    };
}

/// <summary>An organization's first administrator.</summary>
internal sealed record OwnerRequest
{
    public required string Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }
}

/// <summary>An organization just made.</summary>
internal sealed record NewOrganizationDocument
{
    public required OrganizationDocument Organization { get; init; }

    /// <summary>The first administrator.</summary>
    public required string OwnerId { get; init; }

    /// <summary>His key: shown here and never again.</summary>
    public required string ApiKey { get; init; }

    /// <summary>Where he sets his password: shown here and never again.</summary>
    public required string? Link { get; init; }
}

/// <summary>What went with an organization.</summary>
/// <param name="Rows">How many rows of what.</param>
internal sealed record DeletedOrganizationDocument(IReadOnlyDictionary<string, int> Rows);

/// <summary>What is set for a whole organization.</summary>
internal sealed record SettingsDocument
{
    public required string Name { get; init; }

    /// <summary>TZ database name; what a member without a zone of his own is shown.</summary>
    public required string TimeZone { get; init; }

    /// <summary>How long an invitation stays open; null: the installation's setting.</summary>
    public required int? InvitationLifetimeSeconds { get; init; }

    /// <summary>Domains that may be invited; none: any.</summary>
    public required IReadOnlyList<string> AllowedEmailDomains { get; init; }

    /// <summary>What an invitation gives that names no permissions.</summary>
    public required IReadOnlyList<string> DefaultPermissions { get; init; }

    /// <summary>The groups an invitation puts into that names none.</summary>
    public required IReadOnlyList<Named> DefaultGroups { get; init; }

    /// <summary>Origins a guest may be sent to after joining.</summary>
    public required IReadOnlyList<string> ReturnOrigins { get; init; }

    /// <summary>The identity provider that signs its people in, outside Usher; null: none.</summary>
    public required string? ExternalIdentityProvider { get; init; }

    /// <summary>How many persons may be invited, active or suspended; null: any number.</summary>
    public required int? SeatLimit { get; init; }

    /// <summary>Counted while there is a limit.</summary>
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

/// <summary>What to change about the settings. What is left out stays; a list replaces the one before.</summary>
internal sealed record SettingsRequest
{
    public string? Name { get; init; }

    public string? TimeZone { get; init; }

    /// <summary>3,600 to 7,776,000; null: the installation's setting.</summary>
    public Optional<int?> InvitationLifetimeSeconds { get; init; }

    public IReadOnlyList<string>? AllowedEmailDomains { get; init; }

    public IReadOnlyList<string>? DefaultPermissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? DefaultGroups { get; init; }

    public IReadOnlyList<string>? ReturnOrigins { get; init; }

    /// <summary>Null: none.</summary>
    public Optional<string> ExternalIdentityProvider { get; init; }

    /// <summary>At least 1; null: any number. Needs an operator's key.</summary>
    public Optional<int?> SeatLimit { get; init; }

    public OrganizationChange ToChange() => new()
    {
        Name = Name, TimeZone = TimeZone, AllowedEmailDomains = AllowedEmailDomains,
        DefaultPermissions = DefaultPermissions, DefaultGroups = DefaultGroups is null
            ? null
            : Named.Groups(DefaultGroups),
        ReturnOrigins = ReturnOrigins, ExternalIdentityProvider = ExternalIdentityProvider, SeatLimit = SeatLimit,
        InvitationLifetime = InvitationLifetimeSeconds.IsGiven
            ? InvitationLifetimeSeconds.Or(null) is { } seconds
            ? TimeSpan.FromSeconds(seconds)
            : (TimeSpan?)null
            : default(Optional<TimeSpan?>),
    };
}
