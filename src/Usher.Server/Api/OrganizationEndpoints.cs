using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// Organizations, which operators create and delete, and an organization's settings, which its administrators change.
/// </summary>
internal static class OrganizationEndpoints
{
    /// <summary>Maps the routes over all organizations.</summary>
    public static void MapOrganizations(this RouteGroupBuilder api)
    {
        var organizations = api.MapGroup("/organizations").WithTags("Organizations")
            .RequireAuthorization(Policies.Api, Policies.Operator);
        organizations.MapGet("", ListAsync).TakesPages()
            .WithDocs<Page<OrganizationDocument>>("List organizations", "Oldest first. Needs an operator's key.");
        organizations.MapPost("", MakeAsync).CanRepeat().WithDocs<NewOrganizationDocument>("Create an organization", """
            Creates the organization with its first administrator, who is active from the start. The administrator's key
            and the link to set their password are shown once. Needs an operator's key.
            """, StatusCodes.Status201Created);
    }

    /// <summary>Maps the routes of one organization.</summary>
    public static void MapOrganization(this RouteGroupBuilder organization)
    {
        organization.MapGet("", GetAsync).WithTags("Organizations")
            .WithDocs<OrganizationDocument>(
                "Get an organization", "Your key's organization, by slug or id; with an operator's key, any.");
        var ending = organization.MapGroup("").WithTags("Organizations").RequireAuthorization(Policies.Operator);
        ending.MapPost("/suspend", SuspendAsync).SupportsDryRun().CanRepeat()
            .WithDocs<OrganizationDocument>(
                "Suspend an organization",
                "While suspended, all keys and sessions are refused in it, and its links do not work. No data is lost. "
                + "Needs an operator's key.");
        ending.MapPost("/resume", ResumeAsync).SupportsDryRun().CanRepeat()
            .WithDocs<OrganizationDocument>("Resume an organization", "Needs an operator's key.");
        ending.MapDelete("", DeleteAsync).SupportsDryRun()
            .WithDocs<DeletedOrganizationDocument>("Delete an organization", """
            Deletes all data of a suspended organization, including its events. People keep their accounts. With
            `dryRun=true` the answer says what would be deleted. Needs an operator's key.
            """);

        var settings = organization.MapGroup("/settings").WithTags("Settings");
        settings.MapGet("", GetSettingsAsync)
            .WithDocs<SettingsDocument>("Get the settings", "Only for administrators.");
        settings.MapPatch("", ChangeSettingsAsync).SupportsDryRun()
            .WithDocs<SettingsDocument>("Change the settings", """
            The defaults for new members need `user_management`, and you must hold everything that you add or remove.
            The seat limit needs an operator's key. All other settings need an administrator.
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
        ApiBody<OrganizationRequest> body, Once once, Actor actor, OrganizationService organizations, Links links,
        CancellationToken ct)
    {
        if (body.Refusal(given => OrganizationService.Faults(given.ToOrganization())) is { } refusal) return refusal;
        return await once.AnswerAsync(
            () =>
                organizations.CreateAsync(actor, body.Value.ToOrganization(), ct), made =>
                    Answers.Created(new NewOrganizationDocument
        {
            Organization = OrganizationDocument.From(made.Organization), OwnerId = Ids.Member.Of(made.Owner.Id),
            ApiKey = made.ApiKey, Link = made.OwnerLink is { } link
                ? links.Join(link)
                : null,
        }, $"{UsherApi.Prefix}/organizations/{made.Organization.Slug}", Precondition.TagOf(made.Organization)));
    }

    private static async Task<IResult> GetAsync(Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetAsync(actor, ct)).ToHttp(view => Show(view.Organization));

    private static Task<IResult> SuspendAsync(
        HttpRequest request, Once once, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        once.AnswerAsync(() => organizations.SuspendAsync(actor, suspended: true, request.IfMatch, ct), Show);

    private static Task<IResult> ResumeAsync(
        HttpRequest request, Once once, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        once.AnswerAsync(() => organizations.SuspendAsync(actor, suspended: false, request.IfMatch, ct), Show);

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
